"""Writes the TensorRT file of a network with random weights, to measure builds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import yaml

from whatsit.engines.build_recipe import read_build_recipe
from whatsit.engines.export import export_onnx
from whatsit.engines.fp16 import to_fp16
from whatsit.engines.onnx_graph import prepare_float
from whatsit.engines.quantise_tensorrt import quantise_tensorrt
from whatsit.engines.trained_networks import untrained_network


def write_untrained(recipe: Path, path: Path, seed: int = 0) -> Path:
    """Write the TensorRT file of a recipe's network with random weights and ranges.

    Its layers are those of the trained network: for build times, plan sizes and images per second.

    Args:
        recipe: a YAML file of build/; its name begins with the engine's.
        path: the file to write; the float file is kept beside it.
        seed: of weights and picture.

    Returns:
        `path`.
    """
    engine = recipe.stem.partition("-")[0]
    plan = read_build_recipe(recipe).engine
    network = untrained_network(engine, yaml.safe_load(recipe.read_text(encoding="utf-8"))["training"], seed)
    floating = path.with_name(f"{path.stem}.float.onnx")
    export_onnx(network.module, floating, network.size, network.outputs, batches=())
    model = prepare_float(floating)
    if plan.precision == "int8":
        noise = np.random.default_rng(seed).integers(0, 256, (1, 3, network.size, network.size)).astype(np.uint8)
        keep = [*plan.keep_float, *plan.tensorrt.keep_float]
        model = quantise_tensorrt(model, [noise], keep_float=keep, correct=False)
    onnx.save(to_fp16(model, plan.tensorrt.float32), path)
    return path

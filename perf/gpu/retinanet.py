"""Step `retinanet`: the large detector beside NVIDIA's MLPerf figure."""

from __future__ import annotations

import torch
from whatsit_client.errors import WhatsitError

from perf.gpu.check import Check
from perf.gpu.speed import flops, measure_plan, measure_torch
from perf.gpu.subjects import plans, retinanet

# MLPerf Inference, RetinaNet (ResNeXt-50, 800 px, INT8, TensorRT), NVIDIA's own submission: images/s offline, server.
MLPERF = {"H100": (1817.0, 1747.0)}


def run(check: Check) -> None:
    """Time RetinaNet on ResNet-50 with random weights at 640 and 800 pixels."""
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    published = next((figures for name, figures in MLPERF.items() if name in card), None)
    if published is None:
        check.skip("share of MLPerf", f"There is no published figure here for {card}.")
    found = dict(plans(check)).get("detector-resnet50")
    for size in (64,) if check.dry else (640, 800):
        subject = retinanet(size)
        work = flops(subject.module, size)
        check.record(f"RetinaNet, {size} px", "arithmetic of a picture", work / 1e9, "GFLOP")
        for batch in (1,) if check.dry else (1, 8, 32):
            rate = measure_torch(check, f"RetinaNet, {size} px", subject.module, size, batch, work, "random weights")
            if published and rate and size == 800:
                for kind, figure in zip(("offline", "server"), published, strict=True):
                    note = f"MLPerf {kind}: {figure:.0f} images/s of RetinaNet-ResNeXt50 in INT8 with TensorRT"
                    check.record(f"RetinaNet, {size} px, torch half, batch {batch}", f"share of MLPerf {kind}",
                                 rate / figure, note=note)  # fmt: skip
        if found and size == 640:
            try:
                measure_plan(check, f"RetinaNet, {size} px", str(found), size, work, (1, 8, 32))
            except WhatsitError as error:
                check.skip(f"RetinaNet, {size} px, plan", str(error))

"""Step `parity`: engines on the device against the float network on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from whatsit_client.errors import WhatsitError

from perf.gpu.check import Check
from perf.gpu.stopwatch import device
from perf.gpu.subjects import NETWORKS, network, pictures, plans
from whatsit.engines.plan_runner import PlanRunner
from whatsit.engines.trained_networks import EngineNetwork
from whatsit.vision.boxes import iou

Outputs = dict[str, npt.NDArray[np.generic]]
_SEEN = 0.3


def run(check: Check) -> None:
    """Run drawn scenes through every engine and through torch in half precision."""
    scenes = pictures(2 if check.dry else 32)
    found = dict(plans(check))
    for name in NETWORKS:
        subject, weights = network(name)
        images = np.stack([subject.prepare(scene) for scene in scenes])
        expected = _torch(subject, images, torch.float32, torch.device("cpu"))
        if name in found:
            _compare(check, f"{name}, plan", weights, expected, lambda path=found[name], i=images: _plan(path, i))  # type: ignore[misc]
        else:
            check.skip(f"{name}, plan", "There is no engine for it (step builds).")
        half = torch.float16 if torch.cuda.is_available() else torch.bfloat16
        _compare(
            check, f"{name}, torch {str(half)[6:]}", weights, expected,
            lambda s=subject, i=images, h=half: _torch(s, i, h, device()),  # type: ignore[misc]
        )  # fmt: skip


def _compare(check: Check, case: str, weights: str, expected: Outputs, answer: Callable[[], Outputs]) -> None:
    try:
        got = answer()
    except WhatsitError as error:
        check.skip(case, str(error))
        return
    if "boxes" in expected:
        seen = found = 0
        for row in range(len(expected["boxes"])):
            strong = expected["scores"][row] >= _SEEN
            overlap = iou(*(np.asarray(one["boxes"][row], np.float32) for one in (expected, got)))
            alike = expected["labels"][row][:, None] == got["labels"][row][None, :]
            found += int(((overlap >= 0.7) & alike).any(axis=1)[strong].sum())
            seen += int(strong.sum())
        share = found / seen if seen else float("nan")
        check.record(case, "boxes found again", share, note=f"{seen} boxes of score {_SEEN}, IoU 0.7; {weights}")
        return
    for name, want in expected.items():
        x, y = (np.asarray(one, np.float64) for one in (want, got[name]))
        cosines = (x * y).sum(axis=1) / np.maximum(np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1), 1e-12)
        check.record(case, f"{name}: least cosine", float(cosines.min()), note=f"{len(x)} scenes; {weights}")
        if name != "embedding":
            agreement = float((x.argmax(axis=1) == y.argmax(axis=1)).mean())
            check.record(case, f"{name}: same best class", agreement, note=weights)


def _torch(subject: EngineNetwork, images: npt.NDArray[np.uint8], dtype: torch.dtype, where: torch.device) -> Outputs:
    module = subject.module.eval().to(where)
    with torch.inference_mode(), torch.autocast(where.type, dtype=dtype, enabled=dtype != torch.float32):
        answers = module(torch.from_numpy(images).to(where))
    module.to("cpu")
    parts = answers if isinstance(answers, tuple) else (answers,)
    return {
        name: (part.float() if part.is_floating_point() else part).cpu().numpy()
        for name, part in zip(subject.outputs, parts, strict=True)
    }


def _plan(path: object, images: npt.NDArray[np.uint8]) -> Outputs:
    with PlanRunner(str(path)) as runner:
        return runner.run({runner.inputs[0].name: images})

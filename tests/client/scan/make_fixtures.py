"""Compute the fixtures that hold the scan SDK's three languages together.

python -m tests.client.scan.make_fixtures  # writes client/mobile/fixtures/*.json; only where the algorithm changes
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from whatsit_client.scan import Contract, Detections, ScanDecision, ScanOptions, decode_centers, sent_crop

from tests.client.scan.drawn_frames import FRAME, Numbers, draw_frame, draw_maps

FOLDER = Path(__file__).resolve().parents[3] / "client" / "mobile" / "fixtures"
LETTERS = {"moving": "m", "settling": "s", "stable": "S", "sent": "!"}
PROBLEMS = {"": "-", "blurred": "b", "dark": "d", "bright": "w"}

Frame = dict[str, Any]


def frames_of(seed: int, moves: list[tuple[int, int, int]], **light: int) -> list[Frame]:
    """Return frames; each move is (count, pixels a frame, blur), after which the next one goes on."""
    draw, x, found = Numbers(seed + 77), 8, []
    for count, step, blur in moves:
        for _ in range(count):
            x += step
            tremor = 0 if step else draw() % 2
            found.append(
                {"scene": seed, "x": x + tremor, "y": 8 + draw() % 2, "blur": blur, "gain": 64, "offset": 0} | light
            )
    return found


def boxes_in(frames: list[Frame], things: list[list[float]], every: int = 1, lost: int = 0) -> None:
    """Add detections: things [x1, y1, x2, y2, score, label] in pixels of the scene that move with the view."""
    draw = Numbers(5)
    for index, frame in enumerate(frames):
        frame["found"] = None
        if index % every:
            continue
        found = []
        for x1, y1, x2, y2, score, label in things:
            jitter = [draw() % 41 / 10 - 2 for _ in range(4)]
            if lost and draw() % lost == 0:
                continue
            box = [2 * (x1 - frame["x"]), 2 * (y1 - frame["y"]), 2 * (x2 - frame["x"]), 2 * (y2 - frame["y"])]
            sides = [round(side + one, 1) for side, one in zip(box, jitter, strict=True)]
            found.append([*sides, round(score - draw() % 100 / 1000, 3), label])
        frame["found"] = sorted(found, key=lambda one: -one[4])


def films() -> list[dict[str, Any]]:
    """Return the films without what is expected of them."""
    still = [(18, 0, 0)]
    arrival = [(12, 6, 1), *[(2, 0, blur) for blur in (3, 3, 2, 2, 1)], *still]
    two = frames_of(1, [*arrival, (14, 6, 1), (16, 0, 0)])
    boxes_in(two, [[110, 70, 240, 200, 0.8, 3], [300, 60, 400, 200, 0.7, 0]])
    shaken = frames_of(2, [(8, 5, 1), (16, 0, 0), (4, 5, 1), (4, -5, 1), (16, 0, 0)])
    boxes_in(shaken, [[120, 60, 260, 210, 0.9, 1], [90, 50, 280, 220, 0.4, 0], [20, 20, 60, 60, 0.5, 0]], lost=6)
    rare = frames_of(3, [(6, 6, 0), (16, 0, 0), (30, 1, 0), (14, 0, 0)])
    boxes_in(rare, [[100, 50, 220, 180, 0.6, 0]], every=3)
    late = frames_of(9, [(6, 6, 0), (16, 0, 0)])
    boxes_in(late, [[100, 50, 220, 180, 0.7, 2]])
    for frame in late[:11]:
        frame["found"] = None
    cut = frames_of(4, [(14, 0, 0)]) + frames_of(5, [(14, 0, 0)])
    light = (
        frames_of(6, [(10, 0, 0)], gain=9) + frames_of(6, [(6, 0, 0)], gain=150, offset=90) + frames_of(6, [(14, 0, 0)])
    )
    blurred = frames_of(7, [(24, 0, 6), (14, 0, 0)])
    listed = {
        "two things": two,
        "shaken after it was sent": shaken,
        "detector on every third frame": rare,
        "found after the best frame": late,
        "cut": cut,
        "dark, bright, right": light,
        "out of focus, then sharp": blurred,
        "wall": frames_of(0, [(14, 0, 0)]),
        "gap": frames_of(8, [(14, 0, 0), (14, 0, 0)]),
    }
    for name, frames in listed.items():
        for index, frame in enumerate(frames):
            frame["timeMs"] = 50 * index + (5000 if name == "gap" and index >= 14 else 0)
    return [{"name": name, "frames": frames} for name, frames in listed.items()]


def to_detections(found: list[list[float]] | None) -> Detections | None:
    """Return the boxes of a fixture as detections."""
    if found is None:
        return None
    rows = np.array(found, np.float64).reshape(-1, 6)
    return Detections(rows[:, :4].astype(np.float32), rows[:, 4].astype(np.float32), rows[:, 5].astype(np.int32))


def run_film(frames: list[Frame]) -> dict[str, Any]:
    """Return what the decision says after each frame."""
    decision = ScanDecision()
    said: dict[str, Any] = {
        "states": "",
        "problems": "",
        "best": "",
        "speed": [],
        "sharpness": [],
        "tracks": [],
        "choices": [],
    }
    for index, one in enumerate(frames):
        gray = draw_frame(one["scene"], one["x"], one["y"], one["blur"], one["gain"], one["offset"])
        choice = decision.step(gray, one["timeMs"], FRAME, to_detections(one.get("found")))
        selector = decision.selector
        said["states"] += LETTERS[selector.state]
        said["problems"] += PROBLEMS[selector.problem]
        said["best"] += "1" if decision.is_best else "0"
        said["speed"].append(round(min(selector.speed, 1e6), 6))
        said["sharpness"].append(round(selector.light.sharpness, 6))
        said["tracks"].append(
            [[track.id, *(round(float(side), 2) for side in track.box)] for track in decision.tracker.tracks]
        )
        if choice:
            box = None if choice.box is None else [round(side, 2) for side in choice.box]
            crop = sent_crop(choice.box, FRAME, ScanOptions())
            said["choices"].append(
                {"frame": index, "timeMs": choice.time_ms, "track": choice.track, "box": box, "crop": list(crop)}
            )
    return said


def maps() -> list[dict[str, Any]]:
    """Return the cases of the post-processing with what is expected."""
    planted = [
        [0, 10, 12, 0.95],
        [0, 10, 13, 0.95],
        [0, 3, 30, 0.7],
        [7, 10, 12, 0.8],
        [2, 3, 30, 0.5],
        [0, 0, 0, 0.6],
        [0, 31, 39, 0.61],
    ]
    cases: list[dict[str, Any]] = [
        {"seed": 11, "peaks": [], "scale": 0.5, "frame": [640, 480], "contract": {"min_score": 0.39, "iou": 0.5}},
        {"seed": 12, "peaks": planted, "scale": 0.5, "frame": [640, 480], "contract": {"min_score": 0.45}},
        {
            "seed": 13,
            "peaks": planted,
            "scale": 0.25,
            "frame": [1280, 960],
            "contract": {"top": 9, "boxes": 5, "iou": 0.2},
        },
        {
            "seed": 14,
            "peaks": planted,
            "scale": 0.6,
            "frame": [640, 480],
            "contract": {"window": 1, "top": 400, "boxes": 12},
        },
    ]
    for case in cases:
        heat, size, offset = draw_maps(case["seed"], case["peaks"])
        found = decode_centers(heat, size, offset, Contract(**case["contract"]), case["scale"], tuple(case["frame"]))
        rows = zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True)
        case["expected"] = [[*(round(side, 3) for side in box), round(score, 6), label] for box, score, label in rows]
    return cases


def main() -> None:
    """Write the fixtures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    all_films = [{**film, "expected": run_film(film["frames"])} for film in films()]
    for name, content in (("films", all_films), ("maps", maps())):
        text = (
            json.dumps(content, separators=(",", ":")).replace('{"scene"', '\n{"scene"').replace('{"seed"', '\n{"seed"')
        )
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    for film in all_films:
        print(
            film["name"],
            film["expected"]["states"],
            film["expected"]["problems"],
            film["expected"]["choices"],
            sep="\n  ",
        )


if __name__ == "__main__":
    main()

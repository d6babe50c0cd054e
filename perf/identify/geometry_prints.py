"""Geometry on photographed labels and covers: found first, shortlist, cost.

python -m perf.identify.geometry_prints make --work DIR      # renders 364 covers and 364 labels, 100 photos of each
python -m perf.identify.geometry_prints found --work DIR     # found first, by each choice of stages and exhaustively
python -m perf.identify.geometry_prints latency --work DIR   # a catalogue with geometry against one without

`found` uses only what version 0.3 has too: with PYTHONPATH set to a checkout of an older commit, and called by its
path, it measures that commit on the same pictures.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from perf.common.command import DATA, Data, run_command
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.pipeline.networks import Networks
from whatsit.search.offline_identifier import OfflineIdentifier

SETS = ("covers", "labels")
ITEMS, PHOTOS, SEED = 364, 100, 4
# Inliers at which a caller might believe a match; `whatsit.ranking.geometry.PROOF` is 12.
BELIEVED = (10, 25)

app = typer.Typer(no_args_is_help=True)
Work = Annotated[Path, typer.Option(help="Folder of pictures, photos and catalogues; kept.")]


@app.command()
def make(work: Work, data: Data = DATA, items: int = ITEMS, photos: int = PHOTOS) -> None:
    """Render the galleries and take the photos."""
    from perf.identify.phone_photos import take_phone_photo
    from whatsit.rendering.printed_covers import draw_cover, photograph_of
    from whatsit.rendering.printed_labels import draw_label
    from whatsit.rendering.shop import save_jpeg
    from whatsit.vision.decode import decode_image

    pictures = sorted((data / "imagenet_sample").rglob("*.jp*g"))
    grounds = sorted((data / "bsds500").rglob("*.jpg"))
    order = np.random.default_rng(5).permutation(len(pictures))

    def pixels(path: Path) -> Any:
        return decode_image(path.read_bytes()).pixels

    for name in SETS:
        (work / name).mkdir(parents=True, exist_ok=True)
        (work / f"{name}-photos").mkdir(exist_ok=True)
        for number in range(items):
            photograph = pictures[order[photograph_of(number)]]
            drawn = draw_label(number, SEED, 480) if name == "labels" else draw_cover(pixels(photograph), number, SEED)
            save_jpeg(work / name / f"{name}-{number}.jpg", drawn)
        chosen = np.random.default_rng(99).permutation(items)[:photos]
        for k, number in enumerate(chosen.tolist()):
            ground = pixels(grounds[k * 7 % len(grounds)] if k % 2 else pictures[order[-1 - k]])
            item = pixels(work / name / f"{name}-{number}.jpg")
            photo, _ = take_phone_photo(item, np.random.default_rng([k, 3]), ground, bends=name == "labels")
            save_jpeg(work / f"{name}-photos" / f"{name}-{number}.jpg", photo, 92)


@app.command()
def found(
    work: Work,
    catalogues: Annotated[str, typer.Option(help="Ending of the catalogues' names.")] = "now",
    stages: Annotated[str, typer.Option(help="Choices of stages, separated by spaces.")] = "none geometry auto",
    exhaustive: Annotated[bool, typer.Option(help="Compare every picture too.")] = True,
    limit: Annotated[int, typer.Option(help="Photos of each set.")] = PHOTOS,
) -> None:
    """Print one line of JSON for each set and choice."""
    with Networks() as networks:
        for name in SETS:
            folder = work / f"{name}.{catalogues}"
            add_to_catalogue(folder, work / name, geometry=True, publish=True)
            identifier = OfflineIdentifier(folder, networks)
            photos = sorted((work / f"{name}-photos").glob("*.jpg"))[:limit]
            print(*(json.dumps(row) for row in _rows(name, identifier, photos, stages.split(), exhaustive)), sep="\n")


def _rows(
    name: str, identifier: OfflineIdentifier, photos: Sequence[Path], choices: Sequence[str], exhaustive: bool
) -> list[dict[str, Any]]:
    everything = np.unique(identifier.retriever.catalogue_vectors()[1])
    numbers = {str(record["id"]): number for number, record in identifier.retriever.records(everything).items()}
    absent = [numbers[photo.stem] for photo in photos[::2]]
    half = np.setdiff1d(everything, absent)
    seen: dict[str, list[dict[str, Any]]] = {choice: [] for choice in choices}
    shortlisted, everywhere = [], []
    for photo in photos:
        features, truth = identifier.extract(photo.read_bytes()), numbers[photo.stem]
        for choice in choices:
            begin = time.thread_time()
            regions = identifier.matches(features, choice)
            milliseconds = 1000 * (time.thread_time() - begin)
            gone = truth in absent
            without = identifier.matches(features, choice, half) if gone else regions
            seen[choice].append(
                {
                    "first": _first(regions) == truth,
                    "ms": milliseconds,
                    "known": not gone,
                    **{f"believed{n}": _believed(without, n, truth) for n in BELIEVED},
                }
            )
        shortlisted.append(_shortlisted(identifier, features, truth))
        if exhaustive:
            everywhere.append(_exhaustive(identifier, features) == truth)
    rows = [_summary(name, choice, outcomes) for choice, outcomes in seen.items()]
    rows[0]["shortlist_10"], rows[0]["shortlist_20"] = np.mean(shortlisted, axis=0).round(3).tolist()
    if exhaustive:
        rows[0]["exhaustive"] = round(float(np.mean(everywhere)), 3)
    return rows


def _summary(name: str, choice: str, outcomes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"data": name, "stages": choice, "photos": len(outcomes)}
    row["found_first"] = round(float(np.mean([one["first"] for one in outcomes])), 3)
    row["stages_ms"] = round(float(np.median([one["ms"] for one in outcomes])), 1)
    for n in BELIEVED:
        for known in (True, False):
            verdicts = [one[f"believed{n}"] for one in outcomes if one["known"] == known]
            key, wanted = ("right", "right") if known else ("wrong", "wrong")
            row[f"{key}_at_{n}_inliers"] = round(verdicts.count(wanted) / max(len(verdicts), 1), 3)
    return row


def _first(regions: Any) -> int:
    """Return the first match of the region whose first match has the highest rerank score."""
    firsts = [(float(matches.rerank_scores[0]), int(matches.numbers[0])) for matches in regions if len(matches)]
    return max(firsts, default=(0.0, -1))[1]


def _believed(regions: Any, inliers: int, truth: int) -> str:
    """Return "right", "wrong" or "none" of the match with most inliers, at least so many."""
    best = max(
        (
            (int(count), int(number))
            for matches in regions
            if matches.inliers is not None
            for number, count in zip(matches.numbers, matches.inliers, strict=True)
        ),
        default=(0, -1),
    )
    if best[0] < inliers:
        return "none"
    return "right" if best[1] == truth else "wrong"


def _shortlisted(identifier: OfflineIdentifier, features: Any, truth: int) -> tuple[bool, bool]:
    """Return whether any region's visual words have the item among the first 10 and 20."""
    words = identifier.retriever.index.now().words
    assert words is not None  # published with geometry
    lists = [words.look(region.features).items(20).tolist() for region in features.regions if len(region.features)]
    place = min((found.index(truth) for found in lists if truth in found), default=99)
    return place < 10, place < 20


def _exhaustive(identifier: OfflineIdentifier, features: Any) -> int:
    """Return the item with most inliers of all, in any region."""
    from whatsit.ranking.verification import verify_all

    words = identifier.retriever.index.now().words
    assert words is not None  # published with geometry
    pictures = words.sections[0].pictures
    every = [pictures.features(i) for i in range(len(pictures))]
    counts = np.zeros(len(every), dtype=np.int64)
    for region in features.regions:
        if len(region.features):
            counts = np.maximum(counts, [one.inliers for one in verify_all(region.features, every)])
    return int(pictures.items[int(counts.argmax())])


@app.command()
def latency(work: Work, data: Data = DATA, photos: int = 100, rounds: int = 5) -> None:
    """Print latencies of one call with and without geometry, interleaved."""
    from perf.identify.geometry_latency import compare

    print(json.dumps(compare(work, data, photos, rounds), indent=1))


if __name__ == "__main__":
    run_command(app)

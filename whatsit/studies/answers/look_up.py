"""Catalogues of the domains, and their photos looked up."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

from whatsit.calibration.answer_episodes import Episode, episodes
from whatsit.calibration.calibrator import Calibrator, Photo
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.pipeline.networks import Networks
from whatsit.ranking.answer_model import AnswerModel
from whatsit.search.offline_identifier import OfflineIdentifier
from whatsit.studies.answers.domains import CatalogueRow, Domain


def look_up(
    domain: Domain,
    work: Path,
    stages: Sequence[str | None] = ("none", "auto"),
    model: AnswerModel | None = None,
    repository: Path | None = None,
    advanced: Callable[[int, int], None] = lambda done, total: None,
) -> list[Episode]:
    """Publish a domain's catalogue and look up its photos.

    Args:
        domain: items and photos.
        work: where catalogues are kept; existing ones are used again.
        stages: values of `rerank`; None for the server's default.
        model: of the answer; None for the shipped one.
        repository: networks instead of Whatsit's own.
        advanced: called with photos done and in all.
    """
    source, folder = write_rows(work, domain.catalogue, domain.rows)
    add_to_catalogue(folder, source, geometry=True, publish=True, model_repository=repository)
    seen = []
    with Networks(repository) as networks:
        calibrator = Calibrator(folder, networks)
        numbers = calibrator.numbers()
        photos = [Photo(one.file, numbers.get(one.id), one.id, None, one.box) for one in domain.photos]
        identifier = OfflineIdentifier(folder, networks, answer_model=model, calibrated=False)
        for found in episodes(calibrator, identifier, photos, stages):
            seen += found
            advanced(len(seen), 0)
    return seen


def write_rows(work: Path, name: str, rows: Sequence[CatalogueRow]) -> tuple[Path, Path]:
    """Write rows as JSON lines; return that file and the catalogue's folder."""
    source, folder = work / f"{name}.jsonl", work / f"{name}.catalogue"
    work.mkdir(parents=True, exist_ok=True)
    with source.open("w", encoding="utf-8") as file:
        for row in rows:
            images = [str(path.resolve()) for path in row.images]
            file.write(json.dumps({"id": row.id, "title": row.id, "category": row.category, "images": images}) + "\n")
    return source, folder


def kept_episodes(work: Path, name: str, make: Callable[[], list[Episode]]) -> list[Episode]:
    """Return the episodes of a file; make it where it is missing."""
    file = work / f"{name}.pickle"
    if file.exists():
        kept: list[Episode] = pickle.loads(file.read_bytes())
        return kept
    found = make()
    part = file.with_suffix(".part")
    part.write_bytes(pickle.dumps(found))
    part.replace(file)
    return found

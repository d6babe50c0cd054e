"""Answers of a catalogue, or of a running server, to photos of one's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote
from urllib.request import Request, urlopen

from whatsit_client.client import Client
from whatsit_client.errors import InvalidInput
from whatsit_client.identification import Identification
from whatsit_client.types import Answer

from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.picture_files import read_picture
from whatsit.evaluation.datasets.own_photos import OwnPhoto
from whatsit.evaluation.metrics.answer_quality import PhotoAnswer
from whatsit.pipeline.networks import Networks
from whatsit.ranking.main_region import main_region_score
from whatsit.search.offline_identifier import OfflineIdentifier
from whatsit.search.search_options import SearchOptions

MATCHES = 30
_IMAGE_BYTES = 32 << 20


class Answering(Protocol):
    """Something that answers photos."""

    settings: dict[str, Any]
    """What was asked, and where; two runs with equal settings may be one."""

    def __call__(self, photo: OwnPhoto) -> PhotoAnswer:
        """Return the answer to a photo; its state is "unreadable" where it is no picture."""

    def knows(self, id: str) -> bool:
        """Return whether the catalogue holds an item."""

    def picture(self, id: str) -> bytes | None:
        """Return the main picture of an item; None where it cannot be had."""


class EmbeddedCatalogue:
    """A published catalogue in this process, with the defaults of a server.

    Args:
        folder: the catalogue's.
        networks: the networks.
        rerank: ranking stages; None for the default ones.

    Raises:
        WhatsitError: nothing is published, or it is damaged or made by another embedder.
    """

    def __init__(self, folder: Path, networks: Networks, rerank: str | None = None) -> None:
        self._folder, self._options = folder.resolve(), SearchOptions(top_k=MATCHES, rerank=rerank)
        self._identifier = OfflineIdentifier(folder, networks)
        self._store = self._identifier.retriever.store
        self._local = self._identifier.retriever.index.now().words is not None
        layout = Layout(folder)
        self.settings = {
            "catalogue": str(self._folder),
            "networks": networks.fingerprint,
            "rerank": rerank,
            "index": (layout.index / "CURRENT").read_text().strip() if (layout.index / "CURRENT").is_file() else "",
            "calibration": _digest(layout.calibration),
            "ranker": _digest(layout.ranker),
        }

    def __call__(self, photo: OwnPhoto) -> PhotoAnswer:
        """Return the answer to a photo."""
        try:
            known = self._identifier.extract(photo.file.read_bytes(), local=self._local, gate=True)
        except (InvalidInput, OSError) as error:
            return PhotoAnswer(str(photo.file), photo.item, "unreadable", reason=str(error))
        if known.gated:
            return PhotoAnswer(str(photo.file), photo.item, "not_searched")
        found = self._identifier.retriever(known.embeddings, known.areas, self._options, known.regions)
        regions = []
        for matches, area in zip(found.regions, known.areas.tolist(), strict=True):
            ids = [str(found.records[number]["id"]) for number in matches.numbers.tolist()]
            confidences = None if matches.confidences is None else matches.confidences.tolist()
            regions.append(_Region(ids, matches.scores.tolist(), confidences, area))
        return _judge(photo, found.answer, regions, gated=False)

    def knows(self, id: str) -> bool:
        """Return whether the catalogue holds an item."""
        return self._store.fields(id) is not None

    def picture(self, id: str) -> bytes | None:
        """Return the main picture of an item."""
        with suppress(InvalidInput, OSError, KeyError):
            item = self._store.show(id)
            kept = self._store.facts.kept().get(int(item["number"]))
            place = str(self._folder / "pictures" / kept) if kept else str(item.get("image") or "")
            return read_picture(place, self._folder) if place else None
        return None


class ServedCatalogue:
    """A running server, asked through the client.

    Args:
        client: of the server.
        rerank: ranking stages; None for the server's.
        catalogue: name of one of the server's catalogues; None for its default.
    """

    def __init__(self, client: Client, rerank: str | None = None, catalogue: str | None = None) -> None:
        self._client, self._rerank, self._catalogue = client, rerank, catalogue
        self.settings = {"url": str(client.address), "rerank": rerank, "catalogue": catalogue}

    def __call__(self, photo: OwnPhoto) -> PhotoAnswer:
        """Return the server's answer to a photo."""
        try:
            seen = self._client.identify(photo.file, top_k=MATCHES, rerank=self._rerank, catalogue=self._catalogue)
        except (InvalidInput, OSError) as error:
            return PhotoAnswer(str(photo.file), photo.item, "unreadable", reason=str(error))
        return _judge(photo, seen.answer, _regions(seen), seen.gated)

    def knows(self, id: str) -> bool:
        """Return whether the server's catalogue holds an item."""
        try:
            self._client.get(id, catalogue=self._catalogue)
        except InvalidInput:
            return False
        return True

    def picture(self, id: str) -> bytes | None:
        """Return the main picture of an item through the gateway; None over gRPC."""
        address = self._client.address
        if address.protocol != "http":
            return None
        chosen = f"?catalogue={quote(self._catalogue)}" if self._catalogue else ""
        url = f"{address}/v1/items/{quote(id, safe='')}/image{chosen}"
        with suppress(OSError, ValueError), urlopen(Request(url, headers=dict(address.headers)), timeout=20) as reply:
            data: bytes = reply.read(_IMAGE_BYTES)
            return data
        return None


class _Region:
    """The matches of one region, best first, and its share of the picture's area."""

    def __init__(
        self, ids: Sequence[str], scores: Sequence[float], confidences: Sequence[float] | None, area: float
    ) -> None:
        self.ids, self.scores, self.confidences, self.area = ids, scores, confidences, area

    @property
    def best(self) -> float:
        """What an answer from here is decided by."""
        return float(max(self.scores if self.confidences is None else self.confidences, default=0.0))

    @property
    def weight(self) -> float:
        """How much the region counts as the main one."""
        return float(main_region_score(self.best, self.area)) if self.ids else -1.0


def _regions(seen: Identification) -> list[_Region]:
    width, height = seen.size
    regions = []
    for region in seen.regions:
        x1, y1, x2, y2 = region.box
        judged = [match.confidence for match in region.matches if match.confidence is not None]
        confidences = judged if judged and len(judged) == len(region.matches) else None
        scores = [match.score for match in region.matches]
        area = (x2 - x1) * (y2 - y1) / max(width * height, 1.0)
        regions.append(_Region([match.item.id for match in region.matches], scores, confidences, area))
    return regions


def _judge(photo: OwnPhoto, answer: Answer, regions: Sequence[_Region], gated: bool) -> PhotoAnswer:
    """Return what an answer says of a photo.

    Servers up to 0.2 give neither state nor probability.
    """
    plain = "found" if answer.found else "not_searched" if gated else "not_found"
    main = max(regions, key=lambda region: region.weight) if answer.region is None else regions[answer.region]
    place = main.ids.index(photo.item) if photo.item in main.ids else None
    return PhotoAnswer(
        photo=str(photo.file),
        item=photo.item,
        state=answer.state or plain,
        answered=answer.ids[0] if answer.found and answer.ids else "",
        first=main.ids[0] if main.ids else "",
        place=None if place is None else place + 1,
        certainty=round(answer.probability if answer.state else main.best, 5),
        scale="probability" if answer.state else "score" if main.confidences is None else "confidence",
        shown=answer.closest or tuple(main.ids[:3]),
        score=round(main.scores[0], 4) if main.ids else 0.0,
        item_score=None if place is None else round(main.scores[place], 4),
        reason=answer.reason,
    )


class Journal:
    """Answers of a run on the disk, so that a stopped run can go on.

    Args:
        file: JSON Lines; the first line holds the settings.
        settings: of this run; a journal with other ones is started again.
    """

    def __init__(self, file: Path, settings: dict[str, Any]) -> None:
        self.file, head = file, json.dumps(settings, sort_keys=True)
        self.known: dict[tuple[str, str], PhotoAnswer] = {}
        with suppress(OSError, ValueError, TypeError):
            first, *rest = file.read_text(encoding="utf-8").splitlines()
            for line in rest if first == head else ():
                with suppress(ValueError, TypeError):  # the last line of a killed run
                    one = PhotoAnswer.from_record(json.loads(line))
                    self.known[(one.photo, one.item)] = one
        file.parent.mkdir(parents=True, exist_ok=True)
        # Written anew, so that a half line of a killed run does not stay.
        lines = [head, *(json.dumps(vars(one)) for one in self.known.values())]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def add(self, answer: PhotoAnswer) -> None:
        """Keep an answer."""
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(vars(answer)) + "\n")

    def finish(self) -> None:
        """Forget the run: the next one measures anew."""
        self.file.unlink(missing_ok=True)


def answer_photos(
    photos: Sequence[OwnPhoto],
    answering: Answering,
    journal: Journal,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[PhotoAnswer]:
    """Return the answers to photos, in their order.

    Those in the journal are not asked again.

    Args:
        photos: the photos.
        answering: a catalogue or a server.
        journal: of this run.
        workers: photos asked at once.
        progress: called with photos done and photos in all.
    """
    known = journal.known
    left = [photo for photo in photos if (str(photo.file), photo.item) not in known]
    done = len(photos) - len(left)
    progress(done, len(photos))
    for answer in _in_threads(answering, left, workers):
        journal.add(answer)
        known[(answer.photo, answer.item)] = answer
        progress(done := done + 1, len(photos))
    return [known[(str(photo.file), photo.item)] for photo in photos]


def _in_threads(answering: Answering, photos: Sequence[OwnPhoto], workers: int) -> Iterator[PhotoAnswer]:
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(answering, photos)
    finally:
        pool.shutdown(cancel_futures=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else ""

"""Ablation of ranking stages through a server, on the same photos."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from whatsit_client import Client, Identification

from whatsit.evaluation.datasets.grocery import GroceryClass, GroceryStore, Split, evenly_spread
from whatsit.evaluation.metrics.ablation import RankedResult, StageRow, stage_rows
from whatsit.ranking.stages import DEFAULT_STAGES, STAGES
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports
from whatsit.studies.grocery_catalogues import Advanced, Fit, grocery_catalogue, prepare_ranker

EVERYTHING = "query_expansion,reciprocal,neighbour_vote,surprise,category_order,geometry,learned"
CHOICES = tuple(dict.fromkeys(("none", *STAGES, "geometry,learned", EVERYTHING, DEFAULT_STAGES)))
Photo = tuple[Path, GroceryClass]


class ServerAblation:
    """Ablation on groceries: a catalogue, and Triton on it.

    Args:
        grocery: the data set.
        work: where catalogues are kept, so that a second run is quick.
        fit: trains the ranker, see `prepare_ranker`.
        choices: values of `rerank`; "none" is always measured.
        split: "val" for figures; "train" to choose a default by, with photos that the ranker is not trained on.
        limit: only so many photos, evenly spread; None for all val photos, or 300 of train.
        timed: photos on which times are taken, one caller, all choices in turn on each photo.
        callers: at once, where recall alone is measured.
        ranker_photos: on which the ranker is trained.
        advanced: called with the step, how much of it is done, and its total.
    """

    def __init__(
        self,
        grocery: GroceryStore,
        work: Path,
        fit: Fit,
        choices: Sequence[str] = CHOICES,
        split: Split = "val",
        limit: int | None = None,
        timed: int = 30,
        callers: int = 4,
        ranker_photos: int = 300,
        advanced: Advanced = lambda what, done, total: None,
    ) -> None:
        self._grocery, self._work, self._fit = grocery, work, fit
        self._choices = tuple(dict.fromkeys(("none", *choices)))
        self._split: Split = split
        self._limit, self._timed, self._callers = limit, timed, callers
        self._ranker_photos, self._advanced = ranker_photos, advanced

    def rows(self, with_train: bool) -> list[StageRow]:
        """Return the table on the 81 shop images, or with the train photos beside them."""
        name = f"{self._split} -> 81 shop images" + (" + train photos" if with_train else "")
        catalogue = grocery_catalogue(self._grocery, self._work, self._advanced, with_train)
        prepare_ranker(
            self._grocery, catalogue, self._ranker_photos, self._advanced, real=not with_train, fit=self._fit
        )
        photos = self._photos()
        rows: list[StageRow] = []
        with Server(catalogue, ports=Ports(0, 0, 0)) as server, Client(server.grpc_url) as client:
            times = self._times(client, photos)
            for choice in self._choices:
                replies = list(self._replies(client, photos, choice, name))
                added = [now - before for now, before in zip(times[choice], times["none"], strict=True)]
                median = 1000 * statistics.median(times[choice]) if times[choice] else None
                more = 1000 * statistics.median(added) if added else None
                rows += stage_rows(name, choice, replies, median, more)
        return rows

    def _photos(self) -> list[Photo]:
        photos = self._grocery.photos(self._split, self._limit if self._split == "val" else None)
        if self._split == "train":
            # The ranker's are every step-th from the first on; these lie between them.
            step = max(2, len(photos) // self._ranker_photos)
            photos = evenly_spread(photos[step // 2 :: step], self._limit)
        return photos

    def _times(self, client: Client, photos: Sequence[Photo]) -> dict[str, list[float]]:
        """Return the seconds of each choice of stages on the same few photos.

        Each photo is sent with all choices before the next photo.
        """
        chosen = [path for path, _ in photos[:: max(1, len(photos) // max(self._timed, 1))]][: self._timed]
        times: dict[str, list[float]] = {choice: [] for choice in self._choices}
        for done, path in enumerate(chosen, start=1):
            data = path.read_bytes()
            client.identify(data, rerank="none")  # the first call with a picture warms nothing but caches
            for choice in self._choices:
                begin = time.perf_counter()
                client.identify(data, rerank=choice)
                times[choice].append(time.perf_counter() - begin)
            self._advanced("timing the stages", done, len(chosen))
        return times

    def _replies(self, client: Client, photos: Sequence[Photo], choice: str, name: str) -> Iterator[RankedResult]:
        def ask(path: Path) -> Identification:
            return client.identify(path, rerank=choice)

        with ThreadPoolExecutor(self._callers) as pool:
            found = pool.map(ask, [path for path, _ in photos])
            for done, ((_, item), reply) in enumerate(zip(photos, found, strict=True), start=1):
                matches = reply.regions[0].matches
                yield RankedResult(
                    truth=item.name,
                    category=item.coarse,
                    group=item.group,
                    ids=tuple(match.item.id for match in matches),
                    categories=tuple(match.item.category for match in matches),
                    answer=reply.answer.ids[0] if reply.answer.found else "",
                )
                self._advanced(f"{name}: {choice}", done, len(photos))

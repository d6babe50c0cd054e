"""Accuracy of `identify` on a data set with known truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from whatsit_client.identification import Identification
from whatsit_client.types import Region

from whatsit.ranking.main_region import main_region_score

MODES = ("whole image only", "with detector")


@dataclass(frozen=True)
class Query:
    """One photo of one known item.

    Args:
        image: the encoded file.
        truth: id of the catalogue item that it shows.
        group: for a row of its own in the table.
    """

    image: bytes
    truth: str
    group: str


@dataclass(frozen=True)
class Outcome:
    """Result of one query.

    Args:
        query: the query.
        positions: for each of `MODES` the position of the truth among the items found, 0 first, None if not there.
        gated: the gate was closed.
        answered: the structured answer named the truth first.
        regions: number of regions searched.
    """

    query: Query
    positions: tuple[int | None, ...]
    gated: bool
    answered: bool
    regions: int


@dataclass(frozen=True)
class Row:
    """A line of the table; every figure is a share, 0..1.

    Args:
        group: "all", or a group of queries.
        mode: of `MODES`.
        queries: their number.
        recall_at_1: the truth comes first.
        recall_at_5: the truth is among the first five.
    """

    group: str
    mode: str
    queries: int
    recall_at_1: float
    recall_at_5: float


def run_queries(queries: Iterable[Query], identify: Callable[[bytes], Identification]) -> Iterator[Outcome]:
    """Send each query once; both modes are read off the same reply."""
    for query in queries:
        found = identify(query.image)
        rankings = ([match.item.id for match in found.regions[0].matches], best_items(found.regions))
        positions = tuple(ids.index(query.truth) if query.truth in ids else None for ids in rankings)
        answered = found.answer.ids[:1] == (query.truth,)
        yield Outcome(query, positions, found.gated, answered, len(found.regions))


def best_items(regions: Sequence[Region]) -> list[str]:
    """Return the items of all regions by their best region-weighted score."""
    whole = _area(regions[0])
    scores: dict[str, float] = {}
    for region in regions:
        for match in region.matches:
            score = float(main_region_score(match.score, _area(region) / whole))
            scores[match.item.id] = max(score, scores.get(match.item.id, score))
    return sorted(scores, key=lambda item: -scores[item])


def _area(region: Region) -> float:
    x1, y1, x2, y2 = region.box
    return (x2 - x1) * (y2 - y1)


def tabulate(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return recall at 1 and 5 in both modes, over all queries and each group."""
    groups = {"all": list(outcomes)}
    for outcome in outcomes:
        groups.setdefault(outcome.query.group, []).append(outcome)
    rows = []
    for group, members in groups.items():
        for index, mode in enumerate(MODES):
            places = [outcome.positions[index] for outcome in members]
            hits = [sum(place is not None and place < k for place in places) / len(places) for k in (1, 5)]
            rows.append(Row(group, mode, len(places), *hits))
    return rows

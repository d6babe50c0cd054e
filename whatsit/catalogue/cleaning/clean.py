"""Steps of cleaning: from the pictures of a catalogue to decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.cleaning_settings import CleaningSettings
from whatsit.catalogue.cleaning.decision import Decision, Step
from whatsit.catalogue.cleaning.decision_log import DecisionLog, Pair
from whatsit.catalogue.cleaning.denoise import belonging, consensus
from whatsit.catalogue.cleaning.duplicates import NearDuplicatePair, between_items, within_items
from whatsit.catalogue.cleaning.merge import confusions, contradict, groups
from whatsit.catalogue.cleaning.picture_table import Flags, PictureTable, read_hashes, read_picture_table
from whatsit.catalogue.store.store import Store

Progress = Callable[[str, int, int], None]


def find(
    store: Store,
    settings: CleaningSettings,
    fingerprint: str | None = None,
    progress: Progress = lambda step, done, total: None,
) -> list[Decision]:
    """Return what cleaning would decide; nothing is changed.

    Each step works on what the steps before it leave. What a person took back (`DecisionLog.undo`) or denied in a
    review is not decided again.

    Args:
        store: the catalogue.
        settings: steps and thresholds.
        fingerprint: of the embedder; None for the one that was used last.
        progress: called with the name of the step, and how much of it is done, of how much.

    Raises:
        InvalidInput: no item was embedded by that embedder.
    """
    fingerprint = fingerprint or next(iter(store.fingerprints()), "")
    table = read_picture_table(store, fingerprint)
    if not len(table):
        raise InvalidInput(f"There is nothing to clean in {store.path}: no picture in it has a vector.")
    log = DecisionLog(store)
    by_hand = log.by_hand()
    found: list[Decision] = []
    if "duplicates" in settings.steps:
        known = {image: hash for _, image, hash in store.facts.hashes(settings.hash)}
        hashes, there = read_hashes(
            table, settings.hash, known, lambda done, total: progress("duplicates", done, total)
        )
        denied = log.denied("duplicates")
        pairs = [
            pair
            for pair in within_items(table, hashes, there, settings.radius, settings.min_similarity)
            if ("duplicates", *_picture(table, pair.picture)) not in by_hand
            and frozenset([_picture(table, pair.picture), _picture(table, pair.kept)]) not in denied
        ]
        dropped = np.zeros(len(table), np.bool_)
        dropped[[pair.picture for pair in pairs]] = True
        found += _duplicates(table, pairs)
        table, hashes, there = table.without(dropped), hashes[~dropped], there[~dropped]
        elsewhere = between_items(table, hashes, there, settings.radius, settings.min_similarity)
        shared = [_shared(table, pair) for pair in elsewhere]
        different = log.denied("merge")
        found += [one for one in shared if frozenset([(one.item, None), (one.other_item, None)]) not in different]
    if "denoise" in settings.steps:
        noise, decisions = _denoise(table, settings, by_hand, progress)
        found += decisions
        table = table.without(noise)
    if "merge" in settings.steps:
        progress("merge", 0, 1)
        found += _merge(table, settings, by_hand, log.denied("merge"))
        progress("merge", 1, 1)
    return found


def _picture(table: PictureTable, n: int) -> tuple[str, str]:
    return table.ids[table.items[n]], table.sha256[n]


def _duplicates(table: PictureTable, pairs: list[NearDuplicatePair]) -> Iterator[Decision]:
    copies: dict[int, int] = {}
    for pair in pairs:
        copies[pair.kept] = copies.get(pair.kept, 0) + 1
        yield Decision(
            "duplicates", "dropped", *_picture(table, pair.picture), *_picture(table, pair.kept),
            f"Of the same item as a picture whose hash differs in {pair.bits} of 64 bits, at a cosine of "
            f"{pair.similarity:.3f}; that one is larger or earlier.",
            {"bits": pair.bits, "similarity": round(pair.similarity, 4)},
        )  # fmt: skip
    for kept, count in copies.items():
        reason = f"The largest or first of {count + 1} pictures of the item that are nearly one."
        yield Decision("duplicates", "kept", *_picture(table, kept), None, None, reason, {"pictures": count + 1})


def _shared(table: PictureTable, pair: NearDuplicatePair) -> Decision:
    denied = is_denied(table, int(table.found_as[pair.picture]), int(table.found_as[pair.kept]))
    verdict = (
        "titles or brands say they are two, so they look alike, or one shows the other's picture"
        if denied
        else "nothing said of them denies that they are one"
    )
    return Decision(
        "duplicates", "reported", *_picture(table, pair.picture), *_picture(table, pair.kept),
        f"Pictures of two items are nearly one ({pair.bits} of 64 bits differ, cosine {pair.similarity:.3f}): "
        f"{verdict}.",
        {"bits": pair.bits, "similarity": round(pair.similarity, 4), "denied": int(denied)},
    )  # fmt: skip


def _denoise(
    table: PictureTable, settings: CleaningSettings, by_hand: set[tuple[Step, str, str | None]], progress: Progress
) -> tuple[Flags, list[Decision]]:
    noise = np.zeros(len(table), np.bool_)
    found: list[Decision] = []
    for item, members in table.by_item():
        progress("denoise", int(members[-1]) + 1, len(table))
        if len(members) < settings.min_pictures:
            continue
        kept = belonging(table.vectors[members], settings.radii)
        kept |= np.array([("denoise", *_picture(table, n)) in by_hand for n in members])
        if kept.all():
            continue
        found += _noise(table, members, kept, settings.radii[-1])
        noise[members[~kept]] = True
        reason = f"{int(kept.sum())} of {len(members)} pictures belong together."
        figures = {"kept": int(kept.sum()), "pictures": len(members)}
        found.append(Decision("denoise", "kept", table.ids[item], None, None, None, reason, figures))
    return noise, found


def _noise(table: PictureTable, members: npt.NDArray[np.int64], kept: Flags, radius: float) -> Iterator[Decision]:
    agreement = consensus(table.vectors[members], kept)
    among = table.vectors[members] @ table.vectors[members[kept]].T
    for place in np.flatnonzero(~kept).tolist():
        nearest = int(among[place].argmax())
        best = float(among[place, nearest])
        yield Decision(
            "denoise", "dropped", *_picture(table, members[place]), *_picture(table, members[kept][nearest]),
            f"No layer joins it with the {int(kept.sum())} of {len(members)} pictures that belong together: its cosine "
            f"is {best:.3f} with the nearest of them (from {1 - radius:.2f} on they would be joined) and "
            f"{agreement[place]:.3f} with their mean.",
            {"nearest": round(best, 4), "consensus": round(float(agreement[place]), 4), "pictures": len(members)},
        )  # fmt: skip


def _merge(
    table: PictureTable, settings: CleaningSettings, by_hand: set[tuple[Step, str, str | None]], different: set[Pair]
) -> list[Decision]:
    pictures = np.bincount(table.found_as, minlength=len(table.ids))
    place = {id: n for n, id in enumerate(table.ids)}
    apart = {frozenset(place.get(str(id), -1) for id, _ in pair) for pair in different}
    accepted, found = {}, []
    for pair in confusions(table.vectors, table.found_as):
        if pair.mutual < settings.min_confusion or pair.similarity < settings.min_likeness:
            continue
        if min(pictures[pair.one], pictures[pair.other]) < settings.min_merged:
            continue
        if frozenset([pair.one, pair.other]) in apart:
            continue
        numbers = f"confused {pair.forward:.2f} and {pair.backward:.2f} times as often as one item split at random"
        figures = {
            "forward": round(pair.forward, 4),
            "backward": round(pair.backward, 4),
            "similarity": round(pair.similarity, 4),
        }
        one, other = table.ids[pair.one], table.ids[pair.other]
        if is_denied(table, pair.one, pair.other):
            reason = f"Not merged, although {numbers}: titles or brands say they are two."
            found.append(Decision("merge", "reported", other, None, one, None, reason, figures))
        elif ("merge", one, None) not in by_hand and ("merge", other, None) not in by_hand:
            accepted[pair.one, pair.other] = (numbers, figures)
    mains = groups(list(accepted), pictures, apart)
    for item, main in mains.items():
        numbers, figures = accepted.get((min(item, main), max(item, main)), ("joined by way of a third item", {}))
        reason = (
            f"One item: {numbers}; the main item has {pictures[main]} pictures, this one {pictures[item]}, and "
            "neither titles nor brands say they are two."
        )
        found.append(Decision("merge", "merged", table.ids[item], None, table.ids[main], None, reason, figures))
    for main in sorted(set(mains.values())):
        joined = sum(other == main for other in mains.values())
        reason = f"The item with most pictures of {joined + 1} that are one."
        found.append(Decision("merge", "kept", table.ids[main], None, None, None, reason, {"items": joined + 1}))
    return found


def is_denied(table: PictureTable, one: int, other: int) -> bool:
    """Return whether titles or brands deny that two items of a table are one."""
    return contradict((table.titles[one], table.titles[other]), (table.brands[one], table.brands[other]))

"""Matches by the codes in a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whatsit.catalogue.store.item_codes import ItemCodes
from whatsit.ranking.codes import put_coded_first
from whatsit.ranking.matches import Matches, SearchContext
from whatsit.search.clues import Clues
from whatsit.search.lookup import Lookup


def add_coded(
    lookup: Lookup, contexts: Sequence[SearchContext], regions: Sequence[Matches], clues: Clues, codes: ItemCodes
) -> list[Matches]:
    """Put the items of read codes first, in region 0 and in the region of the code.

    Args:
        lookup: of the request; its filter holds for these items too.
        contexts: of the regions.
        regions: their matches after all stages.
        clues: with the codes.
        codes: look-up of the store.
    """
    owners = codes.items([code.text for code in clues.codes])
    known = [code for code in clues.codes if code.text in owners]
    added = []
    for region, (context, matches) in enumerate(zip(contexts, regions, strict=True)):
        here = [code for code in known if region in (0, clues.region_of(code))]
        named = {number: code.text for code in reversed(here) for number in owners[code.text]}
        named = dict(sorted(named.items(), key=lambda pair: [code.text for code in here].index(pair[1])))
        numbers = np.array(list(named), dtype=np.int64)
        if lookup.allowed is not None:
            numbers = numbers[np.isin(numbers, lookup.allowed)]
        found = lookup.matches_for(context, numbers)
        kept = {number: named[number] for number in found.numbers.tolist()}
        added.append(put_coded_first(matches, found, kept))
    return added

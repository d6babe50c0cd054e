"""Items whose code was read off the picture: first, whatever they look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from whatsit.ranking.matches import Matches, join

# Above every score, so that no vote of the look outweighs a code.
CODE_SCORE = 3.0


def put_coded_first(matches: Matches, found: Matches, codes: Mapping[int, str]) -> Matches:
    """Return the matches with the items of read codes first.

    Where items share a code, the one that looks more alike is first; their rerank scores are equal, and so are their
    probabilities where `learned` ran.

    Args:
        matches: in the order that the stages left.
        found: items with a code, with their scores; those that `matches` lacks join it.
        codes: number -> the code that was read, codes in the order of their items.
    """
    if not len(found):
        return matches
    joined = join(matches, found)
    numbers = joined.numbers.tolist()
    joined = joined.with_codes(tuple(codes.get(number, "") for number in numbers))
    places = {text: place for place, text in enumerate(dict.fromkeys(codes.values()))}
    order = [
        (places[codes[number]], -score) if number in codes else (len(places), 0.0)
        for number, score in zip(numbers, joined.scores.tolist(), strict=True)
    ]
    coded = np.array([number in codes for number in numbers])
    rescored = np.where(coded, np.float32(CODE_SCORE), joined.rerank_scores).astype(np.float32)
    if matches.confidences is not None:
        shared = Counter(codes.values())
        known = np.concatenate([matches.confidences, np.zeros(len(joined) - len(matches), dtype=np.float32)])
        sure = [1.0 / shared[codes[number]] if number in codes else 0.0 for number in numbers]
        joined = replace(joined, confidences=np.where(coded, sure, known).astype(np.float32))
    return replace(joined, rescored=rescored).take(sorted(range(len(joined)), key=order.__getitem__))

"""The stage `read`: words read off the picture against the items' texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Floats, Matches, join

# Chosen on lines of rendered shop 3 and labels of shop 5: enough for look-alikes, too little for other products.
WEIGHT = 0.2
CANDIDATES = 10
# A first match is close to the second one below this difference of scores.
CLOSE = 0.08
# What an item needs that its vector did not find: share of its title that was read, and characters.
PROOF, PROOF_CHARACTERS = 0.7, 8
# Two words are one above this likeness, 0..100; shorter ones and numbers must be equal.
_ALIKE, _SHORT = 80.0, 4
_PART = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+")

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Read:
    """Order matches by the words that were read.

    Candidates are the first `candidates` matches and as many items that the text index finds by the words. A word
    counts by its length and by how few of the candidates hold it, so that what a whole line of products shares decides
    nothing. With P the share of the read words that a candidate's text explains (of those that any candidate's does)
    and R the share of its title that was read, score becomes score + weight * 2PR / (P + R). An item that is no
    match by its vector becomes one with R of at least `PROOF`.

    Args:
        only_close: read only where the first two matches differ by less than `CLOSE` and the region looks like print.
        weight: 0 or more.
        candidates: 1 or more.

    Raises:
        InvalidInput: one of them is out of its range.
    """

    only_close: bool = False
    weight: float = WEIGHT
    candidates: int = CANDIDATES

    def __post_init__(self) -> None:
        if not self.weight >= 0.0 or self.candidates < 1:
            raise InvalidInput(
                f"'read' takes a weight from 0 and 1 or more candidates, not {self.weight}, {self.candidates}."
            )

    def __call__(self, matches: Matches) -> Matches:
        """Return the matches with words, rescored."""
        context = matches.search_context
        if self.only_close and not (is_close(matches) and context.has_text()):
            return matches
        read = parts(" ".join(context.read_words()))
        if not read:
            return matches
        named = context.by_text(read, self.candidates)
        joined = join(matches, named)
        inside = np.arange(len(joined))
        tried = np.flatnonzero((inside < self.candidates) | np.isin(joined.numbers, named.numbers))
        if not len(tried):
            return matches
        texts = context.texts(joined.numbers[tried])
        evidence = weigh(read, texts)
        shares, bonus = np.zeros(len(joined), dtype=np.float32), np.zeros(len(joined))
        shares[tried] = evidence.shares
        bonus[tried] = self.weight * evidence.agreement
        words: list[tuple[str, ...]] = [()] * len(joined)
        proven = np.zeros(len(joined), dtype=bool)
        for place, row in zip(tried.tolist(), range(len(tried)), strict=True):
            words[place] = evidence.words[row]
            enough = sum(map(len, evidence.words[row])) >= PROOF_CHARACTERS
            proven[place] = evidence.recall[row] >= PROOF and enough
        kept = np.flatnonzero((inside < len(matches)) | proven)
        shown = joined.with_words(shares, tuple(words)).take(kept)
        return shown.rescore(shown.rerank_scores.astype(np.float64) + bonus[kept])


def is_close(matches: Matches) -> bool:
    """Return whether the first two matches score nearly the same."""
    first = np.sort(matches.rerank_scores)[::-1][:2]
    return len(first) == 2 and float(first[0] - first[1]) < CLOSE


@dataclass(frozen=True, eq=False)
class WordEvidence:
    """How well texts agree with what was read, one entry per text.

    Args:
        shares: f32 [K], share of the read words' characters that a text explains, 0..1.
        agreement: f64 [K], 2PR / (P + R), see `Read`.
        recall: f64 [K], R, see `Read`.
        words: read words that the text holds.
    """

    shares: Floats
    agreement: Doubles
    recall: Doubles
    words: tuple[tuple[str, ...], ...]


def weigh(read: Sequence[str], texts: Sequence[tuple[str, str]]) -> WordEvidence:
    """Return the agreement of read words with each text.

    Args:
        read: of `parts`.
        texts: the title of each item, and the rest of its text.
    """
    titles = [parts(title) for title, _ in texts]
    wholes = [(*title, *parts(rest)) for title, (_, rest) in zip(titles, texts, strict=True)]
    lengths = np.array([len(word) for word in read], dtype=np.float64)
    explained = np.array([_held(read, (*whole, *_pairs(whole))) for whole in wholes], dtype=np.float64)
    rarity = np.log((len(texts) + 1.0) / (explained.sum(axis=0) + 0.5))
    weights = lengths * rarity * explained.any(axis=0)
    precision = explained @ weights / max(float(weights.sum()), 1e-9)
    recall = np.array([_recall(title, titles, read) for title in titles])
    both = 2.0 * precision * recall / np.maximum(precision + recall, 1e-9)
    words = tuple(tuple(word for word, held in zip(read, row, strict=True) if held) for row in explained)
    shares = (explained @ lengths / lengths.sum()).astype(np.float32)
    return WordEvidence(shares, both, recall, words)


def parts(text: str) -> tuple[str, ...]:
    """Return words and numbers, each once; single letters are none, "330ml" is two."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))
    found = (part.replace(",", ".") for part in _PART.findall(plain))
    return tuple(dict.fromkeys(part for part in found if len(part) > 1 or part.isdigit()))


def _recall(title: Sequence[str], titles: Sequence[Sequence[str]], read: Sequence[str]) -> float:
    """Return the share of a title that was read, rare words counting more."""
    if not title:
        return 0.0
    rows = len(titles) + 1.0
    weights = np.array([len(word) * np.log(rows / (sum(word in one for one in titles) + 0.5)) for word in title])
    held = np.array(_held(title, (*read, *_pairs(read))))
    for place, together in enumerate(_held(_pairs(title), read)):
        held[place : place + 2] |= together
    return float(weights[held].sum() / max(float(weights.sum()), 1e-9))


def _pairs(words: Sequence[str]) -> tuple[str, ...]:
    """Return neighbours written as one word: readers lose narrow spaces."""
    return tuple(first + second for first, second in pairwise(words))


def _held(words: Sequence[str], tokens: Sequence[str]) -> list[bool]:
    """Return which words are among the tokens, or nearly."""
    from rapidfuzz import fuzz, process

    exact = set(tokens)
    held = [word in exact for word in words]
    long = [token for token in tokens if len(token) >= _SHORT and not token[0].isdigit()]
    for place, word in enumerate(words):
        if not held[place] and len(word) >= _SHORT and not word[0].isdigit() and long:
            held[place] = process.extractOne(word, long, scorer=fuzz.ratio, score_cutoff=_ALIKE) is not None
    return held

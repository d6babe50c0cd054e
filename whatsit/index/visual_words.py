"""Search by visual words, in a generation and its later changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.index.feature_votes import vote
from whatsit.index.inverted_file import ARRAYS, MEMBER_ARRAYS, InvertedFile, inverse_frequency
from whatsit.index.shard import Floats, Numbers
from whatsit.index.vocabulary_tree import Vocabulary
from whatsit.vision.local_features import LocalFeatures

TREE, IDF = "words.tree.npy", "words.idf.npy"
FILES = (TREE, IDF, *(f"words.{name}.npy" for name in (*ARRAYS, *MEMBER_ARRAYS)))
# As for vectors: a small section is merged with the one before it unless that is so many times as large.
_MERGE_BELOW = 8


@dataclass(frozen=True, eq=False)
class _Section:
    """Pictures, and those of them that still count: bool [P], None for all."""

    pictures: InvertedFile
    alive: npt.NDArray[np.bool_] | None = None

    def without(self, items: Numbers) -> _Section:
        gone = np.isin(self.pictures.items, items)
        if not gone.any():
            return self
        return _Section(self.pictures, ~gone if self.alive is None else self.alive & ~gone)


@dataclass(frozen=True, eq=False)
class VisualWords:
    """A snapshot that is never changed; searched from many threads at once.

    Args:
        vocabulary: the tree.
        idf: f32 [W], weight of each word.
        sections: of the generation (memory-mapped) first, then what was added since.
    """

    vocabulary: Vocabulary
    idf: Floats
    sections: tuple[_Section, ...]

    @classmethod
    def build(cls, features: Sequence[LocalFeatures], items: Numbers) -> VisualWords:
        """Grow a vocabulary from the pictures and index them.

        Args:
            features: of each picture, at least one feature in all.
            items: int64 [P], the item of each picture.

        Raises:
            InvalidInput: no picture has a feature.
        """
        order = np.argsort(items, kind="stable")
        ordered = [features[i] for i in order if len(features[i])]
        kept = np.array([items[i] for i in order if len(features[i])], dtype=np.int64)
        if not ordered:
            raise InvalidInput("No picture has texture: visual words need some.")
        vocabulary = Vocabulary.train(np.concatenate([one.rows for one in ordered])[:, 4:])
        idf = inverse_frequency(ordered, vocabulary)
        return cls(vocabulary, idf, (_Section(InvertedFile.of(ordered, kept, vocabulary, idf)),))

    def write(self, folder: Path) -> None:
        """Write the files `FILES`; changes applied after `build` cannot be written."""
        np.save(folder / TREE, self.vocabulary.centres, allow_pickle=False)
        np.save(folder / IDF, self.idf, allow_pickle=False)
        for name in (*ARRAYS, *MEMBER_ARRAYS):
            values = getattr(self.sections[0].pictures, name)
            np.save(folder / f"words.{name}.npy", values, allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> VisualWords | None:
        """Map the files of a generation into memory; None where it has none.

        Raises:
            Damaged: they cannot be read, or do not fit together.
        """
        if not (folder / TREE).is_file():
            return None
        try:
            has_members = all((folder / f"words.{name}.npy").is_file() for name in MEMBER_ARRAYS)
            names = (*ARRAYS, *MEMBER_ARRAYS) if has_members else ARRAYS
            # Plain views of the mapped pages, as in `Shard.open`: a part of a `memmap` takes longer to make.
            arrays = [
                np.asarray(np.load(folder / f"words.{name}.npy", mmap_mode="r", allow_pickle=False)) for name in names
            ]
            vocabulary = Vocabulary(np.load(folder / TREE, allow_pickle=False))
            idf = np.load(folder / IDF, allow_pickle=False)
            if idf.shape != (vocabulary.size,) or arrays[3].shape != (vocabulary.size + 1,):
                raise InvalidInput("The words do not fit their vocabulary.")
            return cls(vocabulary, idf, (_Section(InvertedFile(*arrays)),))
        except (OSError, ValueError, EOFError, InvalidInput) as error:
            raise Damaged(f"The visual words in {folder} cannot be read; run 'whatsit catalogue publish' again.") from (
                error
            )

    def apply(self, changed: Numbers, features: Sequence[LocalFeatures], items: Numbers) -> VisualWords:
        """Return the snapshot after changes of items; the vocabulary stays.

        Args:
            changed: int64, numbers of these items; the pictures that they had are forgotten.
            features: of each picture that they have now.
            items: int64, the item of each of these pictures.
        """
        sections = [section.without(changed) for section in self.sections]
        order = [i for i in np.argsort(items, kind="stable") if len(features[i])]
        if order:
            sections.append(self._section([features[i] for i in order], items[order]))
        while (
            len(sections) > 2
            and len(sections[-2].pictures) < _MERGE_BELOW * len(sections[-1].pictures)
        ):  # fmt: skip
            sections[-2:] = [self._joined(sections[-2:])]
        return replace(self, sections=tuple(sections))

    def look(self, query: LocalFeatures) -> VisualWordQuery:
        """Compare the words of a region with those of every picture."""
        if len(query) and all(section.pictures.members is not None for section in self.sections):
            votes = vote(query, self.vocabulary, [section.pictures for section in self.sections])
            return self._answer(votes)
        words, counts = np.unique(self.vocabulary.words(query.rows[:, 4:]), return_counts=True)
        weights = counts * self.idf[words]
        shares = (weights / max(float(weights.sum()), 1e-12)).astype(np.float32)
        return self._answer([section.pictures.scores(words, shares) for section in self.sections])

    def _answer(self, scores: Sequence[Floats]) -> VisualWordQuery:
        """Return the scores of each section without the pictures that no longer count."""
        found = [
            one if section.alive is None else np.where(section.alive, one, np.float32(-1.0))
            for section, one in zip(self.sections, scores, strict=True)
        ]
        return VisualWordQuery(self.sections, tuple(found))

    def _section(self, features: Sequence[LocalFeatures], items: Numbers) -> _Section:
        return _Section(InvertedFile.of(features, items, self.vocabulary, self.idf))

    def _joined(self, sections: Sequence[_Section]) -> _Section:
        found = [
            (int(section.pictures.items[i]), section.pictures.features(i))
            for section in sections
            for i in range(len(section.pictures))
            if section.alive is None or section.alive[i]
        ]
        found.sort(key=lambda one: one[0])
        return self._section([one for _, one in found], np.array([item for item, _ in found], dtype=np.int64))


@dataclass(frozen=True, eq=False)
class VisualWordQuery:
    """What the pictures share with one query.

    Args:
        sections: where the pictures are.
        scores: f32 [P] of each section, 0..1, -1 for pictures that no longer count.
    """

    sections: tuple[_Section, ...]
    scores: tuple[Floats, ...]

    def items(self, k: int, allowed: Numbers | None = None) -> Numbers:
        """Return the k items that share most words with the query, best first, int64 [n].

        Args:
            k: items at most; an item counts with its best picture, and one that shares nothing is left out.
            allowed: item numbers that may be returned; None for all.
        """
        numbers = np.concatenate([section.pictures.items for section in self.sections])
        scores = np.concatenate(self.scores)
        counts = scores > 0
        if allowed is not None:
            counts &= np.isin(numbers, allowed)
        numbers, scores = numbers[counts], scores[counts]
        order = np.argsort(-scores, kind="stable")
        _, firsts = np.unique(numbers[order], return_index=True)
        chosen: Numbers = numbers[order[np.sort(firsts)][:k]]
        return chosen

    def pictures(self, item: int, most: int) -> list[LocalFeatures]:
        """Those pictures of an item that share most words with the query, at most `most`."""
        found = [
            (float(scores[picture]), section.pictures, picture)
            for section, scores in zip(self.sections, self.scores, strict=True)
            for picture in section.pictures.of_item(item)
            if scores[picture] >= 0
        ]
        found.sort(key=lambda one: -one[0])
        return [pictures.features(picture) for _, pictures, picture in found[:most]]

"""Visual words: the tree, the inverted file, and changes over a generation, each against plain numpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import Damaged, InvalidInput

from whatsit.index import DeltaIndex, feature_votes, open_generation, write_generation
from whatsit.index.visual_words import FILES, VisualWords
from whatsit.index.vocabulary_tree import BRANCHES, Vocabulary
from whatsit.vision.local_features import UNIT, LocalFeatures, unit_descriptors

PROTOTYPES = np.random.default_rng(0).integers(0, 120, size=(60, 128))


def picture(seed: int, prototypes: list[int] | None = None, points: int = 40) -> LocalFeatures:
    """Descriptors scattered around some of 60 prototypes, so that pictures may share words."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(prototypes or range(60), size=points)
    values = np.clip(PROTOTYPES[chosen] + rng.integers(-4, 5, size=(points, 128)), 0, 255)
    values = np.rint(values * (UNIT / np.linalg.norm(values, axis=1, keepdims=True)))
    places = rng.integers(0, 256, size=(points, 4))
    return LocalFeatures(np.concatenate([places, values], axis=1).astype(np.uint8))


@pytest.fixture(scope="module")
def pictures() -> list[LocalFeatures]:
    """Two pictures for each of 30 items, numbers 100..129; an item's share its ten prototypes."""
    rng = np.random.default_rng(1)
    own = [rng.choice(60, size=10, replace=False).tolist() for _ in range(30)]
    return [picture(10 * item + k, own[item]) for item in range(30) for k in range(2)]


NUMBERS = np.repeat(np.arange(100, 130), 2)


def test_a_word_is_the_nearest_child_of_the_nearest_child(pictures: list[LocalFeatures]) -> None:
    stored = np.concatenate([one.rows for one in pictures])[:, 4:]
    tree = Vocabulary.train(stored)
    assert tree.levels == 2  # 1,000 words would need 8,000 descriptors
    values = unit_descriptors(stored[:50])
    for value, word in zip(values, tree.words(stored[:50]), strict=True):
        first = int(((tree.centres[:BRANCHES] - value) ** 2).sum(axis=1).argmin())
        children = tree.centres[BRANCHES + first * BRANCHES :][:BRANCHES]
        assert word == first * BRANCHES + int(((children - value) ** 2).sum(axis=1).argmin())


def brute_force(words: VisualWords, pictures: list[LocalFeatures], query: LocalFeatures) -> np.ndarray:
    """1 - half the L1 distance of the tf-idf vectors, with idf = ln(pictures / pictures that hold the word)."""
    counts = np.stack(
        [np.bincount(words.vocabulary.words(one.rows[:, 4:]), minlength=words.vocabulary.size) for one in pictures]
    )
    idf = np.maximum(np.log(len(pictures) / np.maximum((counts > 0).sum(axis=0), 1)), 1e-3)
    weighed = counts * idf
    weighed = weighed / weighed.sum(axis=1, keepdims=True)
    own = np.bincount(words.vocabulary.words(query.rows[:, 4:]), minlength=words.vocabulary.size) * idf
    return 1 - np.abs(weighed - own / own.sum()).sum(axis=1) / 2


def without_members(words: VisualWords) -> VisualWords:
    """What opens of a generation that was published before features were listed."""
    old = [
        replace(section, pictures=replace(section.pictures, members=None, member_lists=None))
        for section in words.sections
    ]
    return replace(words, sections=tuple(old))


def test_an_older_generation_is_searched_by_words_as_by_brute_force(pictures: list[LocalFeatures]) -> None:
    words = without_members(VisualWords.build(pictures, NUMBERS))
    for seed in range(5):
        query = picture(1000 + seed)
        look, expected = words.look(query), brute_force(words, pictures, query)
        np.testing.assert_allclose(look.scores[0], expected, atol=1e-5)
        best = list(dict.fromkeys(NUMBERS[np.argsort(-expected, kind="stable")].tolist()))
        assert look.items(7).tolist() == best[:7]
        allowed = np.array([101, 105, 120])
        assert look.items(7, allowed).tolist() == [number for number in best if number in allowed]


def test_votes_are_those_of_brute_force(pictures: list[LocalFeatures], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_votes, "COMPARED", 10**6)
    monkeypatch.setattr(feature_votes, "MOST_WORDS", 10**6)
    words = VisualWords.build(pictures, NUMBERS)
    query = picture(1000, points=30)
    votes = np.zeros(len(pictures))
    for descriptor in query.descriptors:
        likeness = np.array([(one.rows[:, 4:] @ (descriptor / UNIT)).max() for one in pictures])
        order = np.argsort(-likeness, kind="stable")
        background = max(0.85, likeness[order[10]])
        votes[order[:10]] += np.maximum(likeness[order[:10]] - background, 0.0) / len(query)
    np.testing.assert_allclose(words.look(query).scores[0], votes, atol=1e-4)


def test_nearest_words_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(3)
    tree = Vocabulary(rng.normal(size=(10 + 100 + 1000, 8)).astype(np.float32))
    values = rng.normal(size=(20, 8)).astype(np.float32)
    gaps = ((values[:, None] - tree.centres[None, 110:]) ** 2).sum(axis=2)
    np.testing.assert_array_equal(tree.nearest(values, 5), np.argsort(gaps, axis=1)[:, :5])
    deep = Vocabulary(np.concatenate([tree.centres, np.repeat(tree.centres[110:], 10, axis=0)]))
    assert (deep.nearest(values, 5)[:, 0] // 10 == tree.nearest(values, 1)[:, 0]).all()


def test_a_picture_finds_its_item_and_the_item_its_picture(pictures: list[LocalFeatures]) -> None:
    words = VisualWords.build(pictures, NUMBERS)
    for i, one in enumerate(pictures):
        look = words.look(one)
        assert look.items(1).tolist() == [NUMBERS[i]]
        assert any(np.array_equal(found.rows, one.rows) for found in look.pictures(int(NUMBERS[i]), 2))


def unit(rows: int) -> np.ndarray:
    vectors = np.random.default_rng(2).normal(size=(rows, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def root(tmp_path: Path, pictures: list[LocalFeatures]) -> Path:
    local = list(zip(NUMBERS.tolist(), pictures, strict=True))
    write_generation(tmp_path, unit(60), NUMBERS, "e", local=local)
    return tmp_path


def test_a_generation_holds_them_and_says_so(root: Path, pictures: list[LocalFeatures]) -> None:
    generation = open_generation(root, "e")
    assert generation.words is not None
    assert generation.manifest.pictures == 60
    assert set(FILES) <= set(generation.manifest.files)
    assert isinstance(generation.words.sections[0].pictures.rows.base, np.memmap)
    assert generation.words.look(pictures[4]).items(1).tolist() == [102]


def test_without_them_nothing_is_written_and_with_them_a_new_generation_is(root: Path, tmp_path: Path) -> None:
    plain = write_generation(tmp_path / "plain", unit(60), NUMBERS, "e")
    assert plain.words is None
    assert not set(FILES) & set(plain.manifest.files)
    again = write_generation(tmp_path / "plain", unit(60), NUMBERS, "e", local=[(100, picture(1))])
    assert again.name != plain.name
    assert again.words is not None


def test_a_damaged_file_is_refused(root: Path) -> None:
    folder = open_generation(root).folder
    np.save(folder / "words.starts.npy", np.zeros(3, dtype=np.int64))
    with pytest.raises(Damaged, match="publish"):
        open_generation(root, verify=False)


def test_changes_count_at_once(root: Path, pictures: list[LocalFeatures]) -> None:
    live = DeltaIndex.of(open_generation(root))
    assert live.words is not None
    # 102 gets another picture, 103 is deleted, 200 and later ones are new.
    fresh = picture(5000)
    live = live.apply(np.array([102, 103]), unit(1), np.array([102]), [(102, fresh)])
    for number in range(200, 220):
        live = live.apply(np.array([number]), unit(1), np.array([number]), [(number, picture(number))])
    words = live.words
    assert words is not None
    assert len(words.sections) < 8
    assert words.look(fresh).items(1).tolist() == [102]
    for number in (200, 213, 219):
        assert words.look(picture(number)).items(1).tolist() == [number]
    everything = words.look(pictures[6]).items(1000).tolist()
    assert 103 not in everything
    assert words.look(pictures[6]).pictures(103, 5) == []
    assert len(words.look(pictures[4]).pictures(102, 5)) == 1


def test_pictures_without_texture_make_no_words() -> None:
    with pytest.raises(InvalidInput, match="texture"):
        VisualWords.build([LocalFeatures.none()], np.array([1]))

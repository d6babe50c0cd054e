"""Words against texts: what is read decides between look-alikes, and nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.ranking.matches import Matches
from whatsit.ranking.words import CLOSE, Read, is_close, parts, weigh

pytest.importorskip("rapidfuzz", reason="the extra 'read' is not installed")

TITLES = [
    "Nordvik Oat Drink Chocolate 1 l",
    "Nordvik Oat Drink Vanilla 1 l",
    "Kestell Soap Lavender",
    "Nordvik Oat Drink Coffee 1 l",
]


@dataclass
class Print:
    """A search context whose region bears these lines; item i has title i."""

    lines: tuple[str, ...]
    printed: bool = True
    asked: list[str] = field(default_factory=list)
    named: tuple[int, ...] = ()

    def has_text(self) -> bool:
        return self.printed

    def read_words(self) -> tuple[str, ...]:
        self.asked.append("read")
        return self.lines

    def by_text(self, words: tuple[str, ...], k: int) -> Matches:
        numbers = np.array(self.named[:k], dtype=np.int64)
        return Matches(numbers, np.full(len(numbers), 0.5, np.float32), ("",) * len(numbers))

    def texts(self, numbers: np.ndarray) -> list[tuple[str, str]]:
        return [(TITLES[number], "") for number in numbers.tolist()]

    def matches(self, *scores: float) -> Matches:
        return Matches(np.arange(len(scores)), np.array(scores, np.float32), ("",) * len(scores), context=self)


def test_what_is_read_decides_between_look_alikes() -> None:
    found = Read()(Print(("NORDVIK", "OATDRINK", "Vanila", "1L", "NEW")).matches(1.40, 1.38, 1.37))
    assert found.numbers.tolist() == [1, 0, 2]
    assert found.matched_words is not None
    assert "vanila" in found.matched_words[0]
    assert "vanila" not in found.matched_words[1]
    np.testing.assert_allclose(found.words, [18 / 21, 12 / 21, 0], atol=0.12)
    assert found.scores.tolist() == pytest.approx([1.38, 1.40, 1.37])


def test_words_of_no_item_change_no_order() -> None:
    found = Read()(Print(("zzz", "quux")).matches(1.40, 1.38))
    assert found.numbers.tolist() == [0, 1]
    assert found.words is not None
    assert found.words.tolist() == [0, 0]


def test_nothing_read_leaves_the_matches_alone() -> None:
    matches = Print(("!",)).matches(1.4, 1.3)
    assert Read()(matches) is matches


def test_where_matches_are_apart_or_nothing_is_printed_nothing_is_read() -> None:
    apart, blank = Print(("Vanilla",)), Print(("Vanilla",), printed=False)
    Read(only_close=True)(apart.matches(1.4, 1.4 - 2 * CLOSE))
    Read(only_close=True)(blank.matches(1.4, 1.39))
    assert apart.asked == blank.asked == []
    near = Print(("Vanilla",))
    assert Read(only_close=True)(near.matches(1.40, 1.39)).numbers[0] == 1
    assert not is_close(near.matches(1.4))


def test_an_item_whose_title_was_read_joins_the_matches() -> None:
    shown = Print(("Nordvik", "Oat Drink", "Coffee", "1 l"), named=(3, 2))
    found = Read()(shown.matches(1.1, 1.0))
    assert 3 in found.numbers
    assert 2 not in found.numbers


def test_an_item_far_down_is_found_by_its_words() -> None:
    shown = Print(("Nordvik", "Oat Drink", "Coffee", "1 l"), named=(3,))
    assert Read(candidates=1)(shown.matches(1.40, 1.39, 1.38, 1.37)).numbers[0] == 3


def test_words_and_numbers_are_taken_apart() -> None:
    assert parts("Crème BRÛLÉE 330ml 0,5 l 4 A") == ("creme", "brulee", "330", "ml", "0.5", "4")
    assert parts("") == ()


def test_numbers_must_be_equal() -> None:
    evidence = weigh(parts("Soda 330 ml"), [("Soda 330 ml", ""), ("Soda 331 ml", ""), ("Soda", "330 ml")])
    assert evidence.shares[0] == evidence.shares[2] > evidence.shares[1]


@pytest.mark.parametrize("wrong", [{"weight": -1.0}, {"candidates": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="read"):
        Read(**wrong)

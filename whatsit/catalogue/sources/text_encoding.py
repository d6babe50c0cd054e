"""Encoding of a text file: found by its bytes, or guessed by its letters."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import InvalidInput

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 1 << 16
_WESTERN = set("äöüßÄÖÜéèêëàâçîïôùûœÉÈÊÀÂÇÎÔÙÛŒáíóúñÁÍÓÚÑ¿¡åæøÅÆØãõÃÕìòÌÒýÝ€£©®™°²³½¼×·–—‘’“”„…•«»§µº\xa0")
_CENTRAL = set("ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽőűŐŰöüäßÖÜÄ€–—„”“’…®°\xa0")
_TURKISH = set("çğışöüÇĞİŞÖÜâî€–—“”’…®°\xa0")
_RANK = 1e-3


def _is_cyrillic(letter: str) -> bool:
    return "А" <= letter <= "я" or letter in "ёЁіїєІЇЄ№«»–—“”„…®°€\xa0"


def _is_greek(letter: str) -> bool:
    return "Ά" <= letter <= "ώ" or letter in "€«»–—®°\xa0"


def _is_hanzi(pair: bytes) -> bool:  # the first level of GB 2312, ordered by use
    return 0xB0 <= pair[0] <= 0xD7 or pair[0] in (0xA1, 0xA3)


def _is_hangul(pair: bytes) -> bool:
    return 0xB0 <= pair[0] <= 0xC8 and pair[1] >= 0xA1


def _is_traditional(pair: bytes) -> bool:  # the first level of Big5
    return 0xA4 <= pair[0] <= 0xC6 or pair[0] == 0xA1


_SINGLE: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("cp1252", _WESTERN.__contains__),
    ("cp1250", _CENTRAL.__contains__),
    ("cp1254", _TURKISH.__contains__),
    ("cp1251", _is_cyrillic),
    ("cp1253", _is_greek),
    ("mac_roman", _WESTERN.__contains__),
    ("cp850", _WESTERN.__contains__),
    ("koi8_r", _is_cyrillic),
)
_DOUBLE: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("cp949", _is_hangul),
    ("gb18030", _is_hanzi),
    ("big5", _is_traditional),
)


@dataclass(frozen=True)
class TextEncoding:
    """An encoding of Python's, and a sentence where it is a guess."""

    name: str
    note: str | None = None


def find_encoding(path: Path, given: str | None = None) -> TextEncoding:
    """Find the encoding of a file: by its mark, as UTF-8, else by its letters.

    A file that is UTF-8 in most of its lines with foreign letters is UTF-8; the others are damaged.

    Args:
        path: the file.
        given: the encoding, where the caller knows it.

    Raises:
        InvalidInput: there is no such encoding.
        OSError: the file cannot be read.
    """
    if given is not None:
        try:
            return TextEncoding(codecs.lookup(given).name)
        except (LookupError, ValueError) as error:
            raise InvalidInput(f"There is no encoding '{given[:60]}'; try utf-8, cp1252, gb18030 or utf-16.") from error
    with path.open("rb") as file:
        start = file.read(_SAMPLE)
        for mark, name in _MARKS:
            if start.startswith(mark):
                return TextEncoding(name)
        if b"\0" in start and (wide := _wide(start)):
            return TextEncoding(wide)
        file.seek(0)
        sound, foreign, sample = 0, 0, bytearray()
        for line in file:
            if line.isascii():
                continue
            try:
                line.decode()
                sound += 1
            except UnicodeDecodeError:
                foreign += 1
                if len(sample) < _SAMPLE:
                    sample += line[:_SAMPLE]
    if sound >= foreign:
        return TextEncoding("utf-8-sig")
    name = guess_encoding(bytes(sample))
    return TextEncoding(name, f"the text is not UTF-8 and is read as {name}, a guess (--encoding changes it)")


def is_utf8_read_as(text: str, name: str) -> bool:
    """Return whether a text was UTF-8 and was decoded by a single-byte encoding."""
    if text.isascii() or name not in dict(_SINGLE):
        return False
    try:
        return not text.encode(name).decode().isascii()
    except UnicodeError:
        return False


def guess_encoding(sample: bytes) -> str:
    """Return the encoding in which the most letters of a text are usual ones."""
    scores = [(_letters(sample, name, usual) - n * _RANK, name) for n, (name, usual) in enumerate(_SINGLE)]
    scores += [(_pairs(sample, name, usual) - n * _RANK, name) for n, (name, usual) in enumerate(_DOUBLE)]
    scores.append((_japanese(sample, "cp932"), "cp932"))
    scores.append((_japanese(sample, "euc_jp"), "euc_jp"))
    best, name = max(scores)
    if best >= 0.8:
        return name
    from charset_normalizer import from_bytes

    found = from_bytes(sample).best()
    return found.encoding if found else "cp1252"


def _wide(start: bytes) -> str | None:
    """Return the form of UTF-16 without a mark, by the place of its zeros."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    half = len(start) // 2
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.1 * half else None


def _letters(sample: bytes, name: str, usual: Callable[[str], bool]) -> float:
    """Return the share of usual letters, less what is odd in a script.

    Words in Latin letters are mostly ASCII, others hardly ever.
    """
    try:
        text = sample.decode(name)
    except UnicodeDecodeError:
        return 0.0
    foreign = [letter for letter in text if not letter.isascii()]
    share = sum(map(usual, foreign)) / max(len(foreign), 1)
    runs = [len(run) for run in re.findall(r"[^\W\d_\x00-\x7f]+", text)]
    long = sum(run for run in runs if run > 2) / max(sum(runs), 1)
    mixed = len(re.findall(r"[^\W\d_\x00-\x7f][A-Za-z]|[A-Za-z][^\W\d_\x00-\x7f]", text)) / max(len(runs), 1)
    shouted = len(re.findall(r"[a-zа-яё][А-ЯЁÀ-ÞŁŚŻ]", text)) / max(len(foreign), 1)
    is_latin = name not in ("cp1251", "cp1253", "koi8_r")
    return share - (long if is_latin else min(mixed, 1.0)) - shouted


def _pairs(sample: bytes, name: str, usual: Callable[[bytes], bool]) -> float:
    try:
        text = sample.decode(name)
    except UnicodeDecodeError:
        return 0.0
    pairs = [letter.encode(name) for letter in text if not letter.isascii()]
    share = sum(len(pair) == 2 and usual(pair) for pair in pairs) / max(len(pairs), 1)
    alone = len(re.findall(r"[A-Za-z][^\x00-\x7f][A-Za-z]|[A-Za-z][^\x00-\x7f]\b", text)) / max(len(pairs), 1)
    return share - alone


def _japanese(sample: bytes, name: str) -> float:
    """Return how far a text is Japanese: full kana are frequent, half ones rare."""
    try:
        foreign = [letter for letter in sample.decode(name) if not letter.isascii()]
    except UnicodeDecodeError:
        return 0.0
    kana = sum("\u3041" <= letter <= "\u30ff" for letter in foreign) / max(len(foreign), 1)
    half = sum("\uff61" <= letter <= "\uff9f" for letter in foreign) / max(len(foreign), 1)
    return min(1.0, 0.8 + kana) - half if kana > 0.15 else 0.5 - half

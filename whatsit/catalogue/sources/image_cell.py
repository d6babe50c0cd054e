"""Pictures named in a table's cell: one or several paths and addresses."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.sources.cloud_image import SCHEMES, CloudImage, is_cloud
from whatsit.catalogue.sources.picture_location import Image, InlineImage, WebImage, archive_of, archived_picture
from whatsit.vision.picture_file import ENDINGS

_ENDING = f"(?:{'|'.join(map(re.escape, ENDINGS))})"
_START = rf"(?:(?:https?|{'|'.join(SCHEMES)}):)?//"
_BEFORE_ADDRESS = re.compile(rf"[\s,;|]+(?={_START}[^\s/])", re.IGNORECASE)
_PATHS = re.compile(rf"\s*[;|,]\s*(?=[^;|,]+{_ENDING}\s*(?:[;|,]|$))", re.IGNORECASE)
_PICTURE = re.compile(rf".+{_ENDING}(?:\?.*)?", re.IGNORECASE)


def images_of(value: Any, base: Path) -> tuple[list[Image], list[str]]:
    """Return the pictures of a cell, and what was left out or looked for elsewhere.

    Args:
        value: text, a list of texts, the bytes of a picture, or None. Several in a text are separated by `;`, `|`, a
            comma, a space or a new line; in an address these may be part of it.
        base: folder that relative paths start from.

    Raises:
        InvalidInput: it is neither text nor a list of texts.
    """
    if value is None:
        return [], []
    if isinstance(value, Mapping) and ("bytes" in value or "path" in value):  # how data sets keep pictures in Parquet
        value = value.get("bytes") or value.get("path")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ([InlineImage(bytes(value))], []) if len(value) else ([], [])
    texts = _split(value, base) if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise InvalidInput("its image is neither a path nor a list of paths")
    images: list[Image] = []
    refused: list[str] = []
    for text in filter(None, (text.strip() for text in texts)):
        try:
            image = _image(text, base)
            images.append(image)
            if isinstance(image, Path) and image.name and Path(text).is_absolute() and image != Path(text):
                refused.append(f"its image '{text[:80]}' is not there; {image} was taken")
        except InvalidInput as error:  # noqa: PERF203 # one bad picture must not cost the others
            refused.append(str(error))
    return images, refused


def _split(text: str, base: Path) -> list[str]:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list) and all(isinstance(one, str) for one in listed):
            return listed
    if not re.search(r"[\s,;|]", text):
        return [text]
    if not _is_address(text) and _is_file(base / text):
        return [text]
    pieces: list[str] = []
    for part in _BEFORE_ADDRESS.split(text):
        part = part.strip(" \t\r\n,;|") if _is_address(part) else part
        pieces += _address_and_paths(part) if _is_address(part) else _split_paths(part)
    return pieces


def _address_and_paths(text: str) -> list[str]:
    """Return an address, and paths that follow it; `;` and `,` in an address stay."""
    start, *rest = _PATHS.split(text)
    return [start, *rest] if _PICTURE.fullmatch(start) else [text]


def _split_paths(text: str) -> list[str]:
    for separator in (r"[;|\n]", r",", r"\s+"):
        parts = [part.strip() for part in re.split(separator, text) if part.strip()]
        if not parts:
            return []
        if separator == r"[;|\n]":
            if len(parts) > 1 or parts[0] != text:
                return [one for part in parts for one in _split_paths(part)]
        elif len(parts) > 1 and all(_PICTURE.fullmatch(part) for part in parts):
            return parts
    return [text]


def _is_address(text: str) -> bool:
    return re.match(_START, text, re.IGNORECASE) is not None


def _image(text: str, base: Path) -> Image:
    if is_cloud(text):
        return CloudImage(text)
    if _is_address(text):
        url = f"https:{text}" if text.startswith("//") else text
        try:
            parts = urlsplit(url)
            named = bool(parts.hostname) and parts.port != 0
        except ValueError as error:
            raise InvalidInput(f"its image address '{text[:80]}' is malformed ({str(error)[:80]})") from error
        if not named:
            raise InvalidInput(f"its image address '{text[:80]}' names no host")
        return WebImage(url)
    if "://" in text or "\0" in text:
        raise InvalidInput(f"its image '{text[:80]}' is neither a path nor an http(s) address")
    archived = _archived(base, text)
    return _existing(base, text) if archived is None else archived


def _archived(base: Path, text: str) -> Image | None:
    """Return a picture such as `shop.zip#cup.jpg`, None where no archive is."""
    archive = archive_of(text)
    if archive is None or not _is_file(base / archive):
        return None
    try:
        return archived_picture(str(base / text))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"its image '{text[:80]}' cannot be read ({str(error)[:80]})") from error


def _existing(base: Path, text: str) -> Path:
    """Return the path, in the form of its name that is on the disk where there is one."""
    path = base / text
    if _is_file(path):
        return path
    plain = text.replace("\\", "/")
    for form in (plain, *(unicodedata.normalize(form, plain) for form in ("NFC", "NFD"))):
        if form != text and _is_file(base / form):
            return base / form
    return _moved(base, path) or path


def _moved(base: Path, path: Path) -> Path | None:
    """Return where a whole path may be after its folder and the table's were moved.

    That is the longest end of it, two names or more, which lies beside the table or a folder above it.
    """
    if not path.is_absolute() or path.is_relative_to(base):
        return None
    parts = path.parts[1:]
    tails = [Path(*parts[start:]) for start in range(1, len(parts) - 1)]
    for tail in tails:
        for folder in (base, *list(base.resolve().parents)[:2]):
            if folder.name and _is_file(folder / tail):
                return folder / tail
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a text that is too long for a name
        return False

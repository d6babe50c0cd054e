"""Pictures in a workbook's cells: drawn over them, placed in them, or by WPS."""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from whatsit.catalogue.sources.picture_folder import PICTURES
from whatsit.catalogue.sources.picture_location import ZipImage

_Element = ElementTree.Element
_MOST_XML = 256 << 20
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_RICH = (
    "xl/richData/rdrichvalue.xml",
    "xl/richData/rdrichvaluestructure.xml",
    "xl/richData/richValueRel.xml",
    "xl/metadata.xml",
)
_CELL = re.compile(rb"<c\b[^>]*>(?:(?!</c>).)*", re.DOTALL)
_NUMBERED = re.compile(rb'\br="[A-Z]{1,3}(\d{1,7})"')
_RICH_CELL = re.compile(rb'\bvm="(\d{1,7})"')
_WPS_CELL = re.compile(rb'DISPIMG\((?:&quot;|")([\w-]{1,80})')


def pictures_by_row(path: Path, sheet: str) -> dict[int, list[ZipImage]]:
    """Return the pictures of a sheet by the row that they are in, from 1.

    A drawing counts to the row in which its upper left corner is.

    Args:
        path: of an xlsx file; any other has none here.
        sheet: its name.
    """
    found: defaultdict[int, list[ZipImage]] = defaultdict(list)
    try:
        if not zipfile.is_zipfile(path):
            return {}
        with zipfile.ZipFile(path) as archive:
            parts = _Parts(archive)
            name = _sheet(parts, sheet)
            if name is None:
                return {}
            for row, part in (*_drawn(parts, name), *_placed(parts, name)):
                if part.lower().endswith(PICTURES) and part in parts.names:
                    image = ZipImage(path, part, str(path.resolve()))
                    found[row] += [image] if image not in found[row] else []
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError):
        return dict(found)  # the cells are read all the same
    return dict(found)


class _Parts:
    """The XML files of a workbook and their relations."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.names = {one.filename: one.file_size for one in archive.infolist()}

    def read(self, name: str) -> bytes:
        if self.names.get(name, _MOST_XML) >= _MOST_XML:
            return b""
        return self._archive.read(name)

    def xml(self, name: str) -> _Element:
        try:
            return ElementTree.fromstring(self.read(name) or b"<none/>")
        except ElementTree.ParseError:
            return ElementTree.Element("none")

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Return id -> type and target of what a part refers to."""
        folder, _, file = name.rpartition("/")
        found = {}
        for one in self.xml(f"{folder}/_rels/{file}.rels"):
            target = one.get("Target", "")
            if one.get("TargetMode") != "External":
                whole = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
                found[one.get("Id", "")] = (one.get("Type", "").rpartition("/")[2], whole)
        return found


def _sheet(parts: _Parts, name: str) -> str | None:
    relations = parts.relations("xl/workbook.xml")
    for one in _all(parts.xml("xl/workbook.xml"), "sheet"):
        if one.get("name") == name:
            return relations.get(one.get(f"{_RELATION}id", ""), ("", ""))[1] or None
    return None


def _drawn(parts: _Parts, sheet: str) -> Iterator[tuple[int, str]]:
    """Find pictures over cells."""
    for kind, drawing in parts.relations(sheet).values():
        if kind != "drawing":
            continue
        relations = parts.relations(drawing)
        for anchor in parts.xml(drawing):
            corner = next(_all(anchor, "from"), None)
            row = next(_all(corner, "row"), None) if corner is not None else None
            if row is None or not (row.text or "").isdecimal():
                continue
            for blip in _all(anchor, "blip"):
                yield int(row.text or "0") + 1, relations.get(blip.get(f"{_RELATION}embed", ""), ("", ""))[1]


def _placed(parts: _Parts, sheet: str) -> Iterator[tuple[int, str]]:
    """Find pictures in cells, as Excel 365 and WPS place them."""
    if not any(name in parts.names for name in (*_RICH, "xl/cellimages.xml")):
        return
    rich, named = _rich_values(parts), _named_pictures(parts)
    for cell in _CELL.finditer(parts.read(sheet)):
        number = _NUMBERED.search(cell[0])
        if number is None:
            continue
        by_value, by_name = _RICH_CELL.search(cell[0]), _WPS_CELL.search(cell[0])
        if by_value and int(by_value[1]) in rich:
            yield int(number[1]), rich[int(by_value[1])]
        elif by_name and by_name[1].decode() in named:
            yield int(number[1]), named[by_name[1].decode()]


def _rich_values(parts: _Parts) -> dict[int, str]:
    """Return the number of a cell's value (`vm`, from 1) -> part of its picture."""
    values, structures, links, metadata = (parts.xml(name) for name in _RICH)
    relations = parts.relations(_RICH[2])
    targets = [relations.get(one.get(f"{_RELATION}id", ""), ("", ""))[1] for one in _all(links, "rel")]
    keys = [[key.get("n") for key in _all(one, "k")] for one in _all(structures, "s")]
    pictures: list[str] = []
    for value in _all(values, "rv"):
        names = keys[int(value.get("s", "0"))] if int(value.get("s", "0")) < len(keys) else []
        texts = [one.text or "" for one in _all(value, "v")]
        by_name = dict(zip(names, texts, strict=False))
        place = by_name.get("_rvRel:LocalImageIdentifier", "")
        pictures.append(targets[int(place)] if place.isdecimal() and int(place) < len(targets) else "")
    future = [int(one.get("i", "0")) for block in _all(metadata, "futureMetadata") for one in _all(block, "rvb")]
    found: dict[int, str] = {}
    for block in _all(metadata, "valueMetadata"):
        for number, one in enumerate(_all(block, "rc"), start=1):
            at = int(one.get("v", "0"))
            value_at = future[at] if at < len(future) else -1
            if 0 <= value_at < len(pictures) and pictures[value_at]:
                found[number] = pictures[value_at]
    return found


def _named_pictures(parts: _Parts) -> dict[str, str]:
    """Return the names in WPS's formula DISPIMG -> part of the picture."""
    relations = parts.relations("xl/cellimages.xml")
    found: dict[str, str] = {}
    for image in _all(parts.xml("xl/cellimages.xml"), "pic"):
        name, blip = next(_all(image, "cNvPr"), None), next(_all(image, "blip"), None)
        if name is not None and blip is not None:
            found[name.get("name", "")] = relations.get(blip.get(f"{_RELATION}embed", ""), ("", ""))[1]
    return found


def _all(element: _Element, name: str) -> Iterator[_Element]:
    """Return all elements below of a name, in any namespace."""
    return (one for one in element.iter() if one.tag.rpartition("}")[2] == name)

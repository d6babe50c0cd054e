"""Workbooks with pictures in their cells, as Excel, Excel 365 and WPS save them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.catalogue.sources.made_books import Sheets, write_xlsx

_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_P = "http://schemas.openxmlformats.org/package/2006/relationships"
_DRAWING = 'xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
_SPACES = f'{_DRAWING} xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="{_R}"'


def write_drawn(path: Path, sheets: Sheets, pictures: Mapping[int, bytes]) -> Path:
    """Write a workbook with pictures drawn over cells, by row from 1."""
    anchors, targets = "", {}
    for number, row in enumerate(pictures, start=1):
        blip = f'<xdr:pic><xdr:blipFill><a:blip r:embed="rId{number}"/></xdr:blipFill></xdr:pic>'
        corner = f"<xdr:from><xdr:col>3</xdr:col><xdr:row>{row - 1}</xdr:row></xdr:from>"
        anchors += f"<xdr:oneCellAnchor>{corner}{blip}</xdr:oneCellAnchor>"
        targets[f"rId{number}"] = f"../media/image{number}.png"
    write_xlsx(path, sheets)
    with zipfile.ZipFile(path, "a") as book:
        book.writestr(
            "xl/worksheets/_rels/sheet1.xml.rels", _relations({"rId1": "../drawings/drawing1.xml"}, "drawing")
        )
        book.writestr("xl/drawings/drawing1.xml", f"<xdr:wsDr {_SPACES}>{anchors}</xdr:wsDr>")
        book.writestr("xl/drawings/_rels/drawing1.xml.rels", _relations(targets, "image"))
        _media(book, pictures)
    return path


def write_placed(path: Path, sheets: Sheets, pictures: Mapping[int, bytes]) -> Path:
    """Write a workbook with pictures placed in cells by Excel 365."""
    count = len(pictures)
    numbers = range(count)
    with zipfile.ZipFile(write_xlsx(path.with_suffix(".plain"), sheets)) as plain, zipfile.ZipFile(path, "w") as book:
        for name in plain.namelist():
            data = plain.read(name)
            if name == "xl/worksheets/sheet1.xml":
                for number, row in enumerate(pictures, start=1):
                    cell = f'<c r="D{row}" t="e" vm="{number}"><v>#VALUE!</v></c></row>'.encode()
                    head, tail = data.split(f'<row r="{row}"'.encode())
                    data = head + f'<row r="{row}"'.encode() + tail.replace(b"</row>", cell, 1)
            book.writestr(name, data)
        values = "".join(f'<rv s="0"><v>{n}</v><v>5</v></rv>' for n in numbers)
        book.writestr("xl/richData/rdrichvalue.xml", f"<rvData>{values}</rvData>")
        keys = '<s t="_localImage"><k n="_rvRel:LocalImageIdentifier" t="i"/><k n="CalcOrigin" t="i"/></s>'
        book.writestr("xl/richData/rdrichvaluestructure.xml", f"<rvStructures>{keys}</rvStructures>")
        links = "".join(f'<rel r:id="rId{n + 1}"/>' for n in numbers)
        book.writestr("xl/richData/richValueRel.xml", f'<richValueRels xmlns:r="{_R}">{links}</richValueRels>')
        targets = {f"rId{n + 1}": f"../media/image{n + 1}.png" for n in numbers}
        book.writestr("xl/richData/_rels/richValueRel.xml.rels", _relations(targets, "image"))
        blocks = "".join(f'<bk><extLst><ext><rvb i="{n}"/></ext></extLst></bk>' for n in numbers)
        records = "".join(f'<bk><rc t="1" v="{n}"/></bk>' for n in numbers)
        future = f'<futureMetadata name="XLRICHVALUE">{blocks}</futureMetadata>'
        book.writestr("xl/metadata.xml", f"<metadata>{future}<valueMetadata>{records}</valueMetadata></metadata>")
        _media(book, pictures)
    return path


def write_wps(path: Path, sheets: Sheets, pictures: Mapping[str, bytes]) -> Path:
    """Write a workbook of WPS; its sheets hold the formulas with the pictures' names."""
    write_xlsx(path, sheets)
    with zipfile.ZipFile(path, "a") as book:
        cells = "".join(
            f'<x:cellImage><xdr:pic><xdr:nvPicPr><xdr:cNvPr id="{n}" name="{name}"/></xdr:nvPicPr>'
            f'<xdr:blipFill><a:blip r:embed="rId{n}"/></xdr:blipFill></xdr:pic></x:cellImage>'
            for n, name in enumerate(pictures, start=1)
        )
        book.writestr("xl/cellimages.xml", f'<x:cellImages xmlns:x="wps" {_SPACES}>{cells}</x:cellImages>')
        targets = {f"rId{n}": f"media/image{n}.png" for n, _ in enumerate(pictures, start=1)}
        book.writestr("xl/_rels/cellimages.xml.rels", _relations(targets, "image"))
        _media(book, pictures)
    return path


def _media(book: zipfile.ZipFile, pictures: Mapping[int, bytes] | Mapping[str, bytes]) -> None:
    for number, data in enumerate(pictures.values(), start=1):
        book.writestr(f"xl/media/image{number}.png", data)


def _relations(targets: Mapping[str, str], kind: str) -> str:
    listed = "".join(f'<Relationship Id="{id}" Type="{_R}/{kind}" Target="{to}"/>' for id, to in targets.items())
    return f'<Relationships xmlns="{_P}">{listed}</Relationships>'

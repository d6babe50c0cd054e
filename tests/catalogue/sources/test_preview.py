"""The preview of a source: columns, guesses, first rows and what would be skipped."""

from __future__ import annotations

from pathlib import Path

from whatsit.catalogue.sources import SourceOptions
from whatsit.catalogue.sources.preview import preview


def test_everything_that_is_understood_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    lines = [
        "SKU;Name;Preis;Bild;Größe",
        "1;Käse;1.000 €;a.jpg;L",
        "1;Tee;2;a.jpg;",
        "3;Brot;gratis;a.jpg;",
        "4;x;;b.jpg;",
    ]
    path = tmp_path / "waren.csv"
    path.write_bytes("\n".join(lines).encode("cp1252"))
    found = preview(path, rows=1)
    names = {"SKU": "id", "Name": "title", "Preis": "price", "Bild": "image", "Größe": "attribute"}
    assert found.columns == names
    assert (found.items, found.skipped_count, found.note_count, len(found.rows)) == (2, 2, 1, 1)
    assert [one.reason.split()[0] for one in found.skipped] == ["the", "there"]
    assert any("cp1252" in guess for guess in found.guesses)
    assert any("'1.000 €' are read as 1000" in guess for guess in found.guesses)
    record = found.to_record()
    assert (record["rows"][0]["price"], record["rows"][0]["attributes"]["currency"]) == (1000.0, "EUR")
    assert record["rows"][0]["images"] == [str(tmp_path / "a.jpg")]


def test_options_take_the_place_of_guesses(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("Nr;Was;Preis;Bild\n1;Ж;1.000;http://s.test/a.jpg\n".encode("koi8_r"))
    options = SourceOptions({"title": "Was"}, "koi8-r", ".")
    found = preview(path, options)
    assert (found.rows[0]["title"], found.rows[0]["price"]) == ("Ж", 1.0)
    assert not any("guess" in one or "prices" in one for one in found.guesses)


def test_a_row_that_lacks_values_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = "".join(f"{n},t,http://s.test/{n}.jpg,red\n" for n in range(20))
    path.write_text(f"id,title,image,colour\n{rows}20,t,http://s.test/20.jpg")
    found = preview(path)
    assert [one.reason for one in found.notes] == ["it has only 3 values for 4 columns"]

"""Tables of one shop in sixty dialects, with the truth of each row."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from tests.catalogue.sources.made_books import write_ods, write_xlsx

HEADERS = {
    "en": ("id", "title", "brand", "category", "price", "image", "colour"),
    "shop": ("SKU", "Name", "Vendor", "Product Category", "Regular Price", "Image URL", "Colour"),
    "de": ("Artikelnummer", "Bezeichnung", "Hersteller", "Warengruppe", "Preis (EUR)", "Bild", "Farbe"),
    "fr": ("Référence", "Désignation", "Marque", "Catégorie", "Prix", "Photo", "Couleur"),
    "es": ("Código", "Nombre", "Marca", "Categoría", "Precio", "Imagen", "Color"),
    "it": ("Codice articolo", "Denominazione", "Marca", "Categoria", "Prezzo", "Immagine", "Colore"),
    "pl": ("Kod produktu", "Nazwa", "Producent", "Kategoria", "Cena", "Zdjęcie", "Kolor"),
    "ru": ("Артикул", "Наименование", "Бренд", "Категория", "Цена", "Фото", "Цвет"),
    "zh": ("商品编号", "商品名称", "品牌", "分类", "价格", "图片", "颜色"),
    "ja": ("商品番号", "商品名", "ブランド", "カテゴリ", "価格", "画像", "色"),
    "ko": ("상품코드", "상품명", "브랜드", "카테고리", "가격", "이미지", "색상"),
    "tr": ("Ürün kodu", "Ürün adı", "Marka", "Kategori", "Fiyat", "Görsel", "Renk"),
    "sv": ("Artikelnummer", "Benämning", "Varumärke", "Kategori", "Pris", "Bild", "Färg"),
}
WORDS = {
    "en": ("Green tea", "Oat milk", "Blue cup", "Big plate", "Rye bread", "Apple juice"),
    "de": ("Käse, mild", "Grüner Tee", "Süße Brötchen", "Große Schüssel", "Möhren", "Äpfel"),
    "fr": ("Crème brûlée", "Thé à la menthe", "Pâté forestier", "Gâteau", "Café moulu", "Œufs frais"),
    "es": ("Jamón ibérico", "Piña", "Té de limón", "Cañas", "Azúcar", "Turrón"),
    "it": ("Caffè", "Tè più buono", "Città", "Però", "Purè", "Ragù"),
    "pl": ("Zażółć gęślą", "Mleko świeże", "Sok jabłkowy", "Bułka", "Żurek", "Ciastka owsiane"),
    "ru": ("Молоко свежее", "Зелёный чай", "Хлеб ржаной", "Сок яблочный", "Сыр мягкий", "Печенье"),
    "zh": ("脉动饮料", "绿茶", "苹果汁", "全麦面包", "鲜牛奶", "蓝色杯子"),
    "ja": ("緑茶のボトル", "りんごジュース", "青いカップ", "パン", "牛乳パック", "チーズ"),
    "ko": ("녹차 음료", "사과 주스", "파란 컵", "호밀 빵", "신선한 우유", "치즈"),
    "tr": ("Şişe su", "Çay", "Kırmızı elma", "Ekmek dilimi", "Süt içeceği", "Peynir ağacı"),
    "sv": ("Mjölk", "Grönt te", "Äppelmust", "Rågbröd", "Blå kopp", "Ölglas"),
}
AMOUNTS = (1234.5, 0.99, 1000.0, 12.5, 1999.0, 10.0, 1250000.75, 3.0, 45.05, 999.0, 1200.0, 0.5)
IMAGES = (("img/0.jpg",), ("img/1.jpg", "img/2.jpg"), ("https://s.test/a;b,c.jpg?w=1",))
SEVERAL = (*IMAGES, ("https://s.test/x.jpg?a=1;2", "https://s.test/y,z.png"))


def comma(amount: float) -> str:
    """Return 1.234,50."""
    return f"{amount:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")


def plain(amount: float) -> str:
    """Return 1234.5."""
    return f"{amount:g}" if amount < 1e5 else f"{amount:.2f}"


PRICES: dict[str, tuple[Callable[[float], str], str | None]] = {
    "plain": (plain, None),
    "point": (lambda a: f"{a:,.2f}", None),
    "comma": (comma, None),
    "euro": (lambda a: f"{comma(a)} €", "EUR"),
    "dollar": (lambda a: f"${a:,.2f}", "USD"),
    "whole": (lambda a: f"${a:,.0f}" if a >= 1000 and a == int(a) else f"${a:,.2f}", "USD"),
    "code": (lambda a: f"{a:.2f} USD", "USD"),
    "french": (lambda a: f"{a:,.2f}".replace(",", "\u202f").replace(".", ",") + "\xa0€", "EUR"),
    "swiss": (
        lambda a: "CHF " + (f"{a:,.0f}.-" if a == int(a) else f"{a:,.2f}").replace(",", "'"),
        "CHF",
    ),
    "polish": (lambda a: f"{a:,.2f}".replace(",", " ").replace(".", ",") + " zł", "PLN"),
    "rouble": (lambda a: f"{a:.2f}".replace(".", ",") + " руб.", "RUB"),
    "wide": (lambda a: f"{a:.2f}".translate({ord(str(d)): 0xFF10 + d for d in range(10)}), None),
}


@dataclass(frozen=True)
class Truth:
    """One product as the shop knows it."""

    id: str
    title: str
    brand: str
    category: str
    price: float | None
    currency: str | None
    images: tuple[str, ...]
    colour: str


@dataclass(frozen=True)
class MadeTable:
    """A dialect: how the products are written.

    Args:
        name: of the file.
        language: of header and titles.
        price: of `PRICES`.
        encoding: of the text.
        delimiter: between values.
        between: separator of pictures.
        quirks: of the whole file, see `_text`.
    """

    name: str
    language: str = "en"
    price: str = "plain"
    encoding: str = "utf-8"
    delimiter: str = ","
    between: str = ";"
    quirks: frozenset[str] = field(default_factory=frozenset)
    header: str | None = None

    def truth(self) -> list[Truth]:
        """Return the products."""
        words = WORDS[self.language if self.language in WORDS else "en"]
        currency = PRICES[self.price][1]
        several = SEVERAL if self.between != ";" or "urls" in self.quirks else IMAGES[:2]
        return [
            Truth(
                f"{n:03d}",
                f"{words[n % len(words)]} {n}",
                ("Arla", "O'Neil & Co", 'The "Best"')[n % 3],
                words[(n + 1) % len(words)],
                amount,
                currency,
                several[n % len(several)],
                ("red", "blue")[n % 2],
            )
            for n, amount in enumerate(AMOUNTS)
        ]

    def write(self, folder: Path) -> tuple[Path, list[Truth]]:
        """Write the table; return its path and the products."""
        path, truth = folder / self.name, self.truth()
        header = list(HEADERS[self.header or self.language])
        rows = [self._row(one) for one in truth]
        suffix = path.suffix
        if suffix in (".xlsx", ".ods"):
            self._book(path, header, rows, truth)
        elif suffix == ".jsonl":
            lines = (json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) for row in rows)
            path.write_text("\n".join(lines), encoding="utf-8")
        elif suffix == ".parquet":
            table = pyarrow.Table.from_pylist([dict(zip(header, row, strict=True)) for row in rows])
            pyarrow.parquet.write_table(table, path)
        elif suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("shop/items.csv", self._text(header, rows).encode(self.encoding))
                for n in range(3):
                    archive.writestr(f"shop/img/{n}.jpg", b"x")
        else:
            path.write_bytes(self._text(header, rows).encode(self.encoding))
        return path, truth

    def _row(self, one: Truth) -> list[str]:
        price = "" if one.price is None else PRICES[self.price][0](one.price)
        title = unicodedata.normalize("NFD", one.title) if "nfd" in self.quirks else one.title
        item_id = f'="{one.id}"' if "formula" in self.quirks else f"  {one.id} " if "spaces" in self.quirks else one.id
        return [item_id, title, one.brand, one.category, price, self.between.join(one.images), one.colour]

    def _book(self, path: Path, header: list[str], rows: list[list[str]], truth: list[Truth]) -> None:
        table: list[list[Any]] = [header, *(list(row) for row in rows)]
        if "numbers" in self.quirks:
            for row, one in zip(table[1:], truth, strict=True):
                row[4] = one.price
        if "preamble" in self.quirks:
            table = [["Our price list"], [None], *table]
        sheets = {"Notes": [["Ask Jane"]], "Items": table} if "sheets" in self.quirks else {"Items": table}
        (write_xlsx if path.suffix == ".xlsx" else write_ods)(path, sheets)

    def _text(self, header: list[str], rows: list[list[str]]) -> str:
        q = self.quirks
        out = io.StringIO()
        options: dict[str, Any] = {"delimiter": self.delimiter, "lineterminator": "\r\n" if "crlf" in q else "\n"}
        options["quoting"] = csv.QUOTE_ALL if "quoted" in q or "single" in q else csv.QUOTE_MINIMAL
        if "single" in q:
            options["quotechar"] = "'"
        if "backslash" in q:
            options |= {"doublequote": False, "escapechar": "\\"}
        writer = csv.writer(out, **options)
        extra = ["", ""] if "trailing" in q else []
        writer.writerow([*header, *extra])
        writer.writerows([*row, *extra] for row in rows)
        text = out.getvalue()
        if "preamble" in q:
            text = f"Our price list{self.delimiter}{self.delimiter}\n\n{text}"
        if "blank" in q:
            text = f"\n{self.delimiter * 3}\n{text}"
        if "sep" in q:
            text = f"sep={self.delimiter}\n{text}"
        return f"\ufeff{text}" if "bom" in q else text


def made_tables() -> Iterator[MadeTable]:
    """Return the sixty dialects; the exports of shops are in `made_exports`."""
    for n, (delimiter, price) in enumerate(
        [(",", "plain"), (";", "comma"), ("\t", "point"), ("|", "euro"), (";", "dollar"), (",", "french")]
    ):
        yield MadeTable(f"delimiter{n}.csv", "en", price, delimiter=delimiter, between=", ")
    for language, encoding in [
        ("de", "cp1252"), ("fr", "cp1252"), ("es", "cp1252"), ("it", "cp1252"), ("sv", "cp1252"), ("pl", "cp1250"),
        ("ru", "cp1251"), ("zh", "gb18030"), ("ja", "cp932"), ("ko", "cp949"), ("tr", "cp1254"), ("ja", "euc_jp"),
        ("de", "mac_roman"), ("ru", "koi8_r"), ("de", "utf-16"), ("zh", "utf-16-le"), ("fr", "utf-16-be"),
        ("ru", "utf-8-sig"), ("de", "utf-32"), ("zh", "utf-8"), ("ko", "utf-8"), ("ja", "utf-8"), ("tr", "utf-8"),
    ]:  # fmt: skip
        price = {"de": "comma", "pl": "comma", "ru": "comma", "fr": "comma"}.get(language, "point")
        yield MadeTable(f"{language}-{encoding}.csv", language, price, encoding, ";", "|")
    yield MadeTable("english-header-gbk.csv", "zh", "plain", "gb18030", ",", "|", header="en")
    yield MadeTable("english-header-latin.csv", "de", "plain", "cp1252", ",", "|", header="en")
    for price in PRICES:
        yield MadeTable(f"price-{price}.csv", "en", price, delimiter=";", between=" ")
    for quirk in (
        "sep",
        "blank",
        "preamble",
        "quoted",
        "single",
        "backslash",
        "trailing",
        "nfd",
        "formula",
        "spaces",
        "bom",
    ):
        yield MadeTable(
            f"quirk-{quirk}.csv", "de", "euro", delimiter=";", between="|", quirks=frozenset({quirk, "crlf"})
        )
    yield MadeTable("plain.txt", "shop", "code", delimiter="\t", between=",")
    for quirks in ((), ("numbers",), ("numbers", "preamble", "sheets")):
        yield MadeTable(f"book{len(quirks)}.xlsx", "de", "comma", between="\n", quirks=frozenset(quirks))
    yield MadeTable("book.ods", "fr", "plain", between="|", quirks=frozenset({"numbers"}))
    yield MadeTable("lines.jsonl", "ru", "rouble", between="|")
    yield MadeTable("table.parquet", "es", "dollar", between="|")
    yield MadeTable("shop.zip", "it", "euro", delimiter=";", between="|")


def damaged(made: MadeTable, folder: Path) -> tuple[Path, Sequence[Truth], set[str]]:
    """Write a table in which single rows are damaged; return path, products and the ids of damaged ones."""
    path, truth = replace(made, name=f"damaged-{made.name}").write(folder)
    lines = path.read_bytes().decode(made.encoding).split("\n")
    first = next(n for n, line in enumerate(lines) if "001" in line)
    d = made.delimiter
    bad = {
        "001": f'"open{d}x',
        "003": "gratis",
        "005": "http://[::1/x.jpg",
        "007": f"a{d}b{d}c{d}d{d}e{d}f{d}g{d}h{d}i",
    }
    for item_id, part in bad.items():
        fields = [item_id, "T", "B", "C", "1", "img/0.jpg", "red"]
        if item_id == "003":
            fields[4] = part
        elif item_id == "005":
            fields[5] = part
        else:
            fields[1] = part
        lines[first + int(item_id) - 1] = d.join(fields)
    path.write_bytes("\n".join(lines).encode(made.encoding))
    return path, truth, set(bad)

"""A shop's export of 10,000 rows, imported on the studio's page as a new user does it: map, preview, run, report.

python -m perf.studio.import_file

First a table as German shop software writes it (semicolons, decimal commas, cp1252): 98% of its rows give a new
price to an item that the catalogue has, 2% are of items that it does not have and are skipped without a picture;
three are damaged. Then a ZIP of a table and pictures with those new items.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from playwright.sync_api import Page

from perf.studio.studio_page import gateway, open_studio, wait_for
from perf.web.browser import chromium
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, network_file
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import catalogue_picture, encode_jpeg

KINDS = ("Hafermilch", "Müsli", "Käse", "Brötchen", "Tee grün", "Weißbier")
COLUMNS = ("Artikelnummer", "Bezeichnung", "Hersteller", "Warengruppe", "VK", "Farbe", "Lagerplatz", "Bild")
FIELDS = ("id", "title", "brand", "category", "price")  # of the first columns
BAD = {7: "no number", 500: "no price", 900: "too short"}
PICTURES = 20


def fields(n: int, price: float) -> list[str]:
    """Return the first columns of a row."""
    text = f"{price:.2f}".replace(".", ",")
    return [f"A-{n:05}", f"{KINDS[n % 6]} Nr. {n}", f"Fa. Groß {n % 40}", KINDS[n % 6].split()[0], text]


def table(numbers: Iterable[int], pictures: bool) -> bytes:
    """Return a table of these items."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(COLUMNS if pictures else COLUMNS[:-1])
    for n in numbers:
        row = [*fields(n, 2 + n % 900 / 10), ("rot", "grün", "weiß")[n % 3], f"R{n % 90}"]
        fault = None if pictures else BAD.get(n)
        row[0] = "" if fault == "no number" else row[0]
        row[4] = "auf Anfrage" if fault == "no price" else row[4]
        row += [f"bilder/{n % PICTURES}.jpg"] if pictures else []
        writer.writerow(row[:3] if fault == "too short" else row)
    return text.getvalue().encode("cp1252")


def packed(numbers: Iterable[int]) -> bytes:
    """Return a ZIP of a table and its pictures."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("Neuheiten.csv", table(numbers, pictures=True))
        for n, product in enumerate(make_products(PICTURES, 5)):
            archive.writestr(f"bilder/{n}.jpg", encode_jpeg(catalogue_picture(product, 240)))
    return data.getvalue()


def known(rows: int) -> Iterator[tuple[ItemFields, list[Picture], str]]:
    """Return the items that the catalogue has, with last year's prices."""
    fingerprint = embedder_fingerprint(network_file(default_root() / "model_repository", "embedder"))
    vector = Vector((0.0, 0.0, 8.0, 8.0), np.eye(1, 128, dtype=np.float32)[0])
    for n in range(int(0.98 * rows)):
        id, title, brand, category, _ = fields(n, 0)
        item = ItemFields(id, title=title, brand=brand, category=category, price=1 + n % 900 / 10)
        yield item, [Picture(f"/none/{n}.jpg", f"{n:064x}", (vector,))], fingerprint


def main(rows: Annotated[int, typer.Option(min=100, help="Rows of the export.")] = 10_000) -> None:
    """Import a file and print what the page showed, and how long each step took."""
    with tempfile.TemporaryDirectory() as folder:
        with Store(Layout(Path(folder)).store) as store:
            store.put(known(rows))
        with gateway(Path(folder)) as url, chromium() as browser:
            page = open_studio(browser, url, "catalogue")
            page.wait_for_selector(".vt-row")
            take(page, "Artikel_Export.csv", table(range(rows), pictures=False))
            take(page, "Neuheiten.zip", packed(range(int(0.98 * rows), rows)))
            print("table:", page.get_by_role("status").first.inner_text())


def take(page: Page, name: str, data: bytes) -> None:
    """Import one file by the page alone."""
    print(f"{name}, {len(data)} bytes")
    begin = time.perf_counter()
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    page.set_input_files("input[type=file]", file)  # type: ignore[arg-type]
    page.wait_for_selector(".mapping")
    step("  preview shown", begin)
    guessed = {one.get_attribute("aria-label"): one.input_value() for one in page.locator(".mapping select").all()}
    print("  guessed:", guessed)
    for column, field in zip(COLUMNS, FIELDS, strict=False):
        choice = page.get_by_label(f"The column {column} is")
        if choice.input_value() != field:
            choice.select_option(field)
            wait_for(page, "!document.querySelector('.import-body[aria-busy]')")
    begin = time.perf_counter()
    page.get_by_label("The column Farbe is").select_option("brand")  # a mistake, and back
    page.wait_for_timeout(100)
    wait_for(page, "!document.querySelector('.import-body[aria-busy]')")
    page.get_by_label("The column Hersteller is").select_option("brand")
    page.wait_for_timeout(100)
    wait_for(page, "!document.querySelector('.import-body[aria-busy]')")
    step("  two changes of the mapping", begin)
    print("  preview:", " ".join(page.locator(".import-counts").inner_text().split()))
    print("  first row:", page.locator(".preview-table tbody tr").first.inner_text().split("\t"))
    begin = time.perf_counter()
    page.get_by_role("button", name=re.compile("^Import .* items?$")).click()
    page.locator(".report").wait_for(timeout=280_000)
    step("  import", begin)
    print("  report:", " ".join(page.locator(".report").inner_text().split()))
    texts = "nodes => nodes.map((one) => [...one.children].map((part) => part.textContent).join(' | '))"
    for reason in page.locator(".reasons li").evaluate_all(texts)[:4]:
        print("  reason:", reason)
    page.locator(".import-body .act.strong").click()
    page.wait_for_selector("dialog", state="detached")


def step(name: str, begin: float) -> None:
    """Print how long a step took."""
    print(f"{name}: {time.perf_counter() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    typer.run(main)

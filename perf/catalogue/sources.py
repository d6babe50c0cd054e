"""A new user's run on every kind of source: command, output, seconds.

python -m perf.catalogue.sources  # minutes; exit code 1 where a source gives other items than the others

A rendered shop of a dozen items is written in each form; a web server and an object store are stand-ins on this
machine.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import typer

from perf.common.command import run_command
from perf.common.setting import RESULTS
from whatsit.rendering.shop import write_shop

ITEMS = 12
_PORT = 18_531
Rows = list[dict[str, str]]


def csv_text(rows: Rows, delimiter: str = ",", header: Sequence[str] | None = None) -> str:
    """Return rows as text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerow(header or list(rows[0]))
    writer.writerows(list(row.values()) for row in rows)
    return buffer.getvalue()


def zipped(shop: Path, rows: Rows) -> list[str]:
    """Pack table and pictures."""
    with zipfile.ZipFile(shop / "shop.zip", "w") as archive:
        archive.write(shop / "items.csv", "items.csv")
        for row in rows:
            archive.write(shop / row["image"], row["image"])
    return ["shop.zip"]


def shards(shop: Path, rows: Rows, name: str = "shop.tar.gz") -> list[str]:
    """Pack pictures with their fields in WebDataset's form."""
    with tarfile.open(shop / name, "w:gz" if name.endswith("gz") else "w") as tar:
        for row in rows:
            for ending, data in (("jpg", (shop / row["image"]).read_bytes()), ("json", json.dumps(row).encode())):
                info = tarfile.TarInfo(f"{row['id']}.{ending}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return [name]


def workbook(shop: Path, rows: Rows, inside: bool = False) -> list[str]:
    """Write a workbook, its pictures named or inside."""
    from openpyxl import Workbook
    from openpyxl.drawing.image import Image

    book = Workbook()
    sheet = book.active
    names = [name for name in rows[0] if not (inside and name == "image")]
    sheet.append(names)
    for number, row in enumerate(rows, start=2):
        sheet.append([row[name] for name in names])
        if inside:
            sheet.add_image(Image(shop / row["image"]), f"H{number}")
    name = "pictures.xlsx" if inside else "shop.xlsx"
    book.save(shop / name)
    return [name]


def database(shop: Path, rows: Rows) -> list[str]:
    """Write a database of SQLite."""
    with closing(sqlite3.connect(shop / "shop.db")) as opened, opened:
        opened.execute(f"CREATE TABLE products ({', '.join(rows[0])})")
        marks = ", ".join("?" * len(rows[0]))
        opened.executemany(f"INSERT INTO products VALUES ({marks})", [list(row.values()) for row in rows])
    return ["sqlite:///shop.db"]


def parquet(shop: Path, rows: Rows) -> list[str]:
    """Write a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), shop / "shop.parquet")
    return ["shop.parquet"]


def text(name: str, make: Callable[[Rows], str], encoding: str = "utf-8") -> Callable[[Path, Rows], list[str]]:
    """Return what writes a file of text."""

    def write(shop: Path, rows: Rows) -> list[str]:
        (shop / name).write_text(make(rows), encoding=encoding)
        return [name]

    return write


def shopify(rows: Rows) -> str:
    """Return rows as Shopify exports them."""
    header = ["Handle", "Title", "Vendor", "Type", "Variant Price", "Image Src"]
    base = f"http://127.0.0.1:{_PORT}/"
    made = [
        {"a": r["id"], "b": r["title"], "c": r["brand"], "d": r["category"], "e": r["price"], "f": base + r["image"]}
        for r in rows
    ]
    return csv_text(made, header=header)


def feed(rows: Rows) -> str:
    """Return rows as a feed of Google Merchant."""
    items = "".join(
        f"<item><g:id>{r['id']}</g:id><title>{r['title']}</title><g:brand>{r['brand']}</g:brand>"
        f"<g:price>{r['price']} EUR</g:price><g:image_link>http://127.0.0.1:{_PORT}/{r['image']}</g:image_link></item>"
        for r in rows
    )
    return f'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>{items}</channel></rss>'


WRITERS: Mapping[str, Callable[[Path, Rows], list[str]]] = {
    "a folder of pictures": lambda shop, rows: ["images"],
    "CSV": text("items.csv", csv_text),
    "CSV of a German Excel": text("export.csv", partial(csv_text, delimiter=";"), "cp1252"),
    "xlsx": workbook,
    "xlsx with the pictures inside": partial(workbook, inside=True),
    "JSON Lines": text("shop.jsonl", lambda rows: "".join(json.dumps(row) + "\n" for row in rows)),
    "Parquet": parquet,
    "zip": zipped,
    "tar": partial(shards, name="shop.tar"),
    "tar.gz": shards,
    "SQLite": database,
    "Shopify, pictures on the web": text("shopify.csv", shopify),
    "Google Merchant, pictures on the web": text("feed.xml", feed),
    "a table on the web": lambda shop, rows: [f"http://127.0.0.1:{_PORT}/items.csv"],
    "a table in a bucket": lambda shop, rows: ["s3://shop/items.csv"],
    "a folder in a bucket": lambda shop, rows: ["s3://shop/images/"],
}


@contextmanager
def stand_ins(shop: Path) -> Iterator[dict[str, str]]:
    """Serve the shop's folder over HTTP and, where moto is installed, over S3; yield the environment."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(shop))
    SimpleHTTPRequestHandler.log_message = lambda *_: None  # type: ignore[method-assign] # quiet
    web = ThreadingHTTPServer(("127.0.0.1", _PORT), handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    more: dict[str, str] = {}
    store: Any = None
    try:
        from moto.server import ThreadedMotoServer

        store = ThreadedMotoServer(ip_address="127.0.0.1", port=_PORT + 1, verbose=False)
        store.start()
        more = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{_PORT + 1}", "AWS_ACCESS_KEY_ID": "a"}
        more |= {"AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    except ModuleNotFoundError:
        print("moto is not installed: object stores are left out", file=sys.stderr)
    try:
        yield more
    finally:
        web.shutdown()
        if store is not None:
            store.stop()


def upload(shop: Path, environment: dict[str, str]) -> None:
    """Put table and pictures into a bucket of the stand-in."""
    os.environ.update(environment)
    import s3fs

    system = s3fs.S3FileSystem()
    system.mkdir("shop")
    system.put(str(shop / "items.csv"), "shop/items.csv")
    system.put(str(shop / "images"), "shop/images", recursive=True)


def add(shop: Path, arguments: Sequence[str], environment: dict[str, str]) -> tuple[str, float, set[str]]:
    """Run the command as a new user; return its first line, the seconds, and the titles that it added."""
    shutil.rmtree(shop / "catalogue", ignore_errors=True)
    command = [sys.executable, "-m", "whatsit.cli", "catalogue", "add", "catalogue", *arguments]
    begun = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, cwd=shop, env={**os.environ, **environment})
    seconds = time.perf_counter() - begun
    listed = [*command[:4], "list", "catalogue", "--json", "--limit", "100"]
    found = subprocess.run(listed, capture_output=True, text=True, cwd=shop)
    items = json.loads(found.stdout or "[]")
    items = items.get("items", []) if isinstance(items, dict) else items
    said = (run.stdout.strip().splitlines() or run.stderr.strip().splitlines() or [""])[0]
    return said, seconds, {str(one["id"]).rpartition("/")[2] for one in items}


def main(out: Annotated[Path, typer.Option(help="Where the table goes.")] = RESULTS / "sources.md") -> None:
    """Add every kind of source to a new catalogue."""
    lines = ["| source | `whatsit catalogue add catalogue …` | output | s |", "| --- | --- | --- | --- |"]
    wrong = 0
    with tempfile.TemporaryDirectory() as work:
        shop = Path(work)
        table = write_shop(shop, count=ITEMS, seed=7)
        with table.open(newline="") as file:
            names = ("id", "title", "brand", "category", "price", "image")
            rows = [{name: row[name] for name in names} for row in csv.DictReader(file)]
        (shop / "items.csv").write_text(csv_text(rows))
        with stand_ins(shop) as environment:
            if environment:
                upload(shop, environment)
            for kind, write in WRITERS.items():
                if "bucket" in kind and not environment:
                    continue
                arguments = write(shop, rows)
                private = ["--allow-private"] if "web" in kind else []
                said, seconds, ids = add(shop, [*arguments, *private], environment)
                right = ids == {row["id"] for row in rows}
                wrong += not right
                mark = "" if right else "**wrong** "
                lines.append(f"| {kind} | `{' '.join([*arguments, *private])}` | {mark}{said[:120]} | {seconds:.1f} |")
                print(lines[-1], flush=True)
    title = f"# Every kind of source\n\n`python -m perf.catalogue.sources`: {ITEMS} rendered items in each form\n\n"
    out.write_text(title + "\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    run_command(main)

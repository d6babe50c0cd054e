"""`whatsit report` on a catalogue with 500 simulated searches.

python -m perf.catalogue.searches_report --out /tmp/report  # a page report.html; run again where it was interrupted

The catalogue has 61 of the 81 products of Grocery Store, three of them with a bad picture; people photograph all 81.
Each photo is looked up as a server does it, in this process. A person whose thing was not found says so in 6 of 10
cases. The searches are spread over a week afterwards.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from perf.common.command import DATA, Data, run_command
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.click_log import Click
from whatsit.catalogue.store.picture_files import keep_picture
from whatsit.catalogue.store.search_counts import SearchCounts
from whatsit.catalogue.store.store import Store
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.pipeline.networks import Networks
from whatsit.rendering.shop import encode_jpeg
from whatsit.search.offline_identifier import OfflineIdentifier
from whatsit.vision.decode import decode_image

SEARCHES, SAY_SO, PICTURES, SEED = 500, 0.6, 5, 4
MISSING = 20  # of the 81 products


def main(
    data: Data = DATA,
    out: Annotated[Path, typer.Option(help="Folder of catalogue and page.")] = Path("report"),
    searches: int = SEARCHES,
) -> None:
    """Make the catalogue, search, and write the report."""
    store = GroceryStore(data / "grocery_store")
    rng = random.Random(SEED)
    missing = set(rng.sample(range(len(store.classes)), MISSING))
    catalogue = out / "catalogue"
    if not (out / "made").is_file():
        _catalogue(store, missing, out)
    if not (out / "searched").is_file():
        _search(store, missing, catalogue, out, searches)
    begin = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "whatsit.cli",
        "report",
        str(catalogue),
        "--out",
        str(out / "report.html"),
        "--name",
        "Corner Grocery",
    ]
    subprocess.run(command, check=True)
    print(f"whatsit report took {time.perf_counter() - begin:.1f} s; {(out / 'report.html').stat().st_size >> 10} KiB")


def _catalogue(store: GroceryStore, missing: set[int], out: Path) -> None:
    shutil.rmtree(out / "catalogue", ignore_errors=True)
    photos: dict[int, list[Path]] = {}
    for path, label in zip(store.queries("train"), store.truth("train"), strict=True):
        photos.setdefault(label, []).append(path)
    (out / "photos").mkdir(parents=True, exist_ok=True)
    rows = []
    for place, one in enumerate(one for one in store.classes if one.label not in missing):
        named = [str(path) for path in photos.get(one.label, [])[:PICTURES]] or [str(one.image)]
        if place % 20 == 7:  # bad pictures: small, out of focus
            pixels = decode_image(Path(named[0]).read_bytes()).pixels
            bad = cv2.GaussianBlur(pixels, (0, 0), 9) if place % 40 == 7 else cv2.resize(pixels, (150, 150))
            named[0] = str(out / "photos" / f"bad-{place}.jpg")
            Path(named[0]).write_bytes(encode_jpeg(np.asarray(bad, np.uint8)))
        title = one.name.replace("-", " ")
        rows.append({"id": f"G{one.label:03}", "title": title, "brand": one.department, "category": one.coarse,
                     "image": named})  # fmt: skip
    table = out / "products.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    add_to_catalogue(out / "catalogue", table, publish=True, steps=["hash"], workers=1)
    (out / "made").touch()


def _search(store: GroceryStore, missing: set[int], catalogue: Path, out: Path, searches: int) -> None:
    chosen = _shots(store, missing, searches)
    done_file = out / "searched.json"
    done: dict[str, Any] = json.loads(done_file.read_text()) if done_file.is_file() else {"count": 0, "states": {}}
    states, seconds = Counter(done["states"]), []
    with Networks() as networks, Store(Layout(catalogue).store) as items:
        identifier = OfflineIdentifier(catalogue, networks)
        for number in range(done["count"], len(chosen)):
            path, label = chosen[number]
            begin = time.perf_counter()
            image = path.read_bytes()
            known = identifier.extract(image, local=False, gate=False)
            answer = identifier.retrieve(known, None).answer
            seconds.append(time.perf_counter() - begin)
            counts = SearchCounts()
            counts.count(date.today().isoformat(), answer.state, list(answer.closest))
            counts.write(items)
            states[f"{'not sold' if label in missing else 'sold'}, {answer.state}"] += 1
            wrong = label in missing or list(answer.ids[:1]) != [f"G{label:03}"]
            if wrong and random.Random(number).random() < SAY_SO:
                photo = keep_picture(Layout(catalogue).clicks, image)
                items.clicks.record(Click("", photo, None, "none"))
            done_file.write_text(json.dumps({"count": number + 1, "states": states}))
    took = f"{1000 * float(np.median(seconds)):.0f} ms each (median)" if seconds else "done before"
    print(f"{len(chosen)} searches: {dict(states)}; {took}")
    _spread(catalogue, random.Random(SEED))
    (out / "searched").touch()


def _shots(store: GroceryStore, missing: set[int], searches: int) -> list[tuple[Path, int]]:
    """Return the photos that people take: a third of them show what is not sold."""
    rng = random.Random(SEED)
    shots = list(zip(store.queries("val"), store.truth("val"), strict=True))
    seen: Counter[int] = Counter()
    for path, label in zip(store.queries("train"), store.truth("train"), strict=True):
        seen[label] += 1
        if label in missing or seen[label] > PICTURES:  # not in the catalogue
            shots.append((path, label))
    wanted = rng.sample([shot for shot in shots if shot[1] in missing], searches // 3)
    chosen = wanted + rng.sample([shot for shot in shots if shot[1] not in missing], searches - len(wanted))
    rng.shuffle(chosen)
    return chosen


def _spread(catalogue: Path, rng: random.Random) -> None:
    """Spread the searches over the last seven days, more on Saturdays."""
    days = [date.today() - timedelta(days=n) for n in range(7)]
    weights = [1.8 if day.weekday() == 5 else 0.6 if day.weekday() == 6 else 1.0 for day in days]
    with Store(Layout(catalogue).store) as store, store.transaction() as connection:
        for table, keys in (("search_counts", "state"), ("found_counts", "item"), ("confused_counts", "one, other")):
            rows = connection.execute(f"SELECT {keys}, sum(searches) FROM {table} GROUP BY {keys}").fetchall()
            connection.execute(f"DELETE FROM {table}")
            for *key, number in rows:
                for day, count in Counter(rng.choices(days, weights, k=number)).items():
                    marks = ",".join("?" * (len(key) + 2))
                    connection.execute(f"INSERT INTO {table} (day, {keys}, searches) VALUES ({marks})",
                                       (day.isoformat(), *key, count))  # fmt: skip
        for (click,) in connection.execute("SELECT click FROM clicks").fetchall():
            (day,) = rng.choices(days, weights)
            made = f"{day.isoformat()}T{rng.randint(8, 21):02}:00:00+00:00"
            connection.execute("UPDATE clicks SET made = ? WHERE click = ?", (made, click))


if __name__ == "__main__":
    run_command(main)

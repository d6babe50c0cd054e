"""Things in scenes: pictures in which an item of the catalogue appears, and what they cost.

    python -m perf.catalogue.objects ikea [--work DIR]      # 40 minutes, then 2 with the same DIR
    python -m perf.catalogue.objects collages [--work DIR]  # 10 minutes, then 1
    python -m perf.catalogue.objects cost                   # 5 minutes

Each writes its part of perf/results/objects.md. `ikea`: 1,519 items and 215 rooms, 2,517 pairs of an item and a room in
which it stands (often small, hidden or in another colour); `collages`: pictures of 4 to 9 things of
a catalogue with known boxes. An item's room is found if it is among the first k pictures, of 215 or as many as there
are. The catalogues are made by `add_to_catalogue(objects=True)`; ways to order scenes are tried on its vectors.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from perf.catalogue.collage_shop import COLLAGE_SETS, write_collage_shop
from perf.catalogue.object_costs import COST_COLUMNS, object_costs
from perf.catalogue.seen_in import FOUND_COLUMNS, ikea_rows, shipped_row, whole_row
from perf.common.command import DATA, Data, run_command
from perf.common.setting import RESULTS, Setting
from perf.common.tables import markdown
from whatsit.catalogue.ingest.add import add_to_catalogue

Work = Annotated[Path | None, typer.Option(help="Folder of the catalogues; kept, and used again.", show_default=False)]
PAGE = RESULTS / "objects.md"
_PARTS = ("ikea", "collages", "cost")

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def ikea(
    data: Data = DATA,
    work: Work = None,
    wide: Annotated[
        Path | None,
        typer.Option(
            help="Cache of boxes beyond those of the product; see `seen_in.wide_features`.", show_default=False
        ),
    ] = None,
) -> None:
    """Measure items of ikea in rooms."""
    root = data / "ikea"
    with _folder(work) as folder:
        add_to_catalogue(folder / "catalogue", _ikea_table(root, folder), objects=True, publish=True)
        with (root / "item_room.csv").open(encoding="utf-8") as file:
            pairs = [(Path(row["item"]).stem, Path(row["room"]).stem) for row in csv.DictReader(file)]
        rows = ikea_rows(folder / "catalogue", pairs, root, wide)
    _write("ikea", FOUND_COLUMNS, rows)


@app.command()
def collages(
    data: Data = DATA, work: Work = None, count: Annotated[int, typer.Option(help="Of each set.")] = 60
) -> None:
    """Measure things in collages."""
    rows = []
    with _folder(work) as folder:
        for name in COLLAGE_SETS:
            table, truth = write_collage_shop(name, data, folder / name.replace(" ", "_"), count)
            catalogue = table.parent / "catalogue"
            add_to_catalogue(catalogue, table, objects=True, publish=True)
            rows += [whole_row(name, catalogue, truth), shipped_row(name, catalogue, truth)]
            typer.echo(rows[-1])
    _write("collages", FOUND_COLUMNS, rows)


@app.command()
def cost(data: Data = DATA, pictures: Annotated[int, typer.Option(help="Of each kind.")] = 60) -> None:
    """Measure ingestion and index with and without objects."""
    with tempfile.TemporaryDirectory() as folder:
        rows = object_costs(data, Path(folder), pictures)
    _write("cost", COST_COLUMNS, rows)


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _ikea_table(root: Path, folder: Path) -> Path:
    """Write the items that stand in a room, and the rooms, as a merchant's file."""
    with (root / "item_room.csv").open(encoding="utf-8") as file:
        pairs = list(csv.DictReader(file))
    names = [
        *sorted({row["item"] for row in pairs}),
        *sorted(f"images/{one.name}" for one in root.glob("images/room_*")),
    ]
    table = folder / "ikea.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image"])
        writer.writerows([Path(name).stem, root / name] for name in names)
    return table


def _write(part: str, columns: list[str], rows: list[list[str]]) -> None:
    """Replace one part of the results' page."""
    setting = Setting.of_this_machine("whatsit")
    head = f"## {part}\n\n`python -m perf.catalogue.objects {part}`; " + ", ".join(
        f"{name} {value}" for name, value in zip(Setting.columns(), setting.values(), strict=True)
    )
    known = {}
    if PAGE.is_file():
        parts = PAGE.read_text(encoding="utf-8").split("\n## ")
        known = {one.partition("\n")[0]: f"## {one}".rstrip() for one in parts[1:]}
    known[part] = "\n".join([head, "", *markdown(columns, rows, " ".join(["---"] + ["---:"] * (len(columns) - 1)))])
    title = "# Things in scenes\n\nWhat each row is: `perf/catalogue/objects.py`."
    PAGE.write_text("\n\n".join([title, *(known[name] for name in _PARTS if name in known)]) + "\n", encoding="utf-8")
    typer.echo(known[part])


if __name__ == "__main__":
    run_command(app)

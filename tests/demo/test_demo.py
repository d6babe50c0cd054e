"""The demonstration: what it prepares, how it counts, and one whole run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput
from whatsit_client.identification import Identification
from whatsit_client.types import Answer, Item, Match, Region

from whatsit.demo.demo_data import Query, prepare_photos, prepare_shop
from whatsit.demo.identify_scenes import Result, contact_sheet, sum_results
from whatsit.demo.item_results import compare


def found(*regions: tuple[tuple[float, float, float, float], list[str]]) -> Identification:
    made = [Region((0, 0, 100, 100), 1.0, "image")]
    for box, ids in regions:
        made.append(Region(box, 0.9, "box", tuple(Match(Item(i), 1.9 - 0.1 * k) for k, i in enumerate(ids))))
    scores = {"goods": 1.0}
    return Identification(tuple(made), "goods", scores, {"photo": 1.0}, {}, {}, Answer(False))


def query(**items: tuple[float, float, float, float]) -> Query:
    return Query(Path("x.jpg"), np.array(list(items.values()), np.float32), tuple(items), tuple(items))


def test_a_hit_needs_overlap_and_the_first_place() -> None:
    seen = compare(
        found(((0, 0, 40, 50), ["a", "b"]), ((60, 0, 100, 50), ["b", "c"]), ((0, 60, 10, 70), ["d"])),
        query(a=(0, 0, 40, 50), c=(60, 0, 100, 50), d=(0, 60, 90, 99), b=(0, 0, 100, 40)),
    )
    assert [s.hit for s in seen] == [True, False, False, False]
    assert [s.in_top for s in seen] == [True, True, False, False]
    assert [s.seen for s in seen] == [True, True, False, False]
    assert seen[1].best is not None
    assert seen[1].best.item.id == "b"
    assert seen[2].best is None


def test_the_best_of_several_regions_counts_but_not_beyond_five() -> None:
    near = found(((0, 0, 40, 50), ["x", "a"]), ((1, 0, 40, 50), ["a"]), ((60, 0, 99, 50), [*"uvwxyz"]))
    first, last = compare(near, query(a=(0, 0, 40, 50), z=(60, 0, 99, 50)))
    assert first.hit
    assert last.place == 5
    assert not last.in_top


def test_totals_add_up() -> None:
    asked = query(a=(0, 0, 40, 50), z=(60, 0, 99, 50))
    answer = found(((0, 0, 40, 50), ["a"]))
    results = [Result(asked, answer, compare(answer, asked), ms) for ms in (5.0, 900.0, 7.0)]
    totals = sum_results(results)
    assert (totals.items, totals.seen, totals.hits, totals.in_top) == (6, 3, 3, 3)
    assert (totals.calls, totals.median_ms) == (3, 7.0)


def test_own_pictures_become_items_and_queries(tmp_path: Path) -> None:
    photos = tmp_path / "my photos"
    photos.mkdir()
    for name, colour in (("red_mug.png", (200, 20, 20)), ("blue-mug.jpg", (20, 20, 200))):
        Image.new("RGB", (90, 120), colour).save(photos / name)
    (photos / "broken.jpg").write_text("no picture")
    data = prepare_photos(tmp_path / "out", photos, limit=60)
    assert [query.titles for query in data.queries] == [("blue mug",), ("red mug",)]
    assert sorted(p.name for p in photos.iterdir()) == ["blue-mug.jpg", "broken.jpg", "red_mug.png"]
    assert all(query.image.is_file() for query in data.queries)
    assert len(prepare_photos(tmp_path / "out", photos, limit=1).queries) <= 1


def test_a_table_beside_the_pictures_is_used(tmp_path: Path) -> None:
    Image.new("RGB", (60, 60), (9, 99, 9)).save(tmp_path / "1.png")
    (tmp_path / "products.csv").write_text("id,title,image\nA7,Green Tile,1.png\n")
    data = prepare_photos(tmp_path / "out", tmp_path, limit=5)
    assert data.source.name == "products.csv"
    assert (data.queries[0].ids, data.queries[0].titles) == (("A7",), ("Green Tile",))


@pytest.mark.parametrize("content", [None, "", "broken"])
def test_a_useless_folder_is_refused_in_one_sentence(tmp_path: Path, content: str | None) -> None:
    photos = tmp_path / "photos"
    if content is not None:
        photos.mkdir()
    if content:
        (photos / "broken.jpg").write_text(content)
    with pytest.raises(InvalidInput) as refused:
        prepare_photos(tmp_path / "out", photos, limit=5)
    assert str(photos) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_shop_is_rendered_once(tmp_path: Path) -> None:
    work: list[str] = []
    data = prepare_shop(tmp_path, 8, 2, lambda what, done, total: work.append(f"{what} {done}/{total}"))
    assert work[-1] == "Drawing scenes 2/2"
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.jpg")}
    again = prepare_shop(tmp_path, 8, 2)
    assert stamps == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.jpg")}
    assert [q.ids for q in again.queries] == [q.ids for q in data.queries]
    assert len(json.loads((tmp_path / "scenes" / "truth.json").read_text())) == 2


def test_a_contact_sheet_holds_every_picture() -> None:
    sheet = contact_sheet([Image.new("RGB", (200, 100), (255, 0, 0))] * 3, width=100, columns=2)
    red = (np.asarray(sheet)[..., 1] == 0).sum()
    assert red == 3 * 100 * 50


@pytest.mark.triton
def test_the_whole_demonstration(tmp_path: Path) -> None:
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    from whatsit.cli.app import app

    run = CliRunner().invoke(app, ["demo", "--out", str(tmp_path), "--count", "12", "--scenes", "2"])
    assert run.exit_code == 0, run.output
    assert "2 calls of `identify` over gRPC" in run.output
    assert "12 items" in run.output
    assert Image.open(tmp_path / "demo.png").width > 900
    assert len(list((tmp_path / "found").glob("*.jpg"))) == 2

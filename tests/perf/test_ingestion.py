"""`whatsit catalogue add` under SIGKILL, with the real networks: nothing is lost and nothing is there twice.

`perf/ingestion.py kill` does the same twenty times.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from perf.catalogue.ingestion_kills import KILL_COLUMNS, kills, tables
from perf.catalogue.ingestion_memory import items_in
from perf.catalogue.ingestion_rate import summary


@pytest.mark.slow
def test_killed_and_resumed_runs_come_to_the_same_catalogue(shop: Path, tmp_path: Path) -> None:
    found = [dict(zip(KILL_COLUMNS, one, strict=True)) for one in kills(tmp_path, shop / "products.csv", 3, 2, seed=4)]
    assert [one["kill"] for one in found] == [1, 2, 3]
    assert all(one["equal_after_resuming"] for one in found)
    assert items_in(tmp_path / "undisturbed") == 40


@pytest.mark.slow
def test_ray_and_threads_give_the_same_catalogue(shop: Path, tmp_path: Path) -> None:
    """Every table but the times of day, with a row that is skipped and a picture that two items share."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'whatsit[ray]'")
    from whatsit.catalogue import Store
    from whatsit.catalogue.ingest import ingest
    from whatsit.catalogue.ingest.picture_analysis import checked_steps
    from whatsit.catalogue.ingest.picture_analyzer import PictureAnalyzer
    from whatsit.catalogue.ingest.prepare import Settings
    from whatsit.catalogue.ingest.ray_executor import OnRay
    from whatsit.catalogue.ingest.thread_executor import InThreads
    from whatsit.catalogue.sources import open_source

    lines = (shop / "products.csv").read_text().splitlines()[:29]
    twin = lines[1].replace(lines[1].split(",")[0], "twin", 1)
    source = shop / "thirty.csv"
    source.write_text("\n".join([*lines, twin, "gone," * (len(lines[0].split(",")) - 1) + "gone.jpg"]) + "\n")
    settings = Settings(checked_steps(["hash", "detect", "categorise"]))
    reports = []
    with PictureAnalyzer() as look:
        for name, engine in {"threads": InThreads(look, 2), "ray": OnRay(PictureAnalyzer, 2, memory=80 << 20)}.items():
            with Store(tmp_path / name / "catalogue.sqlite") as store:
                rows = open_source(source)
                reports.append(ingest(store, rows, engine, look.fingerprint, settings=settings).to_record())
    assert reports[0] == reports[1]
    assert (reports[0]["added"], reports[0]["skipped_count"], reports[0]["note_count"]) == (29, 1, 1)
    assert tables(tmp_path / "threads") == tables(tmp_path / "ray")


def test_the_rate_is_that_of_the_same_networks() -> None:
    rows = [
        ["embedder", "networks alone", 1, 10, "1", "10"],
        ["embed", "ingestion", 1, 10, "1", "8"],
        ["embedder", "networks alone", 2, 10, "1", "20"],
        ["embed", "ingestion", 2, 10, "1", "8"],
        ["embedder", "networks alone", 3, 10, "1", "10"],
        ["embed", "ingestion", 3, 10, "1", "1"],
    ]
    assert summary(rows) == ["embed: 8.0 pictures/s, embedder alone 10.0: ratio 0.80"]

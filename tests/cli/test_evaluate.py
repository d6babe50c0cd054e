"""`whatsit evaluate …`: each command once on small drawn data, and what each says of data that is not there."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import whatsit.cli
from tests.evaluation_data import CLASSES, TRAIN, VAL
from whatsit.cli.app import app
from whatsit.engines.repository import default_root

PHOTOS = VAL * len(CLASSES)
SHARES = ("recall_at_1", "recall_at_5", "category_at_1", "answered", "answered_wrong")


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    assert result.exit_code == 0, (result.output, result.exception)
    return str(result.stdout)


def run_json(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json"))


def network(name: str) -> Path:
    return default_root() / "model_repository" / name / "1" / "model.onnx"


def is_share(*values: float) -> bool:
    return all(0 <= value <= 1 for value in values)


def test_embedder(
    evaluation_data: Path, evaluation_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whatsit.evaluation.datasets.rendered_shop import RenderedShop

    monkeypatch.setattr(RenderedShop.__init__, "__defaults__", (8, 1, 1))
    data = ("--data", evaluation_data, "--weights", evaluation_weights, "--model", network("embedder"))
    rows = run_json("embedder", *data, "--scenes", 1, "--out", tmp_path)
    measures = {row["measure"]: row for row in rows["embedder"]}
    assert [row["measure"] for row in rows["frozen"]] == list(measures)
    whole = measures["grocery val -> shop images"]
    assert (whole["queries"], whole["gallery"]) == (PHOTOS, len(CLASSES))
    assert whole["recall_at_1"] >= 0.5  # photographs of drawn products, hardly disturbed
    assert measures["grocery val -> train + shop"]["gallery"] == (TRAIN + 1) * len(CLASSES)
    garments = measures["clothing photograph -> same item"]
    assert (garments["queries"], garments["gallery"]) == (4, 10)
    assert is_share(*(row["recall_at_5"] for part in rows.values() for row in part))
    assert (tmp_path / "grocery-val-to-shop.png").is_file()
    table = run("embedder", *data, "--scenes", 1, "--no-clothing")
    assert "grocery val" in table
    assert "clothing" not in table


def test_detector(evaluation_data: Path, evaluation_weights: Path, tmp_path: Path) -> None:
    (tmp_path / "held_out.txt").write_text("0.jpg\n2.jpg\n")
    scores = run_json(
        "detector", "--data", evaluation_data, "--weights", evaluation_weights, "--model", network("detector"),
        "--held-out", tmp_path / "held_out.txt", "--scenes", 2, "--out", tmp_path,
    )  # fmt: skip
    coco, shop = scores.values()
    assert coco["detector"]["boxes"] == 2
    assert shop["detector"]["recall"] > 0
    assert shop["yolox_nano"]["recall"] == 0  # the stand-in finds nothing
    assert (tmp_path / "detector.scenes.png").is_file()
    assert (tmp_path / "detector.precision-recall.png").is_file()


def test_classifier(
    evaluation_data: Path, evaluation_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whatsit.evaluation.datasets import classifier_sets, tagged_pictures

    monkeypatch.setattr(tagged_pictures, "HOLD_OUT_EVERY", 25)
    draw = classifier_sets.draw_pictures
    monkeypatch.setattr(classifier_sets, "draw_pictures", lambda folder, count, seed: draw(folder, 6, seed))
    figures = run_json(
        "classifier", "--data", evaluation_data, "--weights", evaluation_weights, "--model", network("classifier"),
        "--drawn", tmp_path / "drawn", "--out", tmp_path,
    )  # fmt: skip
    assert set(figures) == {"classifier", "frozen", "teacher_agreement", "gate_elsewhere"}
    assert figures["classifier"]["grocery val"]["pictures"] == PHOTOS
    assert figures["classifier"]["drawn goods"]["pictures"] == 6
    assert is_share(figures["classifier"]["gate"]["auc"], *figures["teacher_agreement"].values())
    assert "source" not in figures["frozen"]["composed"]  # the ImageNet network knows none
    assert {"gate.png", "topics.png", "confusions.png"} <= {path.name for path in tmp_path.iterdir()}


def test_stages(evaluation_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from whatsit.studies.ranking_ablation import AVERAGED, Ablation

    monkeypatch.setattr(Ablation.shop, "__defaults__", (8, 2))
    rows = run_json("stages", "--data", evaluation_data, "--work", tmp_path, "--rerank", "none", "--scenes", 2)
    groups = {(row["catalogue"], row["group"], row["stages"]): row for row in rows}
    shop = "grocery val -> shop images"
    assert groups[shop, "all", "none"]["queries"] == PHOTOS
    assert groups[shop, "packages", "none"]["queries"] == PHOTOS // 2
    assert groups["grocery val -> train + shop", "all", AVERAGED]["recall_at_1"] >= 0.5
    assert ("rendered shop 2: boxes -> pictures", "all", "none") in groups
    assert is_share(*(row[name] for row in rows for name in SHARES))


def test_geometry(evaluation_data: Path, tmp_path: Path) -> None:
    rows = run_json(
        "geometry", "--data", evaluation_data, "--work", tmp_path, "--labels", 20, "--many", 0,
        "--csv", tmp_path / "geometry.csv",
    )  # fmt: skip
    assert [(row["pictures"], row["queries"]) for row in rows] == [(20, 20), (6, PHOTOS // 2), (6, PHOTOS // 2)]
    with (tmp_path / "geometry.csv").open() as file:
        assert [row["data"] for row in csv.DictReader(file)] == [row["data"] for row in rows]


def test_open_set(evaluation_data: Path, tmp_path: Path) -> None:
    from whatsit.studies.open_set_stages import CHOICES

    rows = run_json(
        "open-set", "--data", evaluation_data, "--work", tmp_path, "--photos", 20, "--limit", 6,
        "--csv", tmp_path / "curves.csv",
    )  # fmt: skip
    assert [row["stages"] for row in rows] == list(CHOICES)
    assert is_share(*(row[name] for row in rows for name in ("false_accepts", "coverage", "right")))
    with (tmp_path / "curves.csv").open() as file:
        assert {row["point"] for row in csv.DictReader(file)} == {"calibrated", "target", ""}


def test_unseen(evaluation_data: Path, small_start: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from whatsit.studies import unseen_products

    monkeypatch.setattr(unseen_products, "splits", lambda *_, **__: [(1, 3), (0, 5)])
    monkeypatch.setattr(unseen_products, "VIEWS", dict.fromkeys(unseen_products.VIEWS, 2))
    (tmp_path / "recipe.yaml").write_text(
        "training: {epochs: 1, batch: 4, size: 32, dimension: 4, validate_every: 2,\n"
        "  shares: {photos: 0.6, shop: 0.4, clothing: 0, scenes: 0, rendered: 0}}\n"
    )
    printed = run(
        "unseen", "--recipe", tmp_path / "recipe.yaml", "--data", evaluation_data, "--weights", tmp_path,
        "--out", tmp_path / "run", "--csv", tmp_path / "unseen.csv", "--threads", 1,
    )  # fmt: skip
    assert "mean R@1 of 1 splits" in printed
    with (tmp_path / "unseen.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["role"], row["network"]) for row in rows] == [("reported", "frozen"), ("reported", "blend 1.00")]
    assert {row["classes"] for row in rows} == {"Lemon Oat-Milk"}


@pytest.mark.triton
def test_identify(evaluation_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    from whatsit.studies import identify_accuracy

    monkeypatch.setattr(identify_accuracy, "SHOP_PRODUCTS", 8)
    data = ("--data", evaluation_data / "grocery_store", "--work", tmp_path)
    report = run_json("identify", *data, "--limit", 6, "--scenes", 1)
    assert (report["calls"], report["scene_calls"], report["successes"]) == (6, 2, 8)
    assert [row["group"] for row in report["rows"]][:2] == ["all", "all"]
    assert {row["group"] for row in report["scenes"]} == {"collages", "drawn scenes"}
    assert is_share(*(row["recall_at_5"] for row in report["rows"]), *(row["boxed"] for row in report["scenes"]))
    assert report["regions"] >= 1


@pytest.mark.triton
def test_ranking(evaluation_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    rows = run_json(
        "ranking", "--data", evaluation_data, "--work", tmp_path, "--no-train", "--limit", 6, "--timed", 1,
        "--callers", 1, "--ranker-photos", 20, "--rerank", "learned", "--csv", tmp_path / "ranking.csv",
    )  # fmt: skip
    everything = [row for row in rows if row["group"] == "all"]
    assert [(row["stages"], row["queries"]) for row in everything] == [("none", 6), ("learned", 6)]
    assert everything[0]["added_ms"] == 0
    assert is_share(*(row[name] for row in rows for name in SHARES))
    with (tmp_path / "ranking.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(rows)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("embedder", "--model", "none.onnx"), "none.onnx"),
        (("detector", "--held-out", "nothing.txt"), "nothing.txt"),
        (("classifier", "--data", "nowhere"), "nowhere"),
        (("identify", "--data", "nowhere"), "nowhere"),
        (("ranking", "--data", "nowhere"), "nowhere"),
        (("stages", "--data", "nowhere"), "nowhere"),
        (("geometry", "--data", "nowhere"), "nowhere"),
        (("open-set", "--data", "nowhere"), "nowhere"),
        (("unseen", "--recipe", "none.yaml"), "none.yaml"),
    ],
)
def test_what_is_missing_is_named_in_one_sentence(
    arguments: tuple[str, ...], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["whatsit", "evaluate", *arguments])
    with pytest.raises(SystemExit) as ended:
        whatsit.cli.main()
    sentence = ended.value.code  # Python prints it and exits with 1
    assert isinstance(sentence, str)
    assert sentence.startswith("whatsit: ")
    assert named in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "arguments",
    [("ranking", "--split", "test"), ("stages", "--seed", "1000"), ("open-set", "--photos", "3"), ("embedding",)],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, ["evaluate", *arguments]).exit_code == 2

"""Rules and dashboard name what a real server shows, and the files that start Prometheus and Grafana fit together."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from whatsit.server.launcher import Server
from whatsit.serving.metrics import definitions as metrics
from whatsit.serving.metrics.scrape import MetricsPage

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "monitoring"
# Shown only where there is a GPU; documented by Triton.
GPU = {"nv_gpu_utilization", "nv_gpu_memory_used_bytes", "nv_gpu_memory_total_bytes"}

_SELECTOR = re.compile(r"\b((?:nv_|whatsit[_:])[\w:]+)(?:\{([^}]*)\})?")


def load(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    return [rule for group in load("rules.yml")["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    return document


def panels() -> Iterator[dict[str, Any]]:
    return (panel for panel in dashboard()["panels"] if panel["type"] != "row")


def expressions() -> list[str]:
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]


def selectors(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric of an expression with the labels that must have one exact value."""
    for name, inside in _SELECTOR.findall(expression):
        yield name, dict(re.findall(r'(\w+)="([^"$]*)"', inside))


@pytest.mark.triton
def test_every_metric_is_on_a_real_servers_page(server: Server) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    end = time.monotonic() + 120
    while not (page := MetricsPage.read(server.metrics_url)).of(metrics.GENERATION.name) and time.monotonic() < end:
        time.sleep(0.2)
    named = [one for expression in expressions() for one in selectors(expression)]
    assert len(named) > 60
    assert {name for name, _ in named} >= {family.name for family in (metrics.DELTA, metrics.CREATED)}
    for name, labels in named:
        if name in recorded | GPU:
            continue
        assert page.of(name, **labels), f"no server shows {name} {labels}"


def test_every_measure_of_ours_is_looked_at() -> None:
    text = "\n".join(expressions())
    for families in metrics.FAMILIES.values():
        for family in families:
            assert re.search(rf"\b{family.name}(_bucket|_sum|_count)?\b", text), f"{family.name} is in no panel or rule"


def test_recorded_names_that_are_read_are_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    read = {name for expression in expressions() for name, _ in selectors(expression) if ":" in name}
    assert read <= recorded


def test_alerts_say_what_is_wrong_and_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 10
    for rule in alerts:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["annotations"]["description"].endswith(".")


def test_promtool_finds_nothing(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: Debian's package prometheus has it")
    for command in (
        ["check", "config", FOLDER / "prometheus.yml"],
        ["test", "rules", Path(__file__).parent / "alerts.yml"],
    ):
        run = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    document = dashboard()
    variables = {one["name"] for one in document["templating"]["list"]}
    assert variables == {"datasource", "job", "instance", "ensemble"}
    numbers = [panel["id"] for panel in document["panels"]]
    assert len(set(numbers)) == len(numbers)
    cells: set[tuple[int, int]] = set()
    for panel in document["panels"]:
        place = panel["gridPos"]
        taken = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells, f"{panel['title']} lies over another panel"
        assert place["x"] + place["w"] <= 24
        cells |= taken
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"] == "${datasource}"
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for target in panel["targets"]:
            assert target["expr"].count("(") == target["expr"].count(")")
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables | {"__rate_interval"}


def test_compose_mounts_what_is_there() -> None:
    compose = yaml.safe_load((ROOT / "build" / "compose.yaml").read_text(encoding="utf-8"))
    for name, config in compose["configs"].items():
        assert (ROOT / "build" / config["file"]).is_file(), name
    used = {
        one["source"]: one["target"]
        for name in ("prometheus", "grafana")
        for one in compose["services"][name]["configs"]
    }
    assert set(used) == set(compose["configs"])
    assert used["prometheus"] in compose["services"]["prometheus"]["command"][0]
    assert used["rules"] == str(Path(used["prometheus"]).parent / load("prometheus.yml")["rule_files"][0])
    providers = load("grafana/dashboards.yml")["providers"]
    assert str(Path(used["dashboard"]).parent) == providers[0]["options"]["path"]
    assert "prometheus:9090" in load("grafana/datasource.yml")["datasources"][0]["url"]
    (target,) = load("prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"]
    service, port = target.split(":")
    assert any(entry.endswith(f":{port}") for entry in compose["services"][service]["ports"])
    for name in ("prometheus", "grafana"):
        assert compose["services"][name]["profiles"] == ["monitoring"]
        assert all(entry.startswith("127.0.0.1:") for entry in compose["services"][name]["ports"])


def test_the_cluster_scrapes_the_services_metrics_port() -> None:
    kustomization = load("kustomization.yaml")
    for generated in kustomization["configMapGenerator"]:
        assert all((FOLDER / file).is_file() for file in generated["files"])
    monitor = load(kustomization["resources"][0])
    service = yaml.safe_load((ROOT / "build" / "kubernetes" / "service.yaml").read_text(encoding="utf-8"))
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}

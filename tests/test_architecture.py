"""The structure of `ARCHITECTURE.md` holds: floors, no import circle, one meaning a module name, small files."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"whatsit": ROOT / "whatsit", "whatsit_client": ROOT / "client" / "whatsit_client"}

# From bottom to top. A package may import only packages of lower floors; imports inside functions count.
FLOORS = [
    {"vision", "rendering"},
    {"ranking", "index", "models"},
    {"engines", "evaluation"},
    {"pipeline"},
    {"catalogue"},
    {"training"},
    {"labelling"},
    {"search"},
    {"calibration"},
    {"serving"},
    {"server"},
    {"gateway"},
    {"demo", "studies", "loop", "tuning"},
    {"cli"},
]
FLOOR = {package: height for height, packages in enumerate(FLOORS) for package in packages}

# Besides training/ and models/, only these files import torch.
TORCH_FILES = {
    "calibration/ranker_training.py",
    "engines/export.py",
    "engines/export_ncnn.py",
    "engines/trained_networks.py",
    "engines/build.py",
}

# Module names that several packages share, and what the package says about the difference.
SHARED_NAMES = {
    "task": "what `run_training` learns, for each of training's three networks",
    "recipe": "the `training:` section of a recipe, for each of training's three networks",
    "data": "built-in training data, for each of training's three networks",
    "custom": "a user's own training data, for each of training's three networks",
    "app": "a command group: cli and its sub-packages",
    "model": "Triton's fixed name of a Python-based backend's file: serving/backends",
}
# A command's module is named after the command, and a Triton step after its model; the library's module does the work.
NAMED_AFTER_CALLER = ("whatsit/cli/", "whatsit/serving/steps/")

# First lines of docstrings over 80 characters, still to be rewritten, by package: lower these, never raise them.
LONG_FIRST_LINES = {}


def modules() -> dict[str, Path]:
    """Return every module of the library and the client by its dotted name."""
    found = {}
    for name, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [name, *path.relative_to(folder).with_suffix("").parts]
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(path: Path) -> set[str]:
    """Return every module that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in inner}
    return found


def package_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "whatsit" and len(parts) > 1 else None


def test_every_package_has_a_floor() -> None:
    packages = {path.parent.name for path in (ROOT / "whatsit").glob("*/__init__.py")}
    assert packages <= set(FLOOR)


@pytest.mark.parametrize("package", sorted(FLOOR))
def test_a_package_imports_lower_floors_only(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in (ROOT / "whatsit" / package).rglob("*.py")
        for module in imports(path)
        if (other := package_of(module)) in FLOOR and other != package and FLOOR[other] >= FLOOR[package]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_client_imports_nothing_of_the_library() -> None:
    assert not [path for path in SOURCES["whatsit_client"].rglob("*.py") if any(map(package_of, imports(path)))]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in index:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == index[module]:
            component = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(component) > 1:
                found.append(sorted(component))

    for module in graph:
        if module not in index:
            visit(module)
    return found


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]


def test_no_modules_import_each_other() -> None:
    graph = {name: {other for other in imports(path) if other in MODULES} for name, path in MODULES.items()}
    assert circles(graph) == []


def test_a_module_name_means_one_thing() -> None:
    places = defaultdict(list)
    for path in MODULES.values():
        name = path.relative_to(ROOT).as_posix()
        if path.name not in {"__init__.py", "__main__.py"} and not name.startswith(NAMED_AFTER_CALLER):
            places[path.stem].append(name)
    repeated = {stem: found for stem, found in places.items() if len(found) > 1 and stem not in SHARED_NAMES}
    assert not repeated


def tracked_python() -> dict[Path, int]:
    """Return the lines of every Python file that git tracks."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "*.py"], capture_output=True, text=True, check=False)
    paths = [ROOT / name for name in listed.stdout.split()] or sorted(ROOT.glob("*/**/*.py"))
    return {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths if path.is_file()}


def test_files_are_small() -> None:
    lines = tracked_python()
    assert not {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > 300}
    assert sum(lines.values()) / len(lines) < 115


def test_docstrings_begin_with_one_short_line() -> None:
    """A first line has at most 80 characters; what is older than this rule is counted, and may only become less."""
    long = defaultdict(list)
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = (ast.get_docstring(node) or "").split("\n")[0]
                if len(first) > 80:
                    long["/".join(path.relative_to(ROOT).parts[:2])].append(f"{path.relative_to(ROOT)}: {first}")
    wrong = [line for package, lines in long.items() if len(lines) > LONG_FIRST_LINES.get(package, 0) for line in lines]
    assert not wrong, f"{len(wrong)} first lines over 80 characters:\n" + "\n".join(wrong)


def test_torch_stays_where_networks_are_trained_and_built() -> None:
    for path in (ROOT / "whatsit").rglob("*.py"):
        name = path.relative_to(ROOT / "whatsit").as_posix()
        if name.split("/")[0] not in {"models", "training", "studies", "labelling"} and name not in TORCH_FILES:
            assert not {module.split(".")[0] for module in imports(path)} & {"torch"}, name


def loaded_by(statement: str) -> set[str]:
    """Return the top-level packages in memory after a statement in a fresh Python."""
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_the_server_loads_no_torch() -> None:
    steps = ", ".join(
        f"whatsit.serving.steps.{path.stem}" for path in (ROOT / "whatsit/serving/steps").glob("[a-z]*.py")
    )
    assert steps
    assert not loaded_by(f"import {steps}, whatsit.engines.onnx_runner") & {"torch", "matplotlib", "sklearn"}


def test_the_client_is_slim() -> None:
    loaded = loaded_by("import whatsit_client")
    assert not loaded & {"torch", "cv2", "faiss", "onnxruntime", "rich", "typer", "pydantic", "whatsit"}


def test_help_is_quick_to_import() -> None:
    assert not loaded_by("import whatsit.cli.app") & {"torch", "cv2", "faiss", "onnxruntime", "numpy"}

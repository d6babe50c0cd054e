"""Python, JavaScript and C++ agree with the fixtures: states exactly, boxes to half a pixel."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.client.scan import make_fixtures

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
Said = dict[str, Any]


@functools.cache
def fixture(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((make_fixtures.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def check(films: list[Said], maps: list[list[list[float]]]) -> None:
    """Compare what a language computed with what the fixtures say."""
    assert len(films) == len(fixture("films"))
    for film, said in zip(fixture("films"), films, strict=True):
        expected, name = film["expected"], film["name"]
        for key in ("states", "problems", "best"):
            assert said[key] == expected[key], f"{name}: {key}"
        assert said["speed"] == pytest.approx(expected["speed"], abs=1e-3, rel=1e-3), name
        assert said["sharpness"] == pytest.approx(expected["sharpness"], abs=1e-5), name
        for ours, theirs in zip(said["tracks"], expected["tracks"], strict=True):
            assert [one[0] for one in ours] == [one[0] for one in theirs], name
            assert [one[1:] for one in ours] == [pytest.approx(one[1:], abs=0.5) for one in theirs], name
        for key in ("frame", "timeMs", "track"):
            assert [one[key] for one in said["choices"]] == [one[key] for one in expected["choices"]], name
        boxes = [(one["box"], other["box"]) for one, other in zip(said["choices"], expected["choices"], strict=True)]
        assert all(other is None or one == pytest.approx(other, abs=0.5) for one, other in boxes), name
        for one, other in zip(said["choices"], expected["choices"], strict=True):
            assert one["crop"] == pytest.approx(other["crop"], abs=1), name
    for case, found in zip(fixture("maps"), maps, strict=True):
        assert len(found) == len(case["expected"]) > 0
        for ours, theirs in zip(found, case["expected"], strict=True):
            assert ours[:4] == pytest.approx(theirs[:4], abs=0.5)
            assert ours[4] == pytest.approx(theirs[4], abs=1e-4)
            assert ours[5] == theirs[5]


def test_fixtures_cover_every_state_and_problem() -> None:
    states, problems = ("".join(film["expected"][key] for film in fixture("films")) for key in ("states", "problems"))
    assert set(states) == set("msS!")
    assert set(problems) == set("-bdw")
    assert any(choice["box"] for film in fixture("films") for choice in film["expected"]["choices"])


def test_python_agrees() -> None:
    computed = make_fixtures.maps()
    check([make_fixtures.run_film(film["frames"]) for film in fixture("films")], [one["expected"] for one in computed])


def test_javascript_agrees(request: pytest.FixtureRequest) -> None:
    """Under Node where it is there, else in Chromium."""
    node = shutil.which("node")
    said = run_in_node(node) if node else run_in_chromium(request)
    check(said["films"], said["maps"])


def run_in_node(node: str) -> Said:
    runner = "data:text/javascript," + quote((HERE / "fixture_runner.js").read_text(encoding="utf-8"))
    script = f"""
        const {{ run }} = await import({json.dumps(runner)});
        const sdk = await import({json.dumps((ROOT / "client/web/scan/index.js").as_uri())});
        let text = "";
        for await (const part of process.stdin) text += part;
        console.log(JSON.stringify(run(sdk, ...JSON.parse(text))));
    """
    found = subprocess.run(
        [node, "--input-type=module", "--eval", script],
        input=json.dumps([fixture("films"), fixture("maps")]),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    said: Said = json.loads(found.stdout)
    return said


def run_in_chromium(request: pytest.FixtureRequest) -> Said:
    browser = request.getfixturevalue("browser")
    site = request.getfixturevalue("site")
    site.pages |= {
        "/empty.html": "<!doctype html><title>Empty</title>",
        "/runner.js": (HERE / "fixture_runner.js").read_text(),
    }
    page = browser.new_page()
    page.goto(f"{site.url}/empty.html")
    body = """async ([films, maps]) => {
      const [{ run }, sdk] = await Promise.all([import("/runner.js"), import("/scan/index.js")]);
      return run(sdk, films, maps);
    }"""
    said: Said = page.evaluate(body, [fixture("films"), fixture("maps")])
    page.close()
    return said


def test_cpp_agrees(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        pytest.skip("No C++ compiler is here: install g++.")
    program = tmp_path / "runner"
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT / 'client' / 'mobile'}"]
    built = subprocess.run(
        [compiler, *flags, str(HERE / "fixture_runner.cpp"), "-o", str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    lines = subprocess.run([str(program)], input=as_numbers(), capture_output=True, text=True, check=True, timeout=60)
    check(*read_lines(lines.stdout))


def as_numbers() -> str:
    """Return the fixtures as `fixture_runner.cpp` reads them."""
    words: list[object] = []
    for film in fixture("films"):
        words += ["film", len(film["frames"])]
        for one in film["frames"]:
            found = one.get("found")
            words += [one[key] for key in ("scene", "x", "y", "blur", "gain", "offset", "timeMs")]
            words += [-1 if found is None else len(found), *(value for box in found or () for value in box)]
    for case in fixture("maps"):
        contract = {"min_score": 0.3, "iou": 0.5, "window": 3, "top": 50, "boxes": 20} | case["contract"]
        words += ["maps", case["seed"], case["scale"], *case["frame"]]
        words += [contract[key] for key in ("min_score", "iou", "window", "top", "boxes")]
        words += [len(case["peaks"]), *(value for peak in case["peaks"] for value in peak)]
    return " ".join(map(str, words))


def read_lines(text: str) -> tuple[list[Said], list[list[list[float]]]]:
    """Return films and maps of what `fixture_runner.cpp` wrote."""
    films: list[Said] = []
    maps: list[list[list[float]]] = []
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "film":
            films.append(
                {"states": "", "problems": "", "best": "", "speed": [], "sharpness": [], "tracks": [], "choices": []}
            )
        elif kind == "maps":
            maps.append([])
        elif kind == "thing":
            maps[-1].append([*map(float, words[:5]), int(words[5])])
        elif kind == "choice":
            frame, time_ms, track, *sides = map(float, words)
            choice = {"frame": frame, "timeMs": time_ms, "track": track, "crop": sides[:4], "box": sides[4:]}
            films[-1]["choices"].append(choice)
        else:
            for key, word in zip(("states", "problems", "best"), words, strict=False):
                films[-1][key] += word
            films[-1]["speed"].append(float(words[3]))
            films[-1]["sharpness"].append(float(words[4]))
            tracks = [float(word) for word in words[5:]]
            films[-1]["tracks"].append([tracks[i : i + 5] for i in range(0, len(tracks), 5)])
    return films, maps

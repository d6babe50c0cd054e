"""The client's four faces (HTTP and gRPC, blocking and asyncio) on a real Triton."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from whatsit_client import AsyncClient, Client, Identification, InvalidInput, TimedOut, draw

from whatsit.server.launcher import Server

pytestmark = pytest.mark.triton

EXAMPLES = Path(__file__).resolve().parents[2] / "client" / "examples"

Call = Callable[..., Any]


def blocking(url: str, method: str, *arguments: Any, **options: Any) -> Any:
    with Client(url) as client:
        return getattr(client, method)(*arguments, **options)


def awaited(url: str, method: str, *arguments: Any, **options: Any) -> Any:
    async def call() -> Any:
        async with AsyncClient(url) as client:
            return await getattr(client, method)(*arguments, **options)

    return asyncio.run(call())


@pytest.fixture(params=["grpc", "http"])
def url(request: pytest.FixtureRequest, server: Server) -> str:
    return f"{request.param}://{server.grpc_url if request.param == 'grpc' else server.http_url}"


@pytest.fixture(params=[blocking, awaited])
def call(request: pytest.FixtureRequest, url: str) -> Call:
    return lambda *arguments, **options: request.param(url, *arguments, **options)


@pytest.fixture
def product(shop: Path) -> Path:
    return sorted((shop / "images").glob("*.jpg"))[3]


def test_a_picture_in_every_form_is_found(call: Call, product: Path) -> None:
    forms = [product, str(product), product.read_bytes(), Image.open(product), np.asarray(Image.open(product))]
    for form in forms:
        result = call("identify", form, gate=False, top_k=3)
        assert result.regions[0].matches[0].item.id == product.stem
        assert len(result.regions[0].matches) <= 3


def test_all_options_at_once(call: Call, product: Path) -> None:
    box = (10.0, 12.0, 90.0, 80.5)
    brand = call("identify", product, gate=False).regions[0].matches[0].item.brand
    result = call(
        "identify", product, top_k=4, boxes=[box], where={"brand": brand}, min_score=0.1, rerank="none", gate=False
    )
    assert [region.box for region in result.regions[1:]] == [box]
    found = [match for region in result.regions for match in region.matches]
    assert found
    assert {match.item.brand for match in found} == {brand}


def test_embed_and_detect(call: Call, product: Path) -> None:
    embedding = call("embed", product)
    assert embedding.vectors.shape == (len(embedding.regions), 128)
    assert np.allclose(np.linalg.norm(embedding.vectors, axis=1), 1, atol=1e-3)
    assert call("detect", product)[0].box == embedding.regions[0].box


def test_bad_input_is_the_servers_sentence(call: Call, product: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^The data is no readable image"):
        call("identify", b"no picture")
    with pytest.raises(InvalidInput, match=r"^top_k must be a whole number within 1\.\.100, not 0\.$"):
        call("identify", product, top_k=0)
    with pytest.raises(InvalidInput, match="boxes"):
        call("identify", product, boxes=[(float("nan"), 0, 1, 1)])
    with pytest.raises(InvalidInput, match="min_score"):
        call("identify", product, min_score=float("nan"))
    with pytest.raises(InvalidInput, match="top_k"):
        call("identify", product, top_k=10**30)


def test_no_time_at_all(call: Call, product: Path) -> None:
    with pytest.raises(TimedOut):
        call("identify", product, timeout=0.001)
    assert call("is_ready") is True


def test_the_same_over_every_face(server: Server, product: Path) -> None:
    faces = [
        (face, url)
        for face in (blocking, awaited)
        for url in (f"grpc://{server.grpc_url}", f"http://{server.http_url}")
    ]
    results = [face(url, "identify", product, gate=False) for face, url in faces]
    assert all(ids(result) == ids(results[0]) for result in results)


def ids(result: Identification) -> list[list[str]]:
    return [[match.item.id for match in region.matches] for region in result.regions]


def test_a_saved_answer_draws_again(server: Server, product: Path) -> None:
    result = blocking(server.grpc_url, "identify", product, gate=False)
    again = Identification.from_json(result.to_json())
    assert again == result
    assert draw(again, product).tobytes() == draw(result, product).tobytes()


@pytest.mark.parametrize("example", ["raw_http.py", "identify.py", "many_photos.py"])
def test_the_examples_run(server: Server, product: Path, tmp_path: Path, example: str) -> None:
    place = f"http://{server.http_url}" if example == "raw_http.py" else server.grpc_url
    subject = product.parent if example == "many_photos.py" else product
    command = [sys.executable, str(EXAMPLES / example), str(subject), place]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    if example == "raw_http.py":
        assert "found" in json.loads(done.stdout)
    elif example == "identify.py":
        assert Image.open(tmp_path / f"{product.stem}.whatsit.png").width > 400
    else:
        assert len(done.stdout.splitlines()) == len(list(product.parent.glob("*.jpg")))


def test_an_example_tells_the_servers_sentence(server: Server, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    command = [sys.executable, str(EXAMPLES / "raw_http.py"), str(text), f"http://{server.http_url}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "no readable image" in done.stderr

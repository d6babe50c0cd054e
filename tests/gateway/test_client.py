"""Whatsit's own clients with a key, over HTTP and gRPC."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from PIL import Image
from whatsit_client import AsyncClient, Client
from whatsit_client.errors import InvalidInput, WhatsitError

from tests.gateway.conftest import Running

pytestmark = pytest.mark.triton


@pytest.fixture(params=["http", "grpc"])
def url(request: pytest.FixtureRequest, gateway: Running) -> str:
    return gateway.url if request.param == "http" else f"grpc://{gateway.target.grpc_url}"


def test_every_call_with_a_key(url: str, gateway: Running, product: Path) -> None:
    picture = gateway.target.picture
    with Client(url, key=gateway.target.keys["edit"]) as client:
        assert client.is_ready()
        assert client.identify(picture, gate=False).regions[0].matches[0].item.id == product.stem
        assert len(client.embed(picture).vectors) == len(client.detect(picture))
        assert client.upsert({"id": "client", "title": "Of a client"}, picture) == "added"
        assert client.get("client").title == "Of a client"
        assert [one.item.id for one in client.similar(product.stem, 1)] == [client.similar("client")[0].item.id]
        assert client.scenes(product.stem) == ()
        assert client.delete("client", "absent") == ("absent",)
        assert client.feedback(picture, product.stem) >= 1
        assert client.stats().items >= 40
        with pytest.raises(InvalidInput, match="absent"):
            client.get("absent")


def test_the_key_of_the_environment(url: str, gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_KEY", gateway.target.keys["search"])
    with Client(url) as client:
        assert client.stats().items >= 40


def test_asyncio(url: str, gateway: Running, product: Path) -> None:
    async def calls() -> list[str]:
        async with AsyncClient(url, key=gateway.target.keys["search"]) as client:
            assert await client.is_ready()
            assert len(await client.similar(product.stem, 3)) == 3
            found = await asyncio.gather(*(client.identify(gateway.target.picture) for _ in range(6)))
            return [one.to_json() for one in found]

    assert len(set(asyncio.run(calls()))) == 1


@pytest.mark.parametrize(("name", "words"), [("revoked", "not valid"), ("", "Send a key"), ("other", "catalogue")])
def test_a_key_that_does_not_open_is_one_sentence(url: str, gateway: Running, name: str, words: str) -> None:
    key = gateway.target.keys[name] if name else ""

    async def asynchronous() -> None:
        async with AsyncClient(url, key=key) as client:
            await client.identify(gateway.target.picture)

    with Client(url, key=key) as client, pytest.raises(WhatsitError, match=words) as refusal:
        client.identify(gateway.target.picture)
    with pytest.raises(WhatsitError, match=words) as same:
        asyncio.run(asynchronous())
    assert str(refusal.value) == str(same.value)
    assert str(refusal.value).endswith((".", "`."))
    assert not key or key not in str(refusal.value)


def test_a_role_that_does_not_suffice_is_one_sentence(url: str, gateway: Running) -> None:
    with (
        Client(url, key=gateway.target.keys["search"]) as client,
        pytest.raises(WhatsitError, match="role edit"),
    ):
        client.upsert({"id": "client"}, gateway.target.picture)


def test_bad_pictures_are_the_callers_fault(url: str, gateway: Running) -> None:
    small = io.BytesIO()
    Image.new("RGB", (1, 1)).save(small, "PNG")
    with Client(url, key=gateway.target.keys["search"]) as client:
        with pytest.raises(InvalidInput):
            client.identify(b"no picture")
        client.identify(small.getvalue())

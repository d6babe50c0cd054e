"""The ensembles on a real Triton: what they promise to any client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from whatsit_client import Client
from whatsit_client.errors import InvalidInput

from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import describe
from whatsit.pipeline.region_selection import RegionOptions
from whatsit.ranking.stages import STAGES
from whatsit.server.launcher import Server
from whatsit.serving.metrics.scrape import request_successes
from whatsit.serving.request_options import Options

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with Client(server.grpc_url) as open_client:
        yield open_client


@pytest.fixture(scope="module")
def scenes(shop: Path) -> list[Path]:
    return sorted((shop / "scenes").glob("*.jpg"))


def infer(server: Server, model: str, image: bytes, outputs: list[str]) -> dict[str, npt.NDArray[Any]]:
    """A call with plain tritonclient, as a stranger would write it."""
    import tritonclient.http as triton

    plain = triton.InferenceServerClient(server.http_url)
    try:
        tensor = triton.InferInput("IMAGE", [len(image)], "UINT8")
        tensor.set_data_from_numpy(np.frombuffer(image, dtype=np.uint8))
        reply = plain.infer(model, [tensor], outputs=[triton.InferRequestedOutput(name) for name in outputs])
        return {name: reply.as_numpy(name) for name in outputs}
    finally:
        plain.close()


def test_a_catalogue_picture_is_found_as_itself(client: Client, shop: Path) -> None:
    for picture in sorted((shop / "images").glob("*.jpg"))[:8]:
        best = client.identify(picture, gate=False).regions[0].matches[0]
        assert best.item.id == picture.stem
        assert best.score > 1.95


def test_a_code_in_a_picture_finds_its_item_even_where_the_gate_closes(client: Client) -> None:
    zxingcpp = pytest.importorskip("zxingcpp", reason="the extra 'codes' is not installed")
    code = np.array(
        zxingcpp.write_barcode_to_image(zxingcpp.create_barcode("w7-00003", zxingcpp.BarcodeFormat.QRCode), 5)
    )
    page = np.full((480, 640, 3), 255, np.uint8)
    page[200 : 200 + code.shape[0], 300 : 300 + code.shape[1]] = code[..., None]
    best = client.identify(page, codes="on").regions[0].matches[0]
    assert (best.item.id, best.code) == ("w7-00003", "w7-00003")
    assert all(match.code is None for match in client.identify(page, gate=False).regions[0].matches)


def test_one_call_is_one_inference_request(server: Server, client: Client, scenes: list[Path]) -> None:
    before = request_successes(server.metrics_url, "identify")
    for scene in scenes:
        client.identify(scene)
    assert request_successes(server.metrics_url, "identify") - before == len(scenes)


def test_outputs_have_the_names_types_and_shapes_of_the_contract(server: Server, scenes: list[Path]) -> None:
    names = [
        "BOXES",
        "BOX_SCORES",
        "BOX_LABELS",
        "ITEM_IDS",
        "ITEM_SCORES",
        "ITEM_RANKS",
        "ITEM_RECORDS",
        "INTENT",
        "INTENT_SCORES",
    ]
    names += ["SOURCE_SCORES", "TOPIC_SCORES", "TAG_SCORES", "ANSWER", "FINGERPRINTS"]
    reply = infer(server, "identify", scenes[0].read_bytes(), names)
    n = len(reply["BOXES"])
    assert {name: (array.dtype.kind, array.shape) for name, array in reply.items()} == {
        "BOXES": ("f", (n, 4)),
        "BOX_SCORES": ("f", (n,)),
        "BOX_LABELS": ("O", (n,)),
        "ITEM_IDS": ("O", (n, 10)),
        "ITEM_SCORES": ("f", (n, 10)),
        "ITEM_RANKS": ("f", (n, 10)),
        "ITEM_RECORDS": ("O", (n, 10)),
        "INTENT": ("O", (1,)),
        "INTENT_SCORES": ("f", (3,)),
        "SOURCE_SCORES": ("f", (3,)),
        "TOPIC_SCORES": ("f", (9,)),
        "TAG_SCORES": ("f", (42,)),
        "ANSWER": ("O", (1,)),
        "FINGERPRINTS": ("O", (2,)),
    }
    assert reply["BOX_LABELS"][0] == b"image"
    padding = reply["ITEM_IDS"] == b""
    assert (reply["ITEM_SCORES"][padding] == 0).all()
    np.testing.assert_array_equal(reply["ITEM_RANKS"], reply["ITEM_SCORES"])
    assert (reply["ITEM_RECORDS"][padding] == b"").all()
    assert "found" in json.loads(reply["ANSWER"][0])


def test_a_part_of_the_outputs_can_be_asked_for(server: Server, scenes: list[Path]) -> None:
    for names in (["ANSWER"], ["BOXES"], ["INTENT_SCORES", "TAG_SCORES"], ["ITEM_IDS"]):
        assert set(infer(server, "identify", scenes[0].read_bytes(), names)) == set(names)


def test_the_server_computes_what_the_library_computes(server: Server, scenes: list[Path]) -> None:
    """Ingestion embeds in one process and the server in many: the same picture must give the same vectors."""
    with Networks() as networks:
        for scene in scenes:
            data = scene.read_bytes()
            here = describe(data, RegionOptions(), networks)
            there = infer(server, "embed", data, ["BOXES", "EMBEDDINGS", "INTENT_SCORES"])
            assert np.allclose(there["BOXES"], here.regions.boxes, atol=1e-3)
            assert np.allclose(there["EMBEDDINGS"], here.embeddings, atol=1e-5)
            assert np.allclose(there["INTENT_SCORES"], here.heads["intent"], atol=1e-5)
            assert np.allclose(np.linalg.norm(there["EMBEDDINGS"], axis=1), 1, atol=1e-4)


def test_detect_stops_after_the_boxes_and_has_no_gate(client: Client, scenes: list[Path]) -> None:
    regions = client.detect(scenes[0])
    assert regions[0].label == "image"
    assert regions[0].score == 1


def test_own_boxes_replace_the_detectors(client: Client, shop: Path) -> None:
    truth = json.loads((shop / "scenes" / "truth.json").read_text())
    assert truth
    scene = sorted((shop / "scenes").glob("*.jpg"))[0]
    own = [(20.0, 30.0, 200.0, 260.0), (100.0, 50.0, 300.0, 300.0)]
    found = client.identify(scene, boxes=own)
    assert [region.label for region in found.regions] == ["image", "caller", "caller"]
    assert [region.box for region in found.regions[1:]] == own


def test_top_k_and_min_score(client: Client, scenes: list[Path]) -> None:
    found = client.identify(scenes[0], top_k=3, min_score=0.0, gate=False)
    assert all(len(region.matches) <= 3 for region in found.regions)
    assert any(region.matches for region in found.regions)
    strict = client.identify(scenes[0], min_score=2.0, gate=False)
    assert not any(region.matches for region in strict.regions)
    assert not strict.answer.found


def test_ranks_fall_without_reranking(client: Client, scenes: list[Path]) -> None:
    for region in client.identify(scenes[0], rerank="none", min_score=0.0, gate=False).regions:
        ranks = [match.score for match in region.matches]
        assert len(ranks) == 10
        assert ranks == sorted(ranks, reverse=True)


def test_where_searches_only_what_it_holds_for(client: Client, scenes: list[Path]) -> None:
    every = client.identify(scenes[0], min_score=0.0, rerank="none", gate=False).regions[0].matches
    brand = every[-1].item.brand
    found = client.identify(scenes[0], min_score=0.0, rerank="none", gate=False, where={"brand": brand})
    assert {match.item.brand for region in found.regions for match in region.matches} == {brand}
    nothing = client.identify(scenes[0], min_score=0.0, gate=False, where={"brand": "no such brand"})
    assert not any(region.matches for region in nothing.regions)


def test_options_are_checked_before_anything_is_computed(client: Client, scenes: list[Path]) -> None:
    with pytest.raises(InvalidInput, match="outside the upright picture"):
        client.identify(scenes[0], boxes=[(9000, 9000, 9100, 9100)])


def test_many_callers_get_their_own_answers(server: Server, scenes: list[Path]) -> None:
    """Crops of many callers share executions of the embedder; nobody may get another's matches."""
    with Client(server.grpc_url) as client:
        alone = {scene: client.identify(scene).to_json() for scene in scenes}
        calls = scenes * 8
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda scene: client.identify(scene), calls))
    for scene, found in zip(calls, together, strict=True):
        assert _ids(found.to_json()) == _ids(alone[scene])


def _ids(text: str) -> list[list[str]]:
    regions = json.loads(text)["regions"]
    return [[match["item"]["id"] for match in region["matches"]] for region in regions]


def test_an_option_object_is_what_the_wire_carries(client: Client, scenes: list[Path]) -> None:
    """The library's defaults and the server's are one thing."""
    explicit = client.identify(scenes[0], top_k=Options().top_k, gate=Options().gate)
    assert _ids(explicit.to_json()) == _ids(client.identify(scenes[0]).to_json())


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "learned"])
def test_every_ranking_stage_can_be_asked_for(client: Client, scenes: list[Path], stage: str) -> None:
    found = client.identify(scenes[0], rerank=stage, min_score=0.0, gate=False)
    assert all(region.matches for region in found.regions)


def test_geometry_says_what_a_match_has_in_common(client: Client, shop: Path) -> None:
    picture = sorted((shop / "images").glob("*.jpg"))[5]
    best = client.identify(picture, rerank="geometry", gate=False).regions[0].matches[0]
    assert best.item.id == picture.stem
    assert best.inliers is not None
    assert best.inliers > 50
    assert client.identify(picture, rerank="none", gate=False).regions[0].matches[0].inliers is None


def test_a_stage_that_the_catalogue_is_not_prepared_for_is_refused(client: Client, scenes: list[Path]) -> None:
    with pytest.raises(InvalidInput, match="whatsit train ranker"):
        client.identify(scenes[0], rerank="learned", gate=False)


def test_words_join_the_picture(client: Client, scenes: list[Path]) -> None:
    """An item far down by its picture rises among the first ten by its title."""
    alone = client.identify(scenes[0], min_score=0.0, top_k=30, gate=False, rerank="none").regions[0].matches
    wanted = alone[20].item
    found = client.identify(scenes[0], min_score=0.0, gate=False, rerank="none", text=wanted.title).regions[0].matches
    assert wanted.id in [match.item.id for match in found[:10]], "the 21st by its picture"

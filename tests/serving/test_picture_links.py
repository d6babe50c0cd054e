"""Replies behind a gateway name pictures by its addresses, never by the server's paths."""

from __future__ import annotations

import json

import numpy as np
import pytest
from whatsit_client.types import Answer

from whatsit.ranking.matches import Matches
from whatsit.search.records import Record
from whatsit.search.retriever import Retrieved
from whatsit.serving.picture_links import link_of, linked
from whatsit.serving.step_tensors import item_tensors


@pytest.mark.parametrize(
    ("catalogue", "image", "link"),
    [
        (None, "/srv/shop/a.jpg", "/v1/items/a%2Fb%20%C3%BC/image"),
        ("food", "/srv/shop.zip#a.jpg", "/v1/c/food/items/a%2Fb%20%C3%BC/image"),
        (None, "https://shop.example/a.jpg", "https://shop.example/a.jpg"),
        (None, None, None),
    ],
)
def test_an_address_in_place_of_a_path(catalogue: str | None, image: str | None, link: str | None) -> None:
    assert link_of(catalogue)({"id": "a/b ü", "image": image}) == link


def test_records_and_answer_hold_no_path() -> None:
    record = Record({"id": "P1", "title": "Tea", "image": "/srv/shop/a.jpg", "category": None})
    matches = Matches(np.array([7]), np.array([1.5], np.float32), ("",))
    found = Retrieved((matches,), {7: record}, Answer(True, "Tea", image="/srv/shop/a.jpg", ids=("P1",), region=0))
    for link, image in ((link_of(None), "/v1/items/P1/image"), (None, "/srv/shop/a.jpg")):
        tensors = item_tensors(found, 2, link)
        assert json.loads(tensors["ITEM_RECORDS"][0, 0])["image"] == image
        assert json.loads(tensors["ANSWER"][0])["image"] == image
        assert tensors["ITEM_RECORDS"][0, 1] == b""


def test_an_item_s_visible_pictures_have_positions() -> None:
    paths = [{"path": f"/srv/{n}.jpg", "hidden": n == 1, "vectors": 1} for n in range(3)]
    shown = linked({"item": {"id": "P1", "image": "/srv/0.jpg"}, "images": paths, "added": ""}, link_of(None))
    assert shown["item"]["image"] == "/v1/items/P1/image"
    links = [image["path"] for image in shown["images"]]
    assert links == ["/v1/items/P1/image", "", "/v1/items/P1/image?position=1"]

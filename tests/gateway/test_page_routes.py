"""Routes that the page uses beside a search: feedback, facets, session."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tests.gateway.conftest import Call, Running

pytestmark = pytest.mark.triton


@pytest.fixture
def known(call: Call) -> str:
    """An item of the catalogue."""
    return str(call("GET", "/v1/items?limit=1").json["items"][0]["id"])


def test_feedback_counts(call: Call, gateway: Running, known: str) -> None:
    picture = gateway.target.picture
    first = call("POST", f"/v1/feedback?id={known}", body=picture).json["clicks"]
    assert call("POST", f"/v1/feedback?id={known}&box=[1,1,50,50]", body=picture).json["clicks"] == first + 1
    for query in (
        "id=absent",
        f"id={known}&box=[1,2]",
        f"id={known}&box=1",
        f"id={known}&box=[]",
        f"id={known}&box=",
        f"id={known}&box=[1,1,9,9],[1,1,9,9]",
    ):
        assert call("POST", f"/v1/feedback?{query}", body=picture).status == 400


def test_feedback_is_withdrawn_by_its_token_alone(call: Call, gateway: Running, known: str) -> None:
    picture = gateway.target.picture
    kept = call("POST", f"/v1/feedback?id={known}", body=picture).json
    photo = next((gateway.catalogue / "clicks").glob(f"{kept['feedback']}.*"))
    assert call("DELETE", "/v1/feedback/" + "0" * 32).status == 404
    assert call("DELETE", "/v1/feedback/" + "_" * 32).status == 422
    assert call("DELETE", f"/v1/feedback/{kept['feedback']}").status == 204
    assert not photo.exists()
    assert call("DELETE", f"/v1/feedback/{kept['feedback']}").status == 404
    assert call("POST", f"/v1/feedback?id={known}", body=picture).json["clicks"] == kept["clicks"]


def test_feedback_without_an_item(call: Call, gateway: Running, known: str) -> None:
    picture = gateway.target.picture
    before = call("POST", f"/v1/feedback?id={known}", body=picture).json["clicks"]
    for query in ("kind=none", "kind=crop&box=[1,1,50,50]"):
        reply = call("POST", f"/v1/feedback?{query}", body=picture)
        assert (reply.status, reply.json["clicks"]) == (200, before)  # these are no choices of items
    assert call("POST", "/v1/feedback", body=picture).status == 400
    assert call("POST", f"/v1/feedback?kind=none&id={known}", body=picture).status == 400
    assert call("POST", "/v1/feedback?kind=other", body=picture).status == 422


def test_facets_count_the_items_of_a_search(call: Call) -> None:
    whole = call("GET", "/v1/facets").json
    brands = next(facet for facet in whole["facets"] if facet["name"] == "brand")
    first = brands["values"][0]
    where = urlencode({"where": json.dumps({"brand": first["value"]})})
    part = call("GET", f"/v1/facets?{where}").json
    assert part["total"] == first["items"] == call("GET", f"/v1/items?{where}").json["total"]
    assert [facet["values"] for facet in part["facets"] if facet["name"] == "brand"] == [[first]]
    price = next(facet for facet in whole["facets"] if facet["name"] == "price")
    assert price["low"] <= price["high"]
    assert call("GET", "/v1/facets?where=x").status == 400


def test_the_session_says_what_a_key_may(call: Call) -> None:
    for role in ("search", "edit", "admin"):
        session = call("GET", "/v1/session", role).json
        assert (session["role"], session["key"], session["collect"], session["catalogue"]) == (
            role,
            role,
            "crops",
            "default",
        )
    assert call("GET", "/v1/session", None).status == 401

"""The studio's calls, without Triton: roles, one task from lease to undo, jobs, overview, imports, lists of items."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.catalogue.test_cleaning import around
from tests.gateway.fakes import Answer, FakeTriton, ask, served
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.review.queues import QUEUES
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, network_file
from whatsit.gateway.app import build_app
from whatsit.gateway.settings import Settings
from whatsit.rendering.shop import encode_jpeg

MODELS = default_root() / "model_repository"
Call = Callable[..., Answer]
MARKUP = "<img src=x onerror=alert(1)>"


def settings(folder: Path, **given: Any) -> Settings:
    usual = {"catalogues": {"default": folder}, "model_repository": MODELS, "upstream": "", "open_role": "admin"}
    return Settings(**(usual | given))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of two items, each with two near duplicates and one other picture."""
    work = tmp_path_factory.mktemp("review")
    fingerprint = embedder_fingerprint(network_file(MODELS, "embedder"))
    rng = np.random.default_rng(3)
    with Store(Layout(work / "catalogue").store) as store:
        for centre, id in enumerate(["a/1", "b"]):
            shots = [rng.integers(0, 255, (8, 8, 3), np.uint8).repeat(12, 0).repeat(12, 1) for _ in range(2)]
            pictures = []
            for n, (shot, quality) in enumerate([(shots[0], 90), (shots[0], 60), (shots[1], 90)]):
                path = work / f"{id.replace('/', '-')}{n}.jpg"
                path.write_bytes(encode_jpeg(shot, quality))
                vector = Vector((0.0, 0.0, 96.0, 96.0), around(centre, n))
                pictures.append(Picture(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), (vector,)))
            store.put([(ItemFields(id, title=f"{MARKUP} {id}", price=2.0 - centre), pictures, fingerprint)])
    return work / "catalogue"


@pytest.fixture(scope="module")
def call(folder: Path) -> Iterator[Call]:
    with FakeTriton() as triton, served(build_app(settings(folder, upstream=triton.url))) as port:

        def send(method: str, path: str, body: Any = None, **headers: str) -> Answer:
            data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            return ask(port, method, path, data, **({"content_type": "application/json"} | headers))

        yield send


def finished(call: Call, path: str, record: dict[str, Any]) -> dict[str, Any]:
    """Poll a job or an import until it ended."""
    end = time.monotonic() + 60
    while record["state"] == "running" and time.monotonic() < end:
        time.sleep(0.1)
        record = call("GET", path).json
    return record


def test_a_key_for_searching_sees_none_of_it(folder: Path) -> None:
    with served(build_app(settings(folder, open_role="search"))) as port:
        described = ask(port, "GET", "/openapi.json").json["paths"]
        asked = [
            (method, path)
            for path, methods in described.items()
            for method in methods
            if path.startswith(("/v1/review", "/v1/overview", "/v1/imports", "/v1/items/{id}/history"))
        ]
        assert len(asked) >= 25
        for method, path in asked:
            path = path.replace("{lease}", "0" * 32).replace("{photo}", "0" * 32).replace("{id}", "0" * 32)
            path = path.replace("{queue}", "duplicates").replace("{job}", "1")
            assert ask(port, method.upper(), path).status == 403, (method, path)


def test_one_task_from_lease_to_undo(call: Call) -> None:
    call("PUT", "/v1/review/sample", {"share": 0})
    job = call("POST", "/v1/review/duplicates/refresh?reviewer=ann", {}).json
    job = finished(call, f"/v1/review/jobs/{job['job']}", job)
    assert (job["state"], job["report"]["added"]) == ("done", 2), job
    lease = call("POST", "/v1/review/duplicates/lease?reviewer=ann&count=1").json
    (task,) = lease["tasks"]
    assert task["first"]["item"]["title"].startswith(MARKUP)
    assert call("GET", f"{task['second']['image']}&side=64").headers["content-type"] == "image/jpeg"
    body = {"lease": lease["lease"], "decisions": [{"task": task["task"], "verdict": "duplicate", "why": "same"}]}
    decided, again = (call("POST", "/v1/review/duplicates/decide?reviewer=ann", body).json for _ in range(2))
    (one,), (two,) = decided["results"], again["results"]
    assert (one["outcome"], two["outcome"], one["decision"]) == ("decided", "repeated", two["decision"])
    assert call("GET", f"{task['second']['image']}&side=64").status == 200  # hidden, and shown to reviewers
    logged = call("GET", "/v1/review/decisions?who=ann&standing=true").json
    assert [(entry["verdict"], entry["why"], entry["task"]) for entry in logged["decisions"]] == [
        ("dropped", "same", task["task"])
    ]
    id = task["first"]["item"]["id"].replace("/", "%2F")
    history = call("GET", f"/v1/items/{id}/history").json["entries"]
    assert [entry["kind"] for entry in history] == ["decision", "added"]
    undone = call("POST", "/v1/review/undo?reviewer=ann", {"decision": one["decision"]}).json
    assert undone["task_record"]["task"] == task["task"]
    assert call("POST", "/v1/review/undo?reviewer=ann", {"decision": one["decision"]}).status == 404
    assert call("POST", f"/v1/review/leases/{undone['lease']}/return").json == {"returned": 1}
    assert call("GET", "/v1/review").json["queues"][0]["open"] == 2


def test_a_batch_is_looked_at_before_it_is_decided(call: Call) -> None:
    seen = call("GET", "/v1/review/duplicates/batch?min_score=0.5").json
    assert seen["count"] == len(seen["tasks"]) == 2
    assert sum(one["open"] for one in call("GET", "/v1/review/duplicates/scores").json["bins"]) == 2
    batch = {"min_score": 0.5, "verdict": "different", "expected": 3}
    assert call("POST", "/v1/review/duplicates/batch?reviewer=bob", batch).status == 409
    done = call("POST", "/v1/review/duplicates/batch?reviewer=bob", {**batch, "expected": 2}).json
    assert done["decided"] == 2
    assert call("POST", "/v1/review/undo", {"run": done["run"]}).json["undone"] == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/review/nothing/lease", None, 404),
        ("POST", "/v1/review/duplicates/lease?count=0", None, 422),
        ("POST", "/v1/review/duplicates/lease?lease=x", None, 422),
        ("POST", "/v1/review/duplicates/lease?reviewer=%3Cb%3E", None, 422),
        ("POST", "/v1/review/duplicates/decide", {"lease": "x", "decisions": []}, 422),
        ("POST", "/v1/review/duplicates/decide", {"lease": "x"}, 422),
        ("POST", "/v1/review/boxes/batch", {"verdict": "boxes"}, 422),
        ("POST", "/v1/review/undo", {"run": 1, "decision": 2}, 422),
        ("GET", "/v1/review/jobs/999", None, 404),
        ("GET", "/v1/review/photos/" + "0" * 32, None, 404),
        ("GET", "/v1/items/nobody/history", None, 404),
        ("POST", "/v1/items/nobody/restore", None, 404),
        ("GET", "/v1/imports/" + "0" * 32, None, 404),
        ("POST", "/v1/imports", b"id\n1\n", 422),
        ("POST", "/v1/imports?name=x.csv", b"", 400),
        ("GET", "/v1/items?sort=colour", None, 400),
    ],
)
def test_what_is_refused(call: Call, method: str, path: str, body: Any, status: int) -> None:
    answer = call(method, path, body)
    assert answer.status == status
    assert answer.json["detail"].endswith(".")


def test_the_overview_counts_answers_by_day(call: Call, folder: Path) -> None:
    from whatsit.catalogue.store.search_counts import SearchCounts

    counts = SearchCounts()
    found = call("GET", "/v1/overview?days=3").json
    today = found["searches"]["days"][-1]["day"]
    for state, closest in (("found", ["b"]), ("unsure", ["b", "a/1"]), ("not_found", [])):
        counts.count(today, state, closest)
    with Store(Layout(folder).store) as store:
        counts.write(store)
        counts.write(store)
    found = call("GET", "/v1/overview?days=3").json
    assert found["searches"]["total"] == {"found": 2, "unsure": 2, "not_found": 2, "not_searched": 0}
    assert [day["found"] for day in found["searches"]["days"]] == [0, 0, 2]
    assert (found["items"], found["pictures"], found["index"]["pending"]) == (2, 6, 2)
    assert [queue["queue"] for queue in found["review"]["queues"]] == list(QUEUES)


def test_items_are_listed_in_any_order(call: Call) -> None:
    def ids(query: str) -> list[str]:
        page = call("GET", f"/v1/items?{query}").json
        assert page["total"] == 2
        return [item["id"] for item in page["items"]]

    assert ids("sort=price") == ["b", "a/1"]
    assert ids("sort=-id&text=onerror&details=true") == ["b", "a/1"]
    assert ids("offset=1") == ["b"]
    assert call("GET", "/v1/items?details=true&limit=1").json["items"][0]["pictures"] == 3


def test_a_deleted_item_is_restored(call: Call, folder: Path) -> None:
    with Store(Layout(folder).store) as store:
        store.delete(["b"])
    assert [one["kind"] for one in call("GET", "/v1/items/b/history").json["entries"]][:1] == ["deleted"]
    assert call("POST", "/v1/items/b/restore?reviewer=ann").json == {"id": "b", "outcome": "restored"}
    assert call("POST", "/v1/items/b/restore").status == 409
    assert call("GET", "/v1/items?sort=id").json["total"] == 2


def test_a_file_is_mapped_and_imported(call: Call) -> None:
    table = "Nummer;Was;Preis;Bild\nb;Neuer Name;1,50;\nz;Neu;2,50;/etc/passwd\n;ohne;1;\n".encode("cp1252")
    made = call("POST", "/v1/imports?name=..%2Fshop.csv&reviewer=ann", table, content_type="text/csv")
    assert (made.status, made.json["name"]) == (201, "shop.csv")
    path = f"/v1/imports/{made.json['import']}"
    assert call("POST", f"{path}/preview", {"columns": {"colour": "Was"}}).status == 422
    mapping: dict[str, Any] = {"columns": {"id": "Nummer", "title": "Was", "price": "Preis", "image": "Bild"}}
    seen = call("POST", f"{path}/preview", mapping).json
    assert (seen["problem"], seen["preview"]["dialect"]["delimiter"]) == ("No row of the file can be imported.", ";")
    assert "is not in the uploaded file" in seen["preview"]["skipped"][1]["reason"]
    assert "/" not in seen["preview"]["skipped"][1]["place"]
    del mapping["columns"]["image"]
    mapping["attributes"] = ["Bild"]
    seen = call("POST", f"{path}/preview", mapping).json
    assert (seen["problem"], seen["preview"]["items"]) == (None, 2)
    run = call("POST", f"{path}/run?reviewer=ann", {})
    assert run.status == 202
    done = finished(call, path, run.json)
    assert (done["state"], done["report"]["updated"], done["report"]["skipped_rows"]) == ("done", 1, 2), done
    assert call("GET", "/v1/items/b").json["title"] == "Neuer Name"
    assert call("GET", f"{path}/skipped.csv").body.decode("utf-8-sig").startswith("place,reason")
    assert [one["import"] for one in call("GET", "/v1/imports").json["imports"]] == [made.json["import"]]
    assert call("DELETE", path).status == 204
    assert call("GET", path).status == 404


def test_a_catalogue_that_may_not_be_changed_says_so(folder: Path) -> None:
    with served(build_app(settings(folder, read_only=True))) as port:
        answer = ask(port, "GET", "/v1/review")
        assert (answer.status, answer.json["detail"]) == (
            409,
            "This server does not change its catalogue: it was started read-only.",
        )

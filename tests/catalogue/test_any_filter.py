"""A search with any filter finds what a plain loop over all items finds, on both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from whatsit.catalogue import Filter
from whatsit.catalogue.item import ItemFields, Picture, Vector

if TYPE_CHECKING:
    from tests.catalogue.conftest import Engine

E = "embedder"
LONG = "x" * 230
TEXTS = st.sampled_from(
    [
        "",
        "a",
        "A",
        "ab",
        "ä",
        "7",
        "7.0",
        " 8 ",
        "1e1",
        "nan",
        "'; --",
        'q"\\',
        "\U0001f95b",
        LONG,
        LONG + "y",
        "x" * 200,
    ]
)
NUMBERS = st.one_of(st.integers(-20, 20), st.sampled_from([0.5, 7.0, 8.25, -0.0, 2**53 + 1, 2.0**53, 1 - 2**63, -1e18]))
VALUES = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none(), st.just(["a"]), st.just({"a": 7}))
KEYS = st.sampled_from(["flavour", "size", "a.b", "Ä $x"])
ITEMS = st.builds(
    ItemFields,
    id=st.sampled_from([f"item{i}" for i in range(10)] + ["ä/1", "牛"]),
    title=st.none() | TEXTS,
    brand=st.none() | TEXTS,
    category=st.none() | TEXTS,
    price=st.none() | st.sampled_from([0.0, 0.5, 7.0, 8.25]),
    attributes=st.dictionaries(KEYS, VALUES, max_size=3),
)
ANY = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())


def comparisons(values: st.SearchStrategy[Any], ordered: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    operators = st.one_of(
        st.tuples(st.sampled_from(["$eq", "$ne"]), values),
        st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), ordered),
        st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(values, max_size=3)),
        st.tuples(st.just("$exists"), st.booleans()),
    )
    return values | st.lists(operators, min_size=1, max_size=2).map(dict)


FIELDS = st.one_of(
    st.tuples(st.sampled_from(["title", "brand", "category"]), comparisons(TEXTS | st.none(), TEXTS)),
    st.tuples(st.just("price"), comparisons(NUMBERS | st.none(), NUMBERS)),
    st.tuples(KEYS.map(lambda key: f"attributes.{key}") | KEYS, comparisons(ANY, TEXTS | NUMBERS)),
)
WHERES = st.recursive(
    st.lists(FIELDS, max_size=2).map(dict),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"$and": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"$not": inner}),
    ),
    max_leaves=5,
)
EDGES = [{}, {"$not": {}}, {"$or": []}, {"brand": {"$gt": LONG}}, {"title": {"$lte": LONG}}, {"category": None}]


def pictures(item: ItemFields, number: int) -> list[Picture]:
    """One or two vectors that depend on the item's place alone."""
    values = np.random.default_rng(number).normal(size=(1 + number % 2, 8)).astype(np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return [Picture(f"/{item.id}.jpg", str(number), tuple(Vector((0.0, 0.0, 1.0, 1.0), one) for one in values))]


CATALOGUES = st.lists(ITEMS, min_size=1, max_size=12, unique_by=lambda item: item.id)


@seed(5)
@settings(
    max_examples=4,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # no shrinking, which would take milvus-lite minutes
)
@given(items=CATALOGUES, wheres=st.lists(WHERES, min_size=6, max_size=10))
def check(engine: Engine, items: list[ItemFields], wheres: list[dict[str, Any]]) -> None:
    """Put the items, search with every filter."""
    engine.items.delete([record["id"] for record in engine.items.page(limit=100)])
    kept = {item.id: pictures(item, place) for place, item in enumerate(items)}
    engine.items.put([(item, kept[item.id], E) for item in items])
    index = engine.open_index_view(E)
    query = np.random.default_rng(99).normal(size=8).astype(np.float32)
    query /= np.linalg.norm(query)
    numbers_of = {item.id: engine.items.show(item.id)["number"] for item in items}
    records = engine.items.records(numbers_of.values())
    for where in [*wheres, *EDGES]:
        parsed = Filter.parse(where)
        expected = sorted(
            (min(float(np.linalg.norm(v.values - query)) for v in kept[record["id"]][0].vectors), number)
            for number, record in records.items()
            if parsed.root.holds(record)
        )
        searcher, allowed = index.where(parsed)
        distances, numbers = searcher.search(query[None], len(items) + 1, allowed)
        found = numbers[0][numbers[0] >= 0]
        assert found.tolist() == [number for _, number in expected], where
        np.testing.assert_allclose(distances[0][: len(found)], [distance for distance, _ in expected], atol=1e-5)
        assert engine.items.count(parsed) == len(expected)
        assert engine.items.select(parsed).tolist() == sorted(number for _, number in expected)


def test_a_search_with_any_filter_equals_a_plain_loop(engine: Engine) -> None:
    check(engine)

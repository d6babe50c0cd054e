"""The filter means the same in SQL as in Python, and refuses what it does not understand."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whatsit_client.errors import InvalidInput

from whatsit.catalogue import Filter, Store
from whatsit.catalogue.item import ItemFields
from whatsit.catalogue.store.field_columns import Columns

TEXTS = st.sampled_from(
    ["", "a", "A", "ä", "b", "7", "7.0", " 8 ", "1e1", "nan", "x'; DROP TABLE items; --", "\U0001f95b"]
)
NUMBERS = st.one_of(st.integers(-20, 20), st.sampled_from([0.5, 7.0, 8.25, -0.0, 2**53 + 1, 2.0**53, 1 - 2**63]))
VALUES = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none(), st.just(["a"]), st.just({"a": 7}))
KEYS = st.sampled_from(["flavour", "size", "a.b", "Ä $x"])

ITEMS = st.builds(
    dict,
    title=st.none() | TEXTS,
    brand=st.none() | TEXTS,
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
    st.tuples(st.sampled_from(["title", "brand"]), comparisons(TEXTS | st.none(), TEXTS)),
    st.tuples(st.just("price"), comparisons(NUMBERS | st.none(), NUMBERS)),
    st.tuples(KEYS.map(lambda k: f"attributes.{k}") | KEYS, comparisons(ANY, TEXTS | NUMBERS)),
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


@pytest.fixture(scope="module")
def scratch() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "catalogue.sqlite") as store:
        yield store


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(items=st.lists(ITEMS, min_size=1, max_size=12), wheres=st.lists(WHERES, min_size=1, max_size=10))
def test_sql_and_python_agree(scratch: Store, items: list[dict[str, Any]], wheres: list[dict[str, Any]]) -> None:
    scratch.delete([record["id"] for record in scratch.page()])
    scratch.put([(ItemFields(str(i), **item), [], "e") for i, item in enumerate(items)])
    records = scratch.page()
    for where in wheres:
        parsed = Filter.parse(json.dumps(where))
        expected = [record["id"] for record in records if parsed.matches(record)]
        assert [record["id"] for record in scratch.page(parsed)] == expected
        assert scratch.count(parsed) == len(scratch.select(parsed)) == len(expected)
        np.testing.assert_array_equal(scratch.columns.select(parsed), scratch.select(parsed))
        inverse = Filter.parse({"$not": where})
        assert scratch.count(inverse) == len(records) - len(expected)


RECORD = {
    "id": "milk",
    "brand": "Arla",
    "category": None,
    "price": 1.5,
    "attributes": {"fat": "3.5", "organic": True, "tags": ["a"], "litres": 1},
}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, True),
        ({"brand": "Arla"}, True),
        ({"brand": "arla"}, False),
        ({"brand": "Arla", "price": {"$gte": 1, "$lt": 1.5}}, False),
        ({"category": {"$in": ["drinks", None]}}, True),
        ({"category": {"$ne": "drinks"}}, True),
        ({"category": {"$gt": "a"}}, False),
        ({"category": {"$exists": False}}, True),
        ({"attributes.fat": {"$gt": 3}}, True),
        ({"fat": "3.5"}, True),
        ({"fat": 3.5}, True),
        ({"litres": "1"}, False),
        ({"organic": True}, True),
        ({"organic": 1}, False),
        ({"tags": ["a"]}, None),
        ({"tags": "a"}, False),
        ({"tags": {"$exists": True}}, True),
        ({"$or": [{"brand": "X"}, {"$not": {"price": {"$gt": 2}}}]}, True),
        ({"$or": []}, False),
        ({"$and": []}, True),
        ({"brand": {"$in": []}}, False),
    ],
)
def test_meaning_by_example(where: dict[str, Any], expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(InvalidInput):
            Filter.parse(where)
    else:
        assert Filter.parse(where).matches(RECORD) is expected


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("", "not JSON"),
        ("{'brand': 'X'}", "not JSON"),
        ("[" * 60_000, "not JSON"),
        ('"' + "x" * 70_000 + '"', "longer than"),
        ("[]", "JSON object"),
        ("null", "JSON object"),
        ('{"$nor": []}', "unknown operator"),
        ('{"brand": {}}', "no condition"),
        ('{"brand": {"$regex": "x"}}', "unknown operator"),
        ('{"brand": 3}', "takes text, not 3"),
        ('{"price": "3"}', "takes a number, not 3"),
        ('{"price": true}', "takes a number"),
        ('{"price": {"$gt": null}}', "takes a number"),
        ('{"price": NaN}', "ordinary size"),
        ('{"price": 1e999}', "ordinary size"),
        ('{"price": 1' + "0" * 400 + "}", "ordinary size"),
        ('{"brand": {"$in": "X"}}', "takes a list"),
        ('{"brand": {"$exists": 1}}', "true or false"),
        ('{"$and": {"brand": "X"}}', "takes a list"),
        ('{"$or": ["X"]}', "JSON object"),
        ('{"": 1}', "field name"),
        ('{"attributes.": 1}', "field name"),
        ('{"a\\"b": 1}', "field name"),
        ('{"\\ud800": 1}', "field name"),
        ('{"brand": "\\ud800"}', "valid Unicode"),
        ('{"brand": "a\\u0000"}', "valid Unicode"),
        ('{"$not":' * 9 + "{}" + "}" * 9, "nested deeper"),
        ('{"$or": [' + ",".join(["{}"] * 3000) + "]}", "more than"),
    ],
)
def test_a_malformed_filter_is_refused_with_a_sentence(where: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as refusal:
        Filter.parse(where)
    assert len(str(refusal.value)) < 300
    assert "\n" not in str(refusal.value)


def test_the_largest_filter_allowed_runs(scratch: Store) -> None:
    values = list(range(1000, 2990))  # none of which the items of the tests before have
    assert scratch.count(Filter.parse({"flavour": {"$in": values}})) == 0
    assert scratch.count(Filter.parse({"id": {"$nin": [str(i) for i in values]}})) <= scratch.count()


def test_columns_follow_every_change(store: Store) -> None:
    brand, size = Filter.parse({"brand": "A"}), Filter.parse({"size": {"$gte": 2}})

    def agree() -> int:
        for where in (brand, size):
            np.testing.assert_array_equal(store.columns.select(where), store.select(where))
        return len(store.select(brand))

    assert agree() == 0
    store.put([(ItemFields(str(i), brand="AB"[i % 2], attributes={"size": i}), [], "e") for i in range(6)])
    assert agree() == 3
    store.put(
        [(ItemFields("1", brand="A", attributes={"size": True}), [], "e"), (ItemFields("new", brand="A"), [], "e")]
    )
    assert agree() == 5
    store.delete(["0", "new", "5"])
    assert agree() == 3
    store.put([(ItemFields("0", brand="A", attributes={"size": "7"}), [], "e")])
    assert agree() == 4
    store.changes.trim(store.changes.position())
    store.put([(ItemFields("z", brand="A"), [], "e")])
    assert agree() == 5
    fresh = Columns(store._database)
    store.changes.trim(store.changes.position())
    np.testing.assert_array_equal(fresh.select(size), store.select(size))


def test_a_field_with_too_many_values_is_left_to_sqlite(store: Store) -> None:
    store.put([(ItemFields(str(i), brand="A"), [], "e") for i in range(6)])
    columns = Columns(store._database, most_values=4)
    assert columns.select(Filter.parse({"brand": "A", "id": "3"})) is None
    assert columns.select(Filter.parse({"id": {"$exists": False}})) is None
    selected = columns.select(Filter.parse({"brand": "A"}))
    assert selected is not None
    assert len(selected) == 6

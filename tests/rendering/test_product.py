"""The invented shop: the same on every run, varied, and drawn as tight cut-outs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from whatsit_client.taxonomy import INTENTS, TAGS

from whatsit.rendering.bodies import BODIES
from whatsit.rendering.catalogue_spec import GOODS
from whatsit.rendering.illustrations import PICTURES
from whatsit.rendering.product import Product, draw, make_products


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return make_products(300, seed=1)


def test_product_k_does_not_depend_on_the_count(products: list[Product]) -> None:
    assert make_products(40, seed=1) == products[:40]
    assert make_products(40, seed=2) != products[:40]


def test_ids_and_titles_are_unique_and_well_formed(products: list[Product]) -> None:
    assert len({p.id for p in products}) == len({p.title for p in products}) == 300
    for product in products:
        assert product.title.startswith(product.brand + " ")
        assert product.price > 0
        assert product.attributes["size"] in product.title


def test_a_shop_has_all_categories_many_brands_and_look_alikes(products: list[Product]) -> None:
    assert {p.category for p in products} == {g.category for g in GOODS}
    assert len({p.brand for p in products}) >= 30
    lines = [p.seed for p in products]
    assert min(lines.count(seed) for seed in lines[:-4]) >= 2


def test_goods_name_known_bodies_pictures_and_tags() -> None:
    for goods in GOODS:
        assert goods.body in BODIES
        assert goods.intent in INTENTS
        assert goods.tag in TAGS
        assert all(v.picture in PICTURES or not v.picture for v in goods.variants)


@pytest.mark.parametrize("view", [0, 7])
@pytest.mark.parametrize("goods", GOODS, ids=lambda g: g.category)
def test_every_body_is_a_tight_cut_out(products: list[Product], goods: object, view: int) -> None:
    product = next(p for p in products if p.category == goods.category)  # type: ignore[attr-defined]  # Goods
    cut = draw(product, 96, view)
    assert cut.dtype == np.uint8
    assert cut.shape[2] == 4
    assert max(cut.shape[:2]) == 96
    alpha = cut[..., 3]
    assert min(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) > 8
    assert (alpha > 200).mean() > 0.3
    np.testing.assert_array_equal(cut, draw(product, 96, view))


def test_products_differ_pairwise(products: list[Product]) -> None:
    tiny = np.stack([cv2.resize(draw(p, 64)[..., :3], (24, 24)) for p in products[:120]]).astype(np.float32)
    flat = tiny.reshape(len(tiny), -1)
    apart = np.abs(flat[:, None] - flat[None]).mean(2) + np.eye(len(flat)) * 255
    assert apart.min() > 2.0


def test_views_turn_the_product(products: list[Product]) -> None:
    a, b = (cv2.resize(draw(products[0], 96, view)[..., :3], (48, 48)).astype(int) for view in (0, 3))
    assert np.abs(a - b).mean() > 3

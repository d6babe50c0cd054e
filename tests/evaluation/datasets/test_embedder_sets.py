from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.evaluation.datasets.clothing import Clothing
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.evaluation.datasets.rendered_shop import RenderedShop
from whatsit.evaluation.reports.embedder_report import EmbedderReport


def _tiny(crops: np.ndarray) -> np.ndarray:
    """A picture as its 8 x 8 colours: enough to tell drawn products apart now and then."""
    return crops[:, :, 14::28, 14::28].reshape(len(crops), -1).astype(np.float32) - 128


def test_grocery_store_has_its_81_products_and_two_splits(shared_data: Path) -> None:
    store = GroceryStore(shared_data / "grocery_store")
    store.check()
    assert [c.label for c in store.gallery()] == list(range(81))
    assert {c.department for c in store.gallery()} == {"Fruit", "Vegetables", "Packages"}
    assert (len(store.queries()), len(store.queries("train"))) == (296, 2640)
    assert len(store.truth()) == 296
    apple = store.classes[0]
    assert (apple.name, apple.coarse) == ("Golden-Delicious", "Apple")
    assert apple.description
    assert not set(store.queries()) & set(store.queries("train"))


def test_a_missing_grocery_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"classes\.csv"):
        GroceryStore(tmp_path)
    (tmp_path / "classes.csv").write_text(
        "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),"
        "Iconic Image Path (str),Product Description Path (str)\nKiwi,0,Kiwi,0,/a/Fruit/k.jpg,/a/Fruit/k.txt\n"
    )
    (tmp_path / "train.txt").write_text("train/k.jpg, 0, 0\n")
    (tmp_path / "val.txt").write_text("")
    with pytest.raises(InvalidInput, match=r"k\.jpg"):
        GroceryStore(tmp_path).check()


def test_clothing_has_ten_classes(shared_data: Path) -> None:
    clothing = Clothing(shared_data / "clothing_small")
    clothing.check()
    assert len(clothing.classes) == 10
    assert (len(clothing.queries()), len(clothing.gallery())) == (341, 3068)
    assert set(clothing.truth()) == set(clothing.gallery_truth()) == set(range(10))


def test_missing_clothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--data"):
        Clothing(tmp_path).check()


def test_rendered_shop_asks_for_its_own_products_and_is_the_same_every_time() -> None:
    shop, again = (RenderedShop(products=6, seed=3, scenes=2) for _ in range(2))
    assert len(shop.gallery()) == 6
    assert len(shop.queries()) == len(shop.truth()) > 0
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(shop.queries(), again.queries(), strict=True))
    assert set(shop.truth()) <= set(range(6))


def test_a_shop_that_may_have_been_trained_on_is_refused() -> None:
    with pytest.raises(InvalidInput, match="below 1000"):
        RenderedShop(products=2, seed=1000, scenes=1).check()


def test_report_counts_queries_and_recalls_within_bounds() -> None:
    [row] = EmbedderReport(_tiny).rendered(RenderedShop(products=6, seed=3, scenes=2))
    assert row.gallery == 6
    assert 0 <= row.recall_at_1 <= row.recall_at_5 <= 1

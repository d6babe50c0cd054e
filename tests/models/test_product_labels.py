from whatsit.models.product_labels import (
    NO_PRODUCT,
    UNKNOWN,
    label_names,
    of_clothing,
    of_coco,
    of_grocery,
    of_rendered,
)
from whatsit.models.yolox import COCO_NAMES
from whatsit.rendering.catalogue_spec import GOODS


def test_every_class_can_be_labelled_by_some_source():
    used = {of_coco(name) for name in COCO_NAMES}
    used |= {of_grocery(name) for name in ("Fruit", "Vegetables", "Packages")}
    used |= {of_rendered(goods.category) for goods in GOODS}
    folders = "hat outwear skirt longsleeve shirt t-shirt dress shoes pants shorts"
    used |= {of_clothing(name) for name in folders.split()}
    assert used == {UNKNOWN, NO_PRODUCT, *range(1, len(label_names()))}


def test_every_rendered_category_is_known():
    assert all(of_rendered(goods.category) > 0 for goods in GOODS)


def test_a_person_is_unknown_and_a_zebra_no_product():
    assert of_coco("person") == UNKNOWN
    assert of_coco("zebra") == NO_PRODUCT
    assert label_names()[of_coco("wine glass")] == "cup"

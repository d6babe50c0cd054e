"""The detector's product classes and how the names of the data sets map onto them."""

from __future__ import annotations

PRODUCTS = (
    "fruit",
    "vegetable",
    "food",
    "carton",
    "box",
    "bottle",
    "can",
    "jar",
    "tube",
    "packet",
    "cup",
    "tableware",
    "bag",
    "shoe",
    "top",
    "outerwear",
    "dress",
    "skirt",
    "trousers",
    "hat",
    "book",
    "electronics",
    "toy",
)
"""Names of the class-wise stream; label i of the detector is `PRODUCTS[i - 1]`, label 0 is any object."""

OBJECT = "object"

NO_PRODUCT = 0
"""Class of a box that shows no product: it counts as background for the class-wise stream."""

UNKNOWN = -1
"""Class of a box of which nobody knows whether it shows a product: the class-wise stream learns nothing from it."""

_COCO = {
    "backpack": "bag",
    "handbag": "bag",
    "suitcase": "bag",
    "bottle": "bottle",
    "wine glass": "cup",
    "cup": "cup",
    "fork": "tableware",
    "knife": "tableware",
    "spoon": "tableware",
    "bowl": "tableware",
    "banana": "fruit",
    "apple": "fruit",
    "orange": "fruit",
    "broccoli": "vegetable",
    "carrot": "vegetable",
    "sandwich": "food",
    "hot dog": "food",
    "pizza": "food",
    "donut": "food",
    "cake": "food",
    "tv": "electronics",
    "laptop": "electronics",
    "mouse": "electronics",
    "remote": "electronics",
    "keyboard": "electronics",
    "cell phone": "electronics",
    "book": "book",
    "teddy bear": "toy",
}
_COCO_UNKNOWN = {"person", "tie", "vase", "dining table"}
_GROCERY = {"Fruit": "fruit", "Vegetables": "vegetable", "Packages": "carton"}
_CLOTHING = {
    "hat": "hat",
    "outwear": "outerwear",
    "skirt": "skirt",
    "longsleeve": "top",
    "shirt": "top",
    "t-shirt": "top",
    "dress": "dress",
    "shoes": "shoe",
    "pants": "trousers",
    "shorts": "trousers",
}
_RENDERED = {
    "milk and oat drinks": "carton",
    "juices": "carton",
    "soft drinks": "can",
    "canned food": "can",
    "bottled drinks": "bottle",
    "shower gels": "bottle",
    "jams and spreads": "jar",
    "sauces": "jar",
    "cereals": "box",
    "teas": "box",
    "toys": "box",
    "snacks": "packet",
    "coffee and sweets": "packet",
    "creams": "tube",
    "mugs": "cup",
    "T-shirts": "top",
    "shoes": "shoe",
    "books": "book",
}


def label_names() -> tuple[str, ...]:
    """Return the lines of the detector's labels.txt."""
    return (OBJECT, *PRODUCTS)


def product_label(name: str) -> int:
    """Label 1.. of a product class."""
    return PRODUCTS.index(name) + 1


def of_coco(name: str) -> int:
    """Return the product label of a COCO class; persons and vases are `UNKNOWN`."""
    if name in _COCO_UNKNOWN:
        return UNKNOWN
    return product_label(_COCO[name]) if name in _COCO else NO_PRODUCT


def of_grocery(folder: str) -> int:
    """Product label of a top folder of GroceryStoreDataset."""
    return product_label(_GROCERY[folder])


def of_clothing(folder: str) -> int:
    """Product label of a class folder of clothing-dataset-small."""
    return product_label(_CLOTHING[folder])


def of_rendered(category: str) -> int:
    """Return the product label of a rendered category; new ones are `UNKNOWN`."""
    return product_label(_RENDERED[category]) if category in _RENDERED else UNKNOWN


PRODUCE = frozenset(product_label(name) for name in ("fruit", "vegetable"))
GARMENTS = frozenset(product_label(name) for name in sorted(set(_CLOTHING.values())))

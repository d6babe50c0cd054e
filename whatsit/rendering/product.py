"""Products of the rendered shop and their designs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from whatsit.rendering.bodies import draw_body
from whatsit.rendering.brands import brand_look, invent_name
from whatsit.rendering.canvas import Pixels
from whatsit.rendering.catalogue_spec import GOODS, GOODS_BY_CATEGORY, Goods
from whatsit.rendering.design import Design
from whatsit.rendering.illustrations import PICTURES


@dataclass(frozen=True)
class Product:
    """A product of the rendered shop.

    Attributes:
        id: Unique within and across seeds, e.g. `w1-00042`.
        title: e.g. "Nordvik Oat Drink Vanilla 1 l".
        brand: Invented brand.
        category: A category of `goods.GOODS`.
        price: In euro.
        attributes: The option that variants differ in (flavour, scent, colour or edition) and the size.
        seed: Seed of the product's line: variants of one line share it, and so their layout.
    """

    id: str
    title: str
    brand: str
    category: str
    price: float
    attributes: dict[str, str] = field(hash=False)
    seed: int


def _line_goods(rng: np.random.Generator, deck: list[Goods]) -> Goods:
    if not deck:
        deck.extend(GOODS[k] for k in rng.permutation(len(GOODS)))
    return deck.pop()


def make_products(count: int, seed: int) -> list[Product]:
    """Invent the first `count` products of shop `seed`.

    Product k of a seed is the same whatever `count` is. Lines of 2 to 4 variants share brand, layout and noun, so
    look-alikes abound.

    Args:
        count: How many.
        seed: The shop; the demo's is 1, training must use 1000 and above.
    """
    rng = np.random.default_rng([seed, 11])
    products: list[Product] = []
    deck: list[Goods] = []
    brands: dict[str, list[str]] = {}
    used: set[str] = set()  # brands, and "brand noun" pairs
    while len(products) < count:
        goods = _line_goods(rng, deck)
        house = brands.setdefault(goods.sector, [])
        noun = goods.nouns[rng.integers(len(goods.nouns))]
        brand = house[rng.integers(len(house))] if house and rng.random() < 0.5 else ""
        if not brand or f"{brand} {noun}" in used:
            brand = invent_name(rng, used)
            house.append(brand)
        used.update((brand, f"{brand} {noun}"))
        line_seed = int(rng.integers(1, 2**31))
        size = goods.sizes[rng.integers(len(goods.sizes))]
        price = round(rng.uniform(*goods.prices) * 10) / 10 - 0.01
        chosen = rng.permutation(len(goods.variants))[: rng.integers(2, 5)]
        for k in chosen:
            variant = goods.variants[k]
            products.append(
                Product(
                    id=f"w{seed}-{len(products):05d}",
                    title=f"{brand} {noun} {variant.name} {size}",
                    brand=brand,
                    category=goods.category,
                    price=round(price, 2),
                    attributes={goods.option: variant.name, "size": size},
                    seed=line_seed,
                )
            )
    return products[:count]


def design_of(product: Product) -> Design:
    """Return the design of a product: the line's layout, the variant's colour.

    Raises:
        KeyError: The category or variant is not one of `goods.GOODS`.
    """
    goods = GOODS_BY_CATEGORY[product.category]
    name = product.attributes[goods.option]
    variant = next(v for v in goods.variants if v.name == name)
    rng = np.random.default_rng([product.seed, 3])
    print_picture = sorted(PICTURES)[rng.integers(len(PICTURES))]
    return Design(
        body=goods.body,
        brand=brand_look(product.brand),
        noun=product.title[len(product.brand) + 1 : product.title.index(name) - 1],
        variant=name,
        size=product.attributes["size"],
        picture=variant.picture or print_picture,
        colour=variant.colour,
        layout=int(rng.integers(1 << 16)),
        pattern=int(rng.integers(1 << 16)),
        flavour_first=bool(rng.random() < 0.5),
        seed=product.seed,
    )


def draw(product: Product, size: int = 256, view: int = 0) -> Pixels:
    """Draw a product as a tight cut-out.

    Args:
        product: What to draw.
        size: Length of the longer side in pixels.
        view: 0 is the catalogue's pose; any other number is another deterministic pose (rotation, tilt).

    Returns:
        RGBA uint8 [H, W, 4], not premultiplied; max(H, W) == size and the alpha touches all four borders.
    """
    return draw_body(design_of(product), size, view)

"""Categories of the rendered shop: bodies, nouns, variants, sizes, prices."""

from __future__ import annotations

from dataclasses import dataclass

from whatsit.rendering.canvas import Colour


@dataclass(frozen=True)
class Variant:
    """One flavour, scent, colour or edition of a line of products."""

    name: str
    picture: str
    colour: Colour


def _variants(*rows: tuple[str, str, Colour]) -> tuple[Variant, ...]:
    return tuple(Variant(*row) for row in rows)


FRUIT = _variants(
    ("Strawberry", "strawberry", (214, 38, 60)),
    ("Orange", "orange", (243, 135, 27)),
    ("Lemon", "lemon", (240, 206, 40)),
    ("Apple", "apple", (124, 176, 50)),
    ("Blueberry", "blueberry", (66, 82, 170)),
    ("Pear", "pear", (180, 190, 70)),
    ("Cherry", "cherry", (160, 20, 50)),
    ("Grape", "grape", (110, 50, 130)),
    ("Peach", "peach", (248, 165, 110)),
    ("Raspberry", "raspberry", (216, 50, 110)),
    ("Lime", "lime", (120, 190, 60)),
)
SWEET = _variants(
    ("Vanilla", "flower", (238, 214, 150)),
    ("Chocolate", "chocolate", (98, 58, 36)),
    ("Coffee", "bean", (120, 80, 52)),
    ("Honey", "honey", (232, 164, 38)),
    ("Almond", "almond", (196, 150, 100)),
    ("Coconut", "coconut", (90, 170, 190)),
    ("Strawberry", "strawberry", (214, 38, 60)),
    ("Banana", "banana", (246, 214, 70)),
    ("Natural", "grain", (206, 180, 130)),
)
SAVOURY = _variants(
    ("Tomato", "tomato", (208, 48, 34)),
    ("Chilli", "chilli", (186, 22, 26)),
    ("Sea Salt", "wave", (56, 130, 190)),
    ("Paprika", "pepper", (226, 88, 30)),
    ("Garden Herbs", "leaf", (76, 140, 62)),
    ("Mushroom", "mushroom", (150, 116, 88)),
    ("Olive", "olive", (110, 122, 46)),
    ("Carrot", "carrot", (240, 126, 34)),
)
TEA = _variants(
    ("Mint", "leaf", (70, 160, 110)),
    ("Green Leaf", "leaf", (128, 160, 60)),
    ("Rose Hip", "flower", (206, 70, 110)),
    ("Lemon", "lemon", (240, 206, 40)),
    ("Lavender", "lavender", (140, 110, 186)),
    ("Honey", "honey", (232, 164, 38)),
    ("Blackcurrant", "blueberry", (84, 44, 110)),
)
SCENT = _variants(
    ("Lavender", "lavender", (140, 110, 186)),
    ("Sea Breeze", "wave", (50, 140, 190)),
    ("Mint", "leaf", (60, 170, 130)),
    ("Rose", "flower", (222, 96, 140)),
    ("Citrus", "lemon", (238, 196, 40)),
    ("Almond", "almond", (196, 150, 100)),
    ("Coconut", "coconut", (90, 170, 190)),
)
DYED = _variants(
    ("Navy", "", (34, 48, 92)),
    ("White", "", (238, 238, 234)),
    ("Black", "", (36, 36, 40)),
    ("Red", "", (190, 40, 44)),
    ("Forest Green", "", (42, 96, 66)),
    ("Sand", "", (212, 190, 152)),
    ("Sky Blue", "", (126, 178, 220)),
    ("Mustard", "", (220, 168, 46)),
    ("Grey", "", (150, 152, 158)),
    ("Coral", "", (240, 122, 104)),
)
STORIES = _variants(
    ("The Lighthouse", "lighthouse", (40, 90, 140)),
    ("Night Train", "rocket", (40, 40, 80)),
    ("A House of Rain", "house", (90, 120, 130)),
    ("The Orchard", "apple", (100, 140, 60)),
    ("Small Boats", "boat", (60, 140, 170)),
    ("Stars over Fen", "star", (46, 40, 90)),
    ("The Grey Cat", "cat", (140, 120, 110)),
    ("Red Mountain", "mountain", (180, 70, 50)),
)
PLAY = _variants(
    ("Rocket", "rocket", (226, 60, 50)),
    ("Harbour", "boat", (40, 130, 190)),
    ("Little House", "house", (240, 170, 50)),
    ("Race Car", "car", (230, 50, 80)),
    ("Cat Family", "cat", (150, 90, 170)),
    ("Star Party", "star", (60, 60, 150)),
    ("Lighthouse", "lighthouse", (30, 150, 160)),
)


@dataclass(frozen=True)
class Goods:
    """The products of one category.

    Attributes:
        category: The shop's category.
        body: The shape that is drawn, a key of `bodies.BODIES`.
        sector: Brands stay inside a sector: food, care, fashion, leisure.
        intent: The intent of `whatsit_client.taxonomy` that fits.
        tag: The tag of `whatsit_client.taxonomy` that fits best.
        nouns: What the article is called in titles.
        option: The attribute that the variants differ in.
        variants: The variants to choose from.
        sizes: Size texts; a line takes one.
        prices: Lowest and highest price.
    """

    category: str
    body: str
    sector: str
    intent: str
    tag: str
    nouns: tuple[str, ...]
    option: str
    variants: tuple[Variant, ...]
    sizes: tuple[str, ...]
    prices: tuple[float, float]


def _food(
    category: str,
    body: str,
    tag: str,
    nouns: tuple[str, ...],
    variants: tuple[Variant, ...],
    sizes: tuple[str, ...],
    prices: tuple[float, float],
) -> Goods:
    return Goods(category, body, "food", "goods", tag, nouns, "flavour", variants, sizes, prices)


GOODS: tuple[Goods, ...] = (
    _food("milk and oat drinks", "gable", "milk and dairy", ("Oat Drink", "Milk Drink", "Kefir", "Soy Drink"),
          SWEET, ("1 l", "0.5 l", "1.5 l"), (1.2, 3.2)),
    _food("juices", "brick", "juice and drinks", ("Juice", "Nectar", "Smoothie", "Fruit Drink"),
          FRUIT, ("1 l", "200 ml", "0.75 l"), (0.9, 3.9)),
    _food("soft drinks", "can", "bottle and can", ("Soda", "Sparkling Water", "Iced Tea", "Tonic"),
          FRUIT, ("330 ml", "250 ml", "0.5 l"), (0.7, 2.2)),
    _food("bottled drinks", "bottle", "bottle and can", ("Lemonade", "Syrup", "Flavoured Water", "Cider"),
          FRUIT, ("0.5 l", "0.75 l", "1 l"), (1.5, 6.5)),
    _food("jams and spreads", "jar", "packet and jar", ("Jam", "Marmalade", "Fruit Spread", "Compote"),
          FRUIT, ("340 g", "220 g", "450 g"), (2.2, 5.9)),
    _food("sauces", "jar", "packet and jar", ("Pasta Sauce", "Relish", "Pesto", "Salsa"),
          SAVOURY, ("350 g", "190 g", "400 g"), (1.9, 5.5)),
    _food("canned food", "tin", "bottle and can", ("Soup", "Stew", "Beans", "Lentils"),
          SAVOURY, ("400 g", "200 g", "800 g"), (0.9, 3.4)),
    _food("cereals", "box", "packet and jar", ("Muesli", "Oat Flakes", "Crunchy Granola", "Corn Puffs"),
          SWEET, ("375 g", "500 g", "750 g"), (2.2, 5.2)),
    _food("teas", "teabox", "packet and jar", ("Tea", "Herbal Tea", "Infusion", "White Tea"),
          TEA, ("20 bags", "25 bags", "50 bags"), (1.8, 6.2)),
    _food("snacks", "bag", "packet and jar", ("Crisps", "Corn Chips", "Crackers", "Lentil Chips"),
          SAVOURY, ("150 g", "90 g", "200 g"), (1.2, 3.6)),
    _food("coffee and sweets", "pouch", "packet and jar", ("Coffee", "Cookies", "Granola Bites", "Toffees"),
          SWEET, ("250 g", "500 g", "180 g"), (2.6, 9.9)),
    Goods("shower gels", "flask", "care", "goods", "care and cosmetics",
          ("Shower Gel", "Shampoo", "Hand Soap", "Bath Foam"),
          "scent", SCENT, ("250 ml", "400 ml", "300 ml"), (1.9, 7.9)),
    Goods("creams", "tube", "care", "goods", "care and cosmetics",
          ("Hand Cream", "Face Cream", "Toothpaste", "Sun Cream"),
          "scent", SCENT, ("75 ml", "100 ml", "50 ml"), (1.5, 12.9)),
    Goods("mugs", "mug", "leisure", "goods", "kitchenware", ("Mug", "Coffee Cup", "Camping Mug"),
          "colour", DYED, ("300 ml", "400 ml"), (5.9, 16.9)),
    Goods("T-shirts", "shirt", "fashion", "apparel", "top", ("T-shirt", "Tee", "Print T-shirt"),
          "colour", DYED, ("S", "M", "L"), (9.9, 34.9)),
    Goods("shoes", "shoe", "fashion", "apparel", "shoes", ("Sneakers", "Running Shoes", "Canvas Shoes"),
          "colour", DYED, ("39", "42", "44"), (39.0, 129.0)),
    Goods("books", "book", "leisure", "goods", "book and stationery", ("Novel", "Stories", "Poems"),
          "edition", STORIES, ("paperback", "hardcover"), (7.9, 24.9)),
    Goods("toys", "toybox", "leisure", "goods", "toy", ("Building Set", "Puzzle", "Play Set", "Board Game"),
          "edition", PLAY, ("4+", "6+", "8+"), (9.9, 59.9)),
)  # fmt: skip

GOODS_BY_CATEGORY: dict[str, Goods] = {goods.category: goods for goods in GOODS}

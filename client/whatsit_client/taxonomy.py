"""The names behind the classifier's score vectors, in the order of the vectors.

Two levels: 9 topics, each with a few of the 42 tags. A user's own classifier may keep the shapes and rename them.
"""

INTENTS: tuple[str, ...] = ("apparel", "goods", "other")
SOURCES: tuple[str, ...] = ("photo", "advertisement", "screenshot")

TOPIC_TAGS: dict[str, tuple[str, ...]] = {
    "fresh food": ("fruit", "citrus", "vegetable", "root and bulb", "mushroom"),
    "packaged food": (
        "milk and dairy",
        "juice and drinks",
        "packet and jar",
        "bottle and can",
        "bread and sweets",
        "meal",
    ),
    "clothing": ("dress", "top", "long sleeve", "outerwear", "trousers", "shorts", "skirt", "swim and underwear"),
    "accessories": ("shoes", "hat", "bag", "jewellery and glasses"),
    "home": ("furniture", "kitchenware", "textile and decor", "care and cosmetics", "appliance"),
    "electronics": ("computer and phone", "screen and camera", "audio and instrument"),
    "leisure": ("tool", "toy", "sport", "book and stationery"),
    "outdoors": ("vehicle", "building", "landscape", "plant and flower"),
    "living": ("person", "pet", "wild animal"),
}
TOPICS: tuple[str, ...] = tuple(TOPIC_TAGS)
TAGS: tuple[str, ...] = tuple(tag for tags in TOPIC_TAGS.values() for tag in tags)
TAG_TOPIC: dict[str, str] = {tag: topic for topic, tags in TOPIC_TAGS.items() for tag in tags}

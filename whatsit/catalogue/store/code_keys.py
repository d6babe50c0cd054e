"""The SQL function `codes_of_item`: the keys of an item's codes as a JSON list."""

from __future__ import annotations

import json
import re
import sqlite3

from whatsit.vision.product_codes import keys_of_item

# Of the names in `product_codes.FIELDS`: most items have none of them, and their attributes need not be parsed.
_ANY_NAME = re.compile(r"gtin|ean|upc|isbn|barcode|sku", re.IGNORECASE)


def codes_of_item(id: str, attributes: str) -> str:
    """Return the keys of an item's codes as a JSON list."""
    known = json.loads(attributes) if _ANY_NAME.search(re.sub(r"[-_ ]", "", attributes)) else {}
    return json.dumps(keys_of_item(id, known))


def register_codes(connection: sqlite3.Connection) -> None:
    """Give a connection the function that the tables' statements call."""
    connection.create_function("codes_of_item", 2, codes_of_item, deterministic=True)

"""Items and vectors as the rows of Milvus' collections."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.milvus.collections import NO_VECTOR, TEXT_BYTES
from whatsit.catalogue.milvus.filter_expression import category_of, facts_of
from whatsit.catalogue.store.picture_metadata import PictureMetadata, Prediction, PrimaryDetection


def number_of(id: str) -> int:
    """Return an item's number: 63 bits of its id's SHA-256, equal on all machines."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big") >> 1


def item_row(fields: ItemFields, pictures: Sequence[Picture], added: str, updated: str) -> dict[str, Any]:
    """Return the row of an item.

    Raises:
        InvalidInput: its fields are longer than a row of Milvus takes.
    """
    record = {
        "id": fields.id,
        "title": fields.title,
        "brand": fields.brand,
        "category": fields.category,
        "image": pictures[0].path if pictures else None,
        "price": fields.price,
        "url": fields.url,
        "attributes": dict(fields.attributes),
    }
    row = {
        "item": number_of(fields.id),
        "id": fields.id,
        "record": json.dumps(record, ensure_ascii=False, allow_nan=False),
        "pictures": json.dumps([_picture_record(picture) for picture in pictures]),
        "category": category_of(record),
        "facts": facts_of(record),
        "added": added,
        "updated": updated,
        "vector": NO_VECTOR,
    }
    lengths = [len(str(row[name]).encode()) for name in ("id", "record", "pictures")]
    if max(*lengths, len(json.dumps(row["facts"]))) > TEXT_BYTES:
        raise InvalidInput(f"The fields of item '{fields.id[:60]}' are longer than the 64 kB that Milvus keeps of one.")
    return row


def vector_rows(item: dict[str, Any], pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """A row per vector of an item's pictures, with what filters ask of the item."""
    rows: list[dict[str, Any]] = []
    for position, picture in enumerate(pictures):
        for vector in picture.vectors:
            rows.append(
                {
                    "row": f"{item['item']:016x}.{len(rows):06d}",
                    "item": item["item"],
                    "ordinal": len(rows),
                    "id": item["id"],
                    "position": position,
                    "picture": picture.path,
                    "box": json.dumps([float(edge) for edge in vector.box]),
                    "category": item["category"],
                    "facts": item["facts"],
                    "vector": vector.values.astype(float).tolist(),
                }
            )
    return rows


def _picture_record(picture: Picture) -> dict[str, Any]:
    facts = picture.facts
    noted = {
        "md5": facts.md5.hex() if facts.md5 else None,
        "hashes": {kind: value.hex() for kind, value in facts.hashes.items()} or None,
        "main": asdict(facts.main) if facts.main else None,
        "prediction": asdict(facts.prediction) if facts.prediction else None,
        "kept": facts.kept,
    }
    kept = {name: value for name, value in noted.items() if value is not None}
    return {"path": picture.path, "sha256": picture.sha256, "vectors": len(picture.vectors), "facts": kept}


def read_facts(record: dict[str, Any]) -> PictureMetadata:
    """What is noted of a picture, from the record that `item_row` made of it."""
    noted = record["facts"]
    main = noted.get("main")
    return PictureMetadata(
        bytes.fromhex(noted["md5"]) if "md5" in noted else None,
        {kind: bytes.fromhex(value) for kind, value in noted.get("hashes", {}).items()},
        PrimaryDetection(tuple(main["box"]), main["label"], main["score"]) if main else None,
        Prediction(**noted["prediction"]) if "prediction" in noted else None,
        noted.get("kept"),
    )

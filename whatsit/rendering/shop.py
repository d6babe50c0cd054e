"""Files of a rendered shop and its scenes, for demo, tests and load."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from whatsit.rendering.canvas import Pixels
from whatsit.rendering.product import Product, draw, make_products
from whatsit.rendering.scene import make_scene

_FIELDS = ("id", "title", "brand", "category", "price", "url", "image")
_Advanced = Callable[[int, int], None]
_OPTIONS = ("flavour", "scent", "colour", "edition", "size")


def catalogue_picture(product: Product, size: int = 320) -> Pixels:
    """Return the product on white with a margin, RGB uint8 [size, size, 3]."""
    cut = draw(product, round(size * 0.9))
    h, w = cut.shape[:2]
    picture = np.full((size, size, 3), 255, np.uint8)
    y, x = (size - h) // 2, (size - w) // 2
    cover = cut[..., 3:].astype(np.float32) / 255
    picture[y : y + h, x : x + w] = (255 + (cut[..., :3].astype(np.float32) - 255) * cover).astype(np.uint8)
    return picture


def encode_jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """Encode RGB pixels as JPEG."""
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data.tobytes())


def save_jpeg(path: Path, pixels: Pixels, quality: int = 90) -> None:
    """Write RGB pixels as JPEG, atomically."""
    part = path.with_suffix(".part")
    part.write_bytes(encode_jpeg(pixels, quality))
    part.replace(path)


def write_shop(
    folder: str | Path, count: int = 300, seed: int = 1, advanced: _Advanced = lambda done, total: None
) -> Path:
    """Render `images/<id>.jpg` and `products.csv`; existing files are kept.

    Args:
        folder: Where to; made if missing.
        count: Number of products.
        seed: The shop; the demo's is 1.
        advanced: Called after every picture with how many are there and how many there will be.

    Returns:
        Path of products.csv (id, title, brand, category, price, url, image, then one column for each option).
    """
    folder = Path(folder)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    products = make_products(count, seed)
    for done, product in enumerate(products, start=1):
        path = folder / "images" / f"{product.id}.jpg"
        if not path.exists():
            save_jpeg(path, catalogue_picture(product))
        advanced(done, count)
    table = folder / "products.csv"
    part = table.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow((*_FIELDS, *_OPTIONS))
        for p in products:
            url = f"https://shop.example/{p.id}"
            fields = (p.id, p.title, p.brand, p.category, f"{p.price:.2f}", url, f"images/{p.id}.jpg")
            rows.writerow((*fields, *(p.attributes.get(name, "") for name in _OPTIONS)))
    part.replace(table)
    return table


def write_truth(table: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write the ground truth of pictures as JSON, atomically."""
    part = table.with_suffix(".part")
    part.write_text(json.dumps(list(rows), indent=1), encoding="utf-8")
    part.replace(table)


def write_scenes(
    folder: str | Path,
    products: Sequence[Product],
    count: int = 24,
    seed: int = 1,
    advanced: _Advanced = lambda done, total: None,
) -> Path:
    """Render scenes and their ground truth; existing files are kept.

    Args:
        folder: Where to; made if missing.
        products: What stands in the scenes.
        count: Number of scenes; each holds 2 to 4 products.
        seed: Scene k of a seed is the same whatever `count` is.
        advanced: Called after every scene with how many are there and how many there will be.

    Returns:
        Path of truth.json: a list of {"image": file name, "boxes": [[x1, y1, x2, y2], …], "product_ids": [id, …]}.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "truth.json"
    known = {row["image"]: row for row in json.loads(table.read_text())} if table.exists() else {}
    truth = []
    for k in range(count):
        name = f"scene-{k:03d}.jpg"
        if name not in known or not (folder / name).exists():
            rng = np.random.default_rng([seed, 17, k])
            scene = make_scene(products, rng, count=int(rng.integers(2, 5)))
            save_jpeg(folder / name, scene.image)
            known[name] = {"image": name, "boxes": scene.boxes.tolist(), "product_ids": list(scene.product_ids)}
        truth.append(known[name])
        advanced(k + 1, count)
    write_truth(table, truth)
    return table

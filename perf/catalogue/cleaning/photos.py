"""Photos with hashes and embeddings, cached in the folder `--work`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from rich.progress import track

from whatsit.evaluation.datasets.clothing import Clothing
from whatsit.evaluation.datasets.grocery import GroceryStore, Split
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions
from whatsit.rendering.photo import photograph
from whatsit.rendering.product import draw, make_products
from whatsit.rendering.shop import encode_jpeg
from whatsit.vision.decode import decode_image
from whatsit.vision.perceptual_hash import KINDS, perceptual_hash

Pixels = npt.NDArray[np.uint8]
HASHED_SIDE = 512
RENDERED_PRODUCTS, RENDERED_PHOTOS = 160, 16
RENDERED_SEED = 71


@dataclass(frozen=True)
class Photos:
    """Pictures of one source.

    Args:
        labels: int64 [N], class or product of each.
        vectors: f32 [N,D], unit length.
        hashes: kind -> uint8 [N,8].
    """

    labels: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    hashes: dict[str, npt.NDArray[np.uint8]]

    def only(self, chosen: npt.NDArray[Any]) -> Photos:
        """Return some of them, by places or flags."""
        hashes = {kind: values[chosen] for kind, values in self.hashes.items()}
        return Photos(self.labels[chosen], self.vectors[chosen], hashes)


def grocery(data: Path, work: Path, split: Split) -> Photos:
    """Return the photos of a split ("train" or "val") of Grocery Store."""
    store = GroceryStore(data / "grocery_store")
    paths = store.queries(split)
    return _kept(work / f"grocery-{split}", store.truth(split), lambda n: paths[n].read_bytes())


def grocery_copies(data: Path, work: Path, kind: str) -> Photos:
    """Return a copy of that kind of each train photo."""
    store = GroceryStore(data / "grocery_store")
    paths, labels = store.queries("train"), store.truth("train")
    name = "".join(c if c.isalnum() else "-" for c in kind)
    return _kept(
        work / f"grocery-train-{name}", labels, lambda n: COPIES[kind](decode_image(paths[n].read_bytes()).pixels)
    )


def clothing(data: Path, work: Path) -> Photos:
    """All photos of the clothing set."""
    source = Clothing(data / "clothing_small")
    paths, labels = [*source.gallery(), *source.queries()], [*source.gallery_truth(), *source.truth()]
    return _kept(work / "clothing", labels, lambda n: paths[n].read_bytes())


def rendered(work: Path) -> Photos:
    """Return photographed rendered products, look-alike variants among them."""
    products = make_products(RENDERED_PRODUCTS, RENDERED_SEED)
    labels = [product for product in range(RENDERED_PRODUCTS) for _ in range(RENDERED_PHOTOS)]

    def photo(n: int) -> bytes:
        cut = draw(products[labels[n]], 224, view=n % RENDERED_PHOTOS)
        return encode_jpeg(photograph(cut, np.random.default_rng([RENDERED_SEED, n]))[0])

    return _kept(work / "rendered", labels, photo)


def _kept(place: Path, labels: Sequence[int], encoded: Callable[[int], bytes]) -> Photos:
    """Return the cached values of the same photos and embedder, or compute them."""
    with Networks() as networks:
        stamp = hashlib.sha256(f"{networks.fingerprint} {len(labels)}".encode()).hexdigest()[:16]
        file = place.with_name(f"{place.name}-{stamp}.npz")
        if not file.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            _compute(file, len(labels), encoded, networks)
    with np.load(file) as known:
        return Photos(np.array(labels), known["vectors"], {kind: known[kind] for kind in KINDS})


def _compute(file: Path, count: int, encoded: Callable[[int], bytes], networks: Networks) -> None:
    def one(n: int) -> tuple[npt.NDArray[np.float32], list[npt.NDArray[np.uint8]]]:
        data = encoded(n)
        pixels = decode_image(data, max_side=HASHED_SIDE).pixels
        picture = decode_picture(data)
        vector = embed_regions(picture, picture.whole, networks.embedder)[0]
        return vector, [perceptual_hash(pixels, kind) for kind in KINDS]

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = list(track(pool.map(one, range(count)), file.stem, count))
    arrays = {kind: np.stack([hashes[k] for _, hashes in found]) for k, kind in enumerate(KINDS)}
    part = file.with_suffix(".part.npz")
    np.savez(part, vectors=np.stack([vector for vector, _ in found]), **arrays)
    part.replace(file)


def _half(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    half = cv2.resize(pixels, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    return np.asarray(half, np.uint8)


def _cropped(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    dy, dx = round(0.02 * height), round(0.02 * width)
    return pixels[dy : height - dy, dx : width - dx]


def _brighter(pixels: Pixels) -> Pixels:
    return np.clip(pixels.astype(np.float32) * 1.2 + 10, 0, 255).astype(np.uint8)


def _watermarked(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels).convert("RGBA")
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    centre, font = (image.width // 2, image.height // 2), ImageFont.load_default(size=max(6, image.width // 8))
    ImageDraw.Draw(layer).text(centre, "whatsit.shop", anchor="mm", fill=(255, 255, 255, 110), font=font)
    return np.asarray(Image.alpha_composite(image, layer).convert("RGB"), np.uint8)


# RGB uint8 [h,w,3] -> encoded file.
COPIES: Mapping[str, Callable[[Pixels], bytes]] = {
    "encoded q40": lambda pixels: encode_jpeg(pixels, 40),
    "scaled 50 %": lambda pixels: encode_jpeg(_half(pixels)),
    "cropped 2 % a side": lambda pixels: encode_jpeg(_cropped(pixels)),
    "brightness x1.2 + 10": lambda pixels: encode_jpeg(_brighter(pixels)),
    "watermark": lambda pixels: encode_jpeg(_watermarked(pixels)),
}

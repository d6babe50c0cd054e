"""A catalogue of drawn products with tasks in every review queue, made in seconds: no network runs."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perf.loop.crops.people import Habits, crop_picture
from whatsit.catalogue.crops.crop_tasks import crop_box_candidates
from whatsit.catalogue.crops.cropped_pictures import CroppedPicture, cropped_pictures
from whatsit.catalogue.crops.weak_boxes import Annotations, WeakPicture, weak_boxes
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.review.task_table import Candidate, Filled, TaskTable
from whatsit.catalogue.store.click_log import Click, PhotoPicture
from whatsit.catalogue.store.picture_files import keep_again
from whatsit.catalogue.store.search_counts import SearchCounts
from whatsit.catalogue.store.store import Store
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.engines.repository import default_root, network_file
from whatsit.rendering.product import make_products
from whatsit.rendering.scene import make_scene
from whatsit.rendering.shop import catalogue_picture, encode_jpeg

Pixels = npt.NDArray[np.uint8]
SIDE = 320
DRAWN = 40  # products that are drawn; more items are these in other colours


def make_review_shop(folder: Path, pairs: int = 60, others: int = 12, sample: float = 0.1) -> Path:
    """Make a catalogue whose queue of near duplicates has so many tasks, and the other queues `others` each.

    Args:
        folder: of the catalogue; made.
        pairs: items with two pictures that are alike.
        others: tasks of each other queue.
        sample: share of tasks that two reviewers decide.
    """
    layout = Layout(folder)
    layout.pictures.mkdir(parents=True, exist_ok=True)
    fingerprint = embedder_fingerprint(network_file(default_root() / "model_repository", "embedder"))
    with Store(layout.store) as store:
        store.put(_items(layout, pairs, fingerprint))
        tasks = TaskTable(store)
        tasks.set_share(sample)
        fill_queues(store, layout, pairs, others)
        _count_searches(store)
    return folder


def fill_queues(store: Store, layout: Layout, pairs: int, others: int) -> None:
    """Fill every queue with tasks on the items of a store."""
    with store.snapshot() as connection:
        rows = connection.execute("SELECT id, sha256 FROM images JOIN items ON number = item ORDER BY image").fetchall()
    pictures: dict[str, list[str]] = {}
    for id, sha256 in rows:
        pictures.setdefault(id, []).append(sha256)
    ids = list(pictures)
    two = [id for id in ids if len(pictures[id]) > 1][:pairs]
    clicks = _clicks(store, layout, 2 * others)
    near = [
        [{"id": id, "score": round(0.81 - 0.07 * at, 2)} for at, id in enumerate(ids[n : n + 4])] for n in range(others)
    ]
    found = {
        "duplicates": [_pair(id, pictures[id], n / max(1, len(two))) for n, id in enumerate(two)],
        "denoise": [_doubt(id, pictures[id], n / others) for n, id in enumerate(two[-others:])],
        "merge": [_merge(ids[n], ids[n + 1], n / others) for n in range(0, min(2 * others, len(ids) - 1), 2)],
        "boxes": [_boxes(id, pictures[id][0], n / others) for n, id in enumerate(ids[:others])],
        "crops": [
            Candidate(f"c{n}", 0.9 - n / 40, {"clicks": [clicks[n]], "proposals": near[n], "reason": _CROP})
            for n in range(others)
        ],
        "unanswered": [
            Candidate(f"u{n}", 0.8 - n / 40, {"clicks": group, "proposals": near[n], "reason": _VAIN})
            for n, group in enumerate(clicks[others + n : others + n + 6] for n in range(others))
        ],
        "crop_boxes": list(crop_box_candidates(cropped_scenes(store, layout, min(others, 4)), "object")),
    }  # fmt: skip
    for queue, candidates in found.items():
        TaskTable(store).fill(queue, candidates, Filled(), 0.0)


_CROP = "A region that a visitor searched and nobody said what it shows."
_VAIN = "Photos that are alike and that no item of the catalogue answered."


def _pair(id: str, hashes: Sequence[str], share: float) -> Candidate:
    reason = (
        "Of the same item as a picture whose hash differs in 2 of 64 bits, at a cosine of 0.981; that one is larger."
    )
    subject = {"item": id, "first": hashes[0], "second": hashes[1], "reason": reason}
    return Candidate(f"d{id}", round(0.99 - 0.5 * share, 3), {**subject, "figures": {"bits": 2, "similarity": 0.981}})


def _doubt(id: str, hashes: Sequence[str], share: float) -> Candidate:
    reason = "Its nearest other picture of the item has a cosine of 0.42; one of another item has 0.91."
    subject = {"item": id, "first": hashes[-1], "nearest": hashes[0], "reason": reason}
    return Candidate(f"n{id}", round(0.95 - 0.5 * share, 3), subject)


def _merge(first: str, second: str, share: float) -> Candidate:
    subject = {
        "first": first,
        "second": second,
        "denied": share > 0.5,
        "reason": "Their pictures have a cosine of 0.97.",
    }
    return Candidate(f"m{first}", round(0.96 - 0.4 * share, 3), {**subject, "figures": {"similarity": 0.97}})


def _boxes(id: str, sha256: str, share: float) -> Candidate:
    boxes = [
        {
            "box": [SIDE * 0.18, SIDE * 0.08, SIDE * 0.8, SIDE * 0.94],
            "score": 0.46,
            "label": "product",
            "doubtful": True,
        },
        {
            "box": [SIDE * 0.3, SIDE * 0.36, SIDE * 0.66, SIDE * 0.62],
            "score": 0.31,
            "label": "product",
            "doubtful": True,
        },
    ]
    subject = {"item": id, "first": sha256, "width": SIDE, "height": SIDE, "boxes": boxes, "labels": ["product"]}
    return Candidate(
        f"b{id}", round(0.7 - 0.4 * share, 3), {**subject, "reason": "Two boxes score between 0.3 and 0.5."}
    )


def _items(layout: Layout, count: int, fingerprint: str) -> Iterator[tuple[ItemFields, list[Picture], str]]:
    products = make_products(DRAWN, 7)
    drawn = [catalogue_picture(one, SIDE) for one in products]
    rng = np.random.default_rng(2)
    for n in range(count):
        product, pixels = products[n % DRAWN], _shifted(drawn[n % DRAWN], n // DRAWN)
        other = np.roll(pixels, (n % 5, n % 3), (0, 1))
        other[20:60, 200 : 240 + n % 40] = 255 - other[20:60, 200 : 240 + n % 40] // 8  # a sticker, faintly
        shots = [encode_jpeg(pixels, 92), encode_jpeg(other, 55)]
        if n % 4 == 0:
            shots.append(encode_jpeg(drawn[(n + 9) % DRAWN], 91 - n // DRAWN))
        pictures = []
        for shot in shots:
            name = hashlib.sha256(shot).hexdigest()
            path = layout.pictures / f"{n}-{name[:12]}.jpg"
            path.write_bytes(shot)
            vector = rng.standard_normal(128).astype(np.float32)
            found = Vector((0.0, 0.0, float(SIDE), float(SIDE)), vector / np.linalg.norm(vector))
            pictures.append(Picture(str(path), name, (found,)))
        fields = ItemFields(
            f"{product.id}-{n:04}", product.title, product.brand, product.category, round(1.5 + n % 170 / 10, 2),
            attributes={"shelf": n % 12},
        )  # fmt: skip
        yield fields, pictures, fingerprint


def _shifted(pixels: Pixels, turn: int) -> Pixels:
    """Return the picture in another colour; the white around it stays."""
    return np.where(
        pixels.min(2, keepdims=True) > 245, pixels, np.roll(pixels, turn % 3, 2) // 8 * 8 + turn % 8
    ).astype(np.uint8)


def _clicks(store: Store, layout: Layout, count: int) -> list[int]:
    """Record photos of visitors; return their numbers in the log."""
    layout.clicks.mkdir(exist_ok=True)
    products = make_products(DRAWN + 12, 9)[DRAWN:]
    for n in range(count + 6):
        photo = np.full((360, 480, 3), (178, 160, 140), np.uint8)
        photo[20:340, 80:400] = _shifted(catalogue_picture(products[n // 6 % 12], SIDE), 0)
        photo = np.clip(photo.astype(np.int16) + (n % 6) * 6 - 18, 0, 255).astype(np.uint8)
        path = layout.clicks / f"{secrets.token_hex(16)}.jpg"
        path.write_bytes(encode_jpeg(photo, 88))
        store.clicks.record(Click("", path, (80.0, 20.0, 400.0, 340.0), "crop" if n < count // 2 else "none"))
    with store.snapshot() as connection:
        return [row[0] for row in connection.execute("SELECT click FROM clicks ORDER BY click")]


def cropped_scenes(store: Store, layout: Layout, count: int) -> list[tuple[CroppedPicture, WeakPicture]]:
    """Record what simulated people cropped in drawn scenes; return the weak labels."""
    products = make_products(DRAWN, 7)
    names: dict[str, dict[tuple[float, ...], str]] = {}
    for n in range(count):
        scene = make_scene(products, np.random.default_rng([3, n]), size=(640, 480), count=3 + n % 3)
        photo = encode_jpeg(scene.image, 90)
        digest = hashlib.sha256(photo).hexdigest()
        rng = np.random.default_rng([4, n])
        made = crop_picture(scene.boxes, (640, 480), 9.0, rng, Habits(stray=0.05))
        category = {one.id: one.category for one in products}
        known = names.setdefault(digest, {})
        for box, thing in zip(made.boxes, made.things, strict=True):
            path = keep_again(store.clicks.photo_of(digest), layout.clicks, photo)
            x1, y1, x2, y2 = (round(float(side), 1) for side in box)
            store.clicks.record(Click("", path, (x1, y1, x2, y2), "crop"), PhotoPicture(digest, 640, 480))
            known[x1, y1, x2, y2] = category[scene.product_ids[thing]] if thing >= 0 else ""
    labelled = []
    for one in cropped_pictures(store):
        if one.sha256 in names:
            said = [Annotations({names[one.sha256][crop.box]: 1.0}) for crop in one.crops]
            labelled.append((one, weak_boxes(one.boxes(), (one.width, one.height), said)))
    return labelled


def _count_searches(store: Store) -> None:
    """Count a month of searches that grows, with a pause at week ends."""
    counts, rng = SearchCounts(), np.random.default_rng(4)
    for back in range(89, -1, -1):
        day = date.today() - timedelta(days=back)
        busy = (170 - back) * (0.35 if day.weekday() > 4 else 1.0)
        for state, share in (("found", 0.66), ("unsure", 0.12), ("not_found", 0.17), ("not_searched", 0.05)):
            for _ in range(int(rng.poisson(busy * share))):
                counts.count(day.isoformat(), state, [])
    counts.write(store)

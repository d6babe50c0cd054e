"""The model `catalogue`: look at items and change them while the server runs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.backends import index_status, open_store
from whatsit.catalogue.ingest.fetch import Fetched
from whatsit.catalogue.ingest.picture_analysis import catalogue_steps, separate_objects
from whatsit.catalogue.item import ItemFields, Picture
from whatsit.catalogue.item_payload import ItemPayload, parse_object
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.store.click_log import KINDS, Click, PhotoPicture
from whatsit.catalogue.store.local_feature_table import local_features
from whatsit.catalogue.store.picture_files import forget_pictures, keep_again, keep_picture
from whatsit.catalogue.store.picture_metadata import PictureMetadata
from whatsit.pipeline.region_selection import check_boxes
from whatsit.search.serving_items import ServingItems
from whatsit.serving.analyzer_loader import AnalyzerLoader
from whatsit.serving.catalogue_arguments import given_box, given_picture, read_ids, search_arguments
from whatsit.serving.environment import is_read_only, links_pictures, served_catalogues
from whatsit.serving.metrics import definitions as metrics
from whatsit.serving.open_catalogues import OpenCatalogues
from whatsit.serving.pair_embedders import PairEmbedders
from whatsit.serving.picture_links import link_of, linked
from whatsit.serving.request_options import Options
from whatsit.serving.step_tensors import text_tensor
from whatsit.serving.triton_step import Tensors
from whatsit.vision.decode import decode_image

DECODED_SIDE = 64  # of a picture that is only checked

Result = dict[str, Any]

_TOKEN = re.compile("[0-9a-f]{32}")


class ServedCatalogue:
    """Operations on one catalogue.

    An acknowledged change is on the disk and counts in the next search.

    Args:
        folder: the catalogue's folder.
        model_repository: of the networks that embed pictures; they are loaded at the first picture.
        dimension: length of the embedder's vectors.
        read_only: refuse changes.
        analyzer: loads the networks; None for one of its own.
    """

    def __init__(
        self,
        folder: Path,
        model_repository: Path,
        dimension: int,
        read_only: bool = False,
        analyzer: AnalyzerLoader | None = None,
    ) -> None:
        self._layout = Layout(folder)
        self._analyzer = analyzer or AnalyzerLoader(model_repository)
        self._dimension = dimension
        self._read_only = read_only
        self._embedders = PairEmbedders(folder, model_repository)
        self._reading = open_store(folder, read_only=True)
        self._writing: CatalogueStore | None = None
        self._items = ServingItems(folder, model_repository)

    def upsert(self, text: str, image: bytes | None) -> Result:
        """Add an item, or change the sent fields of the one with this id.

        Fields that are not sent stay as they are; null empties one, and `attributes` replaces all attributes.

        Args:
            text: JSON, see `ItemPayload`.
            image: an encoded picture, which takes the place of all pictures before. An item that is there already keeps
                what it has where neither a picture nor vectors are sent.

        Returns:
            `id`, `outcome` (added or updated) and `vectors`, how many the item has.

        Raises:
            InvalidInput: the item or the picture is refused.
            Unavailable: the catalogue or the networks cannot be used.
        """
        store = self._writable()
        item = ItemPayload.parse(text, self._dimension)
        if image is not None and item.vectors is not None:
            raise InvalidInput("Send an item with IMAGE or with vectors, not with both.")
        new = self._embedded(image) if image is not None else given_picture(item)
        before: list[Picture] = []
        now: list[Picture] = []

        def change() -> Iterator[tuple[ItemFields, list[Picture], str]]:
            """Run inside the transaction, so that nothing comes between reading and writing."""
            before.extend(store.pictures(item.fields.id, self._items.fingerprint))
            now.extend([new] if new else before)
            if not any(picture.vectors for picture in now):
                raise InvalidInput(f"The item '{item.fields.id}' has no picture yet; send it with IMAGE.")
            yield item.onto(store.fields(item.fields.id)), now, self._items.fingerprint

        try:
            (outcome,) = store.put(change())
        except BaseException:
            self._forget([new] if new else [])
            raise
        self._forget([picture for picture in before if picture not in now])
        return {"id": item.fields.id, "outcome": outcome, "vectors": sum(len(picture.vectors) for picture in now)}

    def delete(self, text: str) -> Result:
        """Delete items.

        Args:
            text: JSON, `{"id": "X1"}` or `{"ids": ["X1", "X2"]}`.

        Returns:
            `deleted`, how many, and `unknown`, the ids that were not there.
        """
        store = self._writable()
        named = read_ids(parse_object(text))
        before = (
            [] if store.keeps_deleted else [one for id in named for one in store.pictures(id, self._items.fingerprint)]
        )
        unknown = store.delete(named)
        self._forget(before)
        return {"deleted": len(named) - len(unknown), "unknown": unknown}

    def get(self, text: str) -> Result:
        """Return the item `{"id": "X1"}`: `item` as in ITEM_RECORDS, and `Store.show`."""
        (id,) = read_ids(parse_object(text), most=1)
        if self._reading.fields(id) is None:
            raise InvalidInput(f"The catalogue has no item '{id}'.")
        shown = self._reading.show(id)
        extra = {name: shown.pop(name) for name in ("added", "updated", "merged_into", "predicted", "images")}
        del shown["number"]
        return {"item": shown, **extra}

    def similar(self, text: str) -> Result:
        """Return the `items` most like one.

        ITEM is `{"id": "X1", "limit": 10, "offset": 0, "where": {…}}`, of which the id is needed.
        """
        return {
            "items": [
                one.to_record() for one in self._items(self._reading).similar(**search_arguments(parse_object(text)))
            ]
        }

    def scenes(self, text: str) -> Result:
        """Return the `scenes` in which an item appears, and whether `objects` are indexed.

        ITEM is as in `similar`.
        """
        found = self._items(self._reading).scenes(**search_arguments(parse_object(text)))
        return {"scenes": [one.to_record() for one in found], "objects": self._reading.keeps_objects}

    def feedback(self, text: str, image: bytes | None) -> Result:
        """Keep what a person said of a photo; choices train the ranker.

        Args:
            text: JSON, `{"id": "X1"}` with the chosen item, perhaps with `"box": [x1, y1, x2, y2]` in pixels. With
                `"kind": "none"` or `"crop"` there is no id; see `Click`.
            image: the encoded photo, which is kept.

        Returns:
            `clicks`, how many choices are kept now, and `feedback`, the token for `withdraw`.

        Raises:
            InvalidInput: there is no such item or no photo, or the box is none.
        """
        store = self._writable()
        clicks = store.clicks
        record = parse_object(text)
        kind = record.get("kind", "match")
        if kind not in KINDS:
            raise InvalidInput(f"Feedback is of the kind {', '.join(KINDS)}, not {str(kind)[:40]!r}.")
        id = read_ids(record, most=1)[0] if kind == "match" else ""
        if image is None:
            raise InvalidInput("Feedback needs the photo that was identified: send it as IMAGE.")
        if kind == "match" and store.fields(id) is None:
            raise InvalidInput(f"The catalogue has no item '{id}'.")
        box = None if record.get("box") is None else given_box(record["box"])
        decoded = decode_image(image, max_side=DECODED_SIDE)
        if box is not None:
            check_boxes((box,), decoded.width, decoded.height)
        picture = PhotoPicture(hashlib.sha256(image).hexdigest(), decoded.width, decoded.height)
        path = keep_again(clicks.photo_of(picture.sha256), self._layout.clicks, image)
        try:
            click = Click(id, path, box, kind)
            clicks.record(click, picture)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return {"clicks": clicks.count("match"), "feedback": click.token}

    def withdraw(self, text: str) -> Result:
        """Delete the feedback `{"feedback": TOKEN}` with its photo, if it is there."""
        token = parse_object(text).get("feedback")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise InvalidInput("Withdraw feedback by its token, 32 hexadecimal digits, which the reply to it held.")
        path = self._writable().clicks.withdraw(token)
        if path is not None:
            path.unlink(missing_ok=True)
        return {"withdrawn": path is not None}

    def stats(self) -> Result:
        """Return the catalogue's state.

        Its keys are `items`, `generation`, `vectors` and `items_indexed` in it, `pending` changed items since, and
        `notes`.
        """
        status = index_status(self._reading, self._layout.folder, self._items.fingerprint)
        return {**status, "read_only": self._read_only}

    def _writable(self) -> CatalogueStore:
        if self._read_only:
            raise InvalidInput("This server does not change its catalogue: it was started read-only.")
        if self._writing is None:
            self._writing = open_store(self._layout.folder)
        return self._writing

    def _embedded(self, image: bytes) -> Picture:
        steps = catalogue_steps(self._reading)
        seen = self._analyzer()(image, steps | {"embed", "hash"})
        local = local_features(image) if self._reading.keeps_local else None
        path = keep_picture(self._layout.pictures, image)
        fetched = Fetched.of(path, image)
        facts = PictureMetadata(
            fetched.md5, seen.hashes, objects=None if seen.objects is None else separate_objects(seen.objects)
        )
        vectors = self._embedders.vectors(image, (*(seen.vectors or ()), *(seen.objects or ())), "views" in steps)
        serving = next(iter(vectors))
        others = {name: values for name, values in vectors.items() if name != serving}
        return Picture(str(path), fetched.sha256, vectors[serving], local, facts, others)

    def _forget(self, pictures: list[Picture]) -> None:
        forget_pictures(self._layout.pictures, pictures)


_OPERATIONS: Mapping[str, Callable[[ServedCatalogue, str, bytes | None], Result]] = {
    "upsert": lambda catalogue, text, image: catalogue.upsert(text, image),
    "feedback": lambda catalogue, text, image: catalogue.feedback(text, image),
    "withdraw": lambda catalogue, text, _: catalogue.withdraw(text),
    "delete": lambda catalogue, text, _: catalogue.delete(text),
    "get": lambda catalogue, text, _: catalogue.get(text),
    "similar": lambda catalogue, text, _: catalogue.similar(text),
    "scenes": lambda catalogue, text, _: catalogue.scenes(text),
    "stats": lambda catalogue, text, _: catalogue.stats(),
}


class ChangeCatalogue:
    """OPERATION, ITEM, IMAGE -> RESULT: one operation of `ServedCatalogue`.

    Model parameters: `networks` (the model repository, relative to the model folder), `dimension`.
    The option `catalogue` picks one of several (see `served_catalogues`). The environment variable WHATSIT_READ_ONLY
    takes the changing operations away.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        networks = Path(parameters["model_directory"], parameters["networks"])
        dimension, read_only, analyzer = int(parameters["dimension"]), is_read_only(), AnalyzerLoader(networks)
        self._catalogues = OpenCatalogues(
            served_catalogues(), lambda folder: ServedCatalogue(folder, networks, dimension, read_only, analyzer)
        )
        self._links = links_pictures()
        if not read_only:
            analyzer.start()  # else the first picture would wait for it, and all changes behind it

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> dict[str, npt.NDArray[Any]]:
        """Answer one request."""
        name = _text(inputs, "OPERATION")
        if name not in _OPERATIONS:
            raise InvalidInput(f"There is no operation '{name[:60]}'; OPERATION is {', '.join(_OPERATIONS)}.")
        catalogue = self._catalogues(options.catalogue)
        image = np.asarray(inputs["IMAGE"]).tobytes() if "IMAGE" in inputs else None
        result = _OPERATIONS[name](catalogue, _text(inputs, "ITEM"), image)
        if name == "get" and self._links:
            result = linked(result, link_of(options.catalogue))
        metrics.changed(name, result)
        return {"RESULT": text_tensor([json.dumps(result, ensure_ascii=False)])}


def _text(inputs: Tensors, name: str) -> str:
    """The text in a BYTES tensor [1]; of an absent ITEM, an empty object."""
    if name not in inputs:
        return "{}"
    try:
        return bytes(inputs[name].ravel()[0]).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name} is not UTF-8 text.") from error

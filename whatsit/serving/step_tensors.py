"""Tensors of the steps from the library's value types, and back."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.taxonomy import INTENTS

from whatsit.pipeline.decoded_picture import Pixels
from whatsit.pipeline.picture_description import PictureRegions
from whatsit.pipeline.region_selection import area_shares
from whatsit.search.records import Record
from whatsit.search.retriever import Retrieved, evidence
from whatsit.serving.picture_links import Link
from whatsit.serving.triton_step import Outputs
from whatsit.vision.local_features import ROW, LocalFeatures, Patch

LocalRows = npt.NDArray[np.uint8]

# Rows of region i that hold pixels instead of features begin with this + i.
PATCH = 128
_HEADER = struct.calcsize("<HHf")
# Triton passes no empty tensor between steps reliably: the first row is all zeros and is ignored.
NO_LOCAL_ROWS: LocalRows = np.zeros((1, 1 + ROW), dtype=np.uint8)
# A picture of one pixel is none.
NO_PRINT: Pixels = np.zeros((1, 1, 3), dtype=np.uint8)


def text_tensor(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    """Return (nested) strings as a BYTES tensor."""
    array = np.array(values, dtype=object)
    return np.vectorize(lambda text: text.encode(), otypes=[object])(array) if array.size else array


def region_tensors(found: PictureRegions) -> Outputs:
    """Return the outputs of `regions` but CROPS, LOCAL and PRINT."""
    picture, regions, heads = found.picture, found.regions, found.heads
    outputs: Outputs = {
        **{f"{head.upper()}_SCORES": scores for head, scores in heads.items()},
        "GATED": np.array([found.gated]),
        "AREAS": area_shares(regions, picture.width, picture.height),
        "SCORES": regions.scores,
        "REGION_BOXES": regions.boxes,
        "BOXES": regions.boxes,
        "BOX_SCORES": regions.scores,
        "BOX_LABELS": text_tensor(regions.labels),
    }
    if "intent" in heads:
        outputs["INTENT"] = text_tensor([INTENTS[int(np.argmax(heads["intent"]))]])
    return outputs


def item_tensors(retrieved: Retrieved, width: int, link: Link | None = None) -> Outputs:
    """Return the outputs of `retrieval`.

    Pictures are named by `link`, or by their paths without one.

    ITEM_RANKS is the deprecated name of ITEM_SCORES. Rows with fewer than `width` matches end in "" and score 0.
    """
    scores = np.zeros((len(retrieved.regions), width), dtype=np.float32)
    ids = np.full(scores.shape, b"", dtype=object)
    texts = np.full(scores.shape, b"", dtype=object)
    for row, matches in enumerate(retrieved.regions):
        scores[row, : len(matches)] = matches.scores
        places = retrieved.places[row] if retrieved.places else {}
        for column, number in enumerate(matches.numbers):
            record = retrieved.records[int(number)]
            more = evidence(matches, column, places.get(int(number)))
            ids[row, column] = str(record["id"]).encode()
            sent = record if not more and isinstance(record, Record) else Record({**record, **more})
            texts[row, column] = sent.encoded if link is None else sent.encoded_with(link(record))
    said = retrieved.answer.to_record()
    if link is not None and said["image"] and said["ids"]:
        said["image"] = link({"id": said["ids"][0], "image": said["image"]})
    answer = text_tensor([json.dumps(said, ensure_ascii=False)])
    return {"ITEM_IDS": ids, "ITEM_SCORES": scores, "ITEM_RANKS": scores, "ITEM_RECORDS": texts, "ANSWER": answer}


def pack_local_rows(features: Sequence[LocalFeatures]) -> LocalRows:
    """Pack the features of each region as uint8 [M,133].

    A row is the region's index and a row of `LocalFeatures`.
    """
    rows = [np.insert(one.rows, 0, region, axis=1) for region, one in enumerate(features)]
    return np.concatenate([NO_LOCAL_ROWS, *rows])


def pack_patches(patches: Sequence[Patch]) -> LocalRows:
    """Pack the patches of the first regions as rows of the same tensor, uint8 [M,133].

    A row begins with `PATCH` + the region's index; the rest of a region's rows are width and height (uint16), aspect
    (f32), the grey values and padding.
    """
    packed = [NO_LOCAL_ROWS]
    for region, patch in enumerate(patches):
        height, width = patch.grey.shape
        data = struct.pack("<HHf", width, height, patch.aspect) + patch.grey.tobytes()
        rows = np.zeros((-(-len(data) // ROW), 1 + ROW), dtype=np.uint8)
        rows[:, 0] = PATCH + region
        rows[:, 1:] = np.frombuffer(data.ljust(len(rows) * ROW, b"\0"), dtype=np.uint8).reshape(-1, ROW)
        packed.append(rows)
    return np.concatenate(packed)


def unpack_patches(rows: LocalRows, regions: int) -> list[Patch | None]:
    """Return what `pack_patches` packed, None for regions without."""
    found: list[Patch | None] = [None] * regions
    for region in range(min(regions, 256 - PATCH)):
        data = rows[rows[:, 0] == PATCH + region, 1:].tobytes()
        if data:
            width, height, aspect = struct.unpack_from("<HHf", data)
            grey = np.frombuffer(data, dtype=np.uint8, count=width * height, offset=_HEADER)
            found[region] = Patch(grey.reshape(height, width), aspect)
    return found


def unpack_local_rows(rows: LocalRows, regions: int) -> list[LocalFeatures]:
    """Return what `pack_local_rows` packed, for each of so many regions."""
    packed = rows[1:]
    return [LocalFeatures(np.ascontiguousarray(packed[packed[:, 0] == region, 1:])) for region in range(regions)]

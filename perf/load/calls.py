"""The mix of calls: which model, with what, how often."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from whatsit_client import catalogue_calls
from whatsit_client.errors import InvalidInput
from whatsit_client.transport.address import Address

from perf.common.server_fixture import read_pictures

# Of the calls that look and do not change.
LOOKS = {"identify": 0.60, "identify boxes": 0.15, "identify where": 0.15, "embed": 0.10}
WHERE = json.dumps({"price": {"$lt": 1000}})
_IDS = 200


@dataclass(frozen=True)
class Call:
    """One call.

    Args:
        name: for the statistics.
        model: Triton's.
        inputs: its tensors.
        parameters: its request parameters.
    """

    name: str
    model: str
    inputs: Mapping[str, npt.NDArray[Any]]
    parameters: Mapping[str, str | int]


class Calls:
    """Draws calls by chance.

    Args:
        pictures: encoded.
        changing: share of the calls that change the catalogue, 0..1.
        seed: of the dice.
    """

    def __init__(self, pictures: list[bytes], changing: float, seed: int | None = None) -> None:
        self._pictures = [(np.frombuffer(picture, np.uint8), _size(picture)) for picture in pictures]
        self._changing = changing
        self._dice = random.Random(seed)

    def draw(self) -> Call:
        """Any call."""
        return self._change() if self._dice.random() < self._changing else self._look()

    def draw_plain(self) -> Call:
        """Return a call that is nothing but a picture."""
        image, _ = self._dice.choice(self._pictures)
        name = self._dice.choices(("identify", "embed"), (LOOKS["identify"], LOOKS["embed"]))[0]
        return Call(name, name, {"IMAGE": image}, {})

    def _look(self) -> Call:
        name = self._dice.choices(list(LOOKS), list(LOOKS.values()))[0]
        image, (width, height) = self._dice.choice(self._pictures)
        parameters: dict[str, str | int] = {}
        if name.endswith("boxes"):
            x, y = self._dice.random() * width / 2, self._dice.random() * height / 2
            parameters = {"boxes": json.dumps([[x, y, x + width / 2, y + height / 2]])}
        elif name.endswith("where"):
            parameters = {"where": WHERE, "top_k": 5}
        return Call(name, name.split()[0], {"IMAGE": image}, parameters)

    def _change(self) -> Call:
        id = f"locust-{self._dice.randrange(_IDS)}"
        if self._dice.random() < 0.3:
            return Call("delete", "catalogue", catalogue_calls.delete([id]).inputs, {})
        vector = np.random.default_rng(self._dice.randrange(2**32)).normal(size=(1, 128))
        item = {"id": id, "title": f"Item {id}", "price": 1.0}
        upsert = catalogue_calls.upsert(item, None, vector / np.linalg.norm(vector))
        return Call("upsert", "catalogue", upsert.inputs, {})


def _size(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as image:
        width, height = image.size
        return width, height


def key_headers() -> dict[str, str]:
    """Return the header of the key in WHATSIT_KEY, for servers behind a gateway."""
    return dict(Address.parse("localhost").headers)


def open_calls(options: Any) -> Calls:
    """Return the calls for Locust's options; ends Locust where there are no pictures."""
    try:
        return Calls(read_pictures(Path(options.photos)), options.changes)
    except InvalidInput as error:
        raise SystemExit(f"{error} `whatsit demo` makes some.") from None

"""One call to a running Whatsit server, blocking."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from whatsit_client import catalogue_calls as changes
from whatsit_client import tensors
from whatsit_client.call_options import Parameters, parameters
from whatsit_client.catalogue_calls import CatalogueStats
from whatsit_client.encode import ImageLike, encode
from whatsit_client.errors import Unavailable
from whatsit_client.retry_policy import Patience
from whatsit_client.tensors import Tensors, image_input
from whatsit_client.transport.address import Address
from whatsit_client.transport.transport_errors import Busy, ConnectionLost, understood
from whatsit_client.types import Embedding, Identification, Item, Region

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from whatsit_client.transport.over_grpc import GrpcTransport
    from whatsit_client.transport.over_http import HttpTransport

Value = TypeVar("Value")


class Client:
    """Identifies pictures on a Whatsit server; one client serves many threads.

    Example:
        >>> with Client("localhost:8001") as client:  # doctest: +SKIP
        ...     result = client.identify("photo.jpg", top_k=5)
        ...     print(result.answer.title, result.answer.confidence)
        ...     result.draw("photo.jpg").save("photo.whatsit.png")

    Args:
        url: host:port of the server, perhaps with a scheme (grpc, grpcs, http, https); localhost by default.
        protocol: "grpc" or "http"; a scheme in the url goes before it.
        timeout: seconds that a call may take, tries included.
        retries: how often a call is tried again after the connection was lost or the server had too much to do.
            Nothing else is tried again.

    Raises:
        InvalidInput: the url or the protocol is none.
    """

    def __init__(
        self, url: str | None = None, protocol: str | None = None, *, timeout: float = 30.0, retries: int = 2
    ) -> None:
        self.address = Address.parse(url, protocol)
        self._patience = Patience(timeout, retries)
        self._transport = _transport(self.address)

    def identify(
        self,
        image: ImageLike,
        *,
        top_k: int | None = None,
        boxes: Sequence[Sequence[float]] | None = None,
        where: Mapping[str, Any] | str | None = None,
        min_score: float | None = None,
        rerank: Sequence[str] | str | None = None,
        text: str | None = None,
        gate: bool | None = None,
        timeout: float | None = None,
        min_rank: float | None = None,
    ) -> Identification:
        """Say what is in a picture and which items of the catalogue it is.

        Args:
            image: path, bytes of a JPEG, PNG or WebP file, Pillow image, or RGB pixels uint8 [H,W,3].
            top_k: matches per region, 1..100 (the server's default is 10).
            boxes: your own boxes x1,y1,x2,y2 in pixels of the upright picture, instead of the detector's.
            where: filter on item fields, e.g. {"brand": "Arla"}.
            min_score: matches below are dropped, 0..2.
            rerank: ranking stages to add.
            text: words of its title, brand or size that are known; items with them move up.
            gate: False searches even where the picture shows none of the catalogue's kind.
            timeout: seconds for this call.
            min_rank: deprecated name of `min_score`.

        Raises:
            InvalidInput: the picture or an option is wrong; the sentence is the server's.
            TimedOut: no answer in time.
            Unavailable: no server, or not this one.
        """
        options = parameters(
            top_k=top_k,
            boxes=boxes,
            where=where,
            min_score=min_rank if min_score is None else min_score,
            rerank=rerank,
            text=text,
            gate=gate,
        )
        return self._look("identify", image, options, tensors.read_identification, timeout)

    def embed(
        self,
        image: ImageLike,
        *,
        boxes: Sequence[Sequence[float]] | None = None,
        gate: bool | None = None,
        timeout: float | None = None,
    ) -> Embedding:
        """Give the vectors of a picture's regions; arguments and errors as in `identify`."""
        return self._look("embed", image, parameters(boxes=boxes, gate=gate), tensors.read_embedding, timeout)

    def detect(
        self,
        image: ImageLike,
        *,
        boxes: Sequence[Sequence[float]] | None = None,
        gate: bool | None = None,
        timeout: float | None = None,
    ) -> tuple[Region, ...]:
        """Give a picture's regions, the whole picture first; arguments and errors as in `identify`."""
        return self._look("detect", image, parameters(boxes=boxes, gate=gate), tensors.read_detection, timeout)

    def upsert(
        self,
        item: Item | Mapping[str, Any],
        image: ImageLike | None = None,
        *,
        vectors: Sequence[Sequence[float]] | npt.NDArray[np.float32] | None = None,
        timeout: float | None = None,
    ) -> str:
        """Add an item to the server's catalogue, or replace the one with its id; the next `identify` finds it.

        All fields are replaced: what is not given is not known of the item any more. Its pictures stay as they are
        where neither an image nor vectors are given.

        Args:
            item: an `Item`, or its fields: id, title, brand, category, price, url, attributes.
            image: its picture, in place of those before.
            vectors: [N,D] of length 1, made by the server's own embedder (`embed`), instead of a picture.
            timeout: seconds for this call.

        Returns:
            "added" or "updated". After a lost connection an item that this very call added may be called updated.

        Raises:
            InvalidInput: the item or the picture is wrong, or the server is read-only; the sentence is the server's.
            TimedOut: no answer in time; the server may still make the change.
            Unavailable: no server, or not this one.
        """
        inputs = changes.call("upsert", changes.new_item(item, vectors), None if image is None else encode(image))
        return self._call("catalogue", inputs, {}, changes.read_outcome, timeout)

    def delete(self, *ids: str, timeout: float | None = None) -> tuple[str, ...]:
        """Delete items by id; returns those ids that were not there. Errors as in `upsert`."""
        return self._call("catalogue", changes.call("delete", {"ids": ids}), {}, changes.read_unknown, timeout)

    def get(self, id: str, timeout: float | None = None) -> Item:
        """What the catalogue knows of an item; an unknown id is `InvalidInput`."""
        return self._call("catalogue", changes.call("get", {"id": id}), {}, changes.read_item, timeout)

    def feedback(
        self, image: ImageLike, id: str, box: Sequence[float] | None = None, timeout: float | None = None
    ) -> int:
        """Say which item a person chose for a photo: what `whatsit train ranker` learns from.

        The server keeps the photo itself, so that other networks can learn from it later.

        Args:
            image: the photo, as for `identify`.
            id: of the chosen item.
            box: where the thing is in it, x1,y1,x2,y2 in pixels of the upright picture; None for the whole.
            timeout: seconds for this call.

        Returns:
            How many choices the server keeps now.

        Raises:
            InvalidInput: there is no such item, or the photo or the box is wrong, or the server is read-only.
            TimedOut: no answer in time; the choice may still be kept.
            Unavailable: no server, or not this one.
        """
        inputs = changes.call("feedback", changes.choice(id, box), encode(image))
        return self._call("catalogue", inputs, {}, changes.read_clicks, timeout)

    def stats(self, timeout: float | None = None) -> CatalogueStats:
        """How many items there are, and how many changes wait for `whatsit catalogue compact`."""
        return self._call("catalogue", changes.call("stats", {}), {}, changes.read_stats, timeout)

    def is_ready(self, timeout: float = 2.0) -> bool:
        """Whether the server answers and takes calls to `identify`."""
        try:
            return self._transport.is_ready("identify", timeout)
        except Unavailable:
            return False

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(
        self,
        model: str,
        image: ImageLike,
        options: Parameters,
        read: Callable[[Tensors], Value],
        timeout: float | None,
    ) -> Value:
        return self._call(model, image_input(encode(image)), options, read, timeout)

    def _call(
        self,
        model: str,
        inputs: Tensors,
        options: Parameters,
        read: Callable[[Tensors], Value],
        timeout: float | None,
    ) -> Value:
        tries = self._patience.start(timeout)
        while True:
            try:
                reply = self._transport.infer(model, inputs, options, tries.remaining())
                break
            except (Busy, ConnectionLost) as error:
                pause = tries.pause(busy=isinstance(error, Busy))
                if pause is None:
                    raise
                time.sleep(pause)
        return understood(read, reply, self.address)


def _transport(address: Address) -> GrpcTransport | HttpTransport:
    if address.protocol == "grpc":
        from whatsit_client.transport.over_grpc import GrpcTransport

        return GrpcTransport(address)
    from whatsit_client.transport.over_http import HttpTransport

    return HttpTransport(address)

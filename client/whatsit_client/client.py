"""The blocking client of a Whatsit server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from tenacity import Retrying

from whatsit_client import calls, catalogue_calls
from whatsit_client.calls import Call, IdentifyOptions, RegionOptions
from whatsit_client.catalogue_calls import CatalogueStats
from whatsit_client.encode import ImageLike
from whatsit_client.errors import Unavailable
from whatsit_client.identification import Embedding, Identification
from whatsit_client.item_scene import Scene
from whatsit_client.retry_policy import Deadline, RetryPolicy
from whatsit_client.tensors import Tensors
from whatsit_client.transport.address import Address
from whatsit_client.transport.port_hint import with_hint
from whatsit_client.transport.transport_errors import ConnectionLost, parse_reply
from whatsit_client.types import Item, Match, Region

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Unpack

    from whatsit_client.transport.over_grpc import GrpcTransport
    from whatsit_client.transport.over_http import HttpTransport

Value = TypeVar("Value")


class Client:
    """Identifies pictures on a Whatsit server; threads may share one client.

    Example:
        >>> with Client("localhost:8001") as client:  # doctest: +SKIP
        ...     result = client.identify("photo.jpg", top_k=5)
        ...     print(result.answer.title, result.answer.confidence)
        ...     whatsit_client.draw(result, "photo.jpg").save("photo.whatsit.png")

    Args:
        url: host:port of the server, optionally with a scheme (grpc, grpcs, http, https); localhost by default.
        protocol: "grpc" or "http"; a scheme in the url overrides it.
        key: for a gateway that asks for one; None takes the environment's WHATSIT_KEY.
        timeout: seconds for a call, retries included.
        retries: attempts after the first, for a lost connection or a busy server only.

    Raises:
        InvalidInput: the url or the protocol is unknown.
    """

    def __init__(
        self,
        url: str | None = None,
        protocol: str | None = None,
        *,
        key: str | None = None,
        timeout: float = 30.0,
        retries: int = 2,
    ) -> None:
        self.address = Address.parse(url, protocol, key)
        self._policy = RetryPolicy(timeout, retries)
        self._transport = _transport(self.address)

    def identify(
        self, image: ImageLike, *, timeout: float | None = None, **options: Unpack[IdentifyOptions]
    ) -> Identification:
        """Identify what is in a picture and which items of the catalogue it shows.

        Args:
            image: path, bytes of a picture file, Pillow image, or RGB pixels uint8 [H,W,3].
            timeout: seconds for this call.
            top_k: matches per region, 1..100 (the server's default is 10).
            boxes: your own boxes x1,y1,x2,y2 in pixels of the upright picture, instead of the detector's.
            where: filter on item fields, e.g. {"brand": "Arla"}.
            min_score: matches below are dropped, 0..2.
            rerank: ranking stages to add.
            text: known words of its title, brand or size; items with them move up.
            gate: False searches even where the picture shows none of the catalogue's kind.
            catalogue: name of one of the server's catalogues; the default one unless given.
            min_rank: deprecated name of `min_score`.
            codes: "on" reads barcodes and QR codes, "off" does not, "auto" does where items have codes.
            read: "on" reads the words in the picture, "off" does not, "auto" does where the first matches are close.

        Raises:
            InvalidInput: the picture or an option is wrong; the sentence is the server's.
            TimedOut: no answer in time.
            Unavailable: no server, or not a Whatsit server of this version.
        """
        return self._send(partial(calls.identify, image, **options), timeout, image)

    def embed(self, image: ImageLike, *, timeout: float | None = None, **options: Unpack[RegionOptions]) -> Embedding:
        """Return the vectors of a picture's regions.

        Arguments and errors are those of `identify`.
        """
        return self._send(partial(calls.embed, image, **options), timeout, image)

    def detect(
        self, image: ImageLike, *, timeout: float | None = None, **options: Unpack[RegionOptions]
    ) -> tuple[Region, ...]:
        """Return a picture's regions, the whole picture first.

        Arguments and errors are those of `identify`.
        """
        return self._send(partial(calls.detect, image, **options), timeout, image)

    def upsert(
        self,
        item: Item | Mapping[str, Any],
        image: ImageLike | None = None,
        *,
        vectors: Sequence[Sequence[float]] | npt.NDArray[np.float32] | None = None,
        timeout: float | None = None,
        catalogue: str | None = None,
    ) -> str:
        """Add an item to the server's catalogue or change it.

        The next `identify` finds it.

        Fields that are not given stay as they are, and None empties one; an `Item` gives all. The pictures stay where
        neither an image nor vectors are given.

        Args:
            item: an `Item`, or its fields: id, title, brand, category, price, url, attributes.
            image: its picture, in place of those before.
            vectors: [N,D] of length 1, made by the server's own embedder (`embed`), instead of a picture.
            timeout: seconds for this call.
            catalogue: name of one of the server's catalogues; the default one unless given.

        Returns:
            "added" or "updated". After a retry, an item that this call added may be reported as updated.

        Raises:
            InvalidInput: the item or the picture is wrong, or the server is read-only; the sentence is the server's.
            TimedOut: no answer in time; the server may still make the change.
            Unavailable: no server, or not a Whatsit server of this version.
        """
        return self._send(partial(catalogue_calls.upsert, item, image, vectors, catalogue), timeout, image)

    def delete(self, *ids: str, timeout: float | None = None, catalogue: str | None = None) -> tuple[str, ...]:
        """Delete items by id and return the unknown ids; errors as in `upsert`."""
        return self._send(partial(catalogue_calls.delete, ids, catalogue), timeout)

    def get(self, id: str, timeout: float | None = None, catalogue: str | None = None) -> Item:
        """Return an item of the catalogue; an unknown id is `InvalidInput`."""
        return self._send(partial(catalogue_calls.get, id, catalogue), timeout)

    def similar(
        self,
        id: str,
        limit: int = 10,
        *,
        offset: int = 0,
        where: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        catalogue: str | None = None,
    ) -> tuple[Match, ...]:
        """Return the items whose pictures are most like an item's, best first.

        Args:
            id: of the item. It, its copies and those merged with it are left out.
            limit: 1..100.
            offset: items before the first, 0..1000.
            where: filter on the items found, e.g. {"brand": "Arla"}.
            timeout: seconds for this call.
            catalogue: name of one of the server's catalogues; the default one unless given.

        Raises:
            InvalidInput: there is no such item, or an argument is wrong.
            TimedOut: no answer in time.
            Unavailable: no server, or not a Whatsit server of this version.
        """
        return self._send(partial(catalogue_calls.similar, id, limit, offset, where, catalogue), timeout)

    def scenes(
        self,
        id: str,
        limit: int = 10,
        *,
        offset: int = 0,
        where: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        catalogue: str | None = None,
    ) -> tuple[Scene, ...]:
        """Return pictures of other items in which an item appears, best first.

        There is none where the catalogue indexes no objects (`whatsit catalogue add --objects`). Arguments and errors
        are those of `similar`.
        """
        return self._send(partial(catalogue_calls.scenes, id, limit, offset, where, catalogue), timeout)

    def feedback(
        self,
        image: ImageLike,
        id: str,
        box: Sequence[float] | None = None,
        timeout: float | None = None,
        catalogue: str | None = None,
    ) -> int:
        """Record which item a person chose for a photo; `whatsit train ranker` uses it.

        The server keeps the photo itself, so that other networks can be trained on it later.

        Args:
            image: the photo, as for `identify`.
            id: of the chosen item.
            box: x1,y1,x2,y2 of the thing in pixels of the upright picture; None for the whole picture.
            timeout: seconds for this call.
            catalogue: name of one of the server's catalogues; the default one unless given.

        Returns:
            The number of choices that the server keeps now.

        Raises:
            InvalidInput: there is no such item, or the photo or the box is wrong, or the server is read-only.
            TimedOut: no answer in time; the choice may still be kept.
            Unavailable: no server, or not a Whatsit server of this version.
        """
        return self._send(partial(catalogue_calls.feedback, image, id, box, catalogue), timeout, image)

    def stats(self, timeout: float | None = None, catalogue: str | None = None) -> CatalogueStats:
        """Return the number of items, and of changes that the index does not hold yet."""
        return self._send(partial(catalogue_calls.stats, catalogue), timeout)

    def is_ready(self, timeout: float = 2.0) -> bool:
        """Return whether the server accepts calls of `identify`."""
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

    def _send(self, build: Callable[[], Call[Value]], timeout: float | None, image: ImageLike | None = None) -> Value:
        call = build()
        seconds = self._policy.timeout if timeout is None else timeout
        deadline = Deadline(seconds)

        def attempt() -> Tensors:
            return self._transport.infer(call.model, call.inputs, call.parameters, deadline.remaining())

        try:
            reply = Retrying(**self._policy.options(seconds))(attempt)
        except ConnectionLost as error:
            raise with_hint(self.address, error) from error
        return parse_reply(call.read, reply, self.address)


def _transport(address: Address) -> GrpcTransport | HttpTransport:
    if address.protocol == "grpc":
        from whatsit_client.transport.over_grpc import GrpcTransport

        return GrpcTransport(address)
    from whatsit_client.transport.over_http import HttpTransport

    return HttpTransport(address)

"""HTTP/1.1 over one kept connection, with nothing in between: the least work that a caller can do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

BOUND = 64 << 20


class Connection:
    """One connection that is used by one caller at a time.

    Args:
        host: of the server.
        port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, headers: Mapping[str, str], *body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send one request; its status, headers (names in lower case) and body."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=BOUND)
        lines = [f"POST {path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {sum(map(len, body))}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())
        for part in body:
            self._writer.write(part)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        told = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        answer = await self._reader.readexactly(int(told.get("content-length", "0")))
        return int(head[0].split(" ", 2)[1]), told, answer

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()


class Refused(Exception):
    """The server answered with another status than 200."""


class Tensor:
    """A tensor as it travels: no array is made of it on the way.

    Args:
        datatype: Triton's name, such as "FP32".
        shape: of it.
        data: its bytes.
    """

    def __init__(self, datatype: str, shape: list[int], data: bytes) -> None:
        self.datatype, self.shape, self.data = datatype, shape, data


async def infer(connection: Connection, model: str, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Call one Triton model by the binary form of its HTTP protocol.

    Raises:
        Refused: Triton did not answer with 200.
    """
    told = [
        {
            "name": name,
            "datatype": tensor.datatype,
            "shape": tensor.shape,
            "parameters": {"binary_data_size": len(tensor.data)},
        }
        for name, tensor in inputs.items()
    ]
    header = json.dumps({"inputs": told, "parameters": {"binary_data_output": True}}).encode()
    status, replied, body = await connection.post(
        f"/v2/models/{model}/infer",
        {"Inference-Header-Content-Length": str(len(header))},
        header,
        *(tensor.data for tensor in inputs.values()),
    )
    if status != 200:
        raise Refused(f"{model}: {status} {body[:200]!r}")
    start = int(replied["inference-header-content-length"])
    found = {}
    for output in json.loads(body[:start])["outputs"]:
        end = start + output["parameters"]["binary_data_size"]
        found[output["name"]] = Tensor(output["datatype"], output["shape"], body[start:end])
        start = end
    return found

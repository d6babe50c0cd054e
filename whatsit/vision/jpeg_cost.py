"""Work and memory that a JPEG file asks of its decoder, read from its markers."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Any marker but the stuffed zero, fill bytes, restarts and TEM; the decoder skips the same. A literal first byte lets
# `re` look for it eight times as fast as a repeated one.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_ARITHMETIC = frozenset(range(0xC9, 0xD0))
_START_OF_SCAN, _END = 0xDA, 0xD9
_BLOCK_BYTES = 128  # of 64 coefficients
_ARITHMETIC_WEIGHT = 10  # its decoder is that much slower
MOST_MARKERS = 20_000


@dataclass(frozen=True)
class JpegCost:
    """Cost of decoding a JPEG file.

    Args:
        scans: passes over the picture that the file holds.
        visits: coefficients that all scans pass over, those of arithmetic coding counted tenfold.
        memory: bytes of coefficients that are kept between scans; 0 for a file with one scan.
        markers: counted up to `MOST_MARKERS`.
    """

    scans: int
    visits: int
    memory: int
    markers: int


def jpeg_cost(raw: bytes) -> JpegCost:
    """Return the cost of decoding a JPEG file, without decoding it."""
    blocks: dict[int, int] = {}
    scans = visits = markers = 0
    progressive, weight, at = False, 1, 2
    while markers < MOST_MARKERS and (found := _MARKER.search(raw, at)):
        code, at, markers = found[1][0], found.end(), markers + 1
        if code == _END:
            break
        if code == 0xD8 or at + 2 > len(raw):
            continue
        body, at = raw[at + 2 : at + 32], at + int.from_bytes(raw[at : at + 2], "big")
        if 0xC0 <= code <= 0xCF and code not in _NO_FRAME:
            blocks = _blocks(body)
            progressive = code in _PROGRESSIVE
            weight = _ARITHMETIC_WEIGHT if code in _ARITHMETIC else 1
        elif code == _START_OF_SCAN and body:
            scans += 1
            visits += 64 * weight * sum(blocks.get(name, 0) for name in set(body[1 : 1 + 2 * body[0] : 2]))
    kept = progressive or scans > 1
    return JpegCost(scans, visits, sum(blocks.values()) * _BLOCK_BYTES if kept else 0, markers)


def _blocks(frame: bytes) -> dict[int, int]:
    """Return the number of 8x8 blocks of each component by its identifier."""
    if len(frame) < 6:
        return {}
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    parts = [frame[6 + 3 * n : 8 + 3 * n] for n in range(min(frame[5], 4))]
    factors = {part[0]: (part[1] >> 4 or 1, part[1] & 15 or 1) for part in parts if len(part) == 2}
    if not factors:
        return {}
    widest, highest = (max(factor[axis] for factor in factors.values()) for axis in (0, 1))
    across, down = -(-width // (8 * widest)), -(-height // (8 * highest))
    return {name: across * down * horizontal * vertical for name, (horizontal, vertical) in factors.items()}

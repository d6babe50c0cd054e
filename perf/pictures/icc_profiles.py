"""ICC profiles made from their primaries and curves, as phones and cameras embed them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

Primaries = Sequence[tuple[float, float, float]]

# Colourants (XYZ at D50) of red, green and blue, as the profiles' makers publish them.
P3: Primaries = [(0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)]
ADOBE: Primaries = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
SRGB: Primaries = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)]

_STEPS = 1024
_WHITE = (0.9642, 1.0, 0.8249)


def rgb_profile(primaries: Primaries, gamma: float | None = None) -> bytes:
    """Return a matrix profile; its curve is sRGB's where no gamma is given."""
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = {name: b"XYZ \0\0\0\0" + _fixed(xyz) for name, xyz in zip(names, primaries, strict=True)}
    return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma)))


def grey_profile(gamma: float) -> bytes:
    """Return a profile of grey pixels."""
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


def cmyk_profile() -> bytes:
    """Return a profile of printing inks: a table of 16 colours from CMYK to Lab."""
    corners = [[(n >> shift) & 1 for shift in (3, 2, 1, 0)] for n in range(16)]
    lab = []
    for cyan, magenta, yellow, black in corners:
        light = 1 - 0.95 * black
        a, b = 70 * magenta - 40 * cyan, 80 * yellow - 45 * cyan
        level = (100 - 40 * cyan - 45 * magenta - 8 * yellow) * light
        lab += [max(level, 3) / 100, (a * light + 128) / 255, (b * light + 128) / 255]
    identity = np.eye(3).ravel() * 65536
    table = struct.pack(">4sIBBBx9i", b"mft2", 0, 4, 3, 2, *identity.astype(int).tolist()) + struct.pack(">HH", 2, 2)
    table += struct.pack(">8H", *([0, 65535] * 4))
    table += struct.pack(">48H", *(round(65280 * min(value, 1)) for value in lab))
    table += struct.pack(">6H", *([0, 65535] * 3))
    return _profile(b"CMYK", {b"A2B0": table, b"A2B1": table}, b"prtr", b"Lab ")


def _fixed(values: Sequence[float]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _curve(gamma: float | None) -> bytes:
    steps = np.linspace(0, 1, _STEPS)
    srgb = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    linear = srgb if gamma is None else steps**gamma
    values = (65535 * linear).round().astype(int).tolist()
    return b"curv\0\0\0\0" + struct.pack(f">I{_STEPS}H", _STEPS, *values)


def _profile(space: bytes, tags: dict[bytes, bytes], device: bytes = b"mntr", connection: bytes = b"XYZ ") -> bytes:
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(_WHITE)} | tags
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s12s4s", size, b"lcms", 0x02400000, device, space, connection, bytes(12), b"acsp")
    return head.ljust(68, b"\0") + _fixed(_WHITE) + bytes(48) + struct.pack(">I", len(tags)) + table + body

"""Rendered packages that bear a barcode or a QR code, with one distortion each."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from whatsit.rendering.product import Product, draw
from whatsit.vision.product_codes import gtin

Pixels = npt.NDArray[np.uint8]

SIDE = 1024  # of a photo, pixels; what the server reads at most
_PACKAGE = 900
# Of the code's width in the photo, pixels; an EAN-13 has 95 modules, these QR codes 25.
_WIDTH = 330


@dataclass(frozen=True)
class Distortion:
    """What happens to a photo of a package.

    Args:
        name: of the row.
        angle: degrees in the picture plane.
        slant: share by which two corners come nearer, 0..1.
        scale: of the package, and so of its code.
        defocus: standard deviation of a Gaussian blur, pixels.
        motion: length of a motion blur across the bars, pixels.
        noise: standard deviation of sensor noise, grey levels.
        quality: of the JPEG file, 1..100.
        light: exposure, 1 is right.
    """

    name: str
    angle: float = 0.0
    slant: float = 0.0
    scale: float = 1.0
    defocus: float = 0.0
    motion: int = 0
    noise: float = 0.0
    quality: int = 90
    light: float = 1.0


DISTORTIONS = (
    Distortion("none"),
    Distortion("turned 15 degrees", angle=15),
    Distortion("turned 45 degrees", angle=45),
    Distortion("turned 90 degrees", angle=90),
    Distortion("turned 180 degrees", angle=180),
    Distortion("slanted by 25 %", slant=0.25),
    Distortion("half as large", scale=0.5),
    Distortion("a third as large", scale=0.34),
    Distortion("a quarter as large", scale=0.25),
    Distortion("defocus 1.5 px", defocus=1.5),
    Distortion("defocus 2.5 px", defocus=2.5),
    Distortion("motion 7 px", motion=7),
    Distortion("noise 20, JPEG 40", noise=20, quality=40),
    Distortion("dark, a quarter of the light", light=0.25, noise=4),
    Distortion("15 degrees, slanted, half as large, defocus 0.7 px, JPEG 60", 15, 0.12, 0.5, 0.7, 0, 6, 60, 0.8),
)


def ean_of(number: int) -> str:
    """Return the EAN-13 of a package."""
    body = f"40{number:010d}"
    return next(f"{body}{digit}" for digit in range(10) if gtin(f"{body}{digit}"))


def code_text(number: int) -> str:
    """Return what the code of a package says: every second one bears a GS1 digital link."""
    return ean_of(number) if number % 2 == 0 else f"https://id.gs1.org/01/0{ean_of(number)}"


def package(product: Product, number: int) -> Pixels:
    """Return a product's cut-out on a plain ground with its code printed on it, RGB [SIDE,SIDE,3]."""
    rng = np.random.default_rng(number)
    page = np.full((SIDE, SIDE, 3), rng.integers(120, 230, 3), np.uint8)
    cut = draw(product, _PACKAGE)
    h, w = cut.shape[:2]
    y, x = (SIDE - h) // 2, (SIDE - w) // 2
    cover = cut[..., 3:].astype(np.float32) / 255
    under = page[y : y + h, x : x + w].astype(np.float32)
    page[y : y + h, x : x + w] = (under + (cut[..., :3].astype(np.float32) - under) * cover).astype(np.uint8)
    kind = zxingcpp.BarcodeFormat.EAN13 if number % 2 == 0 else zxingcpp.BarcodeFormat.QRCode
    drawn = zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(code_text(number), kind), scale=3)
    code = np.array(drawn)
    wide = _WIDTH if number % 2 == 0 else _WIDTH * 2 // 3
    code = cv2.resize(code, (wide, round(code.shape[0] * wide / code.shape[1])), interpolation=cv2.INTER_AREA)
    if number % 2 == 0:
        code = code[: round(0.6 * code.shape[0])]
    top, left = rng.integers(300, SIDE - 300 - code.shape[0]), rng.integers(250, SIDE - 250 - code.shape[1])
    page[top : top + code.shape[0], left : left + code.shape[1]] = code[..., None]
    return page


def photograph_of(page: Pixels, distortion: Distortion, seed: int) -> Pixels:
    """Return a photo of a package, RGB [SIDE,SIDE,3]."""
    rng = np.random.default_rng([seed, 7])
    corners = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float64) - SIDE / 2
    corners[1:3, 1] *= 1 - distortion.slant
    turn = np.deg2rad(distortion.angle)
    corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners = corners * distortion.scale + SIDE / 2
    source = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    photo = cv2.warpPerspective(page, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    if distortion.scale < 0.7:  # warping does not average
        small = cv2.resize(page, None, fx=distortion.scale, fy=distortion.scale, interpolation=cv2.INTER_AREA)
        matrix = cv2.getPerspectiveTransform(source * distortion.scale, corners.astype(np.float32))
        photo = cv2.warpPerspective(small, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    if distortion.defocus:
        photo = cv2.GaussianBlur(photo, (0, 0), distortion.defocus)
    if distortion.motion:
        kernel = np.full((1, distortion.motion), 1 / distortion.motion)
        photo = cv2.filter2D(photo, -1, kernel)
    noisy = photo.astype(np.float32) * distortion.light + rng.normal(0, distortion.noise, photo.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)

"""Cost of JPEG files, compared with how they were written."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from whatsit.vision.jpeg_cost import MOST_MARKERS, jpeg_cost


def jpeg(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "subsampling", "blocks"), [("RGB", 0, 192), ("RGB", 2, 96), ("L", 0, 64), ("CMYK", 0, 256)]
)
def test_one_pass_over_every_block(mode: str, subsampling: int, blocks: int) -> None:
    cost = jpeg_cost(jpeg(64, 64, mode, subsampling=subsampling))
    assert (cost.scans, cost.visits, cost.memory) == (1, blocks * 64, 0)


def test_progressive_files_keep_their_coefficients() -> None:
    cost = jpeg_cost(jpeg(60, 60, progressive=True, subsampling=0))
    assert cost.scans == 10  # libjpeg's own script
    assert cost.memory == 192 * 128
    assert 4 * 192 * 64 < cost.visits < 10 * 192 * 64


def test_restarts_and_stuffed_bytes_are_no_scans() -> None:
    assert jpeg_cost(jpeg(64, 64, restart_marker_blocks=1)).scans == 1


def test_segments_are_counted() -> None:
    whole = jpeg(8, 8)
    assert jpeg_cost(whole[:2] + b"\xff\xfe\0\2" * (2 * MOST_MARKERS) + whole[2:]).markers == MOST_MARKERS


@pytest.mark.parametrize("cut", range(0, 700, 7))
def test_cut_files_are_no_fault(cut: int) -> None:
    assert jpeg_cost(jpeg(64, 64, progressive=True)[:cut]).scans <= 10

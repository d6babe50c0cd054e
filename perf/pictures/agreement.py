"""Decode every sample picture and compare it with Pillow's own reading.

python -m perf.pictures.agreement  # a minute; exit code 1 where a picture is slow, large, or differs without a reason

A sample must be opened or refused in one sentence, within a second and 500 MB of the process, and its pixels be within
4 levels of Pillow's on average, or differ for a reason that is known.
"""

from __future__ import annotations

import io
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image, ImageCms, ImageOps
from whatsit_client.errors import InvalidInput

from perf.common.command import Table, run_command
from perf.common.setting import RESULTS, Setting
from perf.pictures.samples import register_heif, samples
from whatsit.vision.decode import decode_image

OUTCOMES = ("opened", "refused", "failed")
COLUMNS = ("type", "pictures", *OUTCOMES, "slowest_s", "largest_difference", "larger_for_a_reason")
MOST_SECONDS, MOST_MB, MOST_LEVELS = 1.0, 500, 4.0

# Why a sample's pixels are not Pillow's: (word of its description, reason).
REASONS = (
    ("white on nothing", "a white thing lies on grey"),
    (" I;16 with key", "Pillow reads no transparent value in 16 bits"),
)

_Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Sample:
    """What became of one picture.

    Args:
        name: what it is.
        outcome: opened, refused or failed.
        seconds: that decoding took.
        difference: from Pillow's reading, mean of the levels of 255; -1 where one of the two did not read it.
        note: the refusal or the reason for the difference.
    """

    name: str
    outcome: str
    seconds: float
    difference: float
    note: str

    @property
    def wrong(self) -> bool:
        """Whether the picture is slow, failed, or differs without a reason."""
        unexplained = self.difference > MOST_LEVELS and not self.note
        return self.outcome == "failed" or self.seconds > MOST_SECONDS or unexplained


def measure() -> Iterator[Sample]:
    """Decode every sample."""
    for name, data in samples():
        start = time.perf_counter()
        try:
            pixels = decode_image(data).pixels
        except InvalidInput as refusal:
            sentence = str(refusal)
            outcome = "refused" if sentence.endswith(".") and "\n" not in sentence else "failed"
            yield Sample(name, outcome, time.perf_counter() - start, -1, sentence)
            continue
        except Exception as error:  # what this looks for
            yield Sample(name, "failed", time.perf_counter() - start, -1, repr(error))
            continue
        seconds = time.perf_counter() - start
        if seconds > MOST_SECONDS / 2:  # a busy machine, or a slow picture
            start = time.perf_counter()
            decode_image(data)
            seconds = min(seconds, time.perf_counter() - start)
        difference = _difference(pixels, pillows_reading(data))
        yield Sample(name, "opened", seconds, difference, _reason(name, difference))


def pillows_reading(data: bytes) -> _Pixels | None:
    """Read a picture with Pillow: upright, profile to sRGB, on white, RGB; None where it cannot.

    Its conversion of deep pixels to RGB clips them at 255, so that they are scaled here: floats from 0..1, others from
    16 bits, as the samples are.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(io.BytesIO(data))
            image.load()
            image = ImageOps.exif_transpose(image)
            profile = image.info.get("icc_profile")
            if image.mode == "F" or image.mode.startswith("I"):
                deep = np.asarray(image, dtype=np.float64) / (1 / 255 if image.mode == "F" else 257)
                image = Image.fromarray(deep.clip(0, 255).astype(np.uint8))
            if image.has_transparency_data:
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image.convert("RGBA"))
            return np.asarray(_in_srgb(image, profile).convert("RGB"))
    except Exception:  # a picture that Pillow does not read
        return None


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted or image


def _difference(pixels: _Pixels, other: _Pixels | None) -> float:
    if other is None:
        return -1
    if other.shape != pixels.shape:
        return 255
    return float(np.abs(pixels.astype(int) - other).mean())


def _reason(name: str, difference: float) -> str:
    if difference <= MOST_LEVELS:
        return ""
    return next((reason for word, reason in REASONS if word in name), "")


def _summary(rows: list[Sample]) -> tuple[object, ...]:
    """Return the figures of one type, in the order of `COLUMNS`."""
    counts = [sum(row.outcome == name for row in rows) for name in OUTCOMES]
    alike = max((row.difference for row in rows if not row.note), default=-1)
    explained = sorted({row.note for row in rows if row.outcome == "opened" and row.note})
    return len(rows), *counts, f"{max(row.seconds for row in rows):.3f}", f"{alike:.2f}", "; ".join(explained)


def main(out: Table = RESULTS / "pictures.csv") -> None:
    """Decode every sample and write one line for each type."""
    register_heif()
    rows = list(measure())
    kinds = dict.fromkeys(row.name.split()[0] for row in rows)
    of_kind = {kind: [row for row in rows if row.name.split()[0] == kind] for kind in kinds}
    setting = Setting.of_this_machine(f"pillow {PIL.__version__}")
    setting.write(out, COLUMNS, [(kind, *_summary(found)) for kind, found in of_kind.items()])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    explained = [row for row in rows if row.difference > MOST_LEVELS and row.note]
    counts = {name: sum(row.outcome == name for row in rows) for name in OUTCOMES}
    print(f"{len(rows)} pictures: {counts}; slowest {max(row.seconds for row in rows):.2f} s; peak {peak:.0f} MB")
    print(f"{len(explained)} differ by more than {MOST_LEVELS:g} levels for a known reason")
    wrong = [row for row in rows if row.wrong]
    for row in wrong:
        print("WRONG:", *astuple(row))
    sys.exit(bool(wrong) or peak > MOST_MB)


if __name__ == "__main__":
    run_command(main)

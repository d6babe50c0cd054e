"""The codes in a picture, at the resolution that they need."""

from __future__ import annotations

from whatsit.pipeline.decoded_picture import DecodedPicture, Pixels
from whatsit.vision.code_reader import ReadCode, read_codes
from whatsit.vision.decode import decode_image

# The longer side where a code is looked for once more.
THOROUGH_SIDE = 3072
_ALL_THERE = 0.8  # of the full picture's scale: more pixels would show nothing new


def picture_codes(data: bytes | Pixels, picture: DecodedPicture, thorough: bool) -> tuple[ReadCode, ...]:
    """Return the codes in a picture, largest first.

    Args:
        data: the encoded file.
        picture: what was decoded of it.
        thorough: look for more kinds of codes, and where none is found, decode the file once more with more pixels.

    Raises:
        Unavailable: zxing-cpp is not installed.
    """
    found = read_codes(picture.pixels, picture.scale, thorough)
    if found or not thorough or picture.scale >= _ALL_THERE:
        return found
    whole = decode_image(data, max_side=THOROUGH_SIDE)
    return read_codes(whole.pixels, whole.scale, thorough)

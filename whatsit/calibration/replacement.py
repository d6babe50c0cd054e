"""Replacement of a calibration, unless the one in place rests on more photos."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from whatsit_client.errors import Damaged

from whatsit.search.answer_calibration import Calibration

# A catalogue that grew or shrank by more is another one: an older calibration says little about it.
MOST_CHANGED = 0.25
SYNTHETIC = "synthetic"


class Replacement:
    """Write a calibration in place of another.

    The old file stays as `calibration.json.previous`.

    Args:
        forced: replace a calibration that rests on more, too.

    Attributes:
        kept: whether the old calibration stayed in place.
        note: a sentence or two on what was done with an old calibration; "" where there was none.
    """

    def __init__(self, forced: bool = False) -> None:
        self.forced, self.kept, self.note = forced, False, ""

    def __call__(self, new: Calibration, file: Path) -> None:
        """Write the calibration, or keep the one in place.

        Raises:
            OSError: a file cannot be written.
        """
        try:
            old = Calibration.read(file)
        except Damaged:
            old = None  # what `whatsit calibrate` is to repair
        reason = "" if old is None or self.forced else better(old, new)
        if old is not None and reason:
            self.kept = True
            self.note = (
                f"Kept the calibration of {old.created[:10]} ({described(old)}), because {reason}. "
                f"This one ({described(new)}) was not written: --replace puts it in place."
            )
            return
        if file.is_file():
            previous = file.with_name(f"{file.name}.previous")
            temporary = previous.with_name(f".{previous.name}.{os.getpid()}")
            shutil.copyfile(file, temporary)
            os.replace(temporary, previous)
            if old is not None:
                self.note = f"The calibration of {old.created[:10]} ({described(old)}) is kept as {previous}."
        new.write(file)


def better(old: Calibration, new: Calibration) -> str:
    """Return why an old calibration is the better one, "" where it is not.

    Of other networks, or of a catalogue that has changed much, it is not. Else real photos count more than synthetic
    ones, and more photos more than fewer.
    """
    if old.fingerprint != new.fingerprint or abs(old.items - new.items) > MOST_CHANGED * old.items:
        return ""
    if old.photos != SYNTHETIC and new.photos == SYNTHETIC:
        return "it rests on real photos"
    if old.photos == SYNTHETIC and new.photos != SYNTHETIC:
        return ""
    if old.absent + old.present > new.absent + new.present:
        return "it rests on more photos"
    return ""


def described(one: Calibration) -> str:
    """Return what a calibration rests on, in a few words."""
    kind = "synthetic photos" if one.photos == SYNTHETIC else f"photos of {one.photos}"
    return f"{max(one.absent, one.present)} {kind}"

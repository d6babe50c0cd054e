"""`calibrate` on a catalogue of drawn products, with colours in place of the networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner
from whatsit_client.errors import InvalidInput, Unavailable, WhatsitError
from whatsit_client.types import Answer, Box

from whatsit.calibration import calibrate as calibrate_module
from whatsit.calibration.answer_episodes import Episode, episodes
from whatsit.calibration.calibrate import calibrate, fit_platt
from whatsit.calibration.calibrator import Calibrator, Photo
from whatsit.catalogue import Layout, Store
from whatsit.catalogue.item import ItemFields, Picture, Vector
from whatsit.catalogue.publish import publish
from whatsit.cli.app import app
from whatsit.ranking.answer_model import FOUND
from whatsit.rendering.shop import save_jpeg
from whatsit.search.answer_calibration import Calibration
from whatsit.search.lookup import RegionFeatures
from whatsit.search.offline_identifier import OfflineIdentifier, PhotoFeatures
from whatsit.vision.decode import decode_image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "grey": (120, 120, 120)}


def colour_of(data: bytes) -> npt.NDArray[np.float32]:
    """The median colour of the middle, as a unit vector."""
    pixels = decode_image(data).pixels.astype(np.float32) - 100
    h, w = pixels.shape[:2]
    middle = np.median(pixels[h // 3 : -h // 3, w // 3 : -w // 3].reshape(-1, 3), axis=0)
    return (middle / max(np.linalg.norm(middle), 1e-6)).astype(np.float32)


class Colours:
    """Two regions for every picture, of which the second is unlike everything."""

    fingerprint = "colours"

    def __init__(self, model_repository: Path | None = None, embedder: Path | None = None) -> None: ...

    def __enter__(self) -> Colours:
        return self

    def __exit__(self, *_: object) -> None: ...


class Identifier(OfflineIdentifier):
    """Describes a photo by the colour of its middle."""

    def extract(self, data: bytes, box: Box | None = None, local: bool = True) -> PhotoFeatures:
        away = np.array([-0.577, -0.577, -0.577], dtype=np.float32)
        areas = np.array([1.0, 0.04], dtype=np.float32)
        return PhotoFeatures(np.stack([colour_of(data), away]), areas, [RegionFeatures()] * 2)


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate_module, "Networks", Colours)
    monkeypatch.setattr(calibrate_module, "OfflineIdentifier", Identifier)


def solid(colour: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    return np.full((64, 64, 3), colour, np.uint8)


def add(folder: Path, pictures: dict[str, npt.NDArray[np.uint8]], fingerprint: str = "colours") -> None:
    layout = Layout(folder)
    with Store(layout.store) as store:
        for name, pixels in pictures.items():
            file = folder / f"{name}.jpg"
            save_jpeg(file, pixels)
            vector = Vector((0.0, 0.0, 64.0, 64.0), colour_of(file.read_bytes()))
            store.put([(ItemFields(name), [Picture(str(file), name, (vector,))], fingerprint)])
        publish(store, layout.index, fingerprint)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    add(folder, {name: solid(colour) for name, colour in COLOURS.items()})
    return folder


def looked_up(folder: Path, name: str) -> list[Episode]:
    networks: Any = Colours()
    with Store(Layout(folder).store) as store:
        photo = Photo(folder / f"{name}.jpg", store.show(name)["number"], name)
    (seen,) = episodes(Calibrator(folder, networks), Identifier(folder, networks, 0.0), [photo])
    return seen


def test_each_photo_is_looked_up_with_its_item_and_without(folder: Path) -> None:
    present, gone = looked_up(folder, "red")
    assert (present.present, present.stranger, present.answer_right, present.answer.closest[0]) == (
        *(True, False, True),
        "red",
    )
    assert (gone.present, gone.answer_right, "red" in gone.answer.closest) == (False, False, False)
    assert present.answer.probability > gone.answer.probability
    assert present.right.tolist() == [True, False]


def test_a_near_identical_duplicate_is_no_false_accept(folder: Path) -> None:
    before = looked_up(folder, "red")[1].answer.probability
    add(folder, {"red again": solid((222, 31, 30))})
    assert looked_up(folder, "red")[1].answer.probability == pytest.approx(before, abs=1e-2)
    assert looked_up(folder, "red again")[0].answer_right
    add(folder, {"nearly red": solid((220, 110, 30))})
    assert looked_up(folder, "red")[1].answer.probability > before


def test_platt_scaling_undoes_a_probability_that_is_too_sure() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(-3, 3, 400)
    right = rng.uniform(size=400) < 1 / (1 + np.exp(-true))
    said = 1 / (1 + np.exp(-3 * true))  # three times too sure
    seen = [episode(number, float(p), bool(r)) for number, (p, r) in enumerate(zip(said, right, strict=True))]
    slope, offset = fit_platt(seen)
    assert slope == pytest.approx(1 / 3, abs=0.08)
    assert offset == pytest.approx(0.0, abs=0.3)
    assert fit_platt(seen[:10]) == (1.0, 0.0)


def episode(number: int, probability: float, right: bool) -> Episode:
    none = np.empty(0, dtype=bool)
    said = Answer(False, state="unsure", probability=probability)
    empty = np.empty((0, 14), np.float32)
    return Episode(number, True, False, empty, empty, none, none, none, said, right, right)


def test_synthetic_photos_make_a_file_that_says_how(folder: Path) -> None:
    steps: list[tuple[int, int]] = []
    found, seen, unread = calibrate(folder, 0.25, workers=2, progress=lambda *step: steps.append(step))
    assert Calibration.read(Layout(folder).calibration) == found
    assert (found.fingerprint, found.items, found.absent, found.present, found.photos, unread) == (
        *("colours", 4, 4, 4, "synthetic"),
        0,
    )
    assert found.false_accepts <= 0.25
    assert found.found == min(max(seen.threshold(0.25), FOUND), 1.0)
    assert (found.slope, found.offset) == (1.0, 0.0)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    again, _, _ = calibrate(folder, 0.25)
    assert again.found == found.found


def test_real_photos_show_the_item_that_their_folder_names(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "red").mkdir(parents=True)
    (photos / "strangers").mkdir()
    save_jpeg(photos / "red" / "1.jpg", solid((210, 40, 40)))
    save_jpeg(photos / "strangers" / "2.jpg", solid((200, 30, 200)))
    save_jpeg(photos / "3.jpg", solid((30, 200, 200)))
    (photos / "4.jpg").write_bytes(b"no picture")
    found, seen, unread = calibrate(folder, 0.0, photos)
    assert (found.absent, found.present, unread) == (3, 1, 1)
    assert seen.genuine[0] > max(seen.impostors)
    assert (found.coverage, found.wrong, found.false_accepts) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("spoil", "kind", "sentence"),
    [
        (lambda folder: Layout(folder).store.unlink(), Unavailable, "whatsit catalogue add"),
        (lambda folder: [file.unlink() for file in folder.glob("*.jpg")], InvalidInput, "can be read"),
        (lambda folder: add(folder, {"red": solid((1, 2, 3))}, "another"), InvalidInput, "made by"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    folder: Path, spoil: Any, kind: type[WhatsitError], sentence: str
) -> None:
    spoil(folder)
    with pytest.raises(kind, match=sentence):
        calibrate(folder, 0.05)
    assert not Layout(folder).calibration.exists()


def test_a_catalogue_of_one_item_has_nothing_to_tell_apart(tmp_path: Path) -> None:
    add(tmp_path, {"red": solid((200, 0, 0))})
    with pytest.raises(InvalidInput, match="fewer than two"):
        calibrate(tmp_path, 0.05)


def test_a_folder_without_photos_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for photos, sentence in ((tmp_path / "gone", "not a folder"), (tmp_path / "empty", "no picture")):
        with pytest.raises(InvalidInput, match=sentence):
            calibrate(folder, 0.05, photos)


def test_the_command_says_what_it_found(folder: Path, tmp_path: Path) -> None:
    arguments = ["calibrate", str(folder), "--false-positives", "0.5", "--curve", str(tmp_path / "curve.csv")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "needs a probability of" in result.stdout
    assert "4 synthetic photos" in result.stdout
    assert "rough threshold" in result.stderr
    assert (tmp_path / "curve.csv").is_file()
    machine = CliRunner().invoke(app, [*arguments, "--json"])
    assert '"false_positives": 0.5' in machine.stdout


def test_the_command_refuses_before_it_measures(folder: Path) -> None:
    result = CliRunner().invoke(app, ["calibrate", str(folder), "--curve", "curve.txt"])
    assert isinstance(result.exception, InvalidInput)
    assert CliRunner().invoke(app, ["calibrate", str(folder), "--false-positives", "2"]).exit_code == 2
    assert not Layout(folder).calibration.exists()

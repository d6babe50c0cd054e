from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from whatsit_client.errors import InvalidInput

from whatsit.rendering.photo import photograph
from whatsit.rendering.product import draw, make_products
from whatsit.training.common.custom_data import CustomData, read_folders, read_table


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


def test_folders_name_products(tmp_path: Path) -> None:
    for name in ("tea/1.jpg", "tea/back/2.png", "jam/1.JPEG", "jam/notes.txt", "loose.jpg"):
        write(tmp_path / Path(name).with_suffix(".png"), np.zeros((5, 5, 3), np.uint8))
        (tmp_path / Path(name).with_suffix(".png")).rename(tmp_path / name)
    assert [(path.relative_to(tmp_path).as_posix(), product) for path, product in read_folders(tmp_path)] == [
        ("jam/1.JPEG", "jam"),
        ("tea/1.jpg", "tea"),
        ("tea/back/2.png", "tea"),
    ]
    with pytest.raises(InvalidInput, match="two sub-folders"):
        read_folders(tmp_path / "tea")
    with pytest.raises(InvalidInput, match="two sub-folders"):
        read_folders(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,label\nnone.png,tea\n", "line 2: there is no picture"),
        ("image\na.png\n", "no column 'label'"),
        ("image,label\n", "has no rows"),
        ("image,label,split\na.png,tea,test\n", "line 2: the split 'test'"),
    ],
)
def test_a_slip_in_a_table_is_named(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path / "a.png", np.zeros((5, 5, 3), np.uint8))
    (tmp_path / "items.csv").write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_table(tmp_path / "items.csv", ["label"])
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_table(tmp_path / "none.csv", [])


def test_a_table_is_relative_to_itself(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "a.png", np.zeros((5, 5, 3), np.uint8))
    (tmp_path / "items.csv").write_text("\ufeffimage,label,split\nsub/a.png, tea ,VAL\n", encoding="utf-8")
    (row,) = read_table(tmp_path / "items.csv", ["label"])
    assert (row.image, row.values, row.split) == (tmp_path / "sub" / "a.png", {"label": "tea"}, "val")


torch = pytest.importorskip("torch")

from rich.console import Console  # noqa: E402 (after the skip)
from whatsit_client.taxonomy import INTENTS, TAGS, TOPICS  # noqa: E402

from whatsit.engines.trained_networks import load_network  # noqa: E402
from whatsit.evaluation.datasets.label_file import Box, LabelFile, Picture  # noqa: E402
from whatsit.models.embedder import Embedder  # noqa: E402
from whatsit.models.product_labels import UNKNOWN, product_label  # noqa: E402
from whatsit.training.classifier.custom import known_picture, read_tags  # noqa: E402
from whatsit.training.classifier.recipe import ClassifierRecipe  # noqa: E402
from whatsit.training.classifier.task import train_classifier  # noqa: E402
from whatsit.training.common import run_checkpoint as checkpoint  # noqa: E402
from whatsit.training.common.initial_weights import begin, draw_weights  # noqa: E402
from whatsit.training.common.resolve_recipe import resolve_recipe  # noqa: E402
from whatsit.training.detector.custom import custom_detector_data, label_of  # noqa: E402
from whatsit.training.detector.recipe import DetectorRecipe  # noqa: E402
from whatsit.training.detector.task import train_detector  # noqa: E402
from whatsit.training.embedder.custom import CustomProducts  # noqa: E402
from whatsit.training.embedder.mixture import Mixture  # noqa: E402
from whatsit.training.embedder.recipe import EmbedderRecipe  # noqa: E402
from whatsit.training.embedder.task import EmbedderTask, train_embedder  # noqa: E402

SMALL = {"frozen_blocks": 17}  # less to train and to save
QUIET = Console(quiet=True)
NOWHERE = Path("nowhere")  # neither data nor weights are needed


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five synthetic photographs of each of three drawn products, in folders; boxes.json, tags.csv, items.csv."""
    folder, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    pictures, tags, items = [], ["image,intent,source,topic,tag"], ["image,label,split"]
    for number, product in enumerate(make_products(3, 1200)):
        for shot in range(5):
            pixels, box = photograph(draw(product, 96, 1), rng, (96, 96))
            name = f"p{number}/{shot}.png"
            write(folder / name, pixels[..., ::-1])
            pictures.append(Picture(name, 96, 96, (Box.of_corners(box, "bottle"),)))
            tags.append(f"{name},goods,photo,,toy" if shot % 2 else f"{name},,,,book and stationery")
            items.append(f"{name},product {number},{'val' if shot == 4 else ''}")
    LabelFile(tuple(pictures)).write(folder / "boxes.json")
    (folder / "tags.csv").write_text("\n".join(tags))
    (folder / "items.csv").write_text("\n".join(items))
    return folder


EMBEDDER = EmbedderRecipe(epochs=2, batch=4, size=32, dimension=16, start="random", frozen_blocks=-1, warmup_steps=0)
DETECTOR = DetectorRecipe(
    epochs=2, steps_per_epoch=1, batch=2, canvas=64, sizes=(64,), channels=16, depth=1, start="random",
    frozen_blocks=-1, warmup_steps=0, validation_scenes=0,
)  # fmt: skip
CLASSIFIER = ClassifierRecipe(epochs=2, steps_per_epoch=1, batch=4, start="random", warmup_steps=0)


def trained(out: Path) -> set[str]:
    assert (out / "metrics.png").stat().st_size > 1000
    return set((out / "metrics.csv").read_text().splitlines()[0].split(","))


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(out / checkpoint.LAST)["module"]


@pytest.mark.slow
def test_the_embedder_trains_on_folders_without_any_other_data(photos: Path, tmp_path: Path) -> None:
    whole = resolve_recipe(EMBEDDER, None, CustomData(photos=photos), "custom_r1").model_copy(update=SMALL)
    assert whole.monitor == "custom_r1"
    assert train_embedder(whole, NOWHERE, NOWHERE, tmp_path / "whole", console=QUIET).finished
    assert {"custom_r1", "custom_r5", "train_loss"} <= trained(tmp_path / "whole")
    assert load_network("embedder", tmp_path / "whole" / "best.pt").recipe["custom"]["photos"] == str(photos)

    # Stopped in its first epoch and resumed, a run ends where an uninterrupted one does.
    with stopped(after=1):
        assert not train_embedder(whole, NOWHERE, NOWHERE, tmp_path / "parts", console=QUIET).finished
    train_embedder(whole, NOWHERE, NOWHERE, tmp_path / "parts", resume=True, console=QUIET)
    one, other = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts")
    assert all(torch.equal(one[name], other[name]) for name in one)
    table = whole.model_copy(update={"custom": CustomData(csv=photos / "items.csv")})
    with pytest.raises(InvalidInput, match="another custom"):
        train_embedder(table, NOWHERE, NOWHERE, tmp_path / "parts", resume=True, console=QUIET)


@contextmanager
def stopped(after: int) -> Iterator[None]:
    """The signal to stop, sent while the batch after so many is made."""
    made, batch = [], Mixture.batch

    def counted(self: Mixture, number: int) -> object:
        made.append(number)
        if len(made) == after + 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return batch(self, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mixture, "batch", counted)
        yield


def test_a_table_of_products_says_what_is_held_out(photos: Path) -> None:
    items = CustomProducts(CustomData(csv=photos / "items.csv"), EMBEDDER)
    assert items.names == ["product 0", "product 1", "product 2"]
    assert [path.name for path in items.val.files] == ["4.png"] * 3
    assert len(items.train.files) == 12
    assert items.ingredient(0.4).views == 1


def test_one_picture_a_product_is_enough(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(f"image,label\n{photos}/p0/0.png,a\n{photos}/p1/0.png,b\n")
    items = CustomProducts(CustomData(csv=tmp_path / "items.csv"), EMBEDDER)
    assert items.ingredient(1).views == 2
    torch.manual_seed(0)
    measured = items.measure(Embedder(8).eval())
    assert set(measured) == {"custom_r1", "custom_r5"}
    assert measured["custom_r5"] == 1


def test_own_products_come_before_the_built_in_ones(photos: Path, shared_data: Path) -> None:
    recipe = EMBEDDER.model_copy(update={"custom": CustomData(photos=photos, share=0.75), "batch": 40})
    task = EmbedderTask(recipe, shared_data, None)
    _, labels = task.mixture.batch(0)
    assert (labels < 3).float().mean() == pytest.approx(0.75, abs=0.05)
    assert task.ingredients[1].first_label == 3
    assert labels.max() < task.criterion.W.shape[1]


@pytest.mark.slow
def test_an_earlier_network_is_a_start(photos: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe(EMBEDDER, None, CustomData(photos=photos), "custom_r1").model_copy(
        update=SMALL | {"epochs": 1}
    )
    train_embedder(recipe, NOWHERE, NOWHERE, tmp_path / "first", console=QUIET)
    again = resolve_recipe(recipe, str(tmp_path / "first" / "best.pt"), None, "custom_r1").model_copy(
        update=SMALL | {"seed": 4}
    )
    train_embedder(again, NOWHERE, NOWHERE, tmp_path / "second", console=QUIET)
    before = checkpoint.load(tmp_path / "first" / "best.pt")["module"]
    begun = checkpoint.load(tmp_path / "second" / "start.pt")["module"]
    assert all(torch.equal(before[name], begun[name]) for name in before if name.startswith("network."))
    with pytest.raises(InvalidInput, match="another network"):
        begin(Embedder(8), str(tmp_path / "first" / "best.pt"), "embedder")
    with pytest.raises(InvalidInput, match="no checkpoint"):
        begin(Embedder(8), str(tmp_path / "none.pt"), "embedder")


def test_a_random_start_trains_everything_alike() -> None:
    recipe = resolve_recipe(EmbedderRecipe(blend=0.5, head_rate=0.003, monitor="val_r1"), "random", None, "custom_r1")
    assert (recipe.start, recipe.frozen_blocks, recipe.blend, recipe.backbone_rate) == ("random", -1, 1, 0.003)
    assert recipe.monitor == "val_r1"  # the built-in data's figure stays where it trains


def test_a_random_start_lets_pictures_differ() -> None:
    torch.manual_seed(1)
    network = Embedder(8).eval()
    pictures = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        faded = network.features(pictures).std(dim=0).mean()
        draw_weights(network)
        features = network.features(pictures)
    assert features.std(dim=0).mean() > 10 * faded
    assert 1e-3 < features.mean() < 10


@pytest.mark.slow
def test_the_detector_trains_on_coco_without_any_other_data(photos: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe(DETECTOR, None, CustomData(coco=photos / "boxes.json", images=photos), "recall")
    assert recipe.monitor == "recall"
    assert train_detector(recipe, NOWHERE, NOWHERE, tmp_path / "run", console=QUIET).finished
    assert {"recall", "recall_custom", "train_box"} <= trained(tmp_path / "run")
    load_network("detector", tmp_path / "run" / "best.pt")
    longer = recipe.model_copy(update={"epochs": 3})
    assert len(train_detector(longer, NOWHERE, NOWHERE, tmp_path / "run", resume=True, console=QUIET).history) == 3


def test_own_boxes_take_our_labels_or_none(photos: Path, tmp_path: Path) -> None:
    assert label_of("bottle") == product_label("bottle")
    assert label_of("wine glass") == product_label("cup")
    assert label_of("car") == 0
    assert label_of("sprocket") == label_of("object") == UNKNOWN
    data = custom_detector_data(CustomData(coco=photos / "boxes.json", images=photos))
    assert len(data.validation["custom"]) == 3
    assert not {p.path for p in data.sources["custom"]} & {p.path for p in data.validation["custom"]}
    with pytest.raises(InvalidInput, match="--coco"):
        custom_detector_data(CustomData(photos=photos))
    with pytest.raises(InvalidInput, match="--images"):
        custom_detector_data(CustomData(coco=photos / "boxes.json", images=tmp_path))


@pytest.mark.slow
def test_the_classifier_trains_on_a_table_without_any_other_data(photos: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe(CLASSIFIER, None, CustomData(csv=photos / "tags.csv"), "accuracy")
    assert train_classifier(recipe, NOWHERE, NOWHERE, tmp_path / "run", console=QUIET).finished
    assert {"accuracy", "tag", "topic", "intent", "train_tag"} <= trained(tmp_path / "run")
    load_network("classifier", tmp_path / "run" / "best.pt")
    longer = recipe.model_copy(update={"epochs": 3})
    more = train_classifier(longer, NOWHERE, NOWHERE, tmp_path / "run", resume=True, console=QUIET)
    assert len(more.history) == 3


def test_what_a_table_leaves_open_is_not_learnt(photos: Path, tmp_path: Path) -> None:
    train, val = read_tags(CustomData(csv=photos / "tags.csv"))
    assert (len(train), len(val)) == (12, 3)
    answers = train[0].answers  # a tag alone: its topic and intent follow, the source stays open
    assert answers == {
        "intent": INTENTS.index("goods"),
        "topic": TOPICS.index("leisure"),
        "tag": TAGS.index("book and stationery"),
    }
    with pytest.raises(InvalidInput, match="'tea' is no tag"):
        known_picture(Path("x"), "line 2", tag="tea")
    with pytest.raises(InvalidInput, match="belongs to the topic 'leisure'"):
        known_picture(Path("x"), "line 2", tag="toy", topic="home")
    write(tmp_path / "a.png", np.zeros((5, 5, 3), np.uint8))
    (tmp_path / "t.csv").write_text("image,colour\na.png,red\n")
    with pytest.raises(InvalidInput, match="at least one of the columns intent"):
        read_tags(CustomData(csv=tmp_path / "t.csv"))


def test_unknown_answers_have_no_gradient(photos: Path) -> None:
    from whatsit.training.classifier.custom import CustomClassifierTask

    torch.manual_seed(0)
    pictures = [known_picture(path, "", intent="goods") for path in sorted(photos.rglob("*.png"))]
    task = CustomClassifierTask(CLASSIFIER, [(1.0, pictures)], pictures, NOWHERE)
    loss, shown = task.loss(task.batch(0))
    loss.backward()
    assert shown["intent"] > 0
    assert shown["source"] == shown["tag"] == shown["topic"] == 0
    assert torch.equal(task.batch(3)[0], task.batch(3)[0])


def test_a_catalogues_own_file_names_products_by_id(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text(f"id,title,image\nA1,Tea,{photos}/p0/0.png\nB2,Jam,{photos}/p1/0.png\n")
    assert CustomProducts(CustomData(csv=tmp_path / "products.csv"), EMBEDDER).names == ["A1", "B2"]
    (tmp_path / "odd.csv").write_text(f"title,image\nTea,{photos}/p0/0.png\n")
    with pytest.raises(InvalidInput, match="neither a column 'label' nor 'id'"):
        CustomProducts(CustomData(csv=tmp_path / "odd.csv"), EMBEDDER)

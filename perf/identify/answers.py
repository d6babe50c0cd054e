"""Compare every output tensor of the ensembles with committed digests.

python -m perf.identify.answers  # 3 minutes; prints "equal" or the differences, exit code 1 where there are some
python -m perf.identify.answers --write  # writes perf/results/answers.json; only where answers are meant to change

Sends the demo's 12 scenes and 100 photos of the Grocery Store data set to `identify`, `embed` and `detect`, of the
ensembles and of `--fused`. The catalogue holds the demo's 300 products and the data set's 81 shop images.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import tritonclient.http as triton
import typer
from whatsit_client.errors import InvalidInput

from perf.common.command import DATA, run_command
from perf.common.setting import RESULTS, Setting
from perf.common.tensors import tensors
from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.demo.demo_data import prepare_shop
from whatsit.server.launcher import Server
from whatsit.server.ports import Ports

MODELS = ("identify", "embed", "detect")
PHOTO_STEP, PHOTOS = 3, 100  # every third photo of the validation list
SHOWN = 20
# Records name pictures by the path from which they were added.
_FOLDER = re.compile(rb'"[^"]*/([^"/]+\.(?:jpg|jpeg|png))"', re.IGNORECASE)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the Grocery Store data set.")] = DATA / "grocery_store",
    file: Annotated[Path, typer.Option(help="The digests.")] = RESULTS / "answers.json",
    write: Annotated[bool, typer.Option("--write", help="Write the digests instead of comparing them.")] = False,
) -> None:
    """Compare the answers of chain and fused server with the committed digests."""
    if not (data / "val.txt").is_file():
        raise InvalidInput(f"There is no Grocery Store data set in {data}: docs/data.md names its source.")
    setting = Setting.of_this_machine("answers")
    with tempfile.TemporaryDirectory(prefix="whatsit-answers-") as folder:
        catalogue, pictures = prepare(Path(folder), data)
        found = {name: answers(catalogue, pictures, fused=name == "fused") for name in ("chain", "fused")}
    if write:
        record = {"commit": setting.commit, "processor": setting.processor, "versions": setting.versions}
        file.write_text(json.dumps(record | {"digests": found["chain"]}, indent=0, sort_keys=True) + "\n")
    recorded = json.loads(file.read_text())
    if (recorded["processor"], recorded["versions"]) != (setting.processor, setting.versions):
        print(
            f"The digests were taken on {recorded['processor']} with {recorded['versions']}; this is "
            f"{setting.processor} with {setting.versions}, where INT8 sums may differ in the last bit."
        )
    wrong = [f"{name}: {key}" for name, digests in found.items() for key in differences(recorded["digests"], digests)]
    print("\n".join(wrong[:SHOWN]) or "equal")
    compared = sum(len(recorded["digests"].keys() & digests.keys()) for digests in found.values())
    print(f"{compared} tensors compared with those of commit {recorded['commit']}, {len(wrong)} differ or are missing.")
    raise typer.Exit(1 if wrong else 0)


def prepare(folder: Path, data: Path) -> tuple[Path, list[Path]]:
    """Return a published catalogue and the pictures to send."""
    shop = prepare_shop(folder, 300, 12)
    images = folder / "grocery.csv"
    with (data / "classes.csv").open(encoding="utf-8") as source, images.open("w", encoding="utf-8") as target:
        rows = csv.writer(target)
        rows.writerow(["id", "title", "category", "image"])
        for row in csv.DictReader(source):
            image = data.resolve() / row["Iconic Image Path (str)"].lstrip("/")
            number, title, category = row["Class ID (int)"], row["Class Name (str)"], row["Coarse Class Name (str)"]
            rows.writerow([f"g{int(number):03d}", title, category, image])
    for source_file in (shop.source, images):
        add_to_catalogue(shop.catalogue, source_file, publish=True)
    listed = [line.split(",")[0].strip() for line in (data / "val.txt").read_text().splitlines()]
    return shop.catalogue, [
        *sorted((folder / "scenes").glob("*.jpg")),
        *(data / one for one in listed[::PHOTO_STEP][:PHOTOS]),
    ]


def answers(catalogue: Path, pictures: Sequence[Path], fused: bool) -> dict[str, str]:
    """Return the digest of every output by `file:model:output`."""
    with Server(catalogue, ports=Ports(0, 0, 0), fused=fused) as server:
        client = triton.InferenceServerClient(server.http_url, network_timeout=120, connection_timeout=120)
        return dict(entry for picture in pictures for entry in _digests(client, picture))


def _digests(client: Any, picture: Path) -> Iterator[tuple[str, str]]:
    image = tensors(triton, {"IMAGE": np.fromfile(picture, np.uint8)})
    for model in MODELS:
        reply = client.infer(model, image)
        for output in reply.get_response()["outputs"]:
            yield f"{picture.name}:{model}:{output['name']}", digest(reply.as_numpy(output["name"]))


def digest(array: npt.NDArray[Any]) -> str:
    """Return a digest of values and shape; folders inside strings do not count."""
    sha = hashlib.sha256()
    if array.dtype == object:
        for value in array.reshape(-1):
            sha.update(_FOLDER.sub(rb'"\1"', value) + b"\0")
    else:
        sha.update(array.tobytes())
    sha.update(str(array.shape).encode())
    return sha.hexdigest()[:16]


def differences(recorded: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return the recorded keys with another digest now, or with none."""
    return [key for key, value in recorded.items() if found.get(key) != value]


if __name__ == "__main__":
    run_command(main)

"""Pictures of the documentation on crops: the page of heat maps, on drawn scenes.

python -m perf.loop.crops.pictures docs/images
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image

from perf.studio.review_shop import cropped_scenes
from perf.web.browser import chromium
from whatsit.catalogue.crops.crop_page import CropPage
from whatsit.catalogue.crops.weak_boxes import SURE
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.store.store import Store
from whatsit.evaluation.datasets.labelled_pictures import read_rgb


def main() -> None:
    """Write the page of six scenes, and save it as crops.jpg."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder, Store(Layout(Path(folder)).store) as store:
        page = CropPage(Path(folder) / "crops", "A shop")
        boxes = 0
        for picture, weak in cropped_scenes(store, Layout(Path(folder)), 6):
            page.add(picture, weak, picture.path.name, read_rgb(picture.path), reviewed=False)
            boxes += sum(one.weight >= SURE for one in weak.boxes)
        page.write(boxes)
        with chromium() as browser:
            shown = browser.new_page(viewport={"width": 1360, "height": 900})
            shown.goto((Path(folder) / "crops" / "index.html").as_uri())
            shown.wait_for_function("[...document.images].every(one => one.complete)")
            with Image.open(io.BytesIO(shown.screenshot())) as taken:
                taken.convert("RGB").save(out / "crops.jpg", quality=84, optimize=True, progressive=True)


if __name__ == "__main__":
    main()

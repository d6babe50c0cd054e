"""Fixtures that every room shares."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from whatsit.serving.launcher import Server

# A shell without job control starts what it puts into the background with Ctrl-C ignored, and every process that a test
# starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """With pytest-xdist: a file's tests stay together, and so do all that use the session's server."""
    for item in items:
        group = "server" if "server" in getattr(item, "fixturenames", ()) else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))


def _shared(folder: str) -> Path:
    path = SHARED / folder
    if not path.is_dir():
        pytest.skip(f"../shared/{folder} is not here: photos and starting weights are not part of the project")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos beside the checkout; the test skips where it is absent."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """The folder of starting weights beside the checkout; the test skips where it is absent."""
    return _shared("weights")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered shop of 40 products with `products.csv`, and four scenes with `truth.json` in `scenes/`."""
    from whatsit.rendering.product import make_products
    from whatsit.rendering.shop import write_scenes, write_shop

    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder, count=40, seed=7)
    write_scenes(folder / "scenes", make_products(40, 7), count=4, seed=7)
    return folder


@pytest.fixture(scope="session")
def catalogue(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop as a published catalogue, with geometry."""
    from whatsit.serving.ingestion import index_source

    folder = tmp_path_factory.mktemp("catalogue")
    index_source(folder, shop / "products.csv", geometry=True)
    return folder


@pytest.fixture(scope="session")
def server(catalogue: Path) -> Iterator[Server]:
    """One real Triton for the whole session, on free ports of the loopback address."""
    pytest.importorskip("pytriton", reason="the wheel nvidia-pytriton, which carries Triton, is not installed")
    from whatsit.serving.launcher import Ports, Server

    with Server(catalogue, ports=Ports(0, 0, 0)) as running:
        yield running

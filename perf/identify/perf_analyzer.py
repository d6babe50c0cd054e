"""Load ensembles and models with NVIDIA's perf_analyzer and real pictures.

python -m perf.identify.perf_analyzer  # profile identify, a server of its own
python -m perf.identify.perf_analyzer --profile identify-poisson,embedder  # see perf/identify/profiles
python -m perf.identify.perf_analyzer --profile all --seconds 4  # everything
python -m perf.identify.perf_analyzer --photos DIR --concurrency 1,4,16  # other pictures and loads
python -m perf.identify.perf_analyzer --url localhost:8001  # a server that runs already
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
import yaml
from pydantic import BaseModel, Field, PositiveInt, model_validator
from rich.console import Console
from rich.progress import track
from rich.table import Table
from whatsit_client.errors import InvalidInput

from perf.common.command import CatalogueOption, PhotosOption, chosen, positive_numbers, run_command
from perf.common.server_fixture import picture_files, prepare_demo, running_server
from perf.common.setting import DEMO, RESULTS, ROOT, Setting
from perf.identify.perf_analyzer_input import Inputs
from perf.identify.perf_analyzer_run import Load, Run
from perf.identify.perf_analyzer_tool import find_perf_analyzer
from whatsit.engines.repository import default_root
from whatsit.engines.runtime_target import config_name

PROFILES = ROOT / "perf" / "identify" / "profiles"
WARM_UP = 16  # requests before each measurement, not counted
FEWEST = 20  # requests of a measurement, however slow they are
SATURATING = 8  # callers whose rate the shares of arrivals at random refer to
COLUMNS = (
    "profile", "loaded", "load", "batch", "shared_memory", "pictures", "items_per_s", "p50_ms", "p90_ms", "p95_ms",
    "p99_ms", "delayed_percent", "model", "inferences", "executions", "queue_ms", "compute_ms",
)  # fmt: skip


class Profile(BaseModel, frozen=True, extra="forbid"):
    """One way to load one model or ensemble: a YAML file of `perf/identify/profiles`.

    Args:
        name: of the file.
        about: what it shows, one sentence.
        model: a model or an ensemble.
        concurrency: requests in flight, one measurement each.
        poisson: shares of the rate that eight callers reach, for arrivals at random; one measurement each.
        batch: items of one request, for models with a batch.
        shared_memory: inputs and outputs go through shared memory of the machine.
    """

    name: str
    about: str
    model: str
    concurrency: tuple[PositiveInt, ...] = ()
    poisson: tuple[Annotated[float, Field(gt=0, le=1)], ...] = ()
    batch: PositiveInt = 1
    shared_memory: bool = False

    @model_validator(mode="after")
    def _has_a_load(self) -> Profile:
        if not (self.concurrency or self.poisson):
            raise ValueError("it has no load: give it concurrency or poisson")
        return self

    @classmethod
    def read(cls, path: Path) -> Profile:
        """Read a profile's file.

        Raises:
            InvalidInput: it is none.
        """
        try:
            return cls(name=path.stem, **yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
            raise InvalidInput(f"{path} is no profile ({error}): see those beside it.") from None


def read_profiles(names: str) -> list[Profile]:
    """Return the profiles of a comma list of names, or of "all".

    Raises:
        InvalidInput: there is no such profile.
    """
    there = {path.stem: path for path in sorted(PROFILES.glob("*.yaml"))}
    return [Profile.read(there[name]) for name in (there if names == "all" else chosen(names, there, "profile"))]


def main(
    photos: PhotosOption = None,
    url: Annotated[str | None, typer.Option(help="gRPC host:port of a running server; else one is started.")] = None,
    catalogue: CatalogueOption = None,
    target: Annotated[str, typer.Option(help="Of the started server: onnxruntime, tensorrt, or auto.")] = "onnxruntime",
    profile: Annotated[str, typer.Option(help="Names of profiles, a comma list, or 'all'.")] = "identify",
    concurrency: Annotated[
        str | None, typer.Option(help="Requests in flight, a comma list, instead of the profiles' own load.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="About how long each measurement takes.")] = 10.0,
    requests: Annotated[int, typer.Option(min=1, help="At most so many requests in each measurement.")] = 2000,
    limit: Annotated[float, typer.Option(help="Seconds after which a measurement is given up.")] = 300.0,
    out: Annotated[Path, typer.Option(help="CSV file for the figures.")] = RESULTS / "perf_analyzer.csv",
) -> None:
    """Load ensembles and models with perf_analyzer and print their tables."""
    console = Console() if sys.stdout.isatty() else Console(width=110)
    profiles = read_profiles(profile)
    if concurrency is not None:
        load = {"concurrency": positive_numbers(concurrency), "poisson": ()}
        profiles = [one.model_copy(update=load) for one in profiles]
    tool = find_perf_analyzer()
    if (photos is None) or (url is None and catalogue is None):
        prepare_demo(console)
    pictures = picture_files(photos or DEMO / "scenes")
    rows: list[list[object]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if url is None:
            config = config_name(target, default_root() / "model_repository")
            url = stack.enter_context(running_server(catalogue or DEMO / "catalogue", console, config)).grpc_url
        address = url.removeprefix("grpc://")
        inputs = Inputs(address, pictures, folder)
        for one in profiles:
            run = Run(tool, one.model, address, inputs.of(one.model), one.batch, one.shared_memory, limit)
            count = len(one.concurrency) + len(one.poisson)
            loads = list(track(_loads(one, run, seconds, requests), one.name, count, console=Console(stderr=True)))
            console.print(f"\n[bold]{one.name}[/]: {one.about}", _table(one, loads), sep="\n", soft_wrap=True)
            rows += _rows(one, loads, len(pictures))
    Setting.of_this_machine(f"perf_analyzer {tool.version()}").write(out, COLUMNS, rows)
    console.print(f"{len(pictures)} pictures; figures in {out}")


def _loads(profile: Profile, run: Run, seconds: float, most: int) -> Iterator[Load]:
    """Measure each load of a profile, each after a warm-up."""

    def count(rate: float, time: float = seconds) -> int:
        return min(most, max(FEWEST, round(rate / profile.batch * time)))

    for number in profile.concurrency:
        yield run.callers(number, count(run.callers(number, max(WARM_UP, number)).rate))
    if profile.poisson:
        full = run.callers(SATURATING, count(run.callers(SATURATING, WARM_UP).rate, seconds / 2)).rate
        for share in profile.poisson:
            yield run.arrivals(share * full, count(share * full))


def _table(profile: Profile, loads: Sequence[Load]) -> Table:
    """Return a line for each measurement, and below it one for each composing model."""
    table = Table()
    for name in ("Load", "Model", "per s", "p50", "p90", "p99 ms", "Executions", "Queue ms", "Compute ms"):
        table.add_column(name, justify="left" if name in ("Load", "Model") else "right", no_wrap=True)
    for load in loads:
        head = [load.offered, profile.model, f"{load.rate:.1f}", *(f"{load.ms[one]:.1f}" for one in (50, 90, 99))]
        for part in load.models:
            own = part.name == profile.model
            times = [str(part.executions), f"{part.queue_ms:.2f}", f"{part.compute_ms:.2f}"]
            table.add_row(*(head if own else ["", part.name, "", "", "", ""]), *times, style="bold" if own else None)
        table.add_section()
    return table


def _rows(profile: Profile, loads: Sequence[Load], pictures: int) -> Iterator[list[object]]:
    """Return a line for each measurement and model; the loaded model first."""
    for load in loads:
        begin = [profile.name, profile.model, load.offered, profile.batch, int(profile.shared_memory), pictures]
        figures = [f"{load.rate:.2f}", *(f"{one:.2f}" for one in load.ms.values()), f"{load.delayed:.1f}"]
        for part in load.models:
            times = [f"{part.queue_ms:.3f}", f"{part.compute_ms:.3f}"]
            yield [*begin, *figures, part.name, part.inferences, part.executions, *times]


if __name__ == "__main__":
    run_command(main)

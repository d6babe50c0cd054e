"""CPU time of a picture by this checkout and by an earlier one, in turns.

git worktree add --detach /tmp/earlier COMMIT
python -m perf.bench.commits /tmp/earlier --photos DIR --source shop.csv

Each checkout builds its own catalogue of the source with its own commands, and answers `identify` in one process and on
one thread, as the ceiling of `perf.bench.ledger` does: decoding, networks, search and answer. Rounds over all photos
take turns. Both run with the packages that are installed here.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from whatsit_client.errors import Unavailable

from perf.common.command import run_command
from perf.common.setting import ROOT
from whatsit.engines.ratio_interval import ratio_interval

# Runs in either checkout: the class has moved since.
_WORKER = """
import sys, time
from pathlib import Path
import cv2
try:
    from perf.identify.baselines.in_process import InProcess
except ImportError:
    from perf.baselines.in_process import InProcess
cv2.setNumThreads(1)
identify = InProcess(Path(sys.argv[1]))
photos = [file.read_bytes() for file in sorted(Path(sys.argv[2]).iterdir())]
for photo in photos[:5]:
    identify(photo)
print("ready", flush=True)
for _ in sys.stdin:
    begin = time.process_time()
    for photo in photos:
        identify(photo)
    print(1000 * (time.process_time() - begin) / len(photos), flush=True)
"""


class Checkout:
    """A process that answers photos by the code of a checkout.

    Args:
        folder: the checkout.
        catalogue: a new folder for its catalogue.
        source: table or folder of the catalogue's items.
        photos: folder of the photos.

    Raises:
        Unavailable: the checkout could not build the catalogue or start.
    """

    def __init__(self, folder: Path, catalogue: Path, source: Path, photos: Path) -> None:
        # Old checkouts have no perf/__init__.py, and the installed package would be found before theirs.
        first = f"import sys, types; p = types.ModuleType('perf'); p.__path__ = [{str(folder / 'perf')!r}]\n"
        path = os.pathsep.join(str(part) for part in (folder, folder / "client"))
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        for verb in (["add", str(catalogue), str(source)], ["publish", str(catalogue)]):
            command = [sys.executable, "-m", "whatsit.cli", "catalogue", *verb]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise Unavailable(f"{folder} could not make a catalogue: {done.stderr.strip()[-300:]}")
        code = first + "sys.modules['perf'] = p\n" + _WORKER
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(catalogue), str(photos)],
            cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self._line() != "ready":
            raise Unavailable(f"{folder} has no in-process baseline under perf/, or it did not start.")

    def round(self) -> float:
        """Return the CPU milliseconds of a photo in one round over all."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._line())

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def both(earlier: Path, source: Path, photos: Path) -> Iterator[tuple[Checkout, Checkout]]:
    """Start the earlier checkout and this one."""
    with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack:
        started = []
        for name, folder in (("earlier", earlier), ("now", ROOT)):
            started.append(Checkout(folder.resolve(), Path(made, name), source.resolve(), photos.resolve()))
            stack.callback(started[-1].end)
        yield started[0], started[1]


def main(
    earlier: Annotated[Path, typer.Argument(help="Checkout of the earlier commit.")],
    photos: Annotated[Path, typer.Option(help="Folder of pictures.")],
    source: Annotated[Path, typer.Option(help="Table or folder of a catalogue's items.")],
    rounds: Annotated[int, typer.Option(min=3, help="Over all photos, of each checkout.")] = 9,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Measure both in turns; print milliseconds and their ratio."""
    with both(earlier, source, photos) as (before, now):
        pairs = []
        for turn in range(rounds):
            order = (before, now) if turn % 2 == 0 else (now, before)
            spent = {one: one.round() for one in order}
            pairs.append((spent[before], spent[now]))
    old, new = ([pair[place] for pair in pairs] for place in (0, 1))
    ratio = ratio_interval(new, old)
    medians = [sorted(values)[len(values) // 2] for values in (old, new)]
    if as_json:
        print(json.dumps({"earlier_ms": medians[0], "now_ms": medians[1], "ratio": ratio.value}))
    else:
        print(f"CPU ms a photo: {medians[0]:.1f} earlier, {medians[1]:.1f} now; ratio {ratio}")


if __name__ == "__main__":
    run_command(main)

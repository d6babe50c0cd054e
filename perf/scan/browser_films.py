"""How well frames are chosen in the browser: rendered films as Chromium's camera.

python -m perf.scan.browser_films  # writes perf/results/scan_browser.md; about two minutes
python -m perf.scan.browser_films --detector  # with the network of `make web-detector`

Each film carries the number of its frame in its lower left corner, so that it is known which frame was sent. 640 x 480,
30 frames a second; Chromium drops frames where the machine is busy, as a phone does.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from perf.camera.frame_cost import QuietFiles
from perf.common.command import run_command
from perf.common.setting import RESULTS, ROOT, Setting
from perf.common.tables import markdown
from perf.scan.judged_film import JudgedFilm, Sent, judge
from perf.scan.selection import FIRST_SEED, PRODUCTS, SHOWN, line
from perf.web.browser import chromium
from whatsit.rendering.canvas import Pixels
from whatsit.rendering.film import Film
from whatsit.rendering.film_file import write_film
from whatsit.rendering.film_kinds import KINDS, make_film

_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def numbered(film: Film) -> Iterator[Pixels]:
    """Yield the frames of a film with their numbers as ten blocks at the lower left."""
    for number, frame in enumerate(film.frames()):
        marked = frame.copy()
        for bit in range(10):
            marked[-16:, 32 * bit : 32 * bit + 32] = 235 if number >> bit & 1 else 20
        yield np.ascontiguousarray(marked)


def play(film: Film, url: str, detector: bool) -> dict[str, Any]:
    """Return what the SDK did with a film."""
    body = Path(__file__).with_suffix(".js").read_text(encoding="utf-8").split("\n", 1)[1]
    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder) / "film.y4m", numbered(film), film.rate)
        with chromium(*_CAMERA, f"--use-file-for-fake-video-capture={path}") as browser:
            page = browser.new_page()
            page.goto(f"{url}/scan/package.json")  # any page of this origin
            limit = 1000 * film.path.seconds + 6000
            options = {"count": len(film.truth), "limitMs": limit, "detector": detector}
            found: dict[str, Any] = page.evaluate(body, options)
    return found


def main(
    films: Annotated[int, typer.Option(min=1, help="Films of each kind.")] = 1,
    kinds: Annotated[str, typer.Option(help="Comma list of kinds.")] = ",".join(KINDS),
    detector: Annotated[bool, typer.Option("--detector", help="Take the network of `make web-detector`.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = RESULTS,
) -> None:
    """Play, judge, print and write the table."""
    setting = Setting.of_this_machine("perf.scan.browser_films")
    files = functools.partial(QuietFiles, directory=str(ROOT / "client" / "web"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rows, spent, analysed = [], [], 0
    try:
        for kind in kinds.split(","):
            for seed in range(FIRST_SEED, FIRST_SEED + films):
                film = make_film(kind, seed, PRODUCTS)
                found = play(film, f"http://127.0.0.1:{server.server_address[1]}", detector)
                sent = [Sent(one["decided"], one["chosen"]) for one in found["sent"] if one["chosen"] < len(film.truth)]
                rows.append(judge(film, seed, sent).to_record())
                spent += found["ms"]
                analysed += found["frames"]
                typer.echo(f"{kind} {seed}: {describe(rows[-1])}, {found['frames']} of {len(film.truth)} frames")
    finally:
        server.shutdown()
    table = markdown(("kind", *SHOWN), [line("**all**", rows)])
    cost = f"Grabbing and choosing took {statistics.median(spent):.1f} ms a frame (least {min(spent):.1f})"
    cost += f"; {analysed} frames."
    typer.echo("\n".join([*table, cost]))
    where = f"`python -m perf.scan.browser_films`, {setting.date}, commit {setting.commit}, {setting.processor}."
    head = (__doc__ or "").split("\n\n")[-1].strip()
    text = ["# Choice of frames in Chromium", "", where, head, "", *table, "", cost, ""]
    name = "scan_browser_detector.md" if detector else "scan_browser.md"
    (out / name).write_text("\n".join(text), encoding="utf-8")


def describe(row: dict[str, Any]) -> str:
    """Return one film in a few words."""
    one = JudgedFilm(**row)
    return "right" if one.right else f"missed {one.missed}, again {one.again}, moving {one.moving}, wrong {one.wrong}"


if __name__ == "__main__":
    run_command(main)

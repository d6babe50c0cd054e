"""The command `whatsit scan`: what a phone would send of a film or a camera."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whatsit.cli.options import AsJson

if TYPE_CHECKING:
    from whatsit_client.scan import Detector, ScanRequest

    from whatsit.cli.scan_record import ScanRecord

_NAIVE = 15  # a client without a scanner sends each 15th frame


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command(
        epilog="Examples: whatsit scan film.mp4 --save scanned, or: whatsit scan 0 --seconds 20 --url localhost:8080",
        help="Show what a phone would send of a film or a camera: still, sharp frames, one crop for each thing.",
    )(scan)


def scan(
    source: Annotated[
        str, typer.Argument(metavar="FILM|CAMERA", help="A film, or a camera by its number.", show_default=False)
    ],
    detector: Annotated[
        str, typer.Option(help="auto (the scan network, where there is one), none, a model's folder, or an ONNX file.")
    ] = "auto",
    runtime: Annotated[str, typer.Option(help="auto, ncnn or onnx.")] = "auto",
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds.")] = None,
    budget: Annotated[float | None, typer.Option(help="Kilobytes that may be sent in a minute.")] = None,
    url: Annotated[str | None, typer.Option(help="A running server that identifies what is sent.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for film-strip.png, timeline.png and the pictures that are sent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a phone would send of a film or a camera."""
    from whatsit_client.scan import Scanner, ScanOptions

    from whatsit.cli.scan_record import ScanRecord, record_scan
    from whatsit.cli.scan_source import frames_of

    frames = frames_of(source, seconds)
    chosen = _open(detector, runtime)
    limit = None if budget is None else 1000 * budget
    scanner = Scanner(chosen, ScanOptions(bytes_per_minute=limit))
    if save is not None:
        _make_folder(save)
    name = f"camera {source}" if source.isdigit() else Path(source).name
    record, told, answers = ScanRecord(name), 0, []
    try:
        for record in record_scan(name, frames, scanner, save is not None):
            for request in record.requests[told:]:
                answers.append(_identify(request, url))
                if not as_json:
                    typer.echo(_line(len(answers), request, chosen, answers[-1]))
            told = len(record.requests)
    except KeyboardInterrupt:
        typer.echo("Interrupted: this is what came so far.", err=True)
        if not record.frames:
            raise
    if as_json:
        print(json.dumps(_as_json(record, answers), ensure_ascii=False, indent=1))
    else:
        _print(record, chosen)
    if save is not None:
        _save(record, save, as_json)


def _open(detector: str, runtime: str) -> Detector | None:
    from whatsit_client.errors import Unavailable
    from whatsit_client.scan import open_detector

    if detector == "none":
        return None
    if detector != "auto":
        return open_detector(Path(detector), runtime)
    try:
        return open_detector(None, runtime)
    except Unavailable as error:
        typer.echo(f"{error} Whole frames are sent.", err=True)
        return None


def _identify(request: ScanRequest, url: str | None) -> str:
    """Return the title that a server gives, "" where none is asked."""
    if url is None:
        return ""
    from whatsit_client import Client

    with Client(url) as client:
        answer = client.identify(request.image, boxes=request.boxes).answer
    return answer.title if answer.found else "not in the catalogue"


def _line(number: int, request: ScanRequest, detector: Detector | None, answer: str) -> str:
    choice = request.choice
    what = "whole frame" if choice.box is None else _label(choice.label, detector)
    parts = [
        f"{number}. {choice.time_ms / 1000:.2f} s: {what}, sharpness {choice.sharpness:.2f}",
        f"{request.size / 1000:.0f} kB, decided at {request.sent_ms / 1000:.2f} s",
    ]
    return ", ".join([*parts, answer] if answer else parts)


def _label(label: int, detector: Detector | None) -> str:
    known = detector.labels if detector else ()
    return known[label] if 0 < label < len(known) else "a thing"


def _print(record: ScanRecord, detector: Detector | None) -> None:
    from rich.console import Console
    from rich.table import Table

    states = Table(box=None, padding=(0, 2, 0, 0))
    states.add_column("state")
    for name in ("times", "seconds", "share"):
        states.add_column(name, justify="right")
    runs = record.runs()
    for state in ("moving", "settling", "stable", "sent"):
        lengths = [(end - begin) / 1000 for name, begin, end in runs if name == state]
        share = sum(lengths) / max(record.seconds, 1e-9)
        states.add_row(state, str(len(lengths)), f"{sum(lengths):.1f}", f"{share:.0%}")
    Console().print(states)
    naive = record.calls_every(_NAIVE)
    calls = len(record.requests)
    typer.echo(f"{len(record.frames)} frames in {record.seconds:.1f} s: {_count(calls, 'request')} of {_size(record)}.")
    if calls:
        times = f"{naive / calls:.0f} times as many"
        typer.echo(f"A client that sends each {_NAIVE}th frame would make {_count(naive, 'request')}, {times}.")
    else:
        problems = sorted({frame.problem for frame in record.frames if frame.problem})
        why = f" Still frames were {' and '.join(problems)}." if problems else " The camera was never still."
        typer.echo(f"Nothing was sent.{why}")
    spent = sorted(frame.ms for frame in record.frames)
    how = "" if detector else ", without a detector"
    typer.echo(f"The scanner took {spent[len(spent) // 2]:.1f} ms a frame (median){how}.")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _size(record: ScanRecord) -> str:
    return f"{record.sent_bytes / 1000:.0f} kB"


def _as_json(record: ScanRecord, answers: list[str]) -> dict[str, Any]:
    sent = [
        {
            "time_ms": one.choice.time_ms,
            "decided_ms": one.sent_ms,
            "track": one.choice.track,
            "box": one.choice.box,
            "label": one.choice.label,
            "score": one.choice.score,
            "sharpness": one.choice.sharpness,
            "bytes": one.size,
            **({"answer": answer} if answer else {}),
        }
        for one, answer in zip(record.requests, answers, strict=True)
    ]
    states = [{"state": state, "begin_ms": begin, "end_ms": end} for state, begin, end in record.runs()]
    every = {"requests_every_15th_frame": record.calls_every(_NAIVE)}
    return {
        "source": record.name,
        "frames": len(record.frames),
        "seconds": record.seconds,
        **every,
        "states": states,
        "sent": sent,
    }


def _make_folder(folder: Path) -> None:
    from whatsit_client.errors import InvalidInput

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be made ({error.strerror}): choose another --save.") from error


def _save(record: ScanRecord, folder: Path, quiet: bool) -> None:
    from whatsit.cli.scan_strip import draw_strip
    from whatsit.cli.scan_timeline import draw_timeline

    draw_strip(record).save(folder / "film-strip.png")
    draw_timeline(record).save(folder / "timeline.png")
    for number, request in enumerate(record.requests, start=1):
        (folder / f"sent-{number}.jpg").write_bytes(request.image)
    if not quiet:
        typer.echo(f"Saved {folder / 'film-strip.png'}, {folder / 'timeline.png'} and what was sent.")

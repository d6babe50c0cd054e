"""Process that previews or imports an uploaded file; the gateway starts it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from whatsit_client.errors import InvalidInput, WhatsitError

from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.catalogue.ingest.import_files import SKIPPED, ImportFile, ImportFiles
from whatsit.catalogue.ingest.ingest_report import Report
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import published
from whatsit.catalogue.sources import Skipped
from whatsit.catalogue.sources.open_source import read_columns
from whatsit.catalogue.sources.preview import Preview, dialect_of, preview
from whatsit.catalogue.store.job_table import JobTable
from whatsit.catalogue.store.store import Store

FIELDS = ("id", "title", "brand", "category", "price", "url", "image")
_SHOWN = 1000


def main() -> int:
    """Do what the JSON on standard input asks for."""
    given = json.load(sys.stdin)
    folder = Path(given["folder"])
    files = ImportFiles(folder)
    one = files.get(given["import"])
    if one is None:
        return 1
    if given["action"] == "preview":
        files.keep_preview(one.token, look_at(files, one))
        return 0
    return run(folder, files, one, given)


def look_at(files: ImportFiles, one: ImportFile) -> dict[str, Any]:
    """Return the preview of an upload, and what prevents its import."""
    path = files.path(one)
    try:
        options = one.source_options
        found = preview(path, options)
    except WhatsitError as error:
        problem = _plain(str(error), path).replace("; name it with --map id=COLUMN", "; say which column is the id")
        return {"preview": _columns_alone(path, one), "problem": problem}
    return {"preview": _record(found, path), "problem": None if found.items else "No row of the file can be imported."}


def run(folder: Path, files: ImportFiles, one: ImportFile, given: dict[str, Any]) -> int:
    """Import an upload; a second run goes on where the first ended."""
    job, path = int(given["job"]), files.path(one)
    with Store(Layout(folder).store) as store:
        jobs = JobTable(store)

        def step(done: int, total: int, report: Report) -> None:
            note = f"{report.skipped_count} skipped" if report.skipped_count else ""
            jobs.progress(job, done, max(total, done), note)

        def stage(name: str, done: int, total: int) -> None:
            jobs.progress(job, done, total, name)

        try:
            publish = bool(given.get("publish")) or published(Layout(folder).index) is None
            added = add_to_catalogue(
                folder,
                path,
                options=one.source_options,
                publish=publish,
                model_repository=Path(given["models"]),
                progress=step,
                stages=stage,
            )
        except WhatsitError as error:
            jobs.fail(job, _plain(str(error), path))
            return 1
        except Exception as error:
            jobs.fail(job, f"The import ended ({type(error).__name__}: {_plain(str(error), path)}).")
            raise
        report = added.report.to_record()
        _write_skipped(files.folder / one.token / SKIPPED, added.report.skipped, path)
        for name in ("skipped", "notes"):
            report[name] = [_placed(found, path) for found in getattr(added.report, name)[:_SHOWN]]
        jobs.finish(job, {**report, "published": added.published is not None})
    return 0


def _record(found: Preview, path: Path) -> dict[str, Any]:
    record = found.to_record()
    columns = [{"column": column, "field": name} for column, name in record.pop("columns").items()]
    listed = {name: [_placed(one, path) for one in getattr(found, name)] for name in ("skipped", "notes")}
    rows = [{**row, "images": [_plain(image, path) for image in row["images"]]} for row in record["rows"]]
    guesses = [_plain(guess, path) for guess in record["guesses"]]
    del record["source"]
    return {**record, **listed, "rows": rows, "guesses": guesses, "columns": columns, "fields": FIELDS,
            "dialect": found.dialect}  # fmt: skip


def _columns_alone(path: Path, one: ImportFile) -> dict[str, Any] | None:
    """Return the columns of a table that cannot be mapped yet."""
    try:
        table = read_columns(path, replace(one.source_options, columns={}))
    except (InvalidInput, WhatsitError):
        return None
    return {
        "dialect": dialect_of(table),
        "columns": [{"column": column, "field": None} for column in table.columns],
        "fields": FIELDS,
        "guesses": list(table.notes),
        "rows": [],
        "items": 0,
        "skipped_count": 0,
        "skipped": [],
        "note_count": 0,
        "notes": [],
    }


def _write_skipped(path: Path, skipped: Sequence[Skipped], upload: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["place", "reason"])
        writer.writerows([_placed(one, upload).values() for one in skipped])


def _placed(one: Skipped, path: Path) -> dict[str, str]:
    return {"place": _plain(one.place, path), "reason": _plain(one.reason, path)}


def _plain(text: str, path: Path) -> str:
    """Return a text without the folder of the upload."""
    return text.replace(f"{path.parent.resolve()}/", "").replace(f"{path.parent}/", "")

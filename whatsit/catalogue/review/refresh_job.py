"""Process that refreshes a review queue; the gateway starts it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from whatsit_client.errors import WhatsitError

from whatsit.catalogue.layout import Layout
from whatsit.catalogue.review.refresh import refresh
from whatsit.catalogue.store.job_table import JobTable
from whatsit.catalogue.store.store import Store


def main() -> int:
    """Do the job whose arguments are JSON on standard input."""
    given = json.load(sys.stdin)
    job = int(given["job"])
    with Store(Layout(Path(given["folder"])).store) as store:
        jobs = JobTable(store)
        try:
            filled = refresh(
                store,
                given["queue"],
                given.get("limit"),
                Path(given["models"]),
                lambda done, total, note: jobs.progress(job, done, total, note),
            )
            jobs.finish(job, asdict(filled))
        except WhatsitError as error:
            jobs.fail(job, str(error))
            return 1
        except Exception as error:
            jobs.fail(job, f"The queue could not be filled ({type(error).__name__}: {error}).")
            raise
    return 0

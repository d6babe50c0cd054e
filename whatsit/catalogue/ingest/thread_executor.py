"""Execution of ingestion steps in threads of this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from whatsit.catalogue.ingest.fetch import Fetch
from whatsit.catalogue.ingest.picture_analysis import PictureAnalysisSteps
from whatsit.catalogue.ingest.plan import Batch
from whatsit.catalogue.ingest.prepare import Done, Got, Prepare, Settings
from whatsit.catalogue.sources.cloud_image import CloudImage
from whatsit.catalogue.sources.picture_location import WebImage
from whatsit.catalogue.sources.source_row import Skipped

# Downloads at once; most of their time is waiting.
FETCHES = 16


@dataclass(frozen=True)
class InThreads:
    """Prepares batches in threads of this process.

    Args:
        look: the steps of picture analysis.
        workers: pictures analysed at once.
    """

    look: PictureAnalysisSteps
    workers: int = 1

    def __call__(self, batches: Iterable[Batch], fetch: Fetch, settings: Settings) -> Generator[Done, None, None]:
        """Prepare batches in threads and return them in order, few at a time.

        Batches with pictures on the web are fetched ahead by separate threads, so that the networks never wait for a
        slow server while there are other pictures.
        """
        prepare = Prepare(self.look, fetch, settings)
        waiting: deque[Future[Done]] = deque()
        with ThreadPoolExecutor(self.workers, "analyse") as analysing, ThreadPoolExecutor(FETCHES, "fetch") as fetching:

            def done(batch: Batch, ahead: Future[Got] | None) -> Done:
                return prepare.done(batch, ahead.result() if ahead else prepare.fetched(batch))

            try:
                for batch in batches:
                    remote = _is_remote(batch)
                    ahead = fetching.submit(prepare.fetched, batch) if remote else None
                    waiting.append(analysing.submit(done, batch, ahead))
                    while len(waiting) > (FETCHES + self.workers if remote else 2 * self.workers):
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                fetching.shutdown(wait=False, cancel_futures=True)
                analysing.shutdown(wait=False, cancel_futures=True)


def _is_remote(batch: Batch) -> bool:
    return any(
        isinstance(image, (WebImage, CloudImage))
        for one in batch
        if not isinstance(one, Skipped)
        for image in one.row.images
    )

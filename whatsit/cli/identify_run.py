"""A run of `whatsit identify` over one picture, many, or a folder that is watched."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.cli.identify_pictures import ItemPictures
from whatsit.cli.identify_results import Results, open_results, state_of
from whatsit.cli.identify_shots import Shot, count_of, files_of, is_film, settled_files, shots_of
from whatsit.cli.identify_view import line_of, table_of
from whatsit.cli.progress_bar import Step, progress_bars

if TYPE_CHECKING:
    from whatsit_client.client import Client
    from whatsit_client.identification import Identification

_LOOK_SECONDS = 1.0
_ALIKE = 3  # so many first pictures that are refused with one sentence: an option is wrong, not they
_WORDS = {"found": "found", "unsure": "unsure", "not_found": "not in the catalogue", "not_searched": "not searched"}


@dataclass
class Run:
    """Identifies shots in their order and prints, saves and writes each result.

    Args:
        client: of the server.
        options: of `Client.identify`.
        every: seconds between two frames of a film.
        workers: pictures under way at once.
        save: see the option --save.
        out: file of results, None for none.
        as_json: print JSON, an object a line.
        full: print tables of several pictures too.
    """

    client: Client
    options: Mapping[str, Any]
    every: float
    workers: int
    save: Path | None
    out: Path | None
    as_json: bool
    full: bool
    _counts: Counter[str] = field(default_factory=Counter)
    _sentences: list[str] = field(default_factory=list)
    _seen: int = 0
    _pictures: ItemPictures | None = None
    _folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="whatsit-pictures-")
    )
    _several: bool = False
    _strict: bool = False

    def all(self, paths: Sequence[Path]) -> int:
        """Identify all pictures; return how many were refused."""
        files = files_of(paths)
        self._several = len(files) > 1 or any(path.is_dir() or is_film(path) for path in paths)
        self._strict = not self._several and self.out is None
        total = sum(count_of(path, self.every) for path in files) if self._several else 1
        with self._results() as results, progress_bars(not self._several or self.as_json) as bar:
            done = frozenset() if results is None else results.done
            try:
                self._run(self._shots(files, done, results), results, bar, total)
            except (KeyboardInterrupt, Unavailable):
                self._print_kept()
                raise
        self._print_summary()
        return self._counts["refused"]

    def watch(self, folder: Path) -> int:
        """Identify the pictures of a folder and those that come, until Ctrl-C."""
        self._several = True
        known: set[Path] = set()
        lost = False
        print(f"Watching {folder}; Ctrl-C ends.", file=sys.stderr)
        with self._results() as results:
            try:
                while True:
                    done = frozenset() if results is None else results.done
                    for file in settled_files(folder, frozenset(known)):
                        try:
                            self._run(self._shots([file], done, results), results, None, 1)
                        except Unavailable as error:
                            if not lost:
                                print(f"whatsit: {error} Trying again until it does.", file=sys.stderr)
                            lost = True
                            break
                        lost = False
                        known.add(file)
                    time.sleep(_LOOK_SECONDS)
            except KeyboardInterrupt:
                pass
        self._print_summary()
        return 0

    @contextlib.contextmanager
    def _results(self) -> Iterator[Results | None]:
        if self.out is None:
            yield None
            return
        with open_results(self.out) as results:
            self._counts["before"] = len(results.done)
            yield results

    def _shots(
        self, files: Sequence[Path], done: frozenset[tuple[str, float | None]], results: Results | None
    ) -> Iterator[Shot]:
        for file in files:
            try:
                yield from shots_of(file, self.every, done)
            except InvalidInput as error:  # noqa: PERF203 # one bad film must not cost the others
                if self._strict:
                    raise
                self._refuse(Shot(file), error, results)

    def _run(self, shots: Iterator[Shot], results: Results | None, bar: Step | None, total: int) -> None:
        """Send shots, so many at once, and take their results in order."""
        waiting: deque[tuple[Shot, Future[Identification]]] = deque()
        seen = self._counts["before"]
        pool = ThreadPoolExecutor(self.workers)

        def take_first() -> None:
            nonlocal seen
            seen += self._take(*waiting.popleft(), results)
            if bar is not None:
                bar("Identifying", min(seen, total), total)

        try:
            for shot in shots:
                waiting.append((shot, pool.submit(self._identify, shot)))
                if len(waiting) > self.workers:
                    take_first()
            while waiting:
                take_first()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _identify(self, shot: Shot) -> Identification:
        return self.client.identify(shot.path if shot.image is None else shot.image, **self.options)

    def _take(self, shot: Shot, future: Future[Identification], results: Results | None) -> int:
        """Print, save and write the result of one shot."""
        try:
            result = future.result()
            saved = None if self.save is None else self._saved(result, shot)
        except InvalidInput as error:
            if self._strict:
                raise
            self._refuse(shot, error, results)
            return 1
        if results is not None:
            results.write(shot, result, "")
        self._counts[state_of(result)] += 1
        self._seen += 1
        self._print(shot, result)
        if saved and not self.as_json and not (self._several and not self.full):
            print(f"Saved {saved}")
        return 1

    def _saved(self, result: Identification, shot: Shot) -> Path:
        assert self.save is not None  # the caller asks for it
        if self._pictures is None:
            self._pictures = ItemPictures(self.client.address, Path(self._folder.name))
        return _save(self._pictures.into(result), shot, self.save, self._several)

    def _print(self, shot: Shot, result: Identification) -> None:
        if self.as_json:
            seconds = {} if shot.seconds is None else {"seconds": shot.key[1]}
            known = {"photo": str(shot.path), **seconds, **json.loads(result.to_json())}
            print(json.dumps(known, ensure_ascii=False), flush=True)
        elif self.full or not (self._several or self.out):
            from rich.console import Console

            Console().print(table_of(result, str(shot)))
        elif self.out is None:
            print(line_of(result, str(shot)), flush=True)

    def _refuse(self, shot: Shot, error: InvalidInput, results: Results | None) -> None:
        """Report a refused picture; where the first are all refused for an option, end."""
        self._sentences.append(str(error))
        alike = len(set(self._sentences)) == 1 and not str(error).startswith(("The image", "There is no file"))
        if alike and self._seen + 1 == len(self._sentences) == _ALIKE:
            raise error
        print(f"whatsit: {shot}: {error}", file=sys.stderr)
        self._counts["refused"] += 1
        self._seen += 1
        if results is not None:
            results.write(shot, None, str(error))

    def _print_kept(self) -> None:
        if self.out is not None:
            print(
                f"{sum(self._counts.values())} pictures are in {self.out}; run the same command again to go on.",
                file=sys.stderr,
            )

    def _print_summary(self) -> None:
        """Print what came of several pictures, beside the results."""
        if not self._several and self.out is None:
            return
        before, refused = self._counts["before"], self._counts["refused"]
        done = sum(self._counts.values()) - before
        parts = [f"{count} {_WORDS[name]}" for name, count in self._counts.items() if name in _WORDS]
        parts += [f"{refused} refused"] if refused else []
        kept = f", {before} were there before" if before else ""
        place = f" {self.out}" if self.out else ""
        if refused and self.out is None:
            print(f"whatsit: {refused} of {done} photos were refused.", file=sys.stderr)
        elif self.out is not None or done > 1:
            print(f"{done} pictures: {', '.join(parts) or 'nothing to do'}{kept}.{place}", file=sys.stderr)


def _save(result: Identification, shot: Shot, place: Path, several: bool) -> Path:
    """Draw and save the result; in a folder, one PNG file per picture."""
    from whatsit_client.drawing import draw

    path = place
    if several or place.is_dir():
        frame = "" if shot.seconds is None else f"-{shot.seconds:08.2f}"
        path = place / f"{shot.path.stem}{frame}.whatsit.png"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(result, shot.path if shot.image is None else shot.image).save(path)
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"The picture cannot be saved as '{path}' ({error}): choose another --save.") from error
    return path

"""Rate, memory and crash safety of `whatsit catalogue add`.

    python -m perf.catalogue.ingestion rate --photos FOLDER [--photos FOLDER]  # rate over that of the bare networks
    python -m perf.catalogue.ingestion memory  # over 100,000 rendered pictures
    python -m perf.catalogue.ingestion kill  # 20 SIGKILLs at random moments

Each writes `perf/results/ingestion_NAME.csv` (and a chart), and says what it found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perf.common.setting import RESULTS, Setting


def main() -> None:
    """Take the measurement that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--work", type=Path, help="folder for what is made on the way; kept if given")
    parser.add_argument("--workers", type=int, default=Setting.of_this_machine("").cores, help="default: one per core")
    measures = parser.add_subparsers(dest="measure", required=True)
    rate = measures.add_parser("rate")
    rate.add_argument("--photos", type=Path, action="append", required=True, help="folder of pictures; may be repeated")
    rate.add_argument("--limit", type=int, default=5000, help="pictures in all")
    rate.add_argument("--detect-limit", type=int, default=1250, help="pictures in settings with the detector")
    rate.add_argument("--repeats", type=int, default=3)
    rate.add_argument("--steps", default="hash;hash,categorise;hash,categorise,detect", help="settings, by semicolons")
    memory = measures.add_parser("memory")
    memory.add_argument("--rows", type=int, default=100_000)
    kill = measures.add_parser("kill")
    kill.add_argument("--times", type=int, default=20)
    kill.add_argument("--rows", type=int, default=300)
    kill.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with _folder(given.work) as work:
        {"rate": _rate, "memory": _memory, "kill": _kill}[given.measure](given, work)


def _memory(given: argparse.Namespace, work: Path) -> None:
    from perf.catalogue.ingestion_memory import draw, samples, write_shards

    setting = Setting.of_this_machine("whatsit catalogue add")
    shards = write_shards(work / "shards", given.rows, lambda done, total: _say(f"rendered {done} of {total}"))
    found = []
    for sample in samples(work / "catalogue", shards, given.workers):
        found.append(sample)
        if len(found) % 10 == 0:
            _say(f"{sample.seconds:.0f} s: {sample.items} items, {sample.rss_mb:.0f} MB")
    rows = [(f"{s.seconds:.0f}", s.items, f"{s.rss_mb:.1f}", f"{s.store_mb:.1f}") for s in found]
    setting.write(given.out / "ingestion_memory.csv", ["seconds", "items", "rss_mb", "store_mb"], rows)
    draw(found, given.out / "ingestion_memory.png")
    early = [s.rss_mb for s in found if 0.05 * given.rows < s.items <= 0.2 * given.rows]
    late = [s.rss_mb for s in found if s.items > 0.85 * given.rows]
    if early and late:
        _say(
            f"mean resident memory {sum(early) / len(early):.0f} MB at 5-20 % of the rows, "
            f"{sum(late) / len(late):.0f} MB at the last 15 %"
        )


def _kill(given: argparse.Namespace, work: Path) -> None:
    from perf.catalogue.ingestion_kills import KILL_COLUMNS, kills
    from whatsit.rendering.shop import write_shop

    setting = Setting.of_this_machine("whatsit catalogue add")
    source = write_shop(work / "shop", count=given.rows, seed=7)
    rows = []
    for one in kills(work, source, given.times, given.workers, given.seed):
        rows.append(one)
        _say(", ".join(f"{name} {value}" for name, value in zip(KILL_COLUMNS, one, strict=True)))
    setting.write(given.out / "ingestion_kill.csv", KILL_COLUMNS, rows)


def _rate(given: argparse.Namespace, work: Path) -> None:
    from perf.catalogue.ingestion_rate import RATE_COLUMNS, rates, summary

    setting = Setting.of_this_machine("PictureAnalyzer, threads")
    settings = given.steps.split(";")
    rows = []
    for one in rates(given.photos, given.limit, given.detect_limit, given.repeats, settings, given.workers, work):
        rows.append(one)
        _say(", ".join(f"{name} {value}" for name, value in zip(RATE_COLUMNS, one, strict=True)))
    setting.write(given.out / "ingestion_rate.csv", RATE_COLUMNS, rows)
    for line in summary(rows):
        _say(line)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

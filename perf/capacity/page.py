"""The text of perf/capacity.md."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Sequence
from itertools import product

from perf.capacity.inputs import ANY, Inputs
from perf.capacity.model import FULL_MEMORY, GIB, Curve, Estimate, Plan, core_ms, curves, estimate, saturated
from perf.capacity.queue_simulation import closed_loop, open_loop
from perf.common.tables import markdown
from whatsit.index.index_kind import Kind

RATES = (10, 1_000, 100_000)
ITEMS = (1_000_000, 100_000_000, 10_000_000_000)
LOADS = (0.5, 0.6, 0.7, 0.8, 0.9)
DIMENSION = 128
KINDS = ("flat", "hnsw", "hnsw-byte", "ivfpq-byte")
TIMED = {"ms of a core per image, 1 million": 1e6, "100 million": 1e8}
PRICE_SOURCE = "https://docs.amazonaws.cn/en_us/autoscaling/ec2/userguide/weights-spot-price-per-unit-hour-example.html"


def page(inputs: Inputs, plan: Plan) -> str:
    """Return the page, as Markdown."""
    parts = [
        ["# Capacity on paper", "", *_intro(inputs)],
        _stages(inputs),
        _check(inputs),
        _load(inputs, plan),
        _demand(inputs, plan),
        _memory(inputs, plan),
        _limits(),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _intro(inputs: Inputs) -> list[str]:
    lines = _paragraph(
        "How many cores and machines Whatsit takes, computed from measured figures. Written by `python -m "
        "perf.capacity.plan`; every number here is measured, simulated from measured ones, or a stated "
        "assumption. It speaks of CPUs only: nothing was measured on another processor."
    )
    lines += ["", f"- Stages: `perf/results/identify.csv` and `identify_stages.csv`; {inputs.source}."]
    if inputs.search_source:
        lines.append(f"- Search: `perf/results/retrieval_share.csv`; {inputs.search_source}.")
    return lines


def _stages(inputs: Inputs) -> list[str]:
    rows = [
        (one.name, f"{one.work_ms:.1f}", one.instances if one.instances < ANY else "-", one.parts)
        for one in inputs.stations
    ]
    names = ("stage", "ms of a core, alone", "instances", "cores at most")
    return [
        "## What an image costs",
        "",
        *markdown(names, rows, "--- ---: ---: ---:"),
        f"| together | {sum(one.work_ms for one in inputs.stations):.1f} | | |",
        "",
        *_paragraph(
            f"With every further busy core all of them are {inputs.machine.contention:.1%} slower (shared caches and "
            f"memory), which is what CPU time per image at {inputs.points[-1].callers} callers says against that at "
            f"{inputs.points[0].callers}. A core of a full machine then spends {core_ms(inputs):.0f} ms on an image, "
            f"and the measured machine of {inputs.machine.cores} cores saturates at {saturated(inputs):.1f} "
            "images/s. A stage that spreads a picture over idle cores costs what CPU time per image says beyond the "
            "clocks."
        ),
    ]


def _check(inputs: Inputs) -> list[str]:
    lines = [
        "## The model against the measured points",
        "",
        *_paragraph(
            "`perf.capacity.queue_simulation` sends 2,000 pictures through the stages above: first come first "
            "served, instances as in the configs, cores shared by all that is busy, no batching, work that varies "
            f"by 30 % from picture to picture. Stage times come from {inputs.points[0].callers} caller and "
            "contention from CPU time alone, so that no measured images/s or latency was fitted."
        ),
        "",
    ]
    rates, times, rows = [], [], []
    for point in inputs.points:
        found = closed_loop(inputs.stations, inputs.machine, point.callers)
        rates.append(found.rate / point.rate - 1)
        times.append(found.percentile(50) / point.p50_ms - 1)
        figures = [f"{point.rate:.1f}", f"{found.rate:.1f}", f"{rates[-1]:+.0%}", f"{point.p50_ms:.0f}"]
        rows.append([point.callers, *figures, f"{found.percentile(50):.0f}", f"{times[-1]:+.0%}"])
    names = ("callers", "images/s measured", "simulated", "error", "p50 ms measured", "simulated", "error")
    return [
        *lines,
        *markdown(names, rows, "---:"),
        "",
        *_paragraph(
            f"Mean error without sign: {_mean(rates):.0%} of images/s (at most {max(map(abs, rates)):.0%}), "
            f"{_mean(times):.0%} of p50 (at most {max(map(abs, times)):.0%}). Every figure below may be off by as "
            "much."
        ),
    ]


def _load(inputs: Inputs, plan: Plan) -> list[str]:
    most = saturated(inputs)
    lines = [
        "## How full a machine may run",
        "",
        f"Pictures that arrive at random (Poisson) on the measured machine; {most:.1f} images/s saturate it.",
        "",
    ]
    rows = []
    for load in LOADS:
        found = open_loop(inputs.stations, inputs.machine, load * most)
        tails = [f"{found.percentile(percent):.0f}" for percent in (50, 99)]
        rows.append([f"{load:.0%}", f"{load * most:.1f}", *tails])
    lines += markdown(("share of saturation", "images/s", "p50 ms", "p99 ms"), rows, "---:")
    return [*lines, "", f"Planned with here: {plan.utilisation:.0%} (`--utilisation`)."]


def _demand(inputs: Inputs, plan: Plan) -> list[str]:
    found = curves(inputs.search)
    lines = [
        "## Machines and money",
        "",
        *_paragraph(
            f"A machine has {plan.cores} cores and {plan.gib:g} GiB and costs ${plan.price:.2f} an hour: set yours "
            "with `--machine-cores`, `--machine-gib` and `--machine-hour`. The default is the c5.2xlarge of an "
            f"example in [AWS's documentation]({PRICE_SOURCE}): $0.34 on demand, $0.18 to $0.19 spot, so $0.02 to "
            "$0.04 for a core-hour. Its cores are taken to be as fast as the measured ones, which only a run "
            f"of `make bench-stages` there can tell. A server without its index takes {plan.server_gib:g} GiB "
            "(`--server-gib`; the 18 processes of the CPU default took 1.0 GiB together under load, "
            "shared pages counted once)."
        ),
        "",
    ]
    if not found:
        return [*lines, "The search was not measured yet: run `python -m perf.index.retrieval_share`."]
    names = ["images/s", "items", "index", "machines that hold it once", "serving", "searching", "busy cores",
             "$ an hour", "$ per million images"]  # fmt: skip
    image_ms = core_ms(inputs)
    rows = [
        _row(estimate(inputs, plan, found, rate, items, image_ms), _largest(found))
        for items, rate in product(ITEMS, RATES)
    ]
    return [
        *lines,
        *markdown(names, rows, "---: ---: ---" + " ---:" * 6),
        "",
        *_paragraph(
            f"\\* extrapolated: the search was measured up to {_largest(found):,} items. Where one machine's memory "
            "holds the index, each serving machine has a copy (a generation of files, memory-mapped). Where it does "
            "not, shards of it stand on machines of their own, each asked for every image, with as many copies as "
            "the rate takes: that is a cluster of Milvus (`--store milvus://…`) behind the same interface, whose "
            "own overhead was not measured and is not counted. The index is, of the kinds measured, the one that "
            "needs fewest machines. Not counted: a spare machine for failures, load balancers, disks, traffic."
        ),
    ]


def _row(one: Estimate, largest: int) -> list[str]:
    mark = "\\*" if one.items > largest else ""
    searching = f"{one.searching:,}" if one.searching else "-"
    machines = [f"{one.shards:,}", f"{one.serving:,}", searching]
    costs = [f"{one.cores:,.0f}", f"{one.price:,.2f}", f"{one.per_million:,.2f}"]
    return [f"{one.rate:,}", f"{one.items:,}{mark}", one.kind, *machines, *costs]


def _memory(inputs: Inputs, plan: Plan) -> list[str]:
    capacity = FULL_MEMORY * plan.gib * GIB
    measured = {curve.kind: curve for curve in curves(inputs.search)}
    names = [*[f"{_short(items)} items: GiB, machines" for items in ITEMS], *TIMED]
    lines = [
        "## Items: memory and time",
        "",
        *_paragraph(
            f"Vectors of {DIMENSION} numbers. An index may take {FULL_MEMORY:.0%} of a machine's memory. Bytes are "
            "those of the files on disk where measured, else of the formula in `whatsit/index/index_kind.py`."
        ),
        "",
    ]
    rows = []
    for name in KINDS:
        size = measured[name].bytes if name in measured else Kind.parse(name).bytes_per_vector(DIMENSION) + 8
        cells = [f"{size * items / GIB:,.1f}, {math.ceil(size * items / capacity):,}" for items in ITEMS]
        cells += [
            f"{measured[name].ms(items):,.1f}" + ("\\*" if items > measured[name].largest else "")
            if name in measured
            else ""
            for items in TIMED.values()
        ]
        rows.append([name, f"{size:.0f}", *cells])
    lines += markdown(["index", "bytes per item", *names], rows, "---" + " ---:" * (1 + len(names)))
    if inputs.search:
        largest = max(inputs.search, key=lambda one: one.items)
        lines += [
            "",
            *_paragraph(
                f"The search of an image looks {inputs.regions:.1f} regions up (photos of the measurement, gate off). "
                "Times of flat and ivfpq grow with the items, those of a graph with their logarithm, both from the two "
                f"largest sizes measured; \\* is extrapolated. Records take {largest.store_bytes:,.0f} bytes an item "
                "on disk (SQLite, with the vectors)."
            ),
        ]
    return lines


def _limits() -> list[str]:
    return [
        "## What this leaves out",
        "",
        *_paragraph(
            "Filters (their cost is in `retrieval_share.csv`), ranking stages beyond the default, live changes, "
            "network traffic and its latency between machines, recall that falls as items come closer together, and "
            "the difference between the reader's pictures and the measured ones: an image with half the regions "
            "costs the embedder and the search half."
        ),
    ]


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, 116, break_long_words=False, break_on_hyphens=False)


def _largest(found: Sequence[Curve]) -> int:
    return max(curve.largest for curve in found)


def _short(items: int) -> str:
    return f"{items // 10**9} billion" if items >= 10**9 else f"{items // 10**6} million"


def _mean(errors: Sequence[float]) -> float:
    return statistics.fmean(map(abs, errors))

"""Metrics of a server; `build/monitoring` shows them and alerts on them.

The calls do nothing outside Triton, and cost a few microseconds inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from whatsit.serving.metrics.instruments import Counter, Family, Gauge, Histogram, close_buffer, open_buffer
from whatsit.serving.metrics.publisher import Publisher, Sample

if TYPE_CHECKING:
    from whatsit_client.types import Answer

MODELS = ("decode", "regions", "describe", "retrieval", "catalogue")

# The networks' stages are measured inside `describe`; elsewhere Triton measures them.
STAGES = (
    *("decode", "detector", "classifier", "regions", "embedder", "describe"),
    *("retrieval", "catalogue", "filter", "search", "rerank", "codes"),
)
STAGE_SECONDS = Histogram(
    "whatsit_stage_seconds",
    "Seconds of one request in a step, or in a part of one, such as filter (with changes taken up), search and rerank.",
    (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
    (("stage", STAGES),),
)
# Of InvalidInput.reason; "input" is what names no other.
REASONS = ("empty", "size", "format", "damaged", "option", "input")
REFUSED = Counter(
    "whatsit_refused_total",
    "Requests that were refused because of what the caller sent, by the step that refused and the reason.",
    (("model", MODELS), ("reason", REASONS)),
)
FAILED = Counter(
    "whatsit_failed_total",
    "Requests that failed through no fault of the caller, by the step that failed.",
    (("model", MODELS), ("kind", ("unavailable", "internal"))),
)
REGIONS = Histogram(
    "whatsit_regions_per_image",
    "Regions of a picture, the whole picture counted.",
    (1, 2, 3, 4, 5, 6, 7, 8, 16, 32),
)
OUTCOMES = ("found", "unsure", "absent", "gated")
IDENTIFIED = Counter(
    "whatsit_identified_total",
    "Pictures that were looked up: found, unsure, absent (not in the catalogue), or gated (it can hold no such thing).",
    (("outcome", OUTCOMES),),
)
MATCHES = Histogram(
    "whatsit_matches_per_region",
    "Items returned for a region; 0 where nothing was near enough.",
    (0, 1, 2, 5, 10, 20, 50, 100),
)
CONFIDENCE = Histogram(
    "whatsit_answer_confidence",
    "Confidence of the answers that were found, 0 to 1.",
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
CHANGES = Counter(
    "whatsit_catalogue_changes_total",
    "Items added, updated or deleted and choices kept over the network.",
    (("outcome", ("added", "updated", "deleted", "feedback")),),
)

GENERATION = Gauge("whatsit_index_generation", "Number of the generation of the index that is searched.")
CREATED = Gauge("whatsit_index_created_timestamp_seconds", "When that generation was written, Unix time.")
INDEX_ITEMS = Gauge("whatsit_index_items", "Items in that generation.")
INDEX_VECTORS = Gauge("whatsit_index_vectors", "Vectors in that generation.")
DELTA = Gauge("whatsit_index_delta_vectors", "Vectors of items that changed since, searched from memory.")
DELTA_FULL = Gauge("whatsit_index_delta_full", "1 where additions wait for `whatsit catalogue compact`, else 0.")
PENDING = Gauge("whatsit_index_pending_changes", "Changes in the catalogue's log since that generation.")
ITEMS = Gauge("whatsit_catalogue_items", "Items in the catalogue, counted twice a minute.")

_OF_STEPS: tuple[Family, ...] = (STAGE_SECONDS, REFUSED, FAILED)
_OF_INDEX: tuple[Family, ...] = (GENERATION, CREATED, INDEX_ITEMS, INDEX_VECTORS, DELTA, DELTA_FULL, PENDING, ITEMS)
FAMILIES: Mapping[str, tuple[Family, ...]] = {
    "decode": _OF_STEPS,
    "regions": (*_OF_STEPS, REGIONS),
    "describe": (*_OF_STEPS, REGIONS),
    "retrieval": (*_OF_STEPS, IDENTIFIED, MATCHES, CONFIDENCE, *_OF_INDEX),
    "catalogue": (*_OF_STEPS, CHANGES),
}

_publisher: Publisher | None = None


def start(triton: Any, model: str, process: str) -> None:
    """Count from now on and publish through Triton, if it has metrics.

    Args:
        triton: the module `triton_python_backend_utils`.
        model: whose step runs in this process.
        process: name of the model's instance.
    """
    global _publisher
    families = FAMILIES.get(model, ())
    if _publisher is not None or not families or not hasattr(triton, "MetricFamily"):
        return
    try:
        _publisher = Publisher(triton, process, families, open_buffer())
    except Exception as error:  # Triton was started with --allow-metrics=false
        close_buffer()
        triton.Logger.log_info(f"{process} publishes no metrics: {error}")


def stop() -> None:
    """Publish what is left."""
    global _publisher
    publisher, _publisher = _publisher, None
    if publisher is not None:
        publisher.stop()
        close_buffer()


def watch(sample: Sample) -> None:
    """Have gauges read once a second."""
    if _publisher is not None:
        _publisher.watch(sample)


def retrieved(matches: Sequence[Sequence[Any] | Any], answer: Answer, gated: bool) -> None:
    """Count the outcome of one picture.

    Args:
        matches: of each region.
        answer: decided from them.
        gated: no search was made.
    """
    if _publisher is None:
        return
    outcome = "found" if answer.found else "unsure" if answer.state == "unsure" else "absent"
    IDENTIFIED.add("gated" if gated else outcome)
    if gated:
        return
    for one in matches:
        MATCHES.observe(len(one))
    if any(len(one) for one in matches):
        CONFIDENCE.observe(answer.probability)


def changed(operation: str, result: Mapping[str, Any]) -> None:
    """Count the changes of an operation on the catalogue; reading counts nothing."""
    if operation == "upsert":
        CHANGES.add(str(result["outcome"]))
    elif operation == "delete":
        CHANGES.add("deleted", amount=result["deleted"])
    elif operation == "feedback":
        CHANGES.add("feedback")

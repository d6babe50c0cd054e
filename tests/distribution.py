"""Distribute test files to the workers of pytest-xdist: one server of a kind, and the longest files first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

# Files whose tests share a server that is started once per session; one worker runs them all, so that it starts once.
SERVERS = {
    "page_server": (
        "web/test_page_camera.py",
        "web/test_page_search.py",
        "web/test_page_state.py",
    ),
    "gateway": (
        "gateway/test_attacks.py",
        "gateway/test_client.py",
        "gateway/test_page_routes.py",
        "gateway/test_rest.py",
        "gateway/test_schema.py",
        "gateway/test_system_routes.py",
        "gateway/test_triton_grpc.py",
        "gateway/test_triton_protocol.py",
    ),
    "server": (
        "client/test_client_triton.py",
        "monitoring/test_monitoring.py",
        "perf/test_benchmark.py",
        "perf/test_perf_analyzer.py",
        "server/test_restriction.py",
        "server/test_tracing.py",
        "serving/metrics/test_definitions.py",
        "serving/test_bad_input.py",
        "serving/test_bad_requests.py",
        "serving/test_fused.py",
        "serving/test_gpu_fallback.py",
        "serving/test_identify.py",
        "serving/test_milvus.py",
        "serving/test_overload.py",
    ),
}
# Then the files that take longest, so that no worker is left with one of them at the end.
LONGEST = (
    "perf/test_gpu_check.py",
    "engines/test_plan_builder.py",
    "test_readme.py",
    "training/embedder/test_embedder_switches.py",
    "training/detector/test_detector_task.py",
    "perf/test_ingestion.py",
    "cli/test_evaluate.py",
    "search/test_trained_ranker.py",
    "training/test_custom_training.py",
    "training/embedder/test_embedder_task.py",
    "test_documentation.py",
    "engines/test_import_onnx.py",
    "index/test_index_kind.py",
    "models/test_csp_detector.py",
    "models/test_attention.py",
    "serving/test_live_changes.py",
    "server/test_supervisor.py",
    "server/test_launcher.py",
    "serving/test_several_catalogues.py",
    "serving/test_catalogue.py",
    "serving/test_geometry.py",
    "cli/test_serve.py",
    "index/test_generation_writer.py",
    "index/test_delta_index.py",
    "catalogue/test_index_view.py",
    "catalogue/test_stores.py",
    "catalogue/backup/test_verify.py",
)

TESTS = Path(__file__).parent
GROUPS = {file: server for server, files in SERVERS.items() for file in files}
ORDER = {name: rank for rank, name in enumerate((*SERVERS, *LONGEST))}

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: threads of torch, FAISS and BLAS would wait for each other, spinning. Read at import.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def unit(file: str) -> str:
    """Return the work unit of a test file, named from the folder of tests: its server, or itself."""
    return GROUPS.get(file, file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest units first, and leave the order within a unit as it is."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return

    def rank(item: pytest.Item) -> int:
        inside = item.path.is_relative_to(TESTS)
        return ORDER.get(unit(item.path.relative_to(TESTS).as_posix()), len(ORDER)) if inside else len(ORDER)

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return the scheduler of `--dist loadfile` that hands out units in the order of collection."""
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid.partition("::")[0].removeprefix("tests/"))

    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return ByUnit(config, log)

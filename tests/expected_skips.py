"""Fail a run under CI where a test skips for a reason that is not on this short list."""

from __future__ import annotations

import os
import re

import pytest

# Reasons that are right on a machine of CI: two cores, no GPU, `../shared` beside the clone.
EXPECTED = (
    r"promtool is not installed",
    r"nvImageCodec does not start without a GPU",
    r"No C\+\+ compiler is here",
    r"No Chromium is here",  # where .ci/browser could not install it
)
# Code blocks of the documentation that say why they are not run.
DOCUMENTATION = ("tests/test_readme.py", "tests/test_documentation.py")


class ExpectedSkips:
    """Collect the reasons of all skips; the session fails where one is unexpected."""

    def __init__(self) -> None:
        self.unexpected: dict[str, str] = {}

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
            reason = str(report.longrepr[2]).removeprefix("Skipped: ")
            excused = report.nodeid.startswith(DOCUMENTATION) and "gives no reason" not in reason
            if not excused and not any(re.search(pattern, reason) for pattern in EXPECTED):
                self.unexpected[report.nodeid] = reason

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unexpected and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for node, reason in self.unexpected.items():
            terminalreporter.write_line(f"UNEXPECTED SKIP {node}: {reason} (not in tests/expected_skips.py)", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Watch skips in the process that reports them, under CI alone: a stranger's machine may lack what CI has."""
    if os.environ.get("CI") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ExpectedSkips(), "expected-skips")

"""Under TWOFACTOR_NO_SKIPS=1 a skipped test fails the run, also one that was skipped while collected."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.support import NO_SKIPS


def _fail_where_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    # An xfail is reported as skipped too, but says why and was expected.
    if os.environ.get(NO_SKIPS) != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: {why}\nA skipped test fails the run where {NO_SKIPS}=1."


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_where_skipped(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_where_skipped(report)
    return report

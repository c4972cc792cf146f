"""Figures that a test measured, printed at the end of the run: ``record_property("figure", "so many of what")``."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = terminalreporter.getreports("passed")
    figures = sorted(str(text) for report in reports for name, text in report.user_properties if name == "figure")
    if figures:
        terminalreporter.section("figures")
        for one in figures:
            terminalreporter.line(one)

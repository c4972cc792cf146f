"""Write docs/reference/requirements.md: each requirement, and the tests that are marked as proving it.

``python -m tests.support.requirements`` writes it, ``--check`` fails where it is stale. The ids, their
priorities and titles are in docs/reference/requirements.csv.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest

from tests.support import NO_SKIPS

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "tests", ROOT / "tests" / "cluster")
"""The second is left out where it is not named."""
CATALOGUE = ROOT / "docs" / "reference" / "requirements.csv"
PAGE = ROOT / "docs" / "reference" / "requirements.md"

AREAS = {
    "ENR": "Enrolment",
    "VER": "Verification",
    "RPL": "Replay and races",
    "STO": "Storage",
    "THR": "Throttling",
    "REC": "Recovery codes",
    "TRB": "Trusted and known browsers",
    "SES": "Sessions",
    "FLG": "Flask-Login",
    "ENU": "Enumeration",
    "CSR": "CSRF, methods, content types",
    "RED": "Redirects",
    "HDR": "Headers and page content",
    "LOG": "Logs and audit",
    "KEY": "Keys",
    "CLK": "Clock",
    "INP": "Input",
    "LIF": "Life cycle",
    "ACC": "Accessibility and password managers",
    "WAN": "WebAuthn",
}

NAMED = 4
"""How many tests of one module are named; of more, the number is told."""

HEAD = """\
# Requirements, and where each is proven

<!-- Made by `make docs-requirements` from the tests' `requirement` markers: do not edit. -->

P0 blocks the first release, P1 comes before 1.0, P2 should.
"""


class RequirementsError(Exception):
    """The tests and the catalogue do not fit together; the message lists how."""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    id: str
    priority: str
    title: str

    @property
    def area(self) -> str:
        return self.id.partition("-")[0]


@dataclass(eq=False)
class Collector:
    """A pytest plugin that notes which test is marked with which ids."""

    proofs: set[tuple[str, str]] = field(default_factory=set)
    """Pairs of a requirement's id and a test, as ``tests/test_x.py::test_y`` without parameters."""
    faults: set[str] = field(default_factory=set)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            test = item.nodeid.partition("[")[0]
            for marker in item.iter_markers("requirement"):
                if not marker.args or marker.kwargs or not all(isinstance(arg, str) for arg in marker.args):
                    self.faults.add(f"{test}: a requirement marker takes ids, as text")
                self.proofs.update((str(arg), test) for arg in marker.args)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.faults.add(f"{report.nodeid} cannot be collected: {report.longreprtext}")


def read_catalogue() -> list[Requirement]:
    with CATALOGUE.open(encoding="utf-8", newline="") as lines:
        return [Requirement(**row) for row in csv.DictReader(lines)]


def collect() -> set[tuple[str, str]]:
    """Collect all tests, none of them skipped: the page must not depend on what this machine has."""
    collector = Collector()
    arguments = [
        "--collect-only",
        "--quiet",
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-n",
        "0",
    ]
    os.environ[NO_SKIPS] = "1"
    with contextlib.redirect_stdout(io.StringIO()) as output:
        status = pytest.main([*arguments, f"--rootdir={ROOT}", *map(str, FOLDERS)], plugins=[collector])
    if collector.faults:
        raise RequirementsError("\n".join(sorted(collector.faults)))
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RequirementsError(output.getvalue())
    return collector.proofs


def render(catalogue: list[Requirement], proofs: Iterable[tuple[str, str]]) -> str:
    tests: dict[str, list[str]] = {requirement.id: [] for requirement in catalogue}
    unknown = [f"{test} names {id_}: no such requirement" for id_, test in proofs if id_ not in tests]
    if unknown:
        raise RequirementsError("\n".join(sorted(unknown)))
    for id_, test in sorted(proofs):
        tests[id_].append(test)
    lines = [HEAD, "| priority | proven | of |", "| --- | --- | --- |"]
    for priority in sorted({requirement.priority for requirement in catalogue}):
        all_ids = [requirement.id for requirement in catalogue if requirement.priority == priority]
        lines.append(f"| {priority} | {sum(bool(tests[id_]) for id_ in all_ids)} | {len(all_ids)} |")
    for area, requirements in groupby(catalogue, key=lambda requirement: requirement.area):
        lines += ["", f"## {AREAS[area]}", ""]
        lines += ["| id | | requirement | proven by |", "| --- | --- | --- | --- |"]
        for requirement in requirements:
            proven = "<br>".join(_links(tests[requirement.id])) or "not yet"
            lines.append(f"| {requirement.id} | {requirement.priority} | {requirement.title} | {proven} |")
    return "\n".join(lines) + "\n"


def _links(tests: list[str]) -> Iterable[str]:
    """Link each module, with its tests by name where they are few enough to be read."""
    for path, in_module in groupby(tests, key=lambda test: test.partition("::")[0]):
        names = [test.partition("::")[2] for test in in_module]
        said = ", ".join(f"`{name}`" for name in names) if len(names) <= NAMED else f"{len(names)} tests"
        yield f"[`{path.removeprefix('tests/')}`](../../{path}): {said}"


def main(arguments: list[str]) -> int:
    try:
        page = render(read_catalogue(), collect())
    except RequirementsError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments == ["--check"]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            print(f"{PAGE.relative_to(ROOT)} is stale: run make docs-requirements", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

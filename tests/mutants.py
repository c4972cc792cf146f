"""``make mutants``: whether the tests notice when the code is changed (mutation testing).

Each mutant is one small change: mutmut's own, and three more (a statement left out, a condition turned round, a value
not returned). mutmut's runner would leave out what stands outside functions and what is decorated: the tables, the
limits, half of the session. So a mutant is made here in memory, imported in place of its module by a fork that has
everything else at hand, and shown to the tests that run its line, quick and likely ones first. A fork that takes far
too long counts as killed. Works on a copy of the tree; exits with 1 where fewer than 90 % are killed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import gc
import importlib
import importlib.machinery
import importlib.util
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage
import hypothesis
import libcst as cst
import libcst.matchers as m
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_arg_removal, operator_string

from tests.support.memory import write_to_memory

ROOT = Path(__file__).parent.parent
SCOPE = ("core", "flows", "web/gate.py", "web/session.py", "stores/sql")
"""What is mutated, in flask_twofactor/."""
TESTS = (
    *(f"tests/{name}" for name in ("core", "flows", "web", "stores", "cli")),
    *(f"tests/test_{name}.py" for name in ("throttle", "settings", "cli", "extension", "testing")),
)
NOT_QUICK = (
    "-m",
    "not browser and not slow",
    "-k",
    "not postgresql and not mariadb and not redis",
)
SLOW_FILES = ("tests/stores/test_races.py", "tests/web/test_faults.py", "tests/web/test_fuzz.py")
SERVERS = frozenset({"postgresql_server", "mariadb_server", "redis_server", "browser"})
"""Fixtures whose tests are not quick: each fork would start its own."""
COPIED = (
    "flask_twofactor", "_flask_twofactor_pytest.py", "tests", "example_app", "docs", "pyproject.toml", "README.md",
    "CHANGES.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "bench",
)  # fmt: skip
LIKELY = {
    "budget": ("records",),
    "counters": ("throttle",),
    "factor": ("verification", "replay", "events", "throttling", "notices", "records"),
    "gate": ("presence", "sessions", "json"),
    "keys": ("cli", "records"),
    "login": ("verification", "events", "records"),
    "manage": ("setup", "enrolment", "extension", "events", "records"),
    "schema": ("tables",),
    "session": ("browser", "sessions"),
    "setup": ("enrolment", "events", "records"),
    "statements": ("contract", "sql"),
    "store": ("sql",),
}
"""Where the tests of a module are, if not in a file of its name."""
LONGEST_TEST = 2.0
"""Seconds; slower tests are not asked."""
FIRST, ALL = 1.0, 10.0
"""Seconds of tests that a mutant is shown at first, and in all."""
ENOUGH = 0.9
SURVIVORS = ROOT / ".mutants" / "survivors.json"
OPTIONS = ("-x", "-q", "--tb=no", "--no-header", "--assert=plain", "-p", "no:cacheprovider")
OUR_OWN = ("flask_twofactor", "tests", "example_app", "bench")


@dataclass
class Mutant:
    """One changed module: which, where, how, and what became of it."""

    path: str
    line: int
    function: str
    at_import: bool
    lines: range = field(repr=False)
    code: str = field(repr=False)
    diff: str = field(repr=False)
    outcome: str = ""
    by: str = ""

    @property
    def survived(self) -> bool:
        return self.outcome != "killed"

    @property
    def key(self) -> tuple[str, str]:
        """Name it for another run, whose lines may be others."""
        return self.path, self.diff


# Making mutants


def _left_out(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    """Leave a statement out that only does something."""
    if m.matches(node, m.SimpleStatementLine(body=[m.Expr(m.Call()) | m.Raise()])):
        yield node.with_changes(body=[cst.Pass()])


def _turned_round(node: cst.If) -> Iterator[cst.CSTNode]:
    """Turn a condition round, where no other operator does."""
    simple = m.Comparison(
        comparisons=[m.ComparisonTarget(operator=m.Is() | m.IsNot() | m.In() | m.NotIn() | m.Equal())]
    )
    if not m.matches(node.test, simple | m.UnaryOperation(operator=m.Not())):
        inner = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), inner))


def _not_returned(node: cst.Return) -> Iterator[cst.CSTNode]:
    """Return nothing in the place of a value."""
    if node.value is not None and not m.matches(node.value, m.Name("None")):
        yield node.with_changes(value=cst.Name("None"))


def _without_argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    """Leave a keyword argument out, and give None for a positional one; mutmut does both to each."""
    for i, argument in enumerate(node.args):
        before, after = node.args[:i], node.args[i + 1 :]
        if argument.keyword is not None:
            yield node.with_changes(args=[*before, *after])
        elif not argument.star and not m.matches(argument.value, m.Name("None")):
            yield node.with_changes(args=[*before, argument.with_changes(value=cst.Name("None")), *after])


OPERATORS: Any = [
    *(one for one in mutation_operators if one[1] is not operator_arg_removal),
    (cst.Call, _without_argument),
    (cst.SimpleStatementLine, _left_out),
    (cst.If, _turned_round),
    (cst.Return, _not_returned),
]
_NOT_MUTATED = (
    m.Annotation()
    | m.SimpleStatementLine(body=[m.Import() | m.ImportFrom()])
    | m.SimpleStatementLine(body=[m.Expr(m.SimpleString() | m.ConcatenatedString())])  # documentation
    | m.SimpleStatementLine(body=[m.Assign(value=m.Subscript(value=m.Name()))])  # a name for a type
)


class _Visitor(cst.CSTVisitor):
    """Collect what the operators make of each node, with its line and its function."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, cst.CSTNode, cst.CSTNode, int, str, bool]] = []
        self._tops: dict[int, int] = {}
        self._place = -1
        self._within: list[cst.FunctionDef | cst.ClassDef] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Module):
            self._tops = {id(one): place for place, one in enumerate(node.body)}
        self._place = self._tops.get(id(node), self._place)
        if isinstance(node, (cst.SimpleStatementLine, cst.Annotation)) and m.matches(node, _NOT_MUTATED):
            return False
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            self._within.append(node)
        position: Any = self.get_metadata(PositionProvider, node, None)
        if position is not None:
            name = ".".join(one.name.value for one in self._within)
            at_import = not any(isinstance(one, cst.FunctionDef) for one in self._within)
            for mutated in self._mutations(node):
                self.found.append((self._place, node, mutated, position.start.line, name, at_import))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, (cst.FunctionDef, cst.ClassDef)):
            self._within.pop()

    @staticmethod
    def _mutations(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                made = iter(operator(node))
                # One other text is enough: where nobody asks for it, nobody asks for its capitals either.
                yield from [next(made, None) or node] if operator is operator_string else made


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """Give every mutant of a module; two that read alike are one."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    module, visitor = wrapper.module, _Visitor()
    wrapper.visit(visitor)
    spans = _statements(source)
    parts = [module.code_for_node(one) for one in (*module.header, *module.body, *module.footer)]
    seen = {source}
    for place, node, mutated, line, function, at_import in visitor.found:
        changed: Any = module.body[place].deep_replace(node, mutated)
        place += len(module.header)
        part = module.code_for_node(changed)
        code = "".join([*parts[:place], part, *parts[place + 1 :]])
        if code in seen or not _compiles(code):
            continue
        seen.add(code)
        lines = difflib.unified_diff(parts[place].splitlines(), part.splitlines(), n=0, lineterm="")
        diff = "\n".join(one for one in lines if not one.startswith(("---", "+++", "@@")))
        yield Mutant(path, line, function, at_import, spans[line], code, diff)


def _compiles(code: str) -> bool:
    try:
        compile(code, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _statements(source: str) -> dict[int, range]:
    """Give for each line those of the statement that it is part of; of a compound one, those of its head.

    A line that only defines something stands for all lines of the function.
    """
    spans: dict[int, range] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.stmt, ast.ExceptHandler)):
            last = node.end_lineno or node.lineno
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                head, span = range(first, node.body[0].lineno), range(node.body[0].lineno, last + 1)
            else:
                body = getattr(node, "body", None)
                head = range(node.lineno, max(body[0].lineno, node.lineno + 1) if body else last + 1)
                span = head
            for line in head:
                spans[line] = span
    return defaultdict(lambda: range(0), spans)


# Running tests in forks


class Plugin:
    """What a fork tells pytest, and what pytest tells it."""

    def __init__(self, wanted: Sequence[str] | None = None, cover: Any = None) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self._wanted = wanted
        self._cover = cover

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        hypothesis.settings.load_profile("mutants")  # after conftest.py, before the tests are imported

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._wanted is None:
            items[:] = [item for item in items if SERVERS.isdisjoint(getattr(item, "fixturenames", ()))]
        else:
            found = {item.nodeid: item for item in items}
            items[:] = [found[name] for name in self._wanted if name in found]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if self._cover is not None:
            self._cover.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed or report.skipped:
            self.failed.append(report.nodeid)


class _MutantLoader(importlib.machinery.SourceFileLoader):
    """Load a module from other source than its file's."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> Any:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _MutantFinder:
    """Find one module changed, before anything else is asked."""

    def __init__(self, mutant: Mutant, tree: Path) -> None:
        parts = Path(mutant.path).with_suffix("").parts
        self._name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self._loader = _MutantLoader(self._name, str(tree / mutant.path), mutant.code)

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._loader.path, loader=self._loader)


class Runner:
    """Forks that run tests on the copy of the tree, a few at a time."""

    def __init__(self, tree: Path, work: Path) -> None:
        self.tree = tree
        self._work = work
        self._running: dict[int, tuple[Any, Path, float]] = {}
        self._started = 0

    @property
    def running(self) -> int:
        return len(self._running)

    def start(self, what: Any, mutant: Mutant | None, arguments: Sequence[str], wanted: Any, seconds: float) -> None:
        """Run pytest in a fork on the ``wanted`` tests of a mutant; on all, with coverage, where there is none."""
        self._started += 1
        folder = self._work / str(self._started)
        folder.mkdir()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                self._child(folder, mutant, arguments, wanted, seconds)
            finally:
                os._exit(70)
        self._running[child] = (what, folder, time.monotonic() + 60 + 20 * seconds)

    def _child(
        self, folder: Path, mutant: Mutant | None, arguments: Sequence[str], wanted: Any, seconds: float
    ) -> None:
        out = os.open(folder / "out", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(self.tree)
        sys.path[0] = str(self.tree)
        for name in [name for name in sys.modules if name.partition(".")[0] in OUR_OWN]:
            del sys.modules[name]
        limit = int(10 + 5 * seconds)
        if mutant is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            sys.meta_path.insert(0, _MutantFinder(mutant, self.tree))
        cover = None
        if mutant is None and wanted is None:
            cover = coverage.Coverage(data_file=None, config_file=False, source=["flask_twofactor"])
            cover.start()
        plugin = Plugin(wanted, cover)
        status = pytest.main([*OPTIONS, f"--basetemp={folder / 'tmp'}", *arguments], plugins=[plugin])
        told: dict[str, Any] = {"status": int(status), "failed": plugin.failed, "seconds": plugin.seconds}
        if cover is not None:
            cover.stop()
            data = cover.get_data()
            told["names"] = names = list(plugin.seconds)
            number = {name: place for place, name in enumerate(names)}
            told["lines"] = {
                os.path.relpath(path, self.tree): {
                    line: [number[name] for name in ran if name in number]
                    for line, ran in data.contexts_by_lineno(path).items()
                }
                for path in data.measured_files()
                if path.endswith(".py")
            }
            told["modules"] = [name for name in sys.modules if name.partition(".")[0] not in (*OUR_OWN, "__main__")]
        (folder / "told").write_text(json.dumps(told))
        os._exit(0)

    def stop(self) -> None:
        """End every fork."""
        for child in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)

    def wait(self) -> tuple[Any, dict[str, Any]]:
        """Give the next fork that ended, and what it told: nothing where it was too slow or fell over."""
        while True:
            for child, (what, folder, deadline) in list(self._running.items()):
                if time.monotonic() > deadline:
                    os.killpg(child, signal.SIGKILL)
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    del self._running[child]
                    return what, self._told(child, folder, status)
            time.sleep(0.005)

    def _told(self, child: int, folder: Path, status: int) -> dict[str, Any]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what a test left running
        told = folder / "told"
        answer: dict[str, Any] = json.loads(told.read_text()) if told.exists() else {"status": -1, "failed": []}
        answer["out"] = (folder / "out").read_text(errors="replace")[-2000:] if (folder / "out").exists() else ""
        shutil.rmtree(folder, ignore_errors=True)
        return answer


# Which tests, in which order


class Tests:
    """The quick tests: what they cost, which lines each runs, and who killed mutants so far."""

    def __init__(self, told: dict[str, Any]) -> None:
        names = told["names"]
        self._seconds: dict[str, float] = {name: took for name, took in told["seconds"].items() if took <= LONGEST_TEST}
        self._lines: dict[str, dict[int, set[str]]] = {
            path: {int(line): {names[one] for one in ran} & self._seconds.keys() for line, ran in lines.items()}
            for path, lines in told["lines"].items()
        }
        self._kills: Counter[tuple[str, ...]] = Counter()
        counted: Counter[str] = Counter()
        self._variant: dict[str, int] = {}
        for name in self._seconds:
            function = name.partition("[")[0]
            self._variant[name] = counted[function]
            counted[function] += 1

    def of(self, mutant: Mutant) -> list[list[str]]:
        """Give the tests for a mutant: those that run its line, likely and quick ones first, in two parts."""
        by_line = self._lines.get(mutant.path, {})
        stem, folder = Path(mutant.path).stem, Path(mutant.path).parts[1]
        own, likely = f"/test_{stem}.py", tuple(f"/test_{one}.py" for one in LIKELY.get(stem, ()))
        named = {name for name in self._seconds if name.partition("::")[0].endswith((own, *likely))}
        found = {name for line in mutant.lines for name in by_line.get(line, ())}
        if mutant.at_import:
            if not found:  # the tests of the files that run anything of its module, or else all
                users = {name.partition("::")[0] for names in by_line.values() for name in names}
                found = {name for name in self._seconds if not users or name.partition("::")[0] in users}
            found |= named

        def likelihood(name: str) -> tuple[Any, ...]:
            if name in found:
                far = 0 if name in named else 1 if name.startswith(f"tests/{folder}/") else 2
            else:  # what runs its line may do so when it is imported, in the file of the module's name for one
                far = 1 if own in name else 3
            kills = self._kills[mutant.path, mutant.function, name], self._kills[mutant.path, name]
            variant = self._variant[name] if far else 0
            return -kills[0], -kills[1], variant > 2, far, variant, self._seconds[name]

        first: list[str] = []
        rest: list[str] = []
        spent = 0.0
        for name in sorted(found | named, key=likelihood):
            spent += self._seconds[name]
            if spent > ALL and first:
                break
            (first if spent <= FIRST or not first else rest).append(name)
        return [part for part in (first, rest) if part]

    def took(self, names: Iterable[str]) -> float:
        return sum(self._seconds[name] for name in names)

    def killed(self, mutant: Mutant, name: str) -> None:
        self._kills[mutant.path, mutant.function, name] += 1
        self._kills[mutant.path, name] += 1


def measure(runner: Runner, jobs: int) -> dict[str, Any]:
    """Run the quick tests once unchanged: what each costs, which lines it runs, and what all of them import."""
    found = (runner.tree / one for one in TESTS)
    paths = sorted(path for one in found for path in ([one] if one.is_file() else one.rglob("test_*.py")))
    files = [name for path in paths if (name := str(path.relative_to(runner.tree))) not in SLOW_FILES]
    for share in range(jobs):
        runner.start(None, None, ["--maxfail=1000", *NOT_QUICK, *files[share::jobs]], None, 3600)
    told: dict[str, Any] = {"names": [], "seconds": {}, "lines": defaultdict(lambda: defaultdict(list)), "modules": []}
    while runner.running:
        _, part = runner.wait()
        if part["status"] not in (0, 1):
            sys.exit(f"the tests do not run unchanged: {part['out']}")
        for name in sorted(set(part["failed"])):
            print(f"left out, as it fails or is skipped without a change: {name}")
            part["seconds"][name] = 2 * LONGEST_TEST
        before = len(told["names"])
        for path, lines in part["lines"].items():
            for line, ran in lines.items():
                told["lines"][path][line] += [before + one for one in ran]
        told["names"] += part["names"]
        told["seconds"].update(part["seconds"])
        told["modules"] += part["modules"]
    return told


def try_all(runner: Runner, tests: Tests, mutants: Sequence[Mutant], jobs: int) -> None:
    """Show every mutant to its tests."""
    fresh, begun = iter(mutants), time.monotonic()
    again: list[tuple[Mutant, list[list[str]]]] = []
    done = 0
    while True:
        while runner.running < jobs:
            mutant, parts = again.pop() if again else (next(fresh, None), [])
            if mutant is None:
                break
            parts = parts or tests.of(mutant)
            if not parts:
                mutant.outcome = "survived, as no quick test runs it"
                continue
            files = sorted({name.partition("::")[0] for name in parts[0]})
            runner.start((mutant, parts[1:]), mutant, files, parts[0], tests.took(parts[0]))
        if not runner.running:
            return
        (mutant, parts), told = runner.wait()
        if told["status"] in (0, 5) and not told["failed"]:
            if parts:
                again.append((mutant, parts))
                continue
            mutant.outcome = "survived"
        else:
            mutant.outcome = "killed"
            mutant.by = told["failed"][0] if told["failed"] else f"status {told['status']}"
            tests.killed(mutant, mutant.by)
        done += 1
        if done % 100 == 0:
            print(f"  {done} of {len(mutants)} after {time.monotonic() - begun:.0f} s", flush=True)


# The report


def report(mutants: Sequence[Mutant]) -> bool:
    """Print what survived and a table; tell whether enough was killed."""
    for one in mutants:
        if one.survived:
            print(f"\n{one.path}:{one.line} {one.outcome}\n{one.diff}")
    print(f"\n{'module':44} {'mutants':>7} {'killed':>7} {'survived':>8} {'share':>7}")
    modules = list(dict.fromkeys(one.path for one in mutants))
    for name, path in [*((path, path) for path in modules), ("total", "")]:
        these = [one for one in mutants if one.path.startswith(path)]
        survived = sum(one.survived for one in these)
        share = 1 - survived / max(len(these), 1)
        print(f"{name:44} {len(these):7} {len(these) - survived:7} {survived:8} {share:7.1%}")
    return share >= ENOUGH


def scope(only: Sequence[str]) -> list[str]:
    """Give the modules to mutate, whose paths contain one of ``only``."""
    package = ROOT / "flask_twofactor"
    found = [path for part in SCOPE for path in (sorted((package / part).glob("*.py")) or [package / part])]
    names = [str(path.relative_to(ROOT)) for path in found]
    return [name for name in names if not only or any(part in name for part in only)]


def run(runner: Runner, mutants: Sequence[Mutant], jobs: int) -> None:
    """Measure the tests and show them the mutants."""
    print(f"{len(mutants)} mutants; running the tests unchanged ...", flush=True)
    told = measure(runner, jobs)
    for name in told["modules"]:  # each fork has them at hand then
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.freeze()
    print(f"{len(told['seconds'])} tests; showing them the mutants ...", flush=True)
    try_all(runner, Tests(told), mutants, jobs)


def main() -> int:
    """Copy the tree, mutate, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="forks at once (2)")
    parser.add_argument("--survivors", action="store_true", help="try again only what survived the last time")
    parser.add_argument("--every", type=int, default=1, help="a sample: every so many'th mutant (1)")
    parser.add_argument("module", nargs="*", help="a part of a module's path; all in scope where none is given")
    given = parser.parse_args()
    hypothesis.settings.register_profile(
        "mutants",
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    write_to_memory()
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, tree / name)
        mutants = [one for name in scope(given.module) for one in mutants_of(name, (tree / name).read_text())]
        mutants = mutants[:: given.every]
        if given.survivors:
            before = {tuple(one) for one in json.loads(SURVIVORS.read_text())}
            mutants = [one for one in mutants if one.key in before]
        if not mutants:
            sys.exit("nothing to change: no module has that in its path, or nothing survived the last time")
        runner = Runner(tree, Path(folder))
        try:
            run(runner, mutants, given.jobs)
        except KeyboardInterrupt:
            print("broken off: of what was tried so far")
        finally:
            runner.stop()
    tried = [one for one in mutants if one.outcome]
    SURVIVORS.parent.mkdir(exist_ok=True)
    SURVIVORS.write_text(json.dumps([one.key for one in tried if one.survived]))
    return 0 if report(tried) and len(tried) == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())

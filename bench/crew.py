"""Start contenders in processes of their own, and ask them in turn."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)}
"""The same hashes in every process: one contender must not have luckier dictionaries than another."""


@dataclass(frozen=True)
class Entry:
    """A contender of a run: its name in the tables, its module, and its options."""

    name: str
    module: str
    options: Mapping[str, str] = field(default_factory=dict)


class Absent(Exception):
    """A contender that did not start, and why."""


class Worker:
    """A contender that is up."""

    def __init__(self, entry: Entry, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.worker", entry.module, str(folder), json.dumps(dict(entry.options))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=ENVIRONMENT, text=True,
            )  # fmt: skip
        try:
            self.jobs: list[str] = self._read()
        except Absent:
            self.end()
            raise

    def ask(self, job: str, times: int = 1) -> Any:
        """Have a job done so often; give the seconds of each."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps({"job": job, "times": times}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Absent(self._last_line()) from None
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise Absent(self._last_line())
        return json.loads(line)

    def _last_line(self) -> str:
        self._process.wait()
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with status {self._process.returncode}"

    def end(self) -> None:
        """End the process, by closing its input, and wait for it."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._process.wait()


@contextlib.contextmanager
def workers(entries: Sequence[Entry], folder: Path) -> Iterator[tuple[dict[str, Worker], dict[str, str]]]:
    """Start the contenders; gives those that are up by name, and why the others are not."""
    up: dict[str, Worker] = {}
    absent: dict[str, str] = {}
    try:
        for number, entry in enumerate(entries):
            try:
                up[entry.name] = Worker(entry, folder / str(number))
            except Absent as why:
                absent[entry.name] = str(why)
        yield up, absent
    finally:
        for one in up.values():
            one.end()

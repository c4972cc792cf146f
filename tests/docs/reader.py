"""Somebody who types the tutorial: files into a folder, commands into a shell, and looks at the pages."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.docs.blocks import DOCS, ROOT, Block, blocks_in
from tests.support.programs import hears_ctrl_c

TUTORIAL = DOCS / "tutorial" / "index.md"
SERVER = "flask --app console run\n"
_NAMED = re.compile(r"\A(?:# (\S+\.py)|\{# (\S+\.html) #\})\n")
"""The first line of a block that is a file."""


def section(number: int) -> list[Block]:
    """Give the blocks under the tutorial's heading of that number."""
    text = TUTORIAL.read_text(encoding="utf-8")
    return blocks_in(re.split(r"^## \d+\. ", text, flags=re.M)[number], TUTORIAL)


class Reader:
    """Types blocks, into a folder of its own; what is installed here counts as installed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.printed = ""
        """What the last command printed."""
        self._server: subprocess.Popen[str] | None = None
        installed = os.pathsep.join((str(ROOT), sysconfig.get_path("purelib")))
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))},
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "PYTHONPATH": installed,
            "PYTHONUNBUFFERED": "1",
            "PIP_NO_INDEX": "1",  # pip finds what is needed there already, or fails
            "FLASK_RUN_PORT": "0",
        }

    def type(self, blocks: list[Block], status: int = 0) -> None:
        """Do what the blocks say, one after the other; a command that is a server goes on running."""
        for block in blocks:
            if block.language == "diff":
                self._change(block)
            elif named := _NAMED.match(block.text):
                (self.folder / (named[1] or named[2])).write_text(block.text, encoding="utf-8")
            elif block.text == SERVER:
                self._serve()
            else:
                assert block.language == "sh", block
                self._run(block, status)

    def _run(self, block: Block, status: int) -> None:
        """Run commands, each of which must do; keep where they lead, and what they put on the path."""
        keep = 'status=$?; printf "\\0%s\\0%s" "$PWD" "$PATH"; exit $status'
        done = subprocess.run(
            ["bash", "-e", "-c", f"trap '{keep}' EXIT\n{block.text}"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, f"{block}\n{done.stdout}\n{done.stderr}"
        self.printed, folder, self._environment["PATH"] = done.stdout.split("\0")
        self.folder = Path(folder)

    def _change(self, block: Block) -> None:
        """Change a file as a diff without line numbers says; each piece of it fits in one place."""
        head, _, body = block.text.partition("\n")
        path = self.folder / head.removeprefix("--- ")
        text = path.read_text(encoding="utf-8")
        for piece in body.split("@@\n"):
            lines = piece.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            assert text.count(before) == 1, f"{block}\n{before}"
            text = text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))
        path.write_text(text, encoding="utf-8")

    def _serve(self) -> None:
        """Start the server, and wait for the address that it prints."""
        self.stop()
        self._server = subprocess.Popen(
            ["bash", "-c", f"exec {SERVER}"],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=hears_ctrl_c,
        )
        assert self._server.stdout is not None
        printed = []
        for line in self._server.stdout:
            printed.append(line)
            if found := re.search(r"Running on (http://\S+)", line):
                self.url = found[1]
                return
        raise AssertionError("".join(printed))

    def stop(self) -> None:
        """Press Ctrl-C, where a server runs."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.communicate(timeout=20)
            self._server = None


@contextmanager
def reader_in(folder: Path) -> Iterator[Reader]:
    """Give a reader, whose server is stopped in the end."""
    reader = Reader(folder)
    try:
        yield reader
    finally:
        reader.stop()

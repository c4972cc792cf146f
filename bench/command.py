"""``python -m bench.command FOLDER OPTIONS WORDS...``: run ``flask twofactor WORDS`` on a grown console.

Prints JSON: its seconds, and the bytes that it had at most above what the console had before.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from flask.cli import ScriptInfo

from bench.clock import Clock
from bench.contenders import grown
from bench.memory import peak, resident
from flask_twofactor import cli


def main() -> None:
    """Run it; what it prints goes into a file, as a pipe would take it."""
    folder, options, words = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
    rotates = words[0] == "rotate-keys"
    app = grown.rotated(folder, options) if rotates else grown.make_console(folder, options, Clock())[0]
    bool(app.extensions["twofactor"].store)
    answers = os.dup(1)
    with (folder / "output").open("wb") as output:
        os.dup2(output.fileno(), 1)
    before, began = resident(), time.perf_counter()
    cli.group.main(words, standalone_mode=False, obj=ScriptInfo(create_app=lambda: app))
    sys.stdout.flush()
    seconds = time.perf_counter() - began
    memory = max(0, peak() - before)
    os.write(answers, json.dumps({"seconds": seconds, "memory": memory}).encode())


if __name__ == "__main__":
    main()

"""``python -m bench.worker MODULE FOLDER OPTIONS``: one contender in a process of its own, asked line by line in JSON.

A process of its own, so that no contender runs with another's memory, signals and settings.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from bench.contender import Contender, run
from bench.memory import resident


def main() -> None:
    """Make the contender, say which jobs it has, and do what is asked until the input ends."""
    module, folder, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a contender prints is no answer
    contender: Contender = importlib.import_module(f"bench.contenders.{module}").make(folder, options)

    def answer(value: Any) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    answer(list(contender.jobs))
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["job"] == "memory":
            answer(resident())
            continue
        gc.disable()
        taken = run(contender, asked["job"], asked["times"])
        gc.enable()
        answer(taken)


if __name__ == "__main__":
    main()

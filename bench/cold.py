"""``python -m bench.cold MODULE FOLDER OPTIONS``: start a console once, from a process that has imported nothing.

Prints JSON: seconds of the import, of making the app and of the first page, and the bytes of memory that all added.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

from bench.browser import Browser
from bench.memory import resident


def main() -> None:
    """Start it."""
    module, folder, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    before = resident()
    began = time.perf_counter()
    contender = importlib.import_module(f"bench.contenders.{module}")
    imported = time.perf_counter()
    wsgi, page = contender.start(folder, options)
    made = time.perf_counter()
    Browser(wsgi).get(page)
    served = time.perf_counter()
    seconds = {"import": imported - began, "app": made - imported, "first page": served - made}
    print(json.dumps({**seconds, "start": served - began, "memory": resident() - before}))


if __name__ == "__main__":
    main()

"""What gunicorn serves: ``bench.served:app("MODULE", "FOLDER", "OPTIONS")``."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any


def app(module: str, folder: str, options: str) -> Any:
    """Make a console."""
    wsgi, _ = importlib.import_module(f"bench.contenders.{module}").start(Path(folder), json.loads(options))
    return wsgi

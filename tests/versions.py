"""``make versions``: the ends of what is supported, oldest and newest, each in an environment of its own.

The tests that need neither a browser nor a server run on each; an end whose Python this machine lacks is named and
makes the command fail, unless ``--available`` says that it may.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".versions"
TESTS = ("tests/core", "tests/flows", "tests/web", "tests/stores", "tests/hosts", "tests/test_extension.py")
TOOLS = (
    "pytest", "pytest-xdist", "pytest-randomly", "hypothesis", "flask-sqlalchemy", "flask-session", "cachelib",
    "flask-admin", "flask-seasurf", "playwright", "argon2-cffi", "libcst", "coverage",
)  # fmt: skip
QUICK = ("-m", "not browser and not slow", "-k", "not postgresql and not mariadb and not redis")


@dataclass(frozen=True)
class End:
    """A Python, and what is pinned there."""

    python: str
    pins: tuple[str, ...]


ENDS = {
    "oldest": End(
        "3.10",
        (
            "flask==2.3.*", "werkzeug==2.3.*", "flask-login==0.6.2", "flask-wtf==1.2.*", "SQLAlchemy==1.4.*",
            "limits==3.13.*", "cryptography==41.*", "pyotp==2.11.2", "qrcode==7.4.2", "flask-sqlalchemy==3.0.*",
        ),
    ),
    "between": End("3.12", ("flask==3.0.*", "flask-login==0.6.3", "SQLAlchemy==2.0.*")),
    "newest": End("3.13", ("flask>=3.1", "flask-login==0.6.3", "SQLAlchemy>=2.1.0b1")),
}  # fmt: skip


def find_python(version: str) -> str | None:
    """Give a command that runs this Python, None where the machine has none."""
    for command in (
        f"python{version}",
        *sorted(map(str, (Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python"))),
    ):
        found = shutil.which(command)
        answers = "import sys; print('%d.%d' % sys.version_info[:2])"
        if found and subprocess.run([found, "-c", answers], capture_output=True, text=True).stdout.strip() == version:
            return found
    return None


def run(name: str, end: End, arguments: Sequence[str]) -> bool:
    """Make the environment of one end, and run the tests there; tell whether they passed."""
    python = find_python(end.python)
    if python is None:
        print(f"{name}: this machine has no Python {end.python}", flush=True)
        return False
    folder = FOLDER / name
    inside = str(folder / "bin" / "python")
    if not (folder / "made").exists():
        subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([inside, "-m", "pip", "install", "-q", "-e", str(ROOT), *TOOLS, *end.pins], check=True)
        (folder / "made").touch()
    print(f"{name}: Python {end.python}, {', '.join(end.pins)}", flush=True)
    done = subprocess.run([inside, "-m", "pytest", "-q", *QUICK, *TESTS, *arguments], cwd=ROOT)
    return done.returncode == 0


def main() -> int:
    """Run every end that is asked for; 1 where one did not pass."""
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=__doc__)
    parser.add_argument("--available", action="store_true", help="leave out an end whose Python is missing")
    parser.add_argument("--end", action="append", choices=list(ENDS), help="this end alone; may be given again")
    given, rest = parser.parse_known_args()
    failed = []
    for name in given.end or ENDS:
        if given.available and find_python(ENDS[name].python) is None:
            print(f"{name}: left out, as this machine has no Python {ENDS[name].python}")
        elif not run(name, ENDS[name], rest):
            failed.append(name)
    print(f"did not pass: {', '.join(failed)}" if failed else "every end passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

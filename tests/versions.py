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
TESTS = (
    "tests/core",
    "tests/flows",
    "tests/web",
    "tests/stores",
    "tests/hosts",
    "tests/cli",
    "tests/doctor",
    "tests/testing",
    "tests/test_extension.py",
)
TOOLS = (
    "pytest", "pytest-xdist", "pytest-randomly", "hypothesis", "flask-sqlalchemy", "flask-session", "cachelib",
    "flask-admin", "flask-seasurf", "playwright", "argon2-cffi", "libcst", "coverage",
)  # fmt: skip
QUICK = ("-m", "not browser and not slow", "-k", "not postgresql and not mariadb and not redis")

QUIET = ("-W", "ignore::DeprecationWarning")
"""Old releases call what newer ones of their friends have deprecated; with the present ones a warning is an error."""

FALLBACKS = "tests/web/test_storage.py::test_former_secret_keys_open_what_was_sealed_without_a_key_of_our_own"
"""Flask knows SECRET_KEY_FALLBACKS since 3.1: before, its own session is lost with the key."""


@dataclass(frozen=True)
class End:
    """A Python, and what is pinned there."""

    python: str
    pins: tuple[str, ...]
    leaves_out: tuple[str, ...] = ()
    """Tests of what the old releases do not have."""


ENDS = {
    "oldest": End(
        "3.10",
        (
            "flask==2.3.0", "werkzeug==2.3.0", "flask-login==0.6.2", "flask-wtf==1.2.0", "pyotp==2.11.2",
            "qrcode==7.4.2", "itsdangerous==2.1.2", "SQLAlchemy==1.4.40", "cryptography==41.0.0", "limits==3.13.0",
            "blinker==1.6.2", "flask-sqlalchemy==3.0.*",
        ),
        (
            # SQLAlchemy 1.4 knows psycopg2 alone.
            "tests/stores/test_database.py::test_a_connection_that_dies_in_the_middle_is_an_outage_and_nothing_is_done",
            "tests/stores/test_database.py::test_a_store_that_cannot_be_reached_is_unavailable",
            "tests/web/test_storage.py::test_a_database_that_is_not_there_at_start_up_answers_503_until_it_is",
            FALLBACKS,
            # The test client of Werkzeug 2.3 raises at such a host name itself, after the answer.
            "tests/web/test_fuzz.py::test_no_nonsense_in_a_header_is_an_error_or_a_way_in",
            # And that of 2.3.0 sends a plus sign as it is, which means a space.
            "tests/web/test_input.py::test_a_password_reaches_the_hook_unchanged['a&b=c+d%20e']",
            "tests/web/test_input.py::test_a_code_in_any_other_form_is_the_same_failure[7]",
        ),
    ),
    "between": End("3.12", ("flask==3.0.*", "flask-login==0.6.3", "SQLAlchemy==2.0.*"), (FALLBACKS,)),
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
        subprocess.run(
            [inside, "-m", "pip", "install", "-q", "-e", f"{ROOT}[postgresql,redis,mysql]", *TOOLS, *end.pins],
            check=True,
        )
        (folder / "made").touch()
    left_out = [f"--deselect={test}" for test in end.leaves_out]
    print(f"{name}: Python {end.python}, {', '.join(end.pins)}", flush=True)
    done = subprocess.run(
        [inside, "-m", "pytest", "-q", "-n", "2", *QUIET, *QUICK, *left_out, *TESTS, *arguments], cwd=ROOT
    )
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

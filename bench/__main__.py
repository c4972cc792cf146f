"""``python -m bench [jobs|growth|throughput|profile|docs]``: what the extension costs; each has ``--help``."""

from __future__ import annotations

import argparse
import sys

from bench import comparing, growth, layers, pages, throughput

COMMANDS = {
    "jobs": comparing,
    "growth": growth,
    "throughput": throughput,
    "profile": layers,
    "docs": pages,
}


def main() -> None:
    """Run one of them; the jobs, where none is named."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    for name, module in COMMANDS.items():
        module.add_options(commands.add_parser(name, description=module.__doc__))
    words = sys.argv[1:]
    is_named = bool(words) and words[0] in (*COMMANDS, "-h", "--help")
    given = parser.parse_args(words if is_named else ["jobs", *words])
    COMMANDS[given.command].main(given)


if __name__ == "__main__":
    main()

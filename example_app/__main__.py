"""Serves the demo on this machine: ``python -m example_app [--port N] [--instance DIR]``."""

from __future__ import annotations

import argparse
import errno
import logging
import socket
from pathlib import Path

from werkzeug.serving import make_server

from . import brands, create_app, demo, preferences

HOST = "127.0.0.1"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m example_app", description="Run the Harbor demo console.")
    parser.add_argument("--port", type=int, default=5000, help="first port to try (default: 5000)")
    parser.add_argument("--instance", type=Path, metavar="DIR", help="folder of its data (default: instance)")
    return parser.parse_args()


def _listen(port: int) -> socket.socket:
    """Take the port, or the next free one."""
    for candidate in range(port, min(port + 100, 65536)):
        try:
            return socket.create_server((HOST, candidate), backlog=128)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise SystemExit(f"no free port from {port} on; choose another with --port")


def _brands(port: int) -> list[str]:
    lines = ["  Three brands, one console: the same accounts, the same rules", ""]
    for brand in brands.ALL:
        by_host = f"http://{brand.key}.localhost:{port}/"
        lines.append(f"    {brand.name:<13} {by_host:<35} http://{HOST}:{port}/b/{brand.key}/")
    return [*lines, ""]


def _accounts(accounts: list[demo.Account]) -> list[str]:
    lines = [f"  Accounts, each with the password {accounts[0].password}", ""]
    for account in accounts:
        lines.append(f"    {account.email:<18} {account.role:<16} {_factor(account)}")
        if account.key:
            lines.append(f"{'':40}oathtool --totp -b {account.key}")
        elif account.factor:
            lines.append(f"{'':40}its code is in the app that it was set up with")
    return [*lines, ""]


def _factor(account: demo.Account) -> str:
    if account.factor:
        return "two-factor on, and required" if account.required else "two-factor on"
    return "must set two-factor up at the log-in" if account.required else "two-factor off: turn it on under Profile"


def printout(accounts: list[demo.Account], port: int, folder: str) -> str:
    """Say where the console is, who may log in, and what there is to see."""
    address = f"http://{HOST}:{port}"
    lines = ["", f"  Harbor demo   {address}/   (Ctrl-C stops it)", "", *_brands(port), *_accounts(accounts)]
    lines += [
        "  At the foot of each page",
        "",
        f"    language      one of {len(preferences.LANGUAGES)}, two from right to left; else your browser's",
        "    appearance    light or dark; else your system's",
        "    brand         by path, where one log-in counts for all three",
        "",
        f"  Older log-in    {address}/legacy-login   (the gate asks for the code all the same)",
        f"  Data            {folder}   (delete it to start over)",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Seed at the first run, say where and who, and serve until Ctrl-C."""
    arguments = _arguments()
    app = create_app({"INSTANCE_PATH": str(arguments.instance.resolve())} if arguments.instance else None)
    accounts = demo.seed(app)
    with _listen(arguments.port) as listener:
        print(printout(accounts, listener.getsockname()[1], app.instance_path), flush=True)
        for name in ("werkzeug", "flask_twofactor"):  # on loopback nothing of theirs is news
            logging.getLogger(name).setLevel(logging.ERROR)
        server = make_server(HOST, 0, app, threaded=True, fd=listener.fileno())
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("Stopped.")


if __name__ == "__main__":
    main()

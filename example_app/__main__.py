"""Serves the demo on this machine: ``python -m example_app [--port N] [--instance DIR]``."""

from __future__ import annotations

import argparse
import errno
import logging
import socket
from pathlib import Path

from werkzeug.serving import make_server

from . import create_app, demo

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


def _describe(account: demo.Account) -> list[str]:
    lines = [
        f"  {account.email}  (two-factor {'on' if account.factor else 'off'})",
        f"    password   {account.password}",
    ]
    if account.uri:
        lines += [
            f"    key        {account.key}",
            f"    otpauth    {account.uri}",
            f"    a code     oathtool --totp -b {account.key}",
        ]
    elif account.factor:
        lines += ["    code       in the authenticator app it was set up with"]
    return [*lines, ""]


def main() -> None:
    """Seed at the first run, say where and who, and serve until Ctrl-C."""
    arguments = _arguments()
    app = create_app({"INSTANCE_PATH": str(arguments.instance.resolve())} if arguments.instance else None)
    accounts = demo.seed(app)
    with _listen(arguments.port) as listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        lines = ["", f"  Harbor demo   {address}", ""]
        lines += [line for account in accounts for line in _describe(account)]
        lines += [
            f"  older log-in  {address}/legacy-login  (password only; the gate still asks for the code)",
            f"  data          {app.instance_path}  (delete it to start over)",
            "  stop          Ctrl-C",
            "",
        ]
        print("\n".join(lines), flush=True)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server(HOST, 0, app, threaded=True, fd=listener.fileno())
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("Stopped.")


if __name__ == "__main__":
    main()

"""Werkzeug hashes passwords cheaply in this process: what a hash costs proves nothing here, and most log-ins pay it.

Whether the cost is the same for everybody is counted in calls, and measured by ``make timing`` at the real price.
"""

from __future__ import annotations

from werkzeug.security import generate_password_hash

CHEAP = "scrypt:256:1:1"


def hash_passwords_cheaply() -> None:
    """Let a hash of no named method be scrypt still, by small numbers; whoever checks it reads them from it."""
    _, *others = generate_password_hash.__defaults__ or ()
    generate_password_hash.__defaults__ = (CHEAP, *others)

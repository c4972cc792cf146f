"""A console with Flask-Babel, whose requests say their language and time zone in headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request
from flask_babel import Babel

from tests.support.host import Host


def make_speaking(make_app: Callable[..., Host], **config: Any) -> Host:
    """Make the host of most tests with Flask-Babel."""
    host = make_app(**config)
    Babel(
        host.app,
        locale_selector=lambda: request.headers.get("X-Locale"),
        timezone_selector=lambda: request.headers.get("X-Zone"),
    )
    return host

"""A test that leaves a Flask context behind fails, and the next one does not pay for it."""

from __future__ import annotations

from collections.abc import Iterator

import flask
import pytest
from flask.globals import app_ctx, request_ctx


@pytest.fixture(autouse=True)
def no_context_left() -> Iterator[None]:
    """Fail the test that leaks an app or request context; always on."""
    yield
    left = []
    while flask.has_request_context():
        left.append("request")
        request_ctx.pop()
    while flask.has_app_context():
        left.append("app")
        app_ctx.pop()
    if left:
        pytest.fail(f"the test left Flask contexts pushed: {', '.join(left)}")

"""The ways into a console are what they say: a walk by sessions that are dead anyway would prove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask, request

from flask_twofactor.testing import ways
from flask_twofactor.testing.ways import Ways, store_set_aside
from flask_twofactor.web.current import presence
from tests.hosts.test_hosts import SHAPES, load
from tests.support.host import Clock, Host


def verdicts(app: Flask, account: str, page: str, headers: dict[str, str]) -> dict[str, str | None]:
    """Give what the gate says of each way, None for somebody whom Flask-Login does not know at all."""
    state = app.extensions["twofactor"]
    found: dict[str, str | None] = {}
    with store_set_aside(state):
        for way, client in Ways(app, state, account, headers, {}).open().items():
            with client:
                client.get(page)
                judged = presence()
                found[way] = judged.verdict if judged else None
    return found


@pytest.mark.requirement("FLG-01", "FLG-04", "SES-03", "SES-05")
def test_who_gave_the_password_owes_the_code_and_whose_session_ended_is_nobody(host: Host) -> None:
    assert verdicts(host.app, "alice", "/open", {"X-Token": "alice"}) == {
        ways.STRANGER: None,
        ways.RESET: "out",
        ways.LOGGED_OUT: "out",
        ways.COMPLETE: "in",
        ways.PASSWORD: "due",
        ways.REMEMBERED: "due",
        ways.HEADERS: "out",
    }


@pytest.mark.parametrize("name", sorted(set(SHAPES) - {"behind_a_proxy"}))
def test_it_is_so_in_every_kind_of_console(name: str, tmp_path: Path, clock: Clock) -> None:
    shape, app = SHAPES[name], load(name, tmp_path / "console", clock)
    found = verdicts(app, shape.name or "", shape.login, {})
    wanted = {ways.STRANGER: None, ways.COMPLETE: "in", ways.PASSWORD: "due", ways.REMEMBERED: "due"}
    assert {way: found[way] for way in wanted} == wanted


def test_headers_are_sent_and_a_stranger_sends_none(host: Host) -> None:
    state = host.app.extensions["twofactor"]
    with store_set_aside(state):
        clients = Ways(host.app, state, "alice", {"X-Token": "alice", "Authorization": "Bearer x"}, {}).open()
        for way, client in clients.items():
            with client:
                client.get("/open")
                assert request.headers.get("X-Token") == ("alice" if way == ways.HEADERS else None)


def test_each_opening_is_of_new_browsers(host: Host) -> None:
    state = host.app.extensions["twofactor"]
    with store_set_aside(state):
        made = Ways(host.app, state, "alice", {}, {})
        first = made.open()[ways.COMPLETE]
        second = made.open()[ways.COMPLETE]
        first.get("/logout")
        assert second.get("/me").status_code == 200

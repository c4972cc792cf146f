"""What the running console notes for doctor: three rows, once an hour, after the response, on our pages alone."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_twofactor.core.sightings import PROCESSES, Seen
from flask_twofactor.doctor.running import seen
from flask_twofactor.web import sightings
from tests.support.host import START, Clock, Host, Person
from tests.support.watching import broken_store, rows, state_of, watched_store

MakeApp = Callable[..., Host]
HOUR = 3600
PAGE = "/two-factor/identify"
FORK = """
import os, sys
from pathlib import Path
from tests.support.host import make_host

host = make_host(Path(sys.argv[1]))
host.person().get("/two-factor/identify")
child = os.fork()
if not child:
    host.person().get("/two-factor/identify")
    os._exit(0)
os.waitpid(child, 0)
print(host.app.extensions["twofactor"].store.meta("seen_processes"))
"""


def seen_of(host: Host) -> Seen:
    return seen(state_of(host))


def notes(host: Host) -> dict[str, str]:
    return {row["name"]: row["value"] for row in rows(host, "twofactor_meta") if row["name"].startswith("seen_")}


def calls(host: Host, visit: Callable[[], Any]) -> list[str]:
    """Give what was asked of the store about its own values."""
    made: list[str] = []
    with watched_store(host, made.append):
        visit()
    return [verb for verb in made if "meta" in verb]


def test_a_process_is_noted_once_an_hour_and_no_oftener(host: Host, clock: Clock) -> None:
    person = host.person()
    assert calls(host, lambda: person.get(PAGE)) == ["keep_meta"]
    for _ in range(3):
        clock.move(HOUR / 3 - 1)
        assert calls(host, lambda: person.get(PAGE)) == []
    clock.move(3)
    assert calls(host, lambda: person.get(PAGE)) == ["keep_meta", "replace_meta"]
    assert seen_of(host).processes == 1
    assert f":{START}:{int(clock.at)}" in notes(host)[PROCESSES]


@pytest.mark.requirement("FLG-10")
def test_pages_of_the_host_note_nothing(enrolled: Host) -> None:
    person = enrolled.person(HTTP_X_FORWARDED_FOR="192.0.2.1")
    assert (
        calls(enrolled, lambda: [person.get(path) for path in ("/open", "/me", "/two-factor/static/twofactor.css")])
        == []
    )
    assert notes(enrolled) == {}


def test_a_log_in_page_that_we_took_over_notes_too(make_app: MakeApp) -> None:
    host = make_app(login_endpoint="legacy")
    host.person(HTTP_X_FORWARDED_FOR="192.0.2.1").client.post("/legacy", environ_overrides={"HTTP_FORWARDED": "for=x"})
    assert seen_of(host).forwarded == "near"


def test_two_processes_and_two_machines_are_counted_where_they_serve_at_once(
    make_app: MakeApp, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(sightings, "_BOOT", boot)
    hosts: list[tuple[Person, str]] = [(make_app().person(), name) for name in ("one", "two", "one")]
    for _ in range(2):
        for person, name in hosts:
            boot.write_text(name, encoding="ascii")
            person.get(PAGE)
        clock.move(HOUR)
    found = seen_of(make_app())
    assert (found.processes, found.machines) == (3, 2)


def test_the_next_release_on_another_machine_is_no_second_one(
    make_app: MakeApp, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(sightings, "_BOOT", boot)
    for name in ("one", "two", "three"):
        boot.write_text(name, encoding="ascii")
        person = make_app().person()
        for _ in range(3):
            person.get(PAGE)
            clock.move(HOUR)
    found = seen_of(make_app())
    assert (found.processes, found.machines) == (1, 1)


def test_a_machine_that_does_not_tell_its_start_goes_by_its_name(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "_BOOT", tmp_path / "not there")
    monkeypatch.setattr("socket.gethostname", lambda: "a-name-of-a-machine")
    host.person().get(PAGE)
    value = notes(host)[PROCESSES]
    assert value.startswith(state_of(host).keyring.digest("machine\na-name-of-a-machine")[:8])
    assert "a-name" not in value


def test_a_forked_process_is_another_one(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.split()) == 2


@pytest.mark.requirement("THR-07")
def test_whatever_a_stranger_sends_there_are_three_short_rows_without_an_address(host: Host, clock: Clock) -> None:
    for number in range(60):
        address = f"203.0.113.{number}"
        headers = dict.fromkeys(("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED"), address * 50)
        person = host.person(REMOTE_ADDR=f"93.184.216.{number}", **{"wsgi.url_scheme": "https"}, **headers)
        person.get(PAGE)
        clock.move(1801)
    found = notes(host)
    assert sorted(found) == ["seen_forwarded", "seen_processes", "seen_tls"]
    assert found["seen_forwarded"] == f"far {START}"
    assert found["seen_tls"] == str(START)
    assert "203.0.113" not in json.dumps(found)
    assert len(found[PROCESSES]) < 50


def test_a_store_that_does_not_answer_keeps_no_page_from_being_sent(
    host: Host, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    person = host.person(HTTP_FORWARDED="for=192.0.2.1")
    with broken_store(host, "keep_meta") as failed, caplog.at_level(logging.ERROR, "flask_twofactor"):
        assert person.get(PAGE).status_code == 200
        assert person.get(PAGE).status_code == 200
    assert failed == ["keep_meta"] * 2, "the process and the header, once each"
    assert caplog.messages == ["after a response: a test made the store fail"] * 2
    assert notes(host) == {}
    clock.move(HOUR)
    person.get(PAGE)
    assert sorted(notes(host)) == ["seen_forwarded", "seen_processes"]

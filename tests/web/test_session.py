"""What the browser's session holds of ours, and what it does not hold any longer."""

from __future__ import annotations

import pytest

from tests.support.host import Host

DAY = 24 * 3600


def target_of(location: str | None) -> str:
    return str(location).removeprefix("http://localhost")


def test_a_target_of_an_earlier_log_in_that_was_broken_off_is_forgotten(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice", "/me")
    person.identify("alice")
    done = person.credential("alice-password", enrolled.code("alice"))
    assert done.status_code == 302
    assert target_of(done.location) == "/"


def test_a_target_is_followed_once(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice", "/me")
    assert target_of(person.credential("alice-password", enrolled.code("alice")).location) == "/me"
    person.get("/logout")
    assert target_of(person.log_in("bob").location) == "/"


def test_a_remembered_browser_whose_log_in_ran_out_owes_the_code_by_its_session_too(enrolled: Host) -> None:
    person = enrolled.person()
    person.log_in("alice", remember="y")
    enrolled.clock.move(DAY + 1)
    assert target_of(person.get("/me").location).startswith("/two-factor/challenge")
    with person.client.session_transaction() as values:
        assert "_twofactor_mark" not in values
        assert "_twofactor_note" in values
    person.use_cookies({"session": person.cookies()["session"]})
    assert target_of(person.get("/me").location).startswith("/two-factor/challenge")


def test_a_name_of_more_than_96_bytes_keeps_no_target_in_the_session(enrolled: Host) -> None:
    for length, kept in ((96, True), (97, False)):
        person = enrolled.person()
        person.post("/two-factor/identify?next=/me", identifier="a" * length)
        with person.client.session_transaction() as values:
            assert ("_twofactor_next" in values) is kept


def test_a_target_of_more_than_200_characters_is_not_kept_in_the_session(enrolled: Host) -> None:
    for length, kept in ((200, True), (201, False)):
        person = enrolled.person()
        person.post(f"/two-factor/identify?next=/{'a' * (length - 1)}", identifier="alice")
        with person.client.session_transaction() as values:
            assert ("_twofactor_next" in values) is kept


def test_the_note_of_a_log_in_by_the_host_has_another_id_each_time(enrolled: Host) -> None:
    notes = set()
    for _ in range(3):
        person = enrolled.person()
        person.legacy("bob")
        with person.client.session_transaction() as values:
            sealed = values["_twofactor_note"]
        plain = enrolled.app.extensions["twofactor"].keyring.open("note", sealed, "2")
        assert len(plain) == 40
        notes.add(plain[24:])
    assert len(notes) == 3


@pytest.mark.requirement("SES-08")
def test_a_log_in_without_the_factor_ends_after_a_pause_of_more_than_31_days(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    for seconds, name in ((31 * DAY, "bob"), (31 * DAY, "bob"), (31 * DAY + 1, None)):
        host.clock.move(seconds)
        assert person.me == name

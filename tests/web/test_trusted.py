"""Trusted browsers by HTTP: asked for by an unticked box, asked for no code then, and nothing else than that."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from collections.abc import Callable
from functools import partial
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_login import login_user
from itsdangerous import URLSafeSerializer
from werkzeug.test import TestResponse

from flask_twofactor.core.records import Notice
from flask_twofactor.errors import SettingError
from flask_twofactor.flows import rescue
from flask_twofactor.signals import logged_in, trusted_browser_added, trusted_browser_forgotten
from flask_twofactor.web.session import COMPANION_COOKIE, KNOWN_COOKIE, TRUSTED_COOKIE
from tests.support.host import Host, Person, alert, csrf_token, make_host, masked
from tests.support.trusting import (
    BOX,
    DAY,
    gets_in,
    holding,
    password_alone,
    ticked,
    trusted_rows,
    trusting,
    value_of,
)
from tests.support.watching import asks_code, bare, broken_store, ghost, rows, state_of
from tests.web.test_replay import attempts_of, together
from tests.web.test_verification import ACCOUNT_HOOKS, traced

MakeApp = Callable[..., Host]
RECOVERY = "?kind=recovery"


@pytest.fixture
def site(make_app: MakeApp) -> Host:
    """A console with trusted browsers; alice and mallory have the factor."""
    return trusting(make_app)


def box_of(page: TestResponse) -> str:
    found = re.search(r"<input[^>]*name=\"trust\"[^>]*>", page.text)
    return found[0] if found else ""


# The box


@pytest.mark.requirement("TRB-01")
def test_it_is_off_by_default_no_box_no_cookie_and_a_tick_trusts_nothing(enrolled: Host) -> None:
    person = enrolled.person()
    assert BOX not in person.identify("alice").text
    answer = person.credential("alice-password", enrolled.code("alice"), trust="y")
    assert answer.status_code == 302
    assert not value_of(person)
    assert not trusted_rows(enrolled)
    assert "Browsers that are asked for no code" not in person.get("/two-factor/sessions").text


@pytest.mark.requirement("TRB-01")
def test_the_box_stands_unticked_on_the_pages_with_a_code_box_and_on_no_other(site: Host) -> None:
    person = site.person()
    assert BOX not in person.get("/two-factor/identify").text
    page = person.identify("alice")
    assert box_of(page)
    assert "checked" not in box_of(page)
    assert "Do not ask for a code on this browser for 30 days" in page.text
    assert BOX not in person.identify("bob").text
    owing = site.person()
    owing.legacy("alice")
    assert "checked" not in (box_of(owing.get("/two-factor/challenge")) or "checked")
    person.log_in("alice")
    for path in ("challenge", "manage", "recovery", "settings", "authenticators/add", "password"):
        assert BOX not in person.get(f"/two-factor/{path}").text, path
    bob = site.person()
    bob.log_in("bob")
    assert BOX not in bob.get("/two-factor/setup").text


@pytest.mark.requirement("TRB-01")
def test_a_failed_log_in_does_not_keep_the_tick_of_somebody_else(site: Host) -> None:
    person = site.person()
    person.identify("alice")
    assert "checked" in box_of(person.credential("wrong", "123456", trust="y"))  # the person's own choice stays
    assert "checked" not in box_of(site.person().identify("alice"))
    assert not trusted_rows(site)


def test_the_box_is_not_on_a_page_that_asks_for_a_recovery_code(site: Host) -> None:
    person = site.person()
    person.identify("alice")
    assert BOX not in person.get("/two-factor/credential" + RECOVERY).text
    owing = site.person()
    owing.legacy("alice")
    assert BOX not in owing.get("/two-factor/challenge" + RECOVERY).text


@pytest.mark.parametrize(("seconds", "words"), [(DAY, "for one day<"), (14 * DAY, "for 14 days<")])
def test_the_box_says_for_how_long(make_app: MakeApp, seconds: int, words: str) -> None:
    host = trusting(make_app, TWOFACTOR_TRUSTED_SECONDS=seconds)
    assert words in host.person().identify("alice").text


@pytest.mark.requirement("TRB-01")
@pytest.mark.parametrize("seconds", [0, 3599, 30 * DAY + 1])
def test_it_is_bounded_to_thirty_days(make_app: MakeApp, seconds: int) -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_TRUSTED_SECONDS"):
        make_app(TWOFACTOR_TRUSTED_SECONDS=seconds)


# What it does


@pytest.mark.requirement("TRB-01", "TRB-02")
def test_with_the_tick_the_next_log_in_takes_the_password_alone_and_without_it_the_code_too(site: Host) -> None:
    plain = site.person()
    plain.log_in("alice")
    assert not value_of(plain)
    plain.get("/logout")
    assert asks_code(plain.identify("alice"))
    site.clock.move(30)
    person = ticked(site)
    person.get("/logout")
    page = person.identify("alice")
    assert not asks_code(page)
    assert BOX not in page.text
    assert person.credential("alice-password").status_code == 302
    assert person.me == "alice"


@pytest.mark.requirement("TRB-01", "TRB-04")
def test_it_ends_thirty_days_after_the_tick_however_often_it_was_used(site: Host) -> None:
    value = value_of(ticked(site))
    for days in (10, 19):
        site.clock.move(days * DAY)
        value = gets_in(site, value)
        assert value
    site.clock.move(DAY - 30)
    value = gets_in(site, value)
    assert value
    site.clock.move(1)
    assert not gets_in(site, value)
    assert asks_code(holding(site, value).identify("alice"))


@pytest.mark.requirement("TRB-01")
def test_a_setting_that_is_turned_off_later_makes_the_cookie_worth_nothing(
    site: Host, make_app: MakeApp, tmp_path: Path
) -> None:
    value = value_of(ticked(site))
    off = make_app(folder=tmp_path)
    assert not gets_in(off, value)
    assert asks_code(holding(off, value).identify("alice"))
    owing = holding(off, value)
    owing.legacy("alice")
    assert owing.get("/two-factor/challenge").status_code == 200
    again = make_app(folder=tmp_path, TWOFACTOR_TRUSTED_BROWSERS=True)
    assert gets_in(again, value)


@pytest.mark.requirement("TRB-01")
def test_a_shorter_time_counts_for_browsers_that_are_trusted_already(
    site: Host, make_app: MakeApp, tmp_path: Path
) -> None:
    value = value_of(ticked(site))
    site.clock.move(2 * DAY)
    shorter = make_app(folder=tmp_path, TWOFACTOR_TRUSTED_BROWSERS=True, TWOFACTOR_TRUSTED_SECONDS=DAY)
    assert not gets_in(shorter, value)


def test_a_code_that_is_given_all_the_same_is_judged(site: Host) -> None:
    value = value_of(ticked(site))
    person = holding(site, value)
    person.identify("alice")
    assert person.credential("alice-password", site.wrong_code("alice")).status_code == 200
    assert person.me is None
    assert person.credential("alice-password", site.code("alice")).status_code == 302
    assert gets_in(site, value)


def test_spaces_in_the_place_of_a_code_are_none(make_app: MakeApp) -> None:
    site = trusting(make_app, TWOFACTOR_PROMPT="uniform")
    person = holding(site, value_of(ticked(site)))
    assert asks_code(person.identify("alice"))
    assert person.credential("alice-password", "  ").status_code == 302
    assert person.me == "alice"


def test_two_people_who_share_a_browser_are_each_trusted_there(site: Host) -> None:
    person = ticked(site)
    person.get("/logout")
    ticked(site, "mallory", person)
    for name in ("alice", "mallory", "alice"):
        person.get("/logout")
        assert password_alone(person, name).status_code == 302
        assert person.me == name


@pytest.mark.requirement("TRB-02", "TRB-03")
def test_a_session_that_the_host_began_goes_through_the_challenge_without_a_code(site: Host) -> None:
    person = holding(site, value_of(ticked(site)))
    assert person.legacy("alice") == {"entered": True, "authenticated": False}
    owing = person.get("/me")
    assert owing.location == "/two-factor/challenge?next=/me"
    assert person.get(owing.location).location == "/me"
    assert person.me == "alice"
    other = site.person()
    other.legacy("alice")
    assert other.get("/two-factor/challenge").status_code == 200


@pytest.mark.requirement("SES-05", "TRB-03")
def test_a_remembered_person_in_a_trusted_browser_is_straight_in_and_has_given_no_password(site: Host) -> None:
    person = ticked(site, remember="y")
    person.client.delete_cookie("session")
    owing = person.get("/me")
    assert person.get(str(owing.location)).location == "/me"
    assert person.me == "alice"
    assert str(person.get("/two-factor/settings").location).startswith("/two-factor/password")
    copied = {key: value for key, value in person.cookies().items() if key not in ("session", TRUSTED_COOKIE)}
    person.use_cookies(copied)
    assert person.me is None
    assert person.get("/two-factor/challenge").status_code == 200


def test_the_box_of_the_challenge_trusts_the_browser_too(site: Host) -> None:
    person = site.person()
    person.legacy("alice")
    assert person.post("/two-factor/challenge", code=site.code("alice"), trust="y").status_code == 302
    assert gets_in(site, value_of(person))


def test_only_a_get_of_the_challenge_is_answered_by_trust(site: Host) -> None:
    value = value_of(ticked(site))
    person = holding(site, value)
    person.legacy("alice")
    assert person.client.head("/two-factor/challenge").status_code == 200
    assert person.me is None
    assert value_of(person) == value


# What it does not do


@pytest.mark.requirement("TRB-03")
@pytest.mark.parametrize("password", ["", "wrong", "mallory-password"])
def test_it_is_no_password(site: Host, password: str) -> None:
    value = value_of(ticked(site))
    person = holding(site, value)
    assert password_alone(person, "alice", password).status_code == 200
    assert person.me is None
    assert value_of(person) == value
    assert gets_in(site, value)


@pytest.mark.requirement("TRB-03", "LIF-01")
def test_it_is_no_fresh_code_and_no_code_for_any_change(site: Host) -> None:
    site.app.add_url_rule("/key", "key", site.two_factor.fresh()(lambda: "the key"))
    person = holding(site, value_of(ticked(site)))
    password_alone(person)
    assert person.me == "alice"
    assert str(person.get("/key").location).startswith("/two-factor/challenge")
    assert person.get("/two-factor/challenge").status_code == 200  # asked again: trust does not answer it
    pages: dict[str, dict[str, str]] = {"manage": {}, "recovery": {}, "authenticators/add": {"name": "Tablet"}}
    for path, fields in pages.items():
        for code in ("", "  "):
            answer = person.post(f"/two-factor/{path}", code=code, trust="y", **fields)
            assert answer.status_code == 200, path
            assert alert(answer), path
    assert site.person().log_in("alice").status_code == 302  # on as ever


@pytest.mark.requirement("TRB-03", "THR-03")
def test_a_session_by_trust_does_not_refill_the_budget_when_it_ends_the_others(site: Host) -> None:
    @site.app.post("/change-password")
    def change_password() -> str:
        return str(site.two_factor.end_sessions(site.users["alice"]))

    value = value_of(ticked(site))
    stranger = site.person(REMOTE_ADDR="192.0.2.7")
    stranger.identify("alice")
    stranger.credential("alice-password", site.wrong_code("alice"))
    assert len(attempts_of(site)) == 1
    person = holding(site, value)
    password_alone(person)
    assert person.client.post("/change-password").text == "2"
    assert len(attempts_of(site)) == 1


@pytest.mark.requirement("THR-03", "THR-04", "THR-06")
def test_a_spent_budget_keeps_the_owner_out_of_no_trusted_browser_and_is_not_refilled_by_it(site: Host) -> None:
    value = value_of(ticked(site))
    for number in range(10):
        stranger = site.person(REMOTE_ADDR=f"192.0.2.{number}")
        stranger.identify("alice")
        stranger.credential("alice-password", site.wrong_code("alice"))
    value = gets_in(site, value)
    assert value
    assert len(attempts_of(site)) == 10
    stranger = site.person(REMOTE_ADDR="192.0.2.99")
    stranger.identify("alice")
    assert stranger.credential("alice-password", site.code("alice")).status_code == 200
    assert gets_in(site, value)


@pytest.mark.requirement("TRB-03", "THR-05")
def test_wrong_passwords_with_a_stolen_cookie_are_counted_as_without(site: Host) -> None:
    value = value_of(ticked(site))
    thief = holding(site, value, REMOTE_ADDR="203.0.113.5")
    answers = [password_alone(thief, "alice", f"guess {number}").status_code for number in range(7)]
    assert answers == [200] * 6 + [429] or answers == [200] * 5 + [429] * 2
    assert password_alone(thief).status_code == 429


@pytest.mark.requirement("TRB-01", "REC-10")
@pytest.mark.parametrize("kind", ["recovery", "rescue"])
def test_a_tick_with_a_recovery_or_rescue_code_trusts_nothing(site: Host, kind: str) -> None:
    with site.app.app_context():
        user = site.users["alice"]
        code = (
            site.two_factor.new_recovery_codes(user)[0]
            if kind == "recovery"
            else rescue.issue(state_of(site), user, "ops", "desk").code
        )
    person = site.person()
    person.identify("alice")
    assert person.credential("alice-password", code, trust="y").status_code == 302
    assert not value_of(person)
    assert not trusted_rows(site)


@pytest.mark.requirement("TRB-01")
def test_a_tick_of_somebody_without_the_factor_trusts_nothing(site: Host) -> None:
    person = site.person()
    person.log_in("bob", trust="y")
    assert person.me == "bob"
    assert not value_of(person)
    assert not trusted_rows(site)


@pytest.mark.requirement("TRB-03")
def test_a_tick_in_step_up_trusts_nothing(site: Host) -> None:
    person = site.person()
    person.log_in("alice")
    site.clock.move(30)
    assert person.post("/two-factor/challenge", code=site.code("alice"), trust="y").status_code == 302
    assert not value_of(person)


@pytest.mark.requirement("VER-13")
def test_an_account_that_may_not_log_in_is_kept_out_and_its_browser_stays_trusted(site: Host) -> None:
    value = value_of(ticked(site))
    site.users["alice"].active = False
    assert not gets_in(site, value)
    site.users["alice"].active = True
    assert gets_in(site, value)


def test_a_log_in_that_the_host_refuses_hands_the_new_value_over_all_the_same(site: Host) -> None:
    person = holding(site, value_of(ticked(site)))

    @site.two_factor.complete
    def complete(*_: Any) -> bool:
        return False

    before = value_of(person)
    assert password_alone(person).status_code == 200
    assert person.me is None
    assert value_of(person) not in ("", before)
    site.two_factor.complete(lambda user, password, remember: login_user(user))
    assert password_alone(person).status_code == 302


# The cookie


@pytest.mark.requirement("TRB-06")
@pytest.mark.parametrize(
    ("config", "scheme", "secure", "samesite"),
    [
        ({}, "http", False, "Lax"),
        ({}, "https", True, "Lax"),
        ({"SESSION_COOKIE_SECURE": True}, "http", True, "Lax"),
        ({"SESSION_COOKIE_SAMESITE": "Strict"}, "http", False, "Strict"),
        ({"SESSION_COOKIE_SAMESITE": "None"}, "https", True, "Lax"),
        ({"SESSION_COOKIE_DOMAIN": "localhost", "SESSION_COOKIE_HTTPONLY": False}, "http", False, "Lax"),
    ],
)
def test_the_cookie_is_for_this_host_alone_and_for_no_script_or_other_site(
    make_app: MakeApp, config: dict[str, Any], scheme: str, secure: bool, samesite: str
) -> None:
    site = trusting(make_app, **config)
    person = site.person(**{"wsgi.url_scheme": scheme})
    page = person.client.get("/two-factor/identify", base_url=f"{scheme}://localhost")
    data = {"csrf_token": csrf_token(page), "identifier": "alice"}
    page = person.client.post(
        "/two-factor/identify", data=data, base_url=f"{scheme}://localhost", headers={"Referer": "https://localhost/"},
        follow_redirects=True,
    )  # fmt: skip
    data = {"csrf_token": csrf_token(page), "password": "alice-password", "code": site.code("alice"), "trust": "y"}
    answer = person.client.post(
        "/two-factor/credential", data=data, base_url=f"{scheme}://localhost", headers={"Referer": "https://localhost/"}
    )
    [raw] = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith(TRUSTED_COOKIE)]
    cookie = SimpleCookie(raw)[TRUSTED_COOKIE]
    assert cookie["httponly"]
    assert bool(cookie["secure"]) is secure
    assert (cookie["samesite"], cookie["domain"], cookie["path"]) == (samesite, "", "/")
    assert int(cookie["max-age"]) == 30 * DAY
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("TRB-06", "TRB-02", "STO-05")
def test_the_cookie_is_random_and_the_store_has_its_digest_alone(site: Host) -> None:
    person = ticked(site)
    payload = value_of(person).rpartition(".")[0]
    [[browser, value]] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert re.fullmatch(r"[0-9a-f]{32}", browser)
    assert len(base64.urlsafe_b64decode(value + "=")) == 32
    [row] = trusted_rows(site)
    assert row["id"] == browser
    assert row["digest"] == hashlib.blake2b(value.encode(), digest_size=32).hexdigest()
    assert value not in repr(row)
    assert row["factor"] == state_of(site).store.factor("1").id  # type: ignore[union-attr]


@pytest.mark.requirement("STO-05", "TRB-02")
def test_who_read_the_table_and_holds_the_key_cannot_make_the_cookie(site: Host) -> None:
    ticked(site)
    [row] = trusted_rows(site)
    keys = state_of(site).keyring.signing_keys
    signer = URLSafeSerializer(keys, salt="flask_twofactor/trusted", signer_kwargs={"digest_method": hashlib.sha256})
    assert not gets_in(site, signer.dumps([[row["id"], row["digest"]]]))
    assert not gets_in(site, signer.dumps([[row["id"], "A" * 43]]))
    assert not trusted_rows(site)  # a value that it never gave out: somebody knows the id


@pytest.mark.requirement("TRB-02", "TRB-06")
def test_a_cookie_signed_with_the_secret_key_itself_is_none(site: Host) -> None:
    value = value_of(ticked(site))
    payload = json.loads(base64.urlsafe_b64decode(value.rpartition(".")[0] + "=="))
    for salt in ("flask_twofactor/trusted", "itsdangerous", "cookie-session"):
        forged = URLSafeSerializer(str(site.app.secret_key), salt=salt).dumps(payload)
        assert not gets_in(site, forged)
    assert gets_in(site, value)


@pytest.mark.requirement("TRB-02")
@pytest.mark.parametrize("value", ["", ".", "x", "W10.x", "é", "\ud7ff", "1." + "A" * 40, "." * 4000, '"'])
def test_rubbish_in_its_place_is_no_cookie(site: Host, value: str) -> None:
    person = holding(site, value)
    assert asks_code(person.identify("alice"))
    assert person.credential("alice-password").status_code == 200
    assert person.log_in("alice").status_code == 302


@pytest.mark.requirement("TRB-02")
def test_a_cookie_of_mallory_does_nothing_in_a_browser_for_alice(site: Host) -> None:
    value = value_of(ticked(site, "mallory"))
    person = holding(site, value)
    assert asks_code(person.identify("alice"))
    assert password_alone(person).status_code == 200
    assert person.me is None
    assert gets_in(site, value, "mallory")


@pytest.mark.requirement("TRB-07")
def test_no_cookie_of_ours_stands_in_for_another(site: Host) -> None:
    person = ticked(site, remember="y")
    jar = person.cookies()
    names = ("session", "remember_token", COMPANION_COOKIE, KNOWN_COOKIE, TRUSTED_COOKIE)
    assert set(names) <= set(jar)
    for source in names:
        for place in names:
            if source != place:
                other = site.person()
                other.client.set_cookie(place, jar[source])
                assert other.me is None, (source, place)
                assert asks_code(other.identify("alice")), (source, place)
    known = site.person()
    known.client.set_cookie(KNOWN_COOKIE, jar[KNOWN_COOKIE])
    assert password_alone(known).status_code == 200
    assert known.me is None


def test_a_key_that_is_rotated_keeps_browsers_trusted_and_one_that_is_gone_does_not(tmp_path: Path, clock: Any) -> None:
    def host(**config: Any) -> Host:
        return make_host(tmp_path, clock, TWOFACTOR_TRUSTED_BROWSERS=True, **config)

    first, second = "first key " * 4, "second key " * 4
    one = host(TWOFACTOR_KEY=first)
    one.enroll("alice")
    value = value_of(ticked(one))
    two = host(TWOFACTOR_KEY=second, TWOFACTOR_KEY_FALLBACKS=[first])
    fresh = gets_in(two, value)
    assert fresh
    assert not gets_in(one, fresh), "the new key signed it"


@pytest.mark.requirement("LOG-02")
def test_nothing_that_the_browser_holds_is_logged(site: Host, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        first = value_of(ticked(site))
        second = gets_in(site, first)
        gets_in(site, first)
    for value in (first, second):
        [[_, secret]] = json.loads(base64.urlsafe_b64decode(value.rpartition(".")[0] + "=="))
        assert secret not in caplog.text
        assert value not in caplog.text


# What it tells


@pytest.mark.requirement("ENU-01", "ENU-06", "REC-08")
@pytest.mark.parametrize("prompt", ["adaptive", "uniform"])
def test_the_pages_with_the_box_are_byte_equal_for_accounts_and_decoys(make_app: MakeApp, prompt: str) -> None:
    site = trusting(make_app, TWOFACTOR_PROMPT=prompt)
    absent = ghost(site, box=True)
    seen = []
    for name in ("alice", absent):
        person = site.person()
        pages = [person.identify(name), person.get("/two-factor/credential" + RECOVERY)]
        pages += [person.credential("wrong", "123456", trust="y"), person.credential("wrong")]
        found = [bare(page, name) for page in pages]
        seen.append(
            [(status, [one for one in headers if one[0] != "Set-Cookie"], body) for status, headers, body in found]
        )
        assert [BOX in page.text for page in pages] == [True, False, True, True]
    assert seen[0] == seen[1]


@pytest.mark.requirement("ENU-01", "VER-07")
@pytest.mark.parametrize("place", ["identify", "credential"])
def test_a_trusted_cookie_of_ones_own_does_not_tell_names_or_passwords_of_others_apart(site: Host, place: str) -> None:
    value = value_of(ticked(site, "mallory"))
    absent = ghost(site, box=True)
    traces: list[list[str]] = []
    for name, password in (("alice", "wrong"), ("alice", "alice-password"), (absent, "wrong")):
        person = holding(site, value, REMOTE_ADDR=f"192.0.2.{len(traces)}")
        page = person.get("/two-factor/identify") if place == "identify" else person.identify(name)
        data = {"csrf_token": csrf_token(page), "identifier": name, "password": password}
        with traced(site) as trace:
            person.client.post(f"/two-factor/{place}", data=data, environ_overrides=person.environ)
            if place == "identify":
                person.get("/two-factor/credential")
        traces.append([step for step in trace if step not in ACCOUNT_HOOKS])
    assert "store.trusted_browser" in traces[0]
    assert traces[0] == traces[1] == traces[2]


@pytest.mark.requirement("VER-07", "TRB-05")
def test_a_value_that_was_used_before_does_not_tell_whether_the_password_was_right(site: Host) -> None:
    traces = []
    for password in ("wrong", "alice-password"):
        value = value_of(ticked(site))
        gets_in(site, value)
        person = holding(site, value)
        page = person.identify("alice")
        data = {"csrf_token": csrf_token(page), "password": password}
        with traced(site) as trace:
            answer = person.client.post("/two-factor/credential", data=data)
        assert answer.status_code == 200
        traces.append((masked(answer), trace))
    assert "store.forget_trusted" in traces[0][1]
    assert traces[0] == traces[1]


# In every kind of console


@pytest.mark.requirement("TRB-01", "TRB-03")
def test_it_works_where_the_step_rides_in_the_form(make_app: MakeApp) -> None:
    site = trusting(make_app, TWOFACTOR_STEP="form")

    def submit(person: Person, **fields: str) -> TestResponse:
        page = person.post("/two-factor/identify", identifier="alice")
        hidden = dict(re.findall(r'<input[^>]*name="(csrf_token|step)"[^>]*value="([^"]*)"', page.text))
        return person.client.post("/two-factor/credential", data={**hidden, "password": "alice-password", **fields})

    person = site.person()
    assert submit(person, code=site.code("alice"), trust="y").status_code == 302
    assert person.me == "alice"
    person.get("/logout")
    page = person.post("/two-factor/identify", identifier="alice")
    assert not asks_code(page)
    assert submit(person).status_code == 302
    assert person.me == "alice"
    stranger = site.person()
    assert submit(stranger).status_code == 200


@pytest.mark.requirement("RPL-07", "TRB-05")
@pytest.mark.parametrize("winner_last", [True, False])
def test_a_double_click_in_a_trusted_browser_ends_in_one_session_and_asks_for_a_code_next_time(
    site: Host, winner_last: bool
) -> None:
    browser = holding(site, value_of(ticked(site)))
    page = browser.identify("alice")
    data = {"csrf_token": csrf_token(page), "password": "alice-password"}
    jar, marks = browser.cookies(), len(rows(site, "twofactor_mark"))
    clicks = [site.person(), site.person()]
    answers: list[TestResponse] = []

    def press(click: Person) -> None:
        answers.append(click.client.post("/two-factor/credential", data=data))

    for click in clicks:
        click.use_cookies(jar)
    together([partial(press, click) for click in clicks])
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    loser = next(answer for answer in answers if answer.status_code == 200)
    assert loser.headers.getlist("Set-Cookie") == []
    for answer in sorted(answers, key=lambda one: (one.status_code == 302) is winner_last):
        for header in answer.headers.getlist("Set-Cookie"):
            name, value = header.partition(";")[0].split("=", 1)
            browser.client.set_cookie(name, value)
    assert browser.me == "alice"
    assert len(rows(site, "twofactor_mark")) == marks + 1
    assert not trusted_rows(site)  # two requests with one value look like two browsers


@pytest.mark.requirement("STO-07")
@pytest.mark.parametrize("verb", ["trusted_browser", "use_trusted"])
def test_a_store_that_fails_lets_nobody_in_without_a_code(site: Host, verb: str) -> None:
    value = value_of(ticked(site))
    person = holding(site, value)
    page = site.person().identify("alice")
    owing = holding(site, value)
    owing.legacy("alice")
    person.identify("alice")
    token = csrf_token(person.get("/two-factor/credential"))
    with broken_store(site, verb) as failed:
        data = {"csrf_token": token, "password": "alice-password"}
        assert person.client.post("/two-factor/credential", data=data).status_code == 503
        assert owing.get("/two-factor/challenge").status_code == 503
    assert failed
    assert page.status_code == 200
    assert [person.me, owing.me] == [None, None]
    assert gets_in(site, value)


@pytest.mark.requirement("STO-07")
def test_a_store_that_fails_at_the_tick_lets_the_log_in_stand_and_trusts_nothing(
    site: Host, caplog: pytest.LogCaptureFixture
) -> None:
    person = site.person()
    with broken_store(site, "add_trusted") as failed:
        assert person.log_in("alice", trust="y").status_code == 302
    assert failed
    assert person.me == "alice"
    assert not value_of(person)
    assert "a browser is not trusted" in caplog.text


@pytest.mark.requirement("LIF-06")
def test_it_is_announced_recorded_and_told_to_the_owner(site: Host) -> None:
    told: list[tuple[str, Notice]] = []
    heard: list[tuple[str, dict[str, Any]]] = []
    site.two_factor.notify(lambda user, notice: told.append((user.username, notice)))
    signals = (trusted_browser_added, trusted_browser_forgotten, logged_in)

    def receive(app: Flask, **values: Any) -> None:
        heard.append((app.name, values))

    for signal in signals:
        signal.connect(receive, sender=site.app)
    value = value_of(ticked(site))
    at = int(site.clock.at) - 30
    assert [notice.kind for _, notice in told] == ["new-browser", "trusted-browser-added"]
    assert "forget the browser" in told[1][1].body
    assert [values for _, values in heard][1] == {"subject": "1", "at": at}
    told.clear()
    heard.clear()
    gets_in(site, value)
    assert not told
    assert [values for _, values in heard] == [
        {"subject": "1", "at": at + 30, "factor": False, "by": "trusted", "offset": None}
    ]
    kinds = [event.kind for event in state_of(site).store.events("1", 10)]
    assert "twofactor-trusted-browser-added" in kinds
    assert value not in repr(state_of(site).store.events("1", 10))

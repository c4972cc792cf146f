"""Set-up in the browser: who may open it, what its key is, and what turns the factor on."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import logging
import re
import threading
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from flask import template_rendered
from werkzeug.test import TestResponse

from flask_twofactor import TwoFactor
from flask_twofactor.core.totp import code_at, new_secret, step_at
from flask_twofactor.testing.ground import enrolment_of
from tests.support.host import Clock, Host, Person, alert, csrf_token, secret_on
from tests.support.watching import Heard, asks_code, dump, rows, state_of

MakeApp = Callable[..., Host]
SETUP = "/two-factor/setup"


def signed_in(host: Host, name: str = "bob") -> Person:
    person = host.person()
    assert person.log_in(name).status_code == 302
    return person


def code_of(secret: str, host: Host, steps: int = 0) -> str:
    return code_at(secret, step_at(host.clock.at) + steps)


def wrong_codes(secret: str, host: Host, count: int) -> list[str]:
    near = {code_of(secret, host, steps) for steps in range(-2, 3)}
    return [code for code in (f"{number:06}" for number in range(count + len(near))) if code not in near][:count]


def is_enabled(host: Host, name: str) -> bool:
    with host.app.app_context():
        return host.two_factor.is_enabled(host.users[name])


def logs_in_by_password(host: Host, name: str) -> bool:
    person = host.person(REMOTE_ADDR="192.0.2.77")
    person.identify(name)
    person.credential(f"{name}-password")
    return person.me == name


def forms_of(secret: str) -> list[bytes]:
    """Give a secret as it could be found: base32 (whole, in groups, lower), hexadecimal, base64 and raw."""
    raw = base64.b32decode(secret)
    texts = [
        secret,
        secret.lower(),
        " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        raw.hex(),
        raw.hex().upper(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
    ]
    return [*(text.encode() for text in texts), raw]


def opened(value: str) -> bytes:
    """Give a cookie with all that its dot-separated parts hold, base64-decoded and inflated where they can be."""
    found = [value.encode(), unquote(value).encode()]
    for part in re.split(r"[.|]", value):
        try:
            raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        except ValueError:
            continue
        found.append(raw)
        try:
            found.append(zlib.decompress(raw))
        except zlib.error:
            continue
    # What the session holds are base64 texts in turn.
    for text in list(found):
        for inner in re.findall(rb"[A-Za-z0-9_-]{16,}", text):
            with contextlib.suppress(ValueError):
                found.append(base64.urlsafe_b64decode(inner + b"=" * (-len(inner) % 4)))
    return b"\n".join(found)


# The secret


@pytest.mark.requirement("ENR-01")
@pytest.mark.parametrize(
    "field", ["secret", "key", "otp_secret", "pending", "seed", "uri", "enrolment", "id", "sealed"]
)
def test_no_field_of_the_request_sets_the_secret(host: Host, field: str) -> None:
    """Attack 69: Enable with a secret of one's own, and a code that matches it."""
    person, mine = signed_in(host), new_secret()
    page = person.begin_setup()
    token = csrf_token(page)
    for given in (mine, mine.lower(), f"otpauth://totp/x?secret={mine}"):
        person.get(SETUP, query_string={field: given})
        data = {"csrf_token": token, "code": code_of(mine, host), field: given}
        answer = person.client.post(f"{SETUP}?{field}={quote(given)}", data=data)
        assert answer.status_code == 200
        assert alert(answer)
    assert not is_enabled(host, "bob")
    assert secret_on(person.get(SETUP)) == person.secret != mine
    answer = person.client.post(SETUP, data={"csrf_token": token, "code": code_of(person.secret, host), field: mine})
    assert answer.status_code == 302
    state = state_of(host)
    stored = enrolment_of(state.store, "2")
    assert stored is not None
    assert state.open_secret(stored) == person.secret


@pytest.mark.requirement("ENR-01")
def test_the_secret_has_160_bits(host: Host) -> None:
    person = signed_in(host)
    person.begin_setup()
    assert len(base64.b32decode(person.secret)) == 20


@pytest.mark.requirement("ENR-01")
def test_no_secret_comes_twice() -> None:
    assert len({new_secret() for _ in range(10_000)}) == 10_000


@pytest.mark.requirement("ENR-02", "LIF-02")
def test_a_second_enrolment_has_a_secret_of_its_own(host: Host, clock: Clock) -> None:
    person = signed_in(host)
    person.set_up("bob")
    first = person.secret
    clock.move(30)
    assert person.disable("bob").status_code == 302
    clock.move(30)
    person.set_up("bob")
    assert person.secret != first
    clock.move(30)
    other = host.person()
    other.identify("bob")
    assert other.credential("bob-password", code_of(first, host)).status_code == 200
    assert other.credential("bob-password", code_of(person.secret, host)).status_code == 302


# What turns the factor on


@pytest.mark.requirement("ENR-03")
def test_a_right_code_turns_the_factor_on(host: Host) -> None:
    person, heard = signed_in(host), Heard(host)
    answer = person.set_up("bob")
    assert answer.status_code in (302, 303)
    assert is_enabled(host, "bob")
    assert heard.names == ["enabled"]
    assert "MANAGE" in person.get("/two-factor/settings").text
    assert asks_code(host.person().identify("bob"))
    assert not logs_in_by_password(host, "bob")


@pytest.mark.requirement("ENR-03")
def test_opening_set_up_and_leaving_changes_no_log_in(host: Host) -> None:
    person = signed_in(host)
    person.begin_setup()
    assert not is_enabled(host, "bob")
    assert not asks_code(host.person().identify("bob"))
    assert logs_in_by_password(host, "bob")
    assert person.me == "bob"


@pytest.mark.requirement("ENR-03")
def test_a_wrong_code_turns_nothing_on(host: Host) -> None:
    person, heard = signed_in(host), Heard(host)
    person.begin_setup()
    for code in [*wrong_codes(person.secret, host, 3), "", "12345", code_of(person.secret, host, 5)]:
        answer = person.post(SETUP, code=code)
        assert answer.status_code == 200
        assert alert(answer)
    assert not is_enabled(host, "bob")
    assert heard.events == []
    assert logs_in_by_password(host, "bob")


@pytest.mark.requirement("ENR-03")
def test_the_key_is_shown_again_after_a_wrong_code(host: Host) -> None:
    person = signed_in(host)
    person.begin_setup()
    answer = person.post(SETUP, code=wrong_codes(person.secret, host, 1)[0])
    assert secret_on(answer) == person.secret


@pytest.mark.requirement("ENR-03")
def test_enable_without_an_open_set_up_turns_nothing_on(host: Host) -> None:
    person = signed_in(host)
    answer = person.client.post(
        SETUP, data={"csrf_token": csrf_token(person.get("/two-factor/identify?switch=1")), "code": "123456"}
    )
    assert answer.status_code == 200
    assert alert(answer)
    assert not is_enabled(host, "bob")


# Where the pending secret is


@pytest.mark.requirement("ENR-04", "STO-01")
def test_the_pending_secret_is_in_no_cookie_no_header_no_url_and_no_log(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy", "sqlalchemy.engine", "flask_twofactor", "werkzeug"):
        caplog.set_level(logging.DEBUG, logger=name)
    person = signed_in(host)
    answers: list[TestResponse] = []
    answers.append(person.begin_setup())
    answers.append(person.get(SETUP))
    answers.append(person.post(SETUP, code=wrong_codes(person.secret, host, 1)[0]))
    jars = [person.cookies()]
    host.secrets["bob"] = person.secret
    answers.append(person.post(SETUP, code=host.code("bob")))
    jars.append(person.cookies())
    seen = b"\n".join(
        [
            *(opened(value) for jar in jars for value in jar.values()),
            *(opened(value) for answer in answers for value in answer.headers.getlist("Set-Cookie")),
            *(str(answer.headers).encode() for answer in answers),
            *(f"{answer.request.url} {answer.location}".encode() for answer in answers),
            "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records).encode(),
            caplog.text.encode(),
        ]
    )
    assert b"_user_id" in seen, "the session cookie was opened"
    assert "twofactor-enabled" in caplog.text
    assert [form for form in forms_of(person.secret) if form in seen] == []
    hidden = [found for answer in answers for found in re.findall(r"<input[^>]*hidden[^>]*>", answer.text)]
    assert hidden
    assert all(person.secret not in field for field in hidden)


@pytest.mark.requirement("ENR-04", "STO-01")
def test_the_pending_secret_is_sealed_in_the_store(host: Host) -> None:
    person = signed_in(host)
    person.begin_setup()
    assert [row["confirmed_at"] for row in rows(host, "twofactor_enrolment")] == [None]
    found = repr(dump(host)).encode()
    assert [form for form in forms_of(person.secret)[:-1] if form in found] == []


@pytest.mark.requirement("ENR-04")
def test_the_pending_secret_lives_ten_minutes(host: Host, clock: Clock) -> None:
    person = signed_in(host)
    token = csrf_token(person.begin_setup())
    clock.move(600)
    assert person.client.post(SETUP, data={"csrf_token": token, "code": "000000x"}).status_code == 200
    assert secret_on(person.get(SETUP)) == person.secret
    answer = person.client.post(SETUP, data={"csrf_token": token, "code": code_of(person.secret, host)})
    assert answer.status_code == 302
    assert is_enabled(host, "bob")


@pytest.mark.requirement("ENR-04")
def test_the_pending_secret_is_gone_a_second_later(host: Host, clock: Clock) -> None:
    person = signed_in(host)
    token = csrf_token(person.begin_setup())
    clock.move(601)
    answer = person.client.post(SETUP, data={"csrf_token": token, "code": code_of(person.secret, host)})
    assert answer.status_code == 200
    assert "expired" in alert(answer)
    assert not is_enabled(host, "bob")
    assert secret_on(answer) != person.secret


@pytest.mark.requirement("ENR-04")
def test_each_sign_in_sets_up_a_secret_of_its_own(host: Host) -> None:
    first, second = signed_in(host), signed_in(host)
    first.begin_setup()
    second.begin_setup()
    assert first.secret != second.secret
    answer = second.post(SETUP, code=code_of(first.secret, host))
    assert answer.status_code == 200
    assert not is_enabled(host, "bob")
    assert first.post(SETUP, code=code_of(first.secret, host)).status_code == 302


@pytest.mark.requirement("ENR-04")
def test_another_account_in_the_same_browser_does_not_inherit_the_pending_secret(host: Host) -> None:
    person = signed_in(host, "bob")
    person.begin_setup()
    first = person.secret
    person.get("/logout")
    person.log_in("carol")
    person.begin_setup()
    assert person.secret != first
    assert person.post(SETUP, code=code_of(first, host)).status_code == 200
    assert not is_enabled(host, "carol")
    assert not is_enabled(host, "bob")


# Who may open it


@pytest.mark.requirement("ENR-05")
def test_an_old_password_check_leads_to_the_password_page(host: Host, clock: Clock) -> None:
    person = signed_in(host)
    clock.move(16 * 60)
    for path in ("/two-factor/settings", SETUP):
        answer = person.get(path)
        assert answer.status_code == 302
        assert answer.location is not None
        assert answer.location.startswith("/two-factor/password")
        assert "otpauth" not in answer.text
    assert person.me == "bob"


@pytest.mark.requirement("ENR-05")
def test_a_password_check_of_fifteen_minutes_is_recent(host: Host, clock: Clock) -> None:
    person = signed_in(host)
    clock.move(15 * 60)
    assert person.get("/two-factor/settings").status_code == 200
    clock.move(1)
    assert person.get("/two-factor/settings").status_code == 302


@pytest.mark.requirement("ENR-05")
def test_enable_is_refused_where_the_password_check_has_grown_old(host: Host, clock: Clock) -> None:
    person = signed_in(host)
    clock.move(14 * 60)
    token = csrf_token(person.begin_setup())
    clock.move(2 * 60)
    answer = person.client.post(SETUP, data={"csrf_token": token, "code": code_of(person.secret, host)})
    assert answer.status_code == 302
    assert "/two-factor/password" in str(answer.location)
    assert not is_enabled(host, "bob")


@pytest.mark.requirement("ENR-05")
def test_the_right_password_leads_back_to_set_up(host: Host, clock: Clock) -> None:
    person = signed_in(host)
    clock.move(16 * 60)
    step_up = person.get(SETUP).location
    assert step_up is not None
    refused = person.post(step_up, password="not his")
    assert refused.status_code == 200
    assert alert(refused)
    assert person.get(SETUP).status_code == 302
    answer = person.post(step_up, password="bob-password")
    assert answer.location == SETUP
    assert person.set_up("bob").status_code == 302


@pytest.mark.requirement("ENR-05")
def test_a_session_restored_from_the_remember_cookie_leads_to_the_password_page(host: Host) -> None:
    person = host.person()
    person.log_in("bob", remember="y")
    jar = person.cookies()
    assert "remember_token" in jar
    person.use_cookies({name: value for name, value in jar.items() if name != "session"})
    assert person.me == "bob"
    for path in ("/two-factor/settings", SETUP):
        answer = person.get(path)
        assert answer.status_code == 302
        assert "/two-factor/password" in str(answer.location)
    assert rows(host, "twofactor_enrolment") == []


@pytest.mark.requirement("ENR-05")
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", ["/two-factor/settings", SETUP, "/two-factor/manage"])
def test_nobody_opens_the_settings_without_a_log_in(host: Host, path: str, method: str) -> None:
    if (path, method) == ("/two-factor/settings", "post"):
        assert host.person().client.post(path).status_code == 405
        return
    answer: TestResponse = getattr(host.person().client, method)(path)
    assert answer.status_code == 302
    assert str(answer.location).startswith("/two-factor/identify")
    assert "otpauth" not in answer.text


@pytest.mark.requirement("ENR-05", "FLG-04")
def test_an_identity_of_a_request_loader_sets_nothing_up(host: Host) -> None:
    answer = host.app.test_client().get(SETUP, headers={"X-Token": "bob"})
    assert answer.status_code == 403
    assert "otpauth" not in answer.text
    assert rows(host, "twofactor_enrolment") == []


# Never shown again


def crawl(person: Person) -> list[TestResponse]:
    """Get every page of the app that takes no argument, with every query that could ask for a key."""
    rules = [rule for rule in person.host.app.url_map.iter_rules() if not rule.arguments and rule.rule != "/logout"]
    paths = [rule.rule for rule in rules if "GET" in (rule.methods or ())]
    queries = ("", "?show=1", "?next=/two-factor/setup", "?secret=1&key=1&qr=1")
    return [person.get(path + query) for path in paths for query in queries]


@pytest.mark.requirement("ENR-06")
def test_no_page_shows_the_key_of_an_enabled_factor(host: Host) -> None:
    """Attack 71: MANAGE only, whatever is asked for."""
    person = signed_in(host)
    person.set_up("bob")
    answers = crawl(person)
    assert sum(answer.status_code == 200 for answer in answers) > 10
    seen = b"\n".join([answer.data + str(answer.headers).encode() for answer in answers])
    assert [form for form in forms_of(person.secret) if form in seen] == []
    assert b"otpauth" not in seen
    assert b"tf-qr" not in seen
    assert person.get(SETUP).location == "/two-factor/manage"


@pytest.mark.requirement("ENR-06")
def test_no_template_is_given_the_key_of_an_enabled_factor(host: Host) -> None:
    person = signed_in(host)
    person.set_up("bob")
    contexts: list[dict[str, Any]] = []

    def keep(_: Any, context: dict[str, Any], **__: Any) -> None:
        contexts.append(context)

    with template_rendered.connected_to(keep, host.app):
        crawl(person)
    pages = [vars(context["twofactor"]) for context in contexts if "twofactor" in context]
    assert {"settings", "manage"} <= {page["page"] for page in pages}
    seen = "\n".join(
        f"{page} {[vars(value) for value in page.values() if hasattr(value, '__dict__')]}" for page in pages
    )
    assert [form for form in forms_of(person.secret)[:-1] if form.decode() in seen] == []


@pytest.mark.requirement("ENR-06", "RPL-06")
def test_set_up_cannot_replace_an_active_factor(host: Host) -> None:
    person = signed_in(host)
    person.set_up("bob")
    before = rows(host, "twofactor_enrolment")
    mine = new_secret()
    token = csrf_token(person.get("/two-factor/manage"))
    for code in (code_of(mine, host), code_of(person.secret, host), code_of(person.secret, host, 1)):
        answer = person.client.post(SETUP, data={"csrf_token": token, "code": code, "secret": mine})
        assert "otpauth" not in answer.text
    assert rows(host, "twofactor_enrolment") == before


@pytest.mark.requirement("ENR-06")
def test_a_set_up_page_left_open_shows_nothing_more_once_another_tab_enabled(host: Host) -> None:
    person = signed_in(host)
    token = csrf_token(person.begin_setup())
    host.enroll("bob")
    answer = person.client.post(SETUP, data={"csrf_token": token, "code": code_of(person.secret, host)})
    assert answer.status_code == 302
    assert "otpauth" not in answer.text


# A safe read


@pytest.mark.requirement("ENR-07")
def test_opening_set_up_twice_shows_the_same_key(host: Host, clock: Clock) -> None:
    """Attack 75: a preview or prefetch does not break the open page."""
    person = signed_in(host)
    page = person.begin_setup()
    person.client.get(SETUP, headers={"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"})
    person.client.head(SETUP)
    clock.move(300)
    assert secret_on(person.get(SETUP)) == person.secret
    data = {"csrf_token": csrf_token(page), "code": code_of(person.secret, host)}
    assert person.client.post(SETUP, data=data).status_code == 302


@pytest.mark.requirement("ENR-07", "CSR-04")
def test_opening_set_up_while_enabled_changes_no_row(host: Host) -> None:
    person = signed_in(host)
    person.set_up("bob")
    before = dump(host)
    assert before["enrolment"]
    for _ in range(3):
        person.get(SETUP)
        person.get("/two-factor/manage")
        person.get("/two-factor/settings")
    assert dump(host) == before


@pytest.mark.requirement("ENR-07", "CSR-04")
def test_a_code_in_the_address_enables_nothing(host: Host) -> None:
    person = signed_in(host)
    page = person.begin_setup()
    query = {"code": code_of(person.secret, host), "csrf_token": csrf_token(page)}
    assert person.get(SETUP, query_string=query).status_code == 200
    assert not is_enabled(host, "bob")


# Once


@pytest.mark.requirement("ENR-08")
def test_two_tabs_enable_once(host: Host) -> None:
    person, heard = signed_in(host), Heard(host)
    page = person.begin_setup()
    data = {"csrf_token": csrf_token(page), "code": code_of(person.secret, host)}
    jar = person.cookies()
    second = host.person()
    second.use_cookies(jar)
    answers = [one.client.post(SETUP, data=data) for one in (person, second)]
    assert answers[0].status_code == 302
    assert heard.names == ["enabled"]
    assert person.me == "bob"
    assert second.me is None


@pytest.mark.requirement("ENR-08")
def test_eight_threads_that_post_the_same_right_code_enable_once(host: Host) -> None:
    person, heard = signed_in(host), Heard(host)
    page = person.begin_setup()
    data = {"csrf_token": csrf_token(page), "code": code_of(person.secret, host)}
    tabs = [host.person() for _ in range(8)]
    for tab in tabs:
        tab.use_cookies(person.cookies())
    gate = threading.Barrier(len(tabs))

    def press(tab: Person) -> None:
        gate.wait()
        tab.client.post(SETUP, data=data)

    threads = [threading.Thread(target=press, args=[tab]) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard.names == ["enabled"]
    assert [row["confirmed_at"] is None for row in rows(host, "twofactor_enrolment")] == [False]
    assert len(rows(host, "twofactor_mark")) == 1
    assert sum(tab.me == "bob" for tab in tabs) == 1


@pytest.mark.requirement("ENR-09", "RPL-03")
def test_the_code_that_enabled_is_spent(host: Host) -> None:
    """Attack 73: the same code logs in nowhere, and disables nothing."""
    person = signed_in(host)
    person.set_up("bob")
    code = host.code("bob")
    other = host.person()
    other.identify("bob")
    assert other.credential("bob-password", code).status_code == 200
    assert other.me is None
    assert alert(person.disable("bob", code))
    assert is_enabled(host, "bob")
    other.legacy("bob")
    assert alert(other.post("/two-factor/challenge", code=code))
    assert other.me is None


@pytest.mark.requirement("ENR-10")
def test_enabling_ends_every_other_session(host: Host) -> None:
    person, other, legacy = signed_in(host), signed_in(host), host.person()
    assert legacy.legacy("bob")["authenticated"] is True
    jars = [other.cookies(), legacy.cookies()]
    assert (other.me, legacy.me) == ("bob", "bob")
    person.set_up("bob")
    assert person.me == "bob"
    assert (other.me, legacy.me) == (None, None)
    for jar in jars:
        thief = host.person()
        thief.use_cookies(jar)
        assert thief.me is None
        assert thief.get("/two-factor/challenge").status_code == 302


@pytest.mark.requirement("ENR-10", "SES-01")
def test_enabling_renews_the_session_of_the_one_who_enables(host: Host) -> None:
    person = signed_in(host)
    person.get("/plant/pre/attacker")
    person.begin_setup()
    jar = person.cookies()
    host.secrets["bob"] = person.secret
    assert person.post(SETUP, code=host.code("bob")).status_code == 302
    assert person.me == "bob"
    assert person.get("/planted/pre").text == "None"
    thief = host.person()
    thief.use_cookies(jar)
    assert thief.me is None


@pytest.mark.requirement("ENR-10", "SES-05")
def test_enabling_ends_the_remembered_sign_ins(host: Host) -> None:
    away = host.person()
    away.log_in("bob", remember="y")
    jar = away.cookies()
    signed_in(host).set_up("bob")
    for names in ({"remember_token", "twofactor_remember"}, {"remember_token"}, set(jar)):
        thief = host.person()
        thief.use_cookies({name: value for name, value in jar.items() if name in names})
        assert thief.me is None
        assert thief.get("/open").text == "False"


# What the page shows

ODD = {
    "colon": "al:ice@example.org",
    "ampersand": "a&b=c#d?e",
    "percent": "100%25 %20 alice",
    "newline": "al\nice\r\n",
    "bidi": "alice\u202eecila\u2066",
    "quotes": '"alice" <b>o\'b</b>',
    "nul": "ali\0ce",
    "long": "x" * 3000,
    "long of four bytes": "😀" * 3000,
    "nothing": "   ",
}


def uri_on(page: TestResponse) -> str:
    found = re.search(r'href="(otpauth:[^"]*)"', page.text)
    assert found
    return html.unescape(found.group(1))


@pytest.mark.requirement("ENR-13")
def test_the_uri_says_what_every_app_honours(make_app: MakeApp) -> None:
    host = make_app(TWOFACTOR_ISSUER="Harbor Console")
    uri = uri_on(signed_in(host).begin_setup())
    parts, values = urlsplit(uri), parse_qs(urlsplit(uri).query)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/Harbor Console:bob"
    assert values["issuer"] == ["Harbor Console"]
    assert re.fullmatch("[A-Z2-7]{32}", values["secret"][0])
    assert (values.get("algorithm", ["SHA1"]), values.get("digits", ["6"])) == (["SHA1"], ["6"])
    assert values.get("period", ["30"]) == ["30"]
    assert set(values) <= {"secret", "issuer", "algorithm", "digits", "period"}


@pytest.mark.requirement("ENR-13")
@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(place, name, id=f"{place}-{kind}")
        for place in ("account", "issuer")
        for kind, name in ODD.items()
        if (place, kind) != ("issuer", "nothing")  # a setting that is refused
    ],
)
def test_odd_names_make_a_uri_that_reads_back(make_app: MakeApp, place: str, name: str) -> None:
    def wire(two_factor: TwoFactor) -> None:
        if place == "account":
            two_factor.account_name(lambda user: name)

    host = make_app(wire=wire, TWOFACTOR_ISSUER=name if place == "issuer" else "Harbor")
    page = signed_in(host).begin_setup()
    assert page.status_code == 200
    assert "<svg" in page.text
    uri = uri_on(page)
    parts, values = urlsplit(uri), parse_qs(urlsplit(uri).query)
    label = unquote(parts.path).removeprefix("/")
    issuer, account = label.split(":")
    assert values["issuer"] == [issuer]
    assert issuer
    assert account
    assert len(label.encode()) <= 128
    assert not any(char in label for char in "\n\r\0\u202e\u2066")
    shown = " ".join(name.replace(":", " ").replace("\0", " ").replace("\u202e", " ").replace("\u2066", " ").split())
    part = account if place == "account" else issuer
    assert shown.startswith(part) or (not shown and part in ("account", "Console"))
    assert len(part.encode()) >= min(len(shown.encode()), 40)
    assert "=" not in values["secret"][0]


@pytest.mark.requirement("ENR-14")
def test_the_qr_is_drawn_in_the_page_and_nothing_comes_from_elsewhere(host: Host) -> None:
    page = signed_in(host).begin_setup()
    assert re.search(r'<svg[^>]*role="img"[^>]*>\s*<path', page.text)
    targets = re.findall(r'(?:src|href|action|srcset|data|poster)="([^"]*)"', page.text)
    assert [target for target in targets if target.startswith("otpauth:")] != []
    assert [target for target in targets if not re.match(r"/(?!/)|#|otpauth:", target)] == []
    assert "style=" not in page.text
    assert "<img" not in page.text
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("ENR-14")
def test_no_route_of_ours_answers_an_image(host: Host) -> None:
    person = signed_in(host)
    person.begin_setup()
    rules = [rule for rule in host.app.url_map.iter_rules() if rule.endpoint.startswith("twofactor.")]
    assert len(rules) >= 7
    for rule in rules:
        if rule.endpoint in ("twofactor.static", "twofactor.brand_css"):
            continue
        assert not rule.arguments
        assert person.get(rule.rule).mimetype == "text/html", rule.rule


@pytest.mark.requirement("ENR-15")
def test_ten_wrong_codes_end_the_pending_secret(host: Host, clock: Clock) -> None:
    person = signed_in(host)
    page = person.begin_setup()
    token = csrf_token(page)
    for code in wrong_codes(person.secret, host, 10):
        answer = person.client.post(SETUP, data={"csrf_token": token, "code": code})
        assert answer.status_code == 200
    late = person.client.post(SETUP, data={"csrf_token": token, "code": code_of(person.secret, host)})
    assert late.status_code == 200
    assert not is_enabled(host, "bob")
    first = person.secret
    assert person.set_up("bob").status_code == 302
    assert person.secret != first


@pytest.mark.requirement("ENR-15")
def test_nine_wrong_codes_leave_the_tenth_try(host: Host) -> None:
    person = signed_in(host)
    token = csrf_token(person.begin_setup())
    for code in wrong_codes(person.secret, host, 9):
        person.client.post(SETUP, data={"csrf_token": token, "code": code})
    data = {"csrf_token": token, "code": code_of(person.secret, host)}
    assert person.client.post(SETUP, data=data).status_code == 302


@pytest.mark.requirement("ENR-15")
def test_the_tenth_wrong_code_says_that_the_key_on_the_page_is_a_new_one(host: Host) -> None:
    person = signed_in(host)
    token = csrf_token(person.begin_setup())
    answers = [
        person.client.post(SETUP, data={"csrf_token": token, "code": code})
        for code in wrong_codes(person.secret, host, 10)
    ]
    assert [secret_on(answer) == person.secret for answer in answers] == [True] * 9 + [False]
    assert ["expired" in alert(answer) for answer in answers] == [False] * 9 + [True]


@pytest.mark.requirement("ENR-15")
def test_guesses_at_one_key_are_counted_over_parallel_requests(host: Host) -> None:
    person, heard = signed_in(host), Heard(host)
    token = csrf_token(person.begin_setup())
    codes = wrong_codes(person.secret, host, 15)
    tabs = [host.person() for _ in codes]
    for tab in tabs:
        tab.use_cookies(person.cookies())
    gate = threading.Barrier(len(tabs))
    alerts: list[str] = []

    def press(tab: Person, code: str) -> None:
        gate.wait()
        alerts.append(alert(tab.client.post(SETUP, data={"csrf_token": token, "code": code})))

    threads = [threading.Thread(target=press, args=one) for one in zip(tabs, codes, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(alerts) == 15
    assert secret_on(person.get(SETUP)) != person.secret
    assert all(row["tries"] <= 10 for row in rows(host, "twofactor_enrolment"))
    assert heard.events == []


@pytest.mark.requirement("LIF-03")
def test_set_up_acts_on_the_one_who_is_logged_in_whatever_the_request_says(host: Host) -> None:
    person = signed_in(host, "bob")
    person.begin_setup()
    host.secrets["bob"] = person.secret
    fields = dict.fromkeys(("user_id", "subject", "user", "id", "account", "identifier"), "1")
    assert person.post(f"{SETUP}?user_id=1&subject=1", code=host.code("bob"), **fields).status_code == 302
    assert (is_enabled(host, "bob"), is_enabled(host, "alice")) == (True, False)


def test_the_settings_say_that_the_factor_is_on_once(host: Host) -> None:
    person = signed_in(host)
    answer = person.set_up("bob")
    assert answer.location == "/two-factor/recovery-codes"
    words = "Two-factor authentication is on."
    assert [words in person.get("/two-factor/settings").text for _ in range(2)] == [True, False]
    assert words not in person.get("/two-factor/recovery-codes").text


def test_a_cookie_is_read_as_the_test_of_cookies_reads_it() -> None:
    """The helper `opened` finds a secret in a session cookie, so that its absence says something."""
    secret = new_secret()
    payload = base64.urlsafe_b64encode(json.dumps({"pending": secret}).encode()).decode().rstrip("=")
    packed = base64.urlsafe_b64encode(zlib.compress(json.dumps({"pending": secret}).encode())).decode().rstrip("=")
    assert secret.encode() in opened(f"{payload}.aaaa.bbbb")
    assert secret.encode() in opened(f".{packed}.aaaa.bbbb")

"""Step-up on views of the host: a GET is resumed, of what was posted the person is told, and comes back to a page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from flask import Response, get_flashed_messages, request
from flask.views import MethodView, View
from werkzeug.test import TestResponse

from tests.support.host import Host, Person, alert
from tests.support.watching import tamper
from tests.web.test_events import kinds

NOT_DONE = "What you sent was not done."
SEND_AGAIN = "Thank you. What you sent before was not done: please send it again."
HERE = "http://localhost"


@pytest.fixture
def guarded(host: Host) -> Host:
    """A console whose ``/key`` answers GET and POST, ``/key/revoke`` POST alone; both want a proof of a minute."""
    app, fresh = host.app, host.two_factor.fresh(seconds=60)
    app.add_url_rule("/key", "key", fresh(lambda: f"key by {request.method}"), methods=["GET", "POST"])
    app.add_url_rule("/key/revoke", "revoke", fresh(lambda: "revoked"), methods=["POST", "PUT"])
    app.add_url_rule("/keys", "keys", lambda: f"keys {get_flashed_messages(category_filter=['twofactor'])}")
    host.enroll("alice")
    return host


@pytest.fixture
def alice(guarded: Host) -> Person:
    """Somebody with the factor, whose last code is too old."""
    return late(guarded, "alice")


def late(guarded: Host, name: str) -> Person:
    person = guarded.person()
    person.log_in(name)
    guarded.clock.move(61)
    return person


def sent(person: Person, path: str, referer: str | None = None, **headers: str) -> TestResponse:
    """Post a form as the page ``referer`` of a browser does."""
    given = {"Referer": referer, **headers} if referer else headers
    return person.client.post(path, headers=given)


def prove(person: Person, asked: TestResponse, name: str = "alice") -> TestResponse:
    """Give the code (the password, of bob) on the page that a response leads to."""
    given = {"code": person.host.code(name)} if name in person.host.secrets else {"password": f"{name}-password"}
    return person.post(str(asked.location), **given)


def test_what_is_posted_to_a_page_comes_back_to_that_page(guarded: Host, alice: Person) -> None:
    asked = sent(alice, "/key?id=7", f"{HERE}/keys")
    assert (asked.status_code, asked.location) == (303, "/two-factor/challenge?next=/key?id%3D7&resend=1")
    assert prove(alice, asked).location == "/key?id=7"
    assert alice.client.post("/key?id=7").text == "key by POST"


def test_what_is_posted_to_no_page_comes_back_to_the_page_with_the_form(guarded: Host, alice: Person) -> None:
    asked = sent(alice, "/key/revoke", f"{HERE}/keys?page=2")
    assert prove(alice, asked).location == "/keys?page=2"
    assert alice.get("/keys?page=2").status_code == 200
    assert alice.client.post("/key/revoke").text == "revoked"


def test_a_form_that_was_sent_over_tls_to_a_proxy_comes_back_too(guarded: Host, alice: Person) -> None:
    assert prove(alice, sent(alice, "/key/revoke", "https://localhost/keys")).location == "/keys"


@pytest.mark.requirement("RED-01", "RED-03")
@pytest.mark.parametrize(
    "referer",
    [
        None, "http://evil.test/keys", "http://localhost.evil.test/keys", "http://localhost@evil.test/keys",
        "http://evil.test@localhost/keys", "http://localhost:81/keys", "http://localhost//evil.test/keys",
        "http://localhost/\\evil.test", "http://localhost", "http://localhost/logout", "http://localhost/no/such/page",
        "http://localhost/key/revoke", "http://localhost/two-factor/challenge", "http://[", "/keys", "about:client",
    ],
)  # fmt: skip
def test_a_page_that_is_not_one_of_this_site_s_is_not_come_back_to(
    guarded: Host, alice: Person, referer: str | None
) -> None:
    asked = sent(alice, "/key/revoke", referer)
    assert asked.location == "/two-factor/challenge?resend=1"
    assert prove(alice, asked).location == "/"


def test_the_page_that_asks_says_that_what_was_sent_is_not_done(guarded: Host, alice: Person) -> None:
    asked = str(sent(alice, "/key").location)
    page = alice.get(asked)
    assert NOT_DONE in page.text
    assert "Please confirm that it is you" in page.text
    wrong = alice.post(asked, code=guarded.wrong_code("alice"))
    assert alert(wrong)
    assert NOT_DONE in wrong.text
    assert NOT_DONE in alice.get(f"{asked}&kind=recovery").text
    assert '/two-factor/challenge?kind=recovery&amp;next=/key&amp;resend=1"' in page.text


def test_the_page_that_comes_next_is_told_once_however_often_it_was_sent(guarded: Host, alice: Person) -> None:
    for _ in range(3):
        asked = sent(alice, "/key/revoke", f"{HERE}/keys")
        guarded.clock.move(61)
        assert prove(alice, asked).location == "/keys"
        guarded.clock.move(61)
    assert alice.get("/keys").text == f"keys {[SEND_AGAIN]}"
    assert alice.get("/keys").text == "keys []"


def test_who_gives_up_is_told_nothing_later(guarded: Host, alice: Person) -> None:
    sent(alice, "/key", f"{HERE}/keys")
    assert alice.get("/keys").text == "keys []"
    assert NOT_DONE not in alice.get(str(alice.get("/key").location)).text


def test_a_page_that_was_only_looked_at_is_resumed_without_a_word(guarded: Host, alice: Person) -> None:
    asked = alice.get("/key?id=7", headers={"Referer": f"{HERE}/keys"})
    assert asked.location == "/two-factor/challenge?next=/key?id%3D7"
    assert NOT_DONE not in alice.get(str(asked.location)).text
    assert prove(alice, asked).location == "/key?id=7"
    assert alice.get("/keys").text == "keys []"


def test_an_account_without_the_factor_is_asked_for_the_password_in_the_same_way(guarded: Host) -> None:
    bob = late(guarded, "bob")
    asked = sent(bob, "/key/revoke", f"{HERE}/keys")
    assert asked.location == "/two-factor/password?next=/keys&resend=1"
    assert NOT_DONE in bob.get(str(asked.location)).text
    assert NOT_DONE in bob.post(str(asked.location), password="not his").text
    assert prove(bob, asked, "bob").location == "/keys"
    assert bob.get("/keys").text == f"keys {[SEND_AGAIN]}"
    assert bob.client.post("/key/revoke").text == "revoked"


@pytest.mark.requirement("LIF-01")
def test_a_settings_page_that_was_sent_too_late_says_so_too(guarded: Host, alice: Person) -> None:
    guarded.clock.move(900)
    asked = alice.client.post("/two-factor/manage")
    assert asked.location == "/two-factor/password?next=/two-factor/manage&resend=1"
    assert NOT_DONE in alice.get(str(asked.location)).text
    assert alice.post(str(asked.location), password="alice-password").location == "/two-factor/manage"


# Scripts


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/json"},
        {"Accept": "application/json; charset=utf-8, */*;q=0.1"},
        {"X-Requested-With": "XMLHttpRequest", "Accept": "*/*"},
        {"Content-Type": "application/json", "Accept": "*/*"},
    ],
)
def test_a_script_is_told_in_json_where_a_person_can_give_the_code(
    guarded: Host, alice: Person, headers: dict[str, str]
) -> None:
    answer = sent(alice, "/key", f"{HERE}/keys", **headers)
    url = "/two-factor/challenge?next=/keys&resend=1"
    assert (answer.status_code, answer.get_json()) == (403, {"error": "fresh-code-needed", "url": url})
    assert answer.headers["Cache-Control"] == "no-store"
    assert alice.post(url, code=guarded.code("alice")).location == "/keys"
    assert sent(alice, "/key", **headers).text == "key by POST"


def test_a_script_that_asks_for_the_password_leads_back_to_its_page_and_never_to_its_own_url(guarded: Host) -> None:
    bob = late(guarded, "bob")
    answer = bob.get("/key", headers={"Accept": "application/json", "Referer": f"{HERE}/keys"})
    assert answer.get_json() == {"error": "fresh-password-needed", "url": "/two-factor/password?next=/keys"}
    alone = bob.get("/key", headers={"Accept": "application/json"})
    assert alone.get_json()["url"] == "/two-factor/password"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
        {"Accept": "text/html, application/json"},
        {"Accept": "*/*"},
        {"Accept": "text/html", "X-Requested-With": "com.example.app"},
        {},
    ],
)
def test_a_browser_is_led_to_the_page(guarded: Host, alice: Person, headers: dict[str, str]) -> None:
    assert sent(alice, "/key", **headers).status_code == 303


# What is decorated, and the form inside a view


def test_a_view_asks_in_the_middle_of_its_work(guarded: Host) -> None:
    @guarded.app.route("/pay/<int:amount>", methods=["GET", "POST"])
    def pay(amount: int) -> Response | str:
        if amount > 100 and (asked := guarded.two_factor.require_fresh(seconds=60)) is not None:
            return asked
        return f"paid {amount}"

    alice = late(guarded, "alice")
    assert alice.client.post("/pay/100").text == "paid 100"
    asked = alice.client.post("/pay/101")
    assert prove(alice, asked).location == "/pay/101"
    assert alice.client.post("/pay/101").text == "paid 101"


def test_an_asynchronous_view_runs_by_the_app_s_own_means(guarded: Host) -> None:
    def run(view: Callable[..., Any]) -> Callable[..., Any]:
        def ran(*arguments: Any, **named: Any) -> Any:
            """Run it in a thread of its own: a test that drives a browser leaves this one with a loop that runs."""
            with ThreadPoolExecutor(max_workers=1) as thread:
                whole = copy_context()
                return thread.submit(lambda: whole.run(asyncio.run, view(*arguments, **named))).result()

        return ran

    guarded.app.async_to_sync = run  # type: ignore[method-assign, assignment]  # Flask's own needs asgiref

    @guarded.app.get("/slow/<name>")
    @guarded.two_factor.fresh(seconds=60)
    async def slow(name: str) -> str:
        await asyncio.sleep(0)
        return f"slow {name}"

    alice = late(guarded, "alice")
    asked = alice.get("/slow/page")
    assert prove(alice, asked).location == "/slow/page"
    assert alice.get("/slow/page").text == "slow page"


def test_views_that_are_classes_are_guarded_whole_or_by_method(guarded: Host) -> None:
    fresh = guarded.two_factor.fresh(seconds=60)

    class Whole(View):
        methods = ("GET",)
        decorators = [fresh]  # noqa: RUF012 - as Flask's own docs have it

        def dispatch_request(self) -> str:
            return "whole"

    class Methods(MethodView):
        def get(self) -> str:
            return "got"

        @fresh
        def post(self) -> str:
            return "posted"

    guarded.app.add_url_rule("/whole", view_func=Whole.as_view("whole"))
    guarded.app.add_url_rule("/methods", view_func=Methods.as_view("methods"))
    alice = late(guarded, "alice")
    assert (alice.get("/whole").status_code, alice.get("/methods").text) == (303, "got")
    asked = alice.client.post("/methods")
    assert prove(alice, asked).location == "/methods"
    assert (alice.get("/whole").text, alice.client.post("/methods").text) == ("whole", "posted")


# What counts as a proof


@pytest.mark.requirement("TRB-03")
def test_a_log_in_that_took_no_code_proves_none(guarded: Host) -> None:
    person = guarded.person()
    person.log_in("alice")
    assert person.get("/key").status_code == 200
    assert tamper(guarded, "UPDATE twofactor_mark SET code_at = 0") == 1
    assert person.get("/key").status_code == 303
    assert person.me == "alice"


@pytest.mark.requirement("LIF-01")
def test_the_password_again_is_no_code(guarded: Host, alice: Person) -> None:
    assert alice.post("/two-factor/password", password="alice-password").status_code == 302
    assert alice.get("/key").status_code == 303


@pytest.mark.requirement("LOG-01")
def test_a_code_given_again_is_recorded_as_that_and_as_no_log_in(guarded: Host, alice: Person) -> None:
    before = len(kinds(guarded))
    prove(alice, alice.get("/key"))
    assert kinds(guarded)[before:] == ["code-accepted"]

"""The walk through a console's routes: it finds the holes that were made on purpose, and accuses nobody else."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, abort, redirect, request, session
from flask_login import LoginManager, current_user, login_required
from werkzeug.routing import BaseConverter

import example_app
from example_app import demo
from flask_twofactor import TwoFactor
from flask_twofactor.flows import verdicts
from flask_twofactor.stores.base import Store
from flask_twofactor.testing import Walk, assert_every_route_needs_second_factor, two_factor_client
from tests.hosts.test_hosts import SHAPES, load
from tests.support.host import SECRET_KEY, START, Clock, Host, make_host
from tests.support.watching import state_of

FORWARD = "the password alone", "a remember cookie"
DEAD = "an old cookie after log-out", "a session from before a reset"


def walk(app: Flask, user: Any = "alice", **options: Any) -> Walk:
    return assert_every_route_needs_second_factor(app, user, **options)


def holes(app: Flask, user: Any = "alice", **options: Any) -> list[tuple[str, ...]]:
    """Give the table of an error: method, rule, endpoint, way in and answer of each hole."""
    with pytest.raises(AssertionError) as error:
        walk(app, user, **options)
    title, head, *rows = str(error.value).splitlines()
    assert "without the second factor" in title
    starts = [head.index(name) for name in ("method", "rule", "endpoint", "way in", "answered")]
    return [tuple(row[one:two].strip() for one, two in itertools.pairwise([*starts, None])) for row in rows]


def manager_of(app: Flask) -> Any:
    return vars(app)["login_manager"]


# --- consoles without a hole


def test_the_console_of_our_tests_has_no_hole(host: Host) -> None:
    found = walk(host.app, headers={"X-Token": "alice"})
    assert found.public == {"open_page", "plant", "planted", "logout"}
    assert found.unreached == ("POST /legacy: 401", "GET /static/<path:filename>: 404")
    assert found.doors == ()
    assert found.requests > 50


@pytest.mark.parametrize("name", SHAPES)
def test_no_kind_of_console_is_accused(
    name: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = SHAPES[name]
    monkeypatch.setitem(SHAPES, name, replace(shape, prefix=""))
    app = load(name, tmp_path / "console", clock)
    app.config["APPLICATION_ROOT"] = shape.prefix or "/"
    found = walk(app, shape.name or "", session={"mail": "ann@example.org"})
    home = next(rule.rule for rule in app.url_map.iter_rules() if rule.rule == shape.home)
    assert not [one for one in found.unreached if one.startswith(f"GET {home}:")]
    assert "home" not in found.public


def test_the_example_console_has_no_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(example_app.two_factor, "_clock", Clock())
    app = example_app.create_app({"INSTANCE_PATH": str(tmp_path), "SECRET_KEY": SECRET_KEY})
    off, on, *_ = demo.seed(app)
    for account in (off, on):
        found = walk(app, account.email, public={"auth.legacy_login", "static"})
        assert found.unreached == (
            "POST /legacy-login: 400",
            "POST /logout: 400",
            "POST /preferences: 400",
            "POST /profile: 400",
            "GET /services/<service_id>: 404",
            "GET /static/<path:filename>: 404",
        )


def test_a_walk_leaves_the_store_and_the_counters_as_they_were(enrolled: Host) -> None:
    state, person = state_of(enrolled), enrolled.person()
    person.log_in("alice")
    store, throttle = state.store, state.throttle
    walk(enrolled.app, "alice")
    walk(enrolled.app, "bob")
    assert (state.store, state.throttle) == (store, throttle)
    assert person.me == "alice"
    with enrolled.app.app_context():
        assert [enrolled.two_factor.is_enabled(enrolled.users[name]) for name in ("alice", "bob")] == [True, False]
        assert not [event for event in store.events(None, 100) if event.at > START]


def test_a_walk_that_fails_leaves_the_store_too(host: Host) -> None:
    store: Store = state_of(host).store
    host.app.add_url_rule("/hole", "hole", lambda: session["_user_id"])
    holes(host.app)
    assert state_of(host).store is store
    assert host.app.config["PROPAGATE_EXCEPTIONS"] is None


def test_a_walk_is_possible_before_the_first_request_and_opens_no_store(tmp_path: Path) -> None:
    host = make_host(tmp_path / "instance")
    walk(host.app)
    assert not (tmp_path / "instance" / "twofactor.sqlite").exists()
    host.enroll("alice")
    person = host.person()
    person.log_in("alice")
    assert person.me == "alice"


def test_who_is_walked_for_may_be_a_user_or_a_user_id(host: Host) -> None:
    assert walk(host.app, host.users["alice"]) == walk(host.app, "alice")


def innocent(app: Flask) -> None:
    """Pages that differ from request to request, or by method, and open to nobody who owes the code."""
    counted = itertools.count()

    @app.get("/tip")
    def tip() -> str:
        number = next(counted)
        return f"visit {number}, tip {number * 7 % 3}, at {time.perf_counter_ns()}, hello {current_user.is_active}"

    @app.route("/preflight", methods=["GET", "OPTIONS"])
    def preflight() -> Any:
        if request.method == "OPTIONS":
            return "OK", {"Access-Control-Allow-Methods": "GET"}
        return "the figures" if current_user.is_authenticated else abort(401)

    @app.get("/events")
    def events() -> Response:
        return Response(("data: x\n\n" for _ in itertools.count()), mimetype="text/event-stream")

    @app.get("/endless")
    def endless() -> Response:
        return Response("x" * 65536 for _ in itertools.count())

    @app.get("/broken")
    def broken() -> str:
        raise ZeroDivisionError

    @app.post("/contact")
    def contact() -> Any:
        return redirect("/thanks")


def test_pages_that_differ_each_time_and_pages_that_fail_are_no_holes(small: Host) -> None:
    innocent(small.app)
    found = walk(small.app)
    assert {"tip", "events", "endless", "contact"} <= found.public
    assert "GET /broken: 500" in found.unreached


def test_a_step_up_page_is_no_hole(small: Host) -> None:
    small.app.add_url_rule("/fresh", "fresh", login_required(small.two_factor.fresh(0)(lambda: "fresh")))
    small.clock.move(1)
    assert "fresh" not in walk(small.app).public


# --- holes made on purpose


@pytest.mark.requirement("FLG-01")
def test_a_view_that_reads_the_session_itself_is_found_by_every_session(small: Host) -> None:
    small.app.add_url_rule("/own", "own", lambda: f"Account {session['_user_id']}" if session else abort(401))
    found = holes(small.app)
    assert {(method, rule, endpoint) for method, rule, endpoint, *_ in found} == {
        ("GET", "/own", "own"),
        ("HEAD", "/own", "own"),
    }
    assert {way for *_, way, _ in found} == {"the password alone", *DEAD}
    assert {answered for *_, answered in found} == {"200; a stranger 401, every factor 200"}


def test_a_guard_that_only_looks_for_a_user_in_the_session_is_found(small: Host) -> None:
    @small.app.before_request
    def guard() -> Any:
        return None if "_user_id" in session or request.endpoint == "me" else redirect("/me")

    @small.app.post("/orders")
    def order() -> Any:
        return redirect("/orders/1")

    @small.app.post("/upload")
    def upload() -> str:
        return str(request.form["name"])

    found = {(method, endpoint): answered for method, _, endpoint, way, answered in holes(small.app) if way in FORWARD}
    assert found["POST", "order"] == "302 to /orders/1; a stranger 302 to /me, every factor 302 to /orders/1"
    assert found["POST", "upload"] == "400; a stranger 302 to /me, every factor 400", "the view was reached"
    assert ("GET", "me") not in found, "it has a guard of its own"


def test_what_a_console_keeps_in_the_session_at_log_in_is_no_proof_either(small: Host) -> None:
    small.app.add_url_rule("/figures", "figures", lambda: "42" if session.get("role") == "admin" else abort(403))
    assert "figures" not in walk(small.app).public
    found = holes(small.app, session={"role": "admin"})
    assert {way for *_, way, _ in found} == {"the password alone", *DEAD}


def test_a_public_page_that_tells_a_half_session_what_it_tells_people_who_are_in_is_found(small: Host) -> None:
    @small.app.get("/welcome")
    def welcome() -> str:
        return f"Welcome, {'customer ' + session['_user_id'] if '_user_id' in session else 'stranger'}"

    found = holes(small.app)
    assert {(method, endpoint) for method, _, endpoint, *_ in found} == {("GET", "welcome")}
    assert {answered for *_, answered in found} == {"200, with words that are for every factor"}


def test_a_view_that_takes_options_past_login_required_is_found(small: Host) -> None:
    @small.app.route("/figures", methods=["GET", "OPTIONS"])
    @login_required
    def figures() -> str:
        return "<h1>Turnover</h1> 42 millions"

    assert holes(small.app) == [
        ("OPTIONS", "/figures", "figures", "a stranger", "200, with what the other methods guard"),
    ]


def test_what_the_first_request_takes_away_is_found_all_the_same(small: Host) -> None:
    orders = set(range(100))

    @small.app.delete("/orders/<int:number>")
    def delete(number: int) -> Any:
        if "_user_id" not in session:
            return redirect("/me")
        return abort(404) if number not in orders else (orders.remove(number) or "deleted")  # type: ignore[func-returns-value]

    found = holes(small.app, values={"number": 7})
    assert [(method, way) for method, _, _, way, _ in found if way in FORWARD] == [("DELETE", "the password alone")]


def test_a_remember_cookie_that_a_view_believes_itself_is_found(small: Host) -> None:
    @small.app.get("/again")
    def again() -> str:
        return "welcome back" if current_user.is_authenticated or "remember_token" in request.cookies else abort(401)

    assert {way for *_, way, _ in holes(small.app)} == {"a remember cookie"}


@pytest.mark.requirement("FLG-04")
def test_an_exempt_request_loader_is_a_door_and_what_it_opens_is_found(small: Host) -> None:
    small.two_factor.request_exemption(manager_of(small.app)._request_callback)
    assert walk(small.app).doors == ("by_token",), "nobody knocked"
    found = holes(small.app, headers={"X-Token": "alice"})
    assert {(endpoint, way) for _, _, endpoint, way, _ in found} == {("me", "the headers of a request_loader")}


def test_what_an_exempt_request_loader_may_open_can_be_said(small: Host) -> None:
    small.two_factor.request_exemption(manager_of(small.app)._request_callback)
    small.app.add_url_rule("/other", "other", login_required(lambda: "other"))
    found = holes(small.app, headers={"X-Token": "alice"}, doors={"me"})
    assert {endpoint for _, _, endpoint, *_ in found} == {"other"}
    assert walk(small.app, headers={"X-Token": "alice"}, doors={"me", "other"}).doors == ("by_token",)


def test_headers_that_no_request_loader_knows_the_account_by_are_an_error(small: Host) -> None:
    for headers in ({"X-Token": "bob"}, {"X-Token": "nobody"}, {"Authorization": "alice"}):
        with pytest.raises(ValueError, match="does not find this account"):
            walk(small.app, headers=headers)


def test_a_gate_that_the_console_took_off_is_found(small: Host) -> None:
    small.person().get("/me")
    manager: LoginManager = manager_of(small.app)
    manager._load_user = LoginManager._load_user.__get__(manager)
    found = holes(small.app)
    assert ("any", "current_user", "", "the password alone", "is logged in") in found
    assert {way for _, _, endpoint, way, _ in found if endpoint == "me"} == {*FORWARD, *DEAD}


def test_a_gate_that_lets_a_half_session_pass_is_found(small: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "of_note", lambda *_: "in")
    found = holes(small.app)
    assert (
        "GET",
        "/me",
        "me",
        "the password alone",
        "200; a stranger 302 to /two-factor/identify, every factor 200",
    ) in found
    assert {way for _, rule, _, way, _ in found if rule == "current_user"} >= {"the password alone"}


def test_a_gate_that_forgets_to_ask_for_the_mark_s_row_is_found(small: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "of_note", lambda _s, _u, _g, note: "out" if note.id else "in")
    assert {way for *_, way, _ in holes(small.app)} >= set(DEAD)


# --- what is public


def test_public_routes_may_be_named_and_every_other_is_then_a_failure(small: Host) -> None:
    for name in ("about", "contact"):
        small.app.add_url_rule(f"/{name}", name, lambda: "for everybody", methods=["GET", "POST"])
    assert holes(small.app, public={"about"}) == [
        ("GET, POST", "/contact", "contact", "a stranger", "200, and it is not in public="),
    ]
    assert walk(small.app, public={"about", "contact", "me"}).public == {"about", "contact"}


# --- how routes are asked for


class Even(BaseConverter):
    """A kind of the console's own."""

    regex = "[02468]+"

    def to_url(self, value: Any) -> str:
        return str(value * 2)


def asked(app: Flask, **options: Any) -> set[tuple[str, str]]:
    """Give what strangers and the others were sent to ask for: method and URL."""
    seen = set()

    @app.after_request
    def note(response: Response) -> Response:
        if request.endpoint == "shown":
            seen.add((request.method, request.url))
        return response

    walk(app, **options)
    return seen


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("<x>", "a"),
        ("<string(length=3):x>", "aaa"),
        ("<string(minlength=2):x>", "aa"),
        ("<path:x>", "a"),
        ("<int:x>", "1"),
        ("<int(min=20):x>", "20"),
        ("<int(fixed_digits=4):x>", "0001"),
        ("<float:x>", "1.0"),
        ("<uuid:x>", "00000000-0000-0000-0000-000000000001"),
        ("<any(north, east):x>", "east"),
    ],
)
def test_variables_are_given_values_of_their_kind(small: Host, variable: str, value: str) -> None:
    small.app.add_url_rule(f"/shown/{variable}", "shown", lambda x: str(x))
    assert ("GET", f"http://localhost/shown/{value}") in asked(small.app)


def test_values_can_be_said_and_one_of_a_kind_of_the_console_s_own_must_be(small: Host) -> None:
    small.app.url_map.converters["even"] = Even
    small.app.add_url_rule("/shown/<even:number>/<name>", "shown", lambda number, name: f"{number} {name}")
    seen = asked(small.app, values={"number": 3, "name": "x y", "unknown": 1})
    assert ("GET", "http://localhost/shown/6/x%20y") in seen
    with pytest.raises(ValueError, match=r"<number> of '/shown/<even:number>/<name>'"):
        walk(small.app)


def test_each_method_is_asked_for_and_those_alone_that_are_wanted(small: Host) -> None:
    every = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    small.app.add_url_rule("/shown", "shown", lambda: "shown", methods=every)
    of_all = {method for method, url in asked(small.app) if url.endswith("/shown")}
    assert of_all == {*every, "HEAD"}


def test_methods_can_be_restricted(small: Host) -> None:
    small.app.add_url_rule("/shown", "shown", lambda: "shown", methods=["GET", "POST"])
    assert {method for method, _ in asked(small.app, methods={"GET"})} == {"GET"}


def test_endpoints_can_be_skipped(small: Host) -> None:
    small.app.add_url_rule("/shown", "shown", lambda: session["_user_id"])
    assert {url for _, url in asked(small.app, skip={"shown"})} == set()


def test_a_rule_with_defaults_is_asked_for_as_it_is_written(small: Host) -> None:
    small.app.add_url_rule("/shown", "shown", lambda page: str(page), defaults={"page": 3})
    small.app.add_url_rule("/shown/<int:page>", "shown")
    urls = {url for _, url in asked(small.app)}
    assert urls == {"http://localhost/shown", "http://localhost/shown/1"}


def test_a_hole_on_a_subdomain_is_found_there(make_small: Callable[..., Host]) -> None:
    host = make_small(
        subdomain_matching=True,
        SERVER_NAME="example.org",
        SESSION_COOKIE_DOMAIN="example.org",
        REMEMBER_COOKIE_DOMAIN="example.org",
    )
    host.app.add_url_rule("/shown", "shown", lambda: session.get("_user_id", ""), subdomain="api")
    assert {(endpoint, way) for _, _, endpoint, way, _ in holes(host.app)} == {
        ("shown", way) for way in ("the password alone", *DEAD)
    }


# --- what cannot be walked


def test_an_account_that_cannot_be_logged_in_is_an_error_and_no_clean_bill(small: Host) -> None:
    manager_of(small.app).user_loader(lambda _: None)
    with pytest.raises(AssertionError, match="nothing to compare with"):
        walk(small.app)


def test_a_console_that_is_not_wired_is_an_error_and_no_clean_bill(tmp_path: Path) -> None:
    app = Flask("bare", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY=SECRET_KEY, TESTING=True)
    TwoFactor(app).user_lookup(lambda name: None)
    with pytest.raises(LookupError):
        walk(app, "alice")


def test_a_console_whose_pages_fail_is_an_error_and_no_clean_bill(small: Host) -> None:
    @small.app.before_request
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(AssertionError, match="answers 500"):
        walk(small.app)


@pytest.mark.requirement("LOG-02")
def test_the_table_shows_no_cookie_and_no_token(small: Host) -> None:
    @small.app.get("/own")
    def own() -> Any:
        return redirect(f"/own?token={session['_twofactor_note']}") if "_twofactor_note" in session else redirect("/x")

    small.app.add_url_rule("/all", "all", lambda: session["_user_id"] if session else abort(401))
    with pytest.raises(AssertionError) as error:
        walk(small.app)
    client = two_factor_client(small.app)
    client.login("alice")
    with client.session_transaction() as kept:
        assert kept["_twofactor_mark"] not in str(error.value)
    assert "token" not in str(error.value)

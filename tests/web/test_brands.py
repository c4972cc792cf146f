"""Brands: what a brand changes of the pages and the authenticator, and that it changes nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from flask import Response, session
from jinja2 import DictLoader
from werkzeug.test import TestResponse

from flask_twofactor import Brand, Colours, TwoFactor
from flask_twofactor.core.palettes import stylesheet
from flask_twofactor.errors import WiringError
from flask_twofactor.web import pages
from tests.support.host import Host, Person
from tests.support.watching import bare, ghost, state_of
from tests.web.test_pages import Document, with_templates

MakeApp = Callable[..., Host]
NORTH = Brand("north", "North Wind", "North", colours=Colours("#0a7d5a"), logo="/north.svg", logo_dark="/night.svg")
SOUTH = Brand("south", "South Sea", "South", colours=Colours("#ffcc00", surface_dark="#101010"))
WEST = Brand("west", "West Bank", "West")
OURS = Path(__file__).parents[2] / "flask_twofactor/templates/twofactor"
PAGES = sorted(path.stem for path in OURS.glob("*.html") if path.stem not in ("base", "_macros", "_panel"))


class Chosen:
    """A console with three brands, and which of them the next request has."""

    def __init__(self, make_app: MakeApp, **config: Any) -> None:
        self.key: str | Brand | None = "north"

        def wire(two_factor: TwoFactor) -> None:
            two_factor.brand_select(lambda: self.key)

        self.host = make_app(wire=wire, brands=[NORTH, SOUTH, WEST], **config)


@pytest.fixture
def chosen(make_app: MakeApp) -> Chosen:
    return Chosen(make_app)


def sheets(page: TestResponse) -> list[str]:
    """Give the stylesheets that a page links, in their order."""
    links = [link for link in Document(page).tags("link") if link.get("rel") == "stylesheet"]
    return [link.get("href") or "" for link in links]


def label_and_issuer(page: TestResponse) -> tuple[str, str]:
    link = urlsplit(unescape(re.findall(r'href="(otpauth://[^"]+)"', page.text)[0]))
    return unquote(link.path), link.query


# Its templates


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_looked_up_brand_first_then_host_then_ours(make_app: MakeApp, name: str) -> None:
    host = make_app(brands=[NORTH])
    found = []
    for templates in (
        {f"twofactor/brands/north/{name}.html": "the brand's", f"twofactor/{name}.html": "the host's"},
        {f"twofactor/{name}.html": "the host's", f"twofactor/brands/south/{name}.html": "another's"},
    ):
        host.app.jinja_loader = DictLoader(templates)
        host.app.jinja_env.cache.clear()  # type: ignore[union-attr]
        with host.app.test_request_context():
            found.append(pages.render(name).get_data(as_text=True))
    assert found == ["the brand's", "the host's"]


def test_the_panel_of_a_brand_is_in_our_page_and_in_the_host_s(chosen: Chosen) -> None:
    with_templates(chosen.host, twofactor__brands__north___panel="{{ twofactor.brand.name }}'s panel")
    person = chosen.host.person()
    person.log_in("bob")
    for path in ("/two-factor/settings", "/profile"):
        chosen.key = "north"
        assert "North Wind&#39;s panel" in person.get(path).text or "North Wind's panel" in person.get(path).text
        chosen.key = "south"
        assert 'id="tf-panel"' in person.get(path).text


@pytest.mark.parametrize("layout", [None, "console.html"])
def test_the_layout_of_a_brand_is_preferred_to_the_host_s_and_to_ours(make_app: MakeApp, layout: str | None) -> None:
    chosen = Chosen(make_app, **({"TWOFACTOR_BASE_TEMPLATE": layout} if layout else {}))
    block = "{% block content %}{% endblock %}"
    with_templates(chosen.host, console=f"<p id=console>{block}", twofactor__brands__north__base=f"<p id=north>{block}")
    page = chosen.host.person().get("/two-factor/identify")
    assert page.text.startswith("<p id=north>")
    assert 'name="identifier"' in page.text
    assert [urlsplit(sheet).path.rpartition("/")[2] for sheet in sheets(page)] == ["twofactor.css", "north.css"]
    chosen.key = "south"
    other = chosen.host.person().get("/two-factor/identify").text
    assert other.startswith("<p id=console>" if layout else "<!doctype html>")


def test_a_layout_of_a_brand_may_extend_ours(chosen: Chosen) -> None:
    text = '{% extends "twofactor/default/base.html" %}{% block footer %}<footer>Made up north</footer>{% endblock %}'
    with_templates(chosen.host, twofactor__brands__north__base=text)
    page = chosen.host.person().get("/two-factor/identify")
    assert "Made up north" in page.text
    assert 'class="tf-logo"' in page.text


def test_macros_of_a_brand_draw_the_fields_of_every_page(chosen: Chosen) -> None:
    macros = (OURS / "_macros.html").read_text(encoding="utf-8").replace("{{ css.field }}", "{{ css.field }} north")
    with_templates(chosen.host, twofactor__brands__north___macros=macros)
    chosen.host.enroll("alice")
    person = chosen.host.person()
    for key, there in (("north", True), ("south", False)):
        chosen.key = key
        for page in (person.get("/two-factor/identify"), person.identify("alice")):
            assert ('class="tf-field north"' in page.text) is there


def test_a_template_of_a_brand_that_cannot_be_read_is_an_error_and_not_passed_over(chosen: Chosen) -> None:
    with_templates(chosen.host, twofactor__brands__north__base="{% if %}")
    with pytest.raises(Exception, match="Expected an expression"):
        chosen.host.person().get("/two-factor/identify")


# Its logo


def test_the_logo_of_a_brand_is_named_and_has_one_for_the_dark_scheme(chosen: Chosen) -> None:
    document = Document(chosen.host.person().get("/two-factor/identify"))
    (logo,) = document.tags("img")
    assert (logo.get("src"), logo.get("alt")) == ("/north.svg", "North Wind")
    (dark,) = document.tags("source")
    assert (dark.get("srcset"), dark.get("media")) == ("/night.svg", "(prefers-color-scheme: dark)")
    chosen.key = Brand("east", "East", "East", logo="/east.svg")
    document = Document(chosen.host.person().get("/two-factor/identify"))
    assert [logo.get("src") for logo in document.tags("img")] == ["/east.svg"]
    assert not document.tags("source")


# Its colours


def test_the_colours_of_a_brand_are_linked_after_ours_and_only_where_it_has_some(chosen: Chosen) -> None:
    person = chosen.host.person()
    ours, theirs = sheets(person.get("/two-factor/identify"))
    assert ours.endswith("/twofactor.css")
    assert re.fullmatch(r"/two-factor/brand/north\.css\?v=[0-9a-f]{16}", theirs)
    chosen.key = "west"
    assert sheets(person.get("/two-factor/identify")) == [ours]


def test_they_are_linked_by_the_panel_and_by_pages_in_a_layout_of_the_host_too(make_app: MakeApp) -> None:
    chosen = Chosen(make_app, TWOFACTOR_BASE_TEMPLATE="console.html")
    with_templates(chosen.host, console="<title>x</title>{% block content %}{% endblock %}")
    person = chosen.host.person()
    person.log_in("bob")
    for path in ("/profile", "/two-factor/setup"):
        assert [urlsplit(sheet).path.rpartition("/")[2] for sheet in sheets(person.get(path))] == [
            "twofactor.css",
            "north.css",
        ]


def test_the_stylesheet_may_be_kept_for_good_by_everybody(chosen: Chosen) -> None:
    person = chosen.host.person()
    answer = person.get(sheets(person.get("/two-factor/identify"))[1])
    assert (answer.status_code, answer.mimetype) == (200, "text/css")
    assert NORTH.colours is not None
    assert answer.text == stylesheet(NORTH.colours)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789abcdef"])
def test_under_an_older_address_it_is_asked_for_again(chosen: Chosen, query: str) -> None:
    answer = chosen.host.person().get(f"/two-factor/brand/north.css{query}")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = chosen.host.person().get(
        f"/two-factor/brand/north.css{query}", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert (again.status_code, again.text) == (304, "")


def test_each_brand_has_colours_of_its_own_whichever_the_request_has(chosen: Chosen) -> None:
    person = chosen.host.person()
    assert "#0a7d5a" in person.get("/two-factor/brand/north.css").text
    assert "#ffcc00" in person.get("/two-factor/brand/south.css").text


@pytest.mark.parametrize("key", ["west", "default", "NORTH", "..%2f..%2fnorth", "north.css", "%00"])
def test_a_brand_without_colours_and_one_that_is_none_are_not_found(chosen: Chosen, key: str) -> None:
    answer = chosen.host.person().get(f"/two-factor/brand/{key}.css")
    assert (answer.status_code, answer.mimetype) == (404, "text/plain" if "/" not in unquote(key) else "text/html")


def test_it_says_nothing_of_a_session_and_sets_no_cookie_whatever_the_host_does(chosen: Chosen) -> None:
    @chosen.host.app.before_request
    def keep_alive() -> None:
        session.permanent = True
        session["seen"] = session.get("seen", 0) + 1

    person = chosen.host.person()
    person.log_in("bob")
    for path in ("/two-factor/brand/north.css", "/two-factor/brand/north.css?v=1"):
        answer = person.get(path)
        assert "Set-Cookie" not in answer.headers
        assert "Vary" not in answer.headers
    assert "Set-Cookie" in person.get("/me").headers


def test_where_responses_are_of_a_class_of_the_host_s_no_shared_cache_keeps_it(chosen: Chosen) -> None:
    class Mine(Response):
        pass

    url = sheets(chosen.host.person().get("/two-factor/identify"))[1]
    chosen.host.app.response_class = Mine
    assert chosen.host.person().get(url).headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_it_opens_to_strangers_and_to_who_owes_the_code(chosen: Chosen) -> None:
    chosen.host.enroll("alice")
    owing = chosen.host.person()
    owing.legacy("alice")
    assert owing.get("/two-factor/brand/north.css").status_code == 200
    assert owing.me is None


def test_it_reads_no_store(chosen: Chosen) -> None:
    chosen.host.person().get("/two-factor/identify")
    state_of(chosen.host).__dict__["store"] = None
    assert chosen.host.person().get("/two-factor/brand/north.css").status_code == 200


def test_a_console_of_one_brand_has_it_without_choosing(make_app: MakeApp) -> None:
    host = make_app(brands=[NORTH])
    page = host.person().get("/two-factor/identify")
    assert "North Wind" in page.text
    assert host.person().get(sheets(page)[1]).status_code == 200


# What cannot be a brand


@pytest.mark.parametrize("key", ["", " ", "a b", "..", "a/b", "a\\b", "north.", "-x", "ü", "a\n", "a" * 65, None, 7])
def test_a_key_that_names_no_folder_is_an_error_that_shows_one(key: Any) -> None:
    with pytest.raises(WiringError, match=r'(?s)names a folder.*\n    Brand\("harbor", '):
        Brand(key, "North", "North")


@pytest.mark.parametrize("given", [("north", "", "North"), ("north", "North", " "), ("north", None, "North")])
def test_a_brand_without_a_name_or_an_issuer_is_an_error(given: tuple[Any, Any, Any]) -> None:
    with pytest.raises(WiringError, match=r"the brand north has no (name|issuer)"):
        Brand(*given)


def test_colours_of_another_kind_are_an_error_that_shows_how_they_are_given() -> None:
    with pytest.raises(WiringError, match=r"(?s)no Colours.*Colours\(\*\*mapping\)"):
        Brand("north", "North", "North", colours={"accent": "#000"})  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [("north", "north"), ("north", "North")])
def test_two_brands_of_one_key_are_an_error(keys: tuple[str, str]) -> None:
    with pytest.raises(WiringError, match="two brands have the key"):
        TwoFactor(brands=[Brand(key, "North", "North") for key in keys])


def test_what_is_no_brand_is_an_error() -> None:
    with pytest.raises(WiringError, match=r"brands= takes Brand\(\.\.\.\), not str"):
        TwoFactor(brands=["north"])  # type: ignore[list-item]


def test_colours_that_no_request_could_find_are_an_error_at_the_first_page(chosen: Chosen) -> None:
    chosen.key = Brand("east", "East", "East", colours=Colours("#000"))
    with pytest.raises(WiringError, match=r"(?s)the brand east.*TwoFactor\(app, brands="):
        chosen.host.person().get("/two-factor/identify")


# The authenticator


@pytest.mark.parametrize(("key", "issuer"), [("north", "North"), ("south", "South"), (None, "host")])
def test_the_authenticator_names_the_brand_at_which_the_set_up_is_opened(
    chosen: Chosen, key: str | None, issuer: str
) -> None:
    person = chosen.host.person()
    person.log_in("bob")
    chosen.key = key
    page = person.begin_setup()
    label, query = label_and_issuer(page)
    assert label == f"/{issuer}:bob"
    assert f"issuer={issuer}" in query
    assert f"shown next to <bdi>{issuer}</bdi>" in page.text


def test_a_key_that_is_made_from_python_names_the_brand_of_its_request(chosen: Chosen) -> None:
    chosen.key = "south"
    with chosen.host.app.test_request_context():
        assert chosen.host.two_factor.enroll(chosen.host.users["bob"]).startswith("otpauth://totp/South:bob")


# What a brand never changes


def test_who_is_in_at_one_brand_is_in_at_all_of_them_and_out_at_all(chosen: Chosen) -> None:
    chosen.host.enroll("alice")
    person = chosen.host.person()
    person.log_in("alice")
    for key in ("north", "south", "west", None):
        chosen.key = key
        assert person.me == "alice"
    person.get("/logout")
    for key in ("north", "south", "west", None):
        chosen.key = key
        assert person.me is None


def test_a_log_in_that_was_begun_at_one_brand_is_completed_at_another(chosen: Chosen) -> None:
    chosen.host.enroll("alice")
    person = chosen.host.person()
    person.identify("alice")
    chosen.key = "south"
    person.credential("alice-password", chosen.host.code("alice"))
    assert person.me == "alice"
    before = person.cookies()
    chosen.key = "west"
    copied = chosen.host.person()
    copied.use_cookies(before)
    assert copied.me == "alice"


def test_a_code_that_was_spent_at_one_brand_is_spent_at_all(chosen: Chosen) -> None:
    chosen.host.enroll("alice")
    chosen.host.person().log_in("alice")
    chosen.key = "south"
    second = chosen.host.person()
    second.log_in("alice")
    assert second.me is None


def test_who_owes_the_code_owes_it_at_every_brand(chosen: Chosen) -> None:
    chosen.host.enroll("alice")
    person = chosen.host.person()
    person.legacy("alice")
    for key in ("north", "south", None):
        chosen.key = key
        answer = person.get("/me")
        assert urlsplit(answer.location or "").path == "/two-factor/challenge"


def test_a_name_is_shown_the_same_page_at_every_brand(chosen: Chosen) -> None:
    """Decoys too: a brand that showed another would tell which names have an account."""
    chosen.host.enroll("alice")
    names = ["alice", "bob", *(f"nobody{number}" for number in range(20))]
    asked: dict[str | None, list[bool]] = {}
    for key in ("north", "south", None):
        chosen.key = key
        people = [(name, chosen.host.person(REMOTE_ADDR=f"192.0.2.{number}")) for number, name in enumerate(names)]
        asked[key] = ['name="code"' in person.identify(name).text for name, person in people]
    assert asked["north"] == asked["south"] == asked[None]
    assert asked["north"][:2] == [True, False]
    assert {True, False} <= set(asked["north"][2:])


def test_a_name_without_an_account_is_answered_as_one_with_it_at_each_brand(chosen: Chosen) -> None:
    chosen.host.enroll("alice")
    absent = ghost(chosen.host, box=True)
    for key in ("north", "south", "west"):
        chosen.key = key
        real, decoy = (bare(chosen.host.person().identify(name), name)[2] for name in ("alice", absent))
        assert real == decoy


def test_wrong_answers_at_one_brand_count_at_the_others(chosen: Chosen) -> None:
    def refused_after(person: Person, keys: list[str]) -> int:
        for count, key in enumerate(keys, 1):
            chosen.key = key
            person.identify("carol")
            if person.credential("wrong").status_code == 429:
                return count
        return 0

    at_one = refused_after(chosen.host.person(REMOTE_ADDR="192.0.2.1"), ["north"] * 40)
    chosen.host.clock.move(2 * 86400)
    at_many = refused_after(chosen.host.person(REMOTE_ADDR="192.0.2.2"), ["north", "south", "west", "south"] * 10)
    assert at_one == at_many > 0


# In debug mode, on the page


LOST = '{% extends "twofactor/default/challenge.html" %}{% block tf_fields %}{% endblock %}'


def owing(host: Host) -> TestResponse:
    host.enroll("alice")
    person = host.person()
    person.legacy("alice")
    return person.get("/two-factor/challenge")


def test_a_template_without_a_field_is_told_on_the_page_in_debug_mode(chosen: Chosen) -> None:
    chosen.host.app.debug = True
    with_templates(chosen.host, twofactor__brands__north__challenge=LOST)
    page = owing(chosen.host)
    note = Document(page).with_id("tf-debug")
    assert note.get("class") == "tf-debug"
    assert "twofactor/brands/north/challenge.html has no field code" in note.text
    assert "twofactor.form.code()" in note.text
    assert page.text.index("tf-debug") < page.text.index("tf-header")
    assert "style=" not in page.text


def test_in_production_nothing_is_said_of_it(chosen: Chosen) -> None:
    with_templates(chosen.host, twofactor__brands__north__challenge=LOST)
    assert "tf-debug" not in owing(chosen.host).text


def test_a_token_that_is_not_posted_is_told_too_and_a_page_without_a_body_as_well(chosen: Chosen) -> None:
    chosen.host.app.debug = True
    with_templates(chosen.host, twofactor__identify='<form><input name="identifier"></form>')
    page = chosen.host.person().get("/two-factor/identify")
    assert page.text.startswith('<div class="tf-debug"')
    assert "twofactor/identify.html has no field csrf_token" in Document(page).with_id("tf-debug").text


def test_our_own_pages_have_no_such_note(chosen: Chosen) -> None:
    chosen.host.app.debug = True
    host = chosen.host
    assert "tf-debug" not in owing(host).text
    person = host.person()
    seen = [person.get("/two-factor/identify"), person.identify("alice"), person.identify("bob")]
    seen.append(person.get("/two-factor/credential?kind=recovery"))
    person.credential("bob-password")
    seen += [person.get(f"/two-factor/{page}") for page in ("settings", "setup", "sessions", "activity", "password")]
    assert [page.status_code for page in seen] == [200] * len(seen)
    assert not [page for page in seen if "tf-debug" in page.text]


def test_a_page_that_needs_no_form_is_not_asked_for_one(make_app: MakeApp) -> None:
    host = make_app(wire=lambda two_factor: two_factor.requirement(lambda user: True))
    host.app.debug = True
    host.enroll("alice")
    person = host.person()
    person.log_in("alice")
    page = person.get("/two-factor/manage")
    assert "required for your account" in page.text
    assert "tf-debug" not in page.text

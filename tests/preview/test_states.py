"""The states: every page, template, value and text is in one of them, and nothing in them is anybody's."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from flask_babel import Babel

from flask_twofactor import Brand, Colours
from flask_twofactor.preview.gallery import Gallery
from flask_twofactor.preview.states import JOURNEYS, STATES
from flask_twofactor.web import pages
from tests.support.catalogues import KEYWORDS, METHODS, PACKAGE, read
from tests.support.contract import documented_values
from tests.support.described import TEMPLATES
from tests.support.host import Host, make_host
from tests.support.watching import state_of

Drawn = dict[tuple[str, str], str]
"""Pages by page and name."""
PARTS = ("_macros", "_panel", "base")
OUTSIDE = ("forget_browser", "log_out")
"""Endpoints that show no page."""
BRAND = Brand("northlight", "Northlight", "Northlight", "/logo.svg", Colours("#0a7d5a"), "/open")


def previewed(host: Host) -> Gallery:
    """Give the gallery of a console with Flask-Babel."""
    Babel(host.app)
    return Gallery(host.app)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Drawn]:
    """Give every page in every state, in a language."""
    gallery = previewed(make_host(tmp_path_factory.mktemp("drawn"), brands=[BRAND]))

    @cache
    def draw(language: str) -> Drawn:
        made = {(one.page, one.name): gallery.draw(one, BRAND.key, language) for one in STATES}
        return {key: page.get_data(as_text=True) for key, page in made.items()}

    return draw


def test_every_page_of_the_blueprint_and_every_template_has_a_state(host: Host) -> None:
    shown = {one.page for one in STATES}
    rules = [rule for rule in host.app.url_map.iter_rules() if rule.endpoint.startswith("twofactor.")]
    endpoints = {rule.endpoint.removeprefix("twofactor.") for rule in rules if not rule.arguments}
    assert endpoints - set(OUTSIDE) == shown - {"problem"}
    assert {path.stem for path in TEMPLATES.glob("*.html")} - {*PARTS, *shown} == set()


def test_a_state_has_an_address_of_its_own_and_the_states_of_a_page_stand_together() -> None:
    keys = [(one.page, one.name) for one in STATES]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for _, name in keys)
    turns = [page for at, (page, _) in enumerate(keys) if at == 0 or keys[at - 1][0] != page]
    assert len(turns) == len(set(turns))
    assert sum(len(states) for _, states in JOURNEYS) == len(STATES)


def test_every_status_of_a_problem_has_a_state() -> None:
    assert {one.status for one in STATES if one.page == "problem"} == set(pages._PROBLEMS)


def test_every_state_is_answered_with_its_status(host: Host) -> None:
    gallery = previewed(host)
    assert not [one for one in STATES if gallery.draw(one, "default", "en").status_code != one.status]


def test_no_two_states_of_a_page_look_the_same(drawn: Callable[[str], Drawn]) -> None:
    found = drawn("en")
    assert len({(page, text) for (page, _), text in found.items()}) == len(found)


# --- what a page is given


def given(host: Host, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, bool]]:
    """Draw every state; give the names of the values of each page, and whether there was something in some state."""
    found: dict[str, dict[str, bool]] = {one.page: {} for one in STATES}

    class Kept(pages.Page):
        def __init__(self, page: str, *arguments: Any, **values: Any) -> None:
            super().__init__(page, *arguments, **values)
            for name in (name for name in dir(self) if not name.startswith("_")):
                found[page][name] = found[page].get(name, False) or bool(getattr(self, name))

    monkeypatch.setattr(pages, "Page", Kept)
    gallery = previewed(host)
    for one in STATES:
        gallery.draw(one, BRAND.key, "en")
    return found


def test_every_value_of_the_contract_is_something_in_some_state_of_its_page(
    make_app: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = {"TWOFACTOR_TEMPLATE_SET": "bootstrap5", "TWOFACTOR_BOOTSTRAP_CSS": "/static/bootstrap.css"}
    found = given(make_app(brands=[BRAND], **sheet), monkeypatch)
    filled = {page: {name for name, there in values.items() if there} for page, values in found.items()}
    filled["all"] = set.intersection(*filled.values())
    filled["_panel"] = filled["settings"]
    missing = {page: names - filled[page] for page, names in documented_values().items()}
    assert {page: names for page, names in missing.items() if names} == {}


def test_a_page_is_given_what_its_view_gives_it(make_app: Callable[..., Host], monkeypatch: pytest.MonkeyPatch) -> None:
    found = given(make_app(brands=[BRAND]), monkeypatch)
    named: dict[str, set[str]] = {}
    for path in (PACKAGE / "web").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "render":
                page = getattr(node.args[0], "value", "")
                named[page] = {keyword.arg for keyword in node.keywords if keyword.arg}
    assert set(named) == set(found)
    assert {page: names - set(found[page]) for page, names in named.items() if names - set(found[page])} == {}


# --- what it says


def texts_of_templates() -> list[tuple[str, ...]]:
    """Give what templates say, one or several forms each."""
    found = extract_from_dir(PACKAGE, METHODS, keywords=KEYWORDS)
    return [text if isinstance(text, tuple) else (text,) for name, _, text, _, _ in found if name.endswith(".html")]


def segments(text: str) -> list[str]:
    """Cut a text where something is filled in."""
    return [one for one in re.split(r"%\(\w+\)s|</?a>", text) if one.strip()]


def is_shown(text: str, shown: list[str]) -> bool:
    return any(all(part in page for part in segments(text)) for page in shown)


def test_every_text_of_our_templates_is_shown_in_some_state(drawn: Callable[[str], Drawn]) -> None:
    shown = list(drawn("en").values())
    texts = texts_of_templates()
    assert len(texts) > 100
    missing = [forms for forms in texts if not any(is_shown(one, shown) for one in forms)]
    assert missing == [("Please check what you entered.",)]  # for views that name no error: ours do


@pytest.mark.parametrize("language", ["de", "ar"])
def test_nothing_is_in_english_where_the_language_has_it(drawn: Callable[[str], Drawn], language: str) -> None:
    long_ones = {
        str(message.id)
        for message in read(language)
        if message.id and not message.pluralizable and message.string != message.id and len(str(message.id)) > 12
    }
    assert len(long_ones) > 100
    left = {key: [text for text in long_ones if f">{text}<" in page] for key, page in drawn(language).items()}
    assert {key: texts for key, texts in left.items() if texts} == {}


@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_nothing_is_left_open_and_no_id_is_there_twice(drawn: Callable[[str], Drawn], language: str) -> None:
    direction = "rtl" if language == "ar" else "ltr"
    for key, page in drawn(language).items():
        words = html.unescape(re.sub(r"<[^>]+>", " ", page))
        ids = re.findall(r' id="([^"]*)"', page)
        assert f'<html lang="{language}" dir="{direction}">' in page, key
        assert not re.search(r"%\(|\bNone\b(?!\. To)|\bUndefined\b|\{\{|&lt;", words), key
        assert len(ids) == len(set(ids)), key


# --- what it leaves alone


def test_no_state_asks_for_a_store_a_session_or_a_secret(host: Host, tmp_path: Path) -> None:
    asked: list[str] = []
    state = state_of(host)
    object.__setattr__(state, "make_store", lambda: asked.append("store"))
    object.__setattr__(state, "make_storage", lambda: asked.append("counters"))
    object.__setattr__(state, "key_source", lambda: asked.append("keys"))
    before = sorted(tmp_path.rglob("*"))
    gallery = previewed(host)
    answers = [gallery.draw(one, "default", "en") for one in STATES]
    assert asked == []
    assert sorted(tmp_path.rglob("*")) == before
    assert not [answer for answer in answers if "Set-Cookie" in answer.headers]


@pytest.mark.parametrize("step", ["session", "form"])
def test_the_token_of_a_form_is_no_token(make_app: Callable[..., Host], step: str) -> None:
    host = make_app(TWOFACTOR_STEP=step)
    gallery = previewed(host)
    shown = next(one for one in STATES if one.page == "identify")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', gallery.draw(shown, "default", "en").get_data(True))
    assert token is not None
    app = make_app(TWOFACTOR_STEP=step).app
    sent = app.test_client().post("/two-factor/identify", data={"csrf_token": token[1], "identifier": "alice"})
    assert sent.status_code == 400

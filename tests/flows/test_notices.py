"""The words of each notice: the owner of an account reads nothing else."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import replace

import pytest

from flask_twofactor.core.records import Notice, Origin
from flask_twofactor.core.texts import ENGLISH, Language
from flask_twofactor.flows import notices
from flask_twofactor.flows.notices import tell
from flask_twofactor.state import State
from tests.support.host import Host

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
BODY = """Hello,

Somebody gave the right password and wrong codes for your account alice at Harbor, three times in a day.{more}

When: 15 January 2027, 08:00 UTC{where}

If this was not you, change your password now: it is only the code that has kept them out.
{help}"""
TITLES = {
    "enabled": "two-factor authentication was turned on",
    "disabled": "two-factor authentication was turned off",
    "reset": "two-factor authentication was reset by an administrator",
    "recovery-used": "a recovery code was used",
    "recovery-renewed": "new recovery codes were made",
    "new-browser": "a login with a new browser",
    "trusted-browser-added": "a browser is trusted",
    "authenticator-added": "an authenticator was added",
    "authenticator-removed": "an authenticator was removed",
    "rescue-issued": "a rescue code was made for you",
    "rescue-used": "a rescue code was used",
    "sessions-ended": "your other sessions were ended",
    "few": "somebody has your password",
    "many": "somebody has your password and goes on guessing codes",
    "stopped": "no code is accepted any more",
}


@pytest.fixture
def told(state: State) -> list[Notice]:
    """What the host's ``notify`` is given, of the brand Harbor."""
    given: list[Notice] = []
    state.hooks.notify = lambda user, notice: given.append(notice)
    brand = replace(state.brand_default, name="Harbor")
    object.__setattr__(state, "current_brand", lambda: brand)
    return given


@pytest.mark.requirement("ENR-12", "THR-11", "LIF-06")
@pytest.mark.parametrize("origin", [None, Origin("192.0.2.0/24", FIREFOX)])
@pytest.mark.parametrize("support_url", [None, "/help"])
@pytest.mark.parametrize("more", ["", "One sentence more."])
def test_a_notice_says_what_when_where_and_what_to_do(
    enrolled: Host, state: State, told: list[Notice], more: str, support_url: str | None, origin: Origin | None
) -> None:
    brand = replace(state.current_brand(), support_url=support_url)
    object.__setattr__(state, "current_brand", lambda: brand)
    object.__setattr__(state, "current_origin", lambda: origin)
    tell(state, enrolled.users["alice"], "few", lambda language: language.gettext(more))
    where = "\nNetwork: 192.0.2.0/24\nBrowser: Firefox on Linux" if origin else ""
    body = BODY.format(where=where, help=f"\nHelp: {support_url}\n" if support_url else "", more=more and f" {more}")
    assert told == [Notice("few", state.now, origin, "Harbor: somebody has your password", body)]


@pytest.mark.requirement("LIF-06", "ENR-12")
@pytest.mark.parametrize(("kind", "title"), TITLES.items())
def test_each_kind_has_a_title_says_of_which_account_and_what_to_do_where_it_was_somebody_else(
    enrolled: Host, state: State, told: list[Notice], kind: str, title: str
) -> None:
    tell(state, enrolled.users["alice"], kind)
    [notice] = told
    assert (notice.kind, notice.title) == (kind, f"Harbor: {title}")
    _, what, when, advice = notice.body.strip().split("\n\n")
    assert " account alice" in what
    assert "Harbor" in what
    assert when == "When: 15 January 2027, 08:00 UTC"
    assert advice.startswith("If ")
    assert "%" not in notice.title + notice.body


def test_every_kind_that_the_flows_name_has_words() -> None:
    named = {value for name, value in vars(notices).items() if name.isupper() and isinstance(value, str)}
    assert named <= set(TITLES)


class Bracketed(Language):
    """A language in which each text stands in brackets."""

    def gettext(self, text: str, **values: object) -> str:
        return f"<{super().gettext(text, **values)}>"


def test_words_are_looked_up_in_the_language_of_the_request(enrolled: Host, state: State, told: list[Notice]) -> None:
    waiting: list[Callable[[object], object]] = []
    object.__setattr__(state, "later", lambda user, work: waiting.append(work))
    object.__setattr__(state, "language", lambda tag: Bracketed())
    tell(state, enrolled.users["alice"], "reset")
    object.__setattr__(state, "language", lambda tag: ENGLISH)  # the request is over when it is delivered
    [deliver] = waiting
    deliver(enrolled.users["alice"])
    assert told[0].title == "<Harbor: two-factor authentication was reset by an administrator>"
    assert [part[:2] for part in told[0].body.split("\n\n")] == ["<H", "<T", "<W", "<I"]


def test_every_text_of_a_notice_is_marked_for_translators() -> None:
    tree = ast.parse(inspect.getsource(notices))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    words = [node for node in calls if getattr(node.func, "id", "") == "_Words"]
    assert len(words) == len(TITLES)
    for word in words:
        assert [getattr(getattr(part, "func", None), "id", "") for part in word.args] == ["marked"] * 3

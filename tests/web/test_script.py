"""The one script of the pages: its hash, where it is linked, and what it is told by the markup."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import DictLoader
from werkzeug.test import TestResponse

from flask_twofactor.web import script
from tests.support.host import Host
from tests.support.places import Place
from tests.web.test_headers import sheet, shown, throttled_challenge, throttled_credential
from tests.web.test_pages import Document, Element, challenge, credential, identify, logged_in, manage, setup

Shown = Callable[[Host], TestResponse]
SENDING: dict[str, Shown] = {
    "credential": credential,
    "challenge": challenge,
    "setup": setup,
    **{page: shown(page) for page in ("recovery", "add_authenticator", "new_authenticator")},
}
PRESSED: dict[str, Shown] = {
    "manage": manage,
    "remove_authenticator": shown("remove_authenticator"),
    "a recovery code": lambda host: logged_in(host, "alice").get("/two-factor/challenge?kind=recovery"),
}


def told(page: TestResponse, name: str) -> list[Element]:
    """Give what has a ``data-tf-*`` attribute."""
    return [element for element in Document(page).all if f"data-tf-{name}" in element.attributes]


def linked(page: TestResponse) -> Element:
    (element,) = Document(page).tags("script")
    return element


@pytest.mark.requirement("HDR-03")
def test_the_hash_in_the_page_is_that_of_the_file_as_it_is_served(host: Host) -> None:
    element = linked(identify(host))
    served = host.person().get(str(element.get("src")))
    assert served.status_code == 200
    assert served.mimetype in ("text/javascript", "application/javascript")
    kind, _, digest = str(element.get("integrity")).partition("-")
    assert kind == "sha384"
    assert b64decode(digest) == hashlib.sha384(served.data).digest()
    assert element.get("type") == "module"


def test_a_file_with_other_ends_of_line_has_its_own_hash_and_address(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = linked(identify(host))
    other = tmp_path / script.FILE.name
    other.write_bytes(script.FILE.read_bytes().replace(b"\n", b"\r\n"))
    monkeypatch.setattr(script, "FILE", other)
    element = linked(identify(host))
    digest = hashlib.sha384(other.read_bytes()).digest()
    assert element.get("integrity") == f"sha384-{b64encode(digest).decode()}"
    assert element.get("src") != usual.get("src")


def test_pages_go_without_a_script_whose_file_is_gone_and_the_log_says_so(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(script, "FILE", tmp_path / "twofactor.js")
    page = identify(host)
    assert page.status_code == 200
    assert not Document(page).tags("script")
    assert "twofactor.js cannot be read" in caplog.text


def test_the_script_is_small_and_builds_no_markup_sends_nothing_itself_and_loads_nothing() -> None:
    text = script.FILE.read_text(encoding="utf-8")
    assert len(text.encode()) < 4096
    for word in ("import", "eval", "Function(", "innerHTML", "insertAdjacent", "document.write", "fetch", "XMLHttp"):
        assert word not in text, word


@pytest.mark.parametrize("page", SENDING)
def test_a_code_box_may_send_itself(enrolled: Host, page: str) -> None:
    answer = SENDING[page](enrolled)
    (box,) = told(answer, "send")
    document = Document(answer)
    assert document.with_id(box.attributes["data-tf-send"]).get("name") == "code"
    assert "hidden" in box.attributes
    assert box.attributes["data-tf-sending"]
    choice = document.with_id("tf-send")
    assert (choice.get("type"), choice.get("name")) == ("checkbox", None)
    assert document.with_id("tf-send-text").text == "Send the code as soon as it is complete"


@pytest.mark.parametrize("page", PRESSED)
def test_what_takes_something_away_waits_for_a_press_and_so_does_a_recovery_code(enrolled: Host, page: str) -> None:
    answer = PRESSED[page](enrolled)
    assert Document(answer).named("code")
    assert told(answer, "send") == []


@pytest.mark.parametrize(("page", "source"), [(setup, "tf-key"), (sheet, "tf-codes")])
def test_what_is_to_be_kept_can_be_copied_and_the_codes_printed(enrolled: Host, page: Shown, source: str) -> None:
    answer = page(enrolled)
    (tools,) = told(answer, "tools")
    assert "hidden" in tools.attributes
    assert tools.attributes["data-tf-tools"] == source
    assert Document(answer).with_id(source).text.strip()
    assert len(told(answer, "copy")) == 1
    assert len(told(answer, "print")) == (source == "tf-codes")


@pytest.mark.parametrize("page", [throttled_credential, throttled_challenge])
def test_a_page_that_says_how_long_to_wait_tells_it_outside_of_the_alert(enrolled: Host, page: Shown) -> None:
    answer = page(enrolled)
    (line,) = told(answer, "countdown")
    assert line.attributes["data-tf-countdown"] == answer.headers["Retry-After"]
    assert line.attributes["data-tf-over"] == "You can try again now."
    assert "hidden" in line.attributes
    assert line not in Document(answer).with_id("tf-error").inside
    timer, end = (part for part in line.inside if part.tag == "span")
    assert (timer.get("role"), timer.get("aria-live")) == ("timer", None)  # a timer is not read out by itself
    assert end.get("aria-live") == "polite"


def test_a_page_with_another_error_counts_nothing_down(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice")
    assert told(person.credential("wrong", "000000"), "countdown") == []


def test_a_host_turns_the_script_and_all_that_it_would_show_off(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_SCRIPT=False)
    host.enroll("alice")
    for page in (identify, credential, setup, throttled_credential):
        answer = page(host)
        assert not Document(answer).tags("script")
        assert "data-tf-" not in answer.text


def test_a_layout_of_the_host_gets_the_script_with_our_page_and_none_with_the_panel(
    make_app: Callable[..., Host],
) -> None:
    host = make_app(TWOFACTOR_BASE_TEMPLATE="console.html")
    host.enroll("alice")
    layout = "<html lang='en'><title>x</title>{% block content %}{% endblock %}</html>"
    host.app.jinja_loader = DictLoader({"console.html": layout})
    for page in (identify(host), Place(host, "recovery").person.get("/two-factor/recovery")):
        assert linked(page).get("integrity") == linked(identify(host)).get("integrity")
    assert not Document(logged_in(host, "bob").get("/profile")).tags("script")

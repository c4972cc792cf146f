"""The markup of the pages, for people, screen readers and password managers; and how a host makes them its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from jinja2 import DictLoader
from werkzeug.test import TestResponse
from wtforms import StringField
from wtforms.validators import InputRequired

from flask_twofactor.core.records import Brand
from flask_twofactor.web.forms import IdentifyForm
from tests.support.host import Host, Person, alert, secret_on
from tests.support.watching import ghost

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    inside: list[Element] = field(default_factory=list)
    text: str = ""

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)


class Document(HTMLParser):
    """The elements of a page, each with the text and the elements inside it."""

    def __init__(self, page: TestResponse) -> None:
        super().__init__()
        self.all: list[Element] = []
        self._open: list[Element] = []
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.all.append(element)
        for outer in self._open:
            outer.inside.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index].tag == tag:
                del self._open[index:]
                return

    def handle_data(self, data: str) -> None:
        for outer in self._open:
            outer.text += data

    def with_id(self, name: str) -> Element:
        found = [element for element in self.all if element.get("id") == name]
        assert len(found) == 1, name
        return found[0]

    def named(self, name: str) -> Element:
        found = [box for box in self.all if box.get("name") == name and box.tag in ("input", "textarea")]
        assert len(found) == 1, name
        return found[0]

    def tags(self, tag: str) -> list[Element]:
        return [element for element in self.all if element.tag == tag]


def identify(host: Host) -> TestResponse:
    return host.person().get("/two-factor/identify")


def credential(host: Host) -> TestResponse:
    return host.person().identify("alice")


def credential_without_code(host: Host) -> TestResponse:
    return host.person().identify("bob")


def challenge(host: Host) -> TestResponse:
    person = host.person()
    person.legacy("alice")
    return person.get("/two-factor/challenge")


def logged_in(host: Host, name: str) -> Person:
    person = host.person()
    person.log_in(name)
    host.clock.move(30)
    return person


def setup(host: Host) -> TestResponse:
    return logged_in(host, "bob").get("/two-factor/setup")


def manage(host: Host) -> TestResponse:
    return logged_in(host, "alice").get("/two-factor/manage")


def step_up(host: Host) -> TestResponse:
    return logged_in(host, "bob").get("/two-factor/password")


def sessions(host: Host) -> TestResponse:
    return logged_in(host, "alice").get("/two-factor/sessions")


def activity(host: Host) -> TestResponse:
    return logged_in(host, "alice").get("/two-factor/activity")


def settings(host: Host) -> TestResponse:
    return logged_in(host, "bob").get("/two-factor/settings")


def rejected(page: str) -> Callable[[Host], TestResponse]:
    def ask(host: Host) -> TestResponse:
        person = host.person()
        if page == "credential":
            person.identify("alice")
        elif page == "challenge":
            person.legacy("alice")
        elif page != "identify":
            person = logged_in(host, "alice" if page == "manage" else "bob")
        fields = {"identifier": "", "password": "wrong", "code": "12345"}
        return person.post(f"/two-factor/{page}", **fields)

    return ask


def problem(host: Host) -> TestResponse:
    return host.person().client.post("/two-factor/identify", data={})


WITH_CODE = {"credential": credential, "challenge": challenge, "setup": setup, "manage": manage}
FORMS = {
    "identify": identify,
    "credential": credential,
    "credential without code": credential_without_code,
    "challenge": challenge,
    "setup": setup,
    "manage": manage,
    "password": step_up,
}
REJECTED = {page: rejected(page) for page in FORMS if " " not in page}
ALL = {
    **FORMS,
    "activity": activity,
    "sessions": sessions,
    "settings": settings,
    "problem": problem,
    **{f"{page} rejected": REJECTED[page] for page in REJECTED},
}


# Fields


@pytest.mark.requirement("ACC-01", "ACC-02")
@pytest.mark.parametrize("page", WITH_CODE)
def test_a_code_is_one_text_field_with_the_right_tokens(enrolled: Host, page: str) -> None:
    document = Document(WITH_CODE[page](enrolled))
    code = document.named("code")
    assert code.get("type") == "text"
    assert code.get("autocomplete") == "one-time-code"
    assert code.get("inputmode") == "numeric"
    assert "pattern" not in code.attributes
    assert int(code.get("maxlength") or "64") >= 7
    assert [box.get("name") for box in document.tags("input") if box.get("inputmode")] == ["code"]


@pytest.mark.requirement("ACC-01")
@pytest.mark.parametrize("gap", [" ", "\u00a0", "-", ""])
def test_a_code_with_a_gap_in_the_middle_logs_in(enrolled: Host, gap: str) -> None:
    person = enrolled.person()
    person.identify("alice")
    code = enrolled.code("alice")
    person.credential("alice-password", f" {code[:3]}{gap}{code[3:]} ")
    assert person.me == "alice"


@pytest.mark.requirement("ACC-02")
def test_the_user_id_is_asked_for_as_a_username(host: Host) -> None:
    box = Document(identify(host)).named("identifier")
    assert (box.get("type"), box.get("autocomplete")) == ("text", "username")
    assert (box.get("autocapitalize"), box.get("spellcheck")) == ("none", "false")


@pytest.mark.requirement("ACC-02")
@pytest.mark.parametrize("page", ["credential", "credential without code", "password"])
def test_a_password_is_asked_for_as_the_current_one(enrolled: Host, page: str) -> None:
    box = Document(FORMS[page](enrolled)).named("password")
    assert (box.get("type"), box.get("autocomplete")) == ("password", "current-password")
    assert int(box.get("maxlength") or "1024") >= 1024


@pytest.mark.requirement("ACC-03")
@pytest.mark.parametrize(
    ("page", "shown"), [("credential", "alice"), ("credential without code", "bob"), ("password", "bob")]
)
def test_the_user_id_stands_readonly_in_the_form_of_the_password(enrolled: Host, page: str, shown: str) -> None:
    document = Document(FORMS[page](enrolled))
    form = document.with_id("tf-form")
    name = document.named("identifier")
    assert name in form.inside
    assert document.named("password") in form.inside
    assert form.inside.index(name) < form.inside.index(document.named("password"))
    assert name.get("value") == shown
    assert name.get("autocomplete") == "username"
    assert name.get("type") == "text"
    assert "readonly" in name.attributes
    assert {"hidden", "disabled", "aria-hidden"}.isdisjoint(name.attributes)
    label = next(label for label in document.tags("label") if label.get("for") == name.get("id"))
    assert label.text.strip() in ("Logging in as", "Logged in as")


@pytest.mark.requirement("ACC-03")
def test_a_user_id_that_was_changed_in_the_page_is_judged_as_that_one(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("bob")
    answer = person.credential("alice-password", identifier="alice")
    assert answer.status_code == 200
    assert person.me is None
    person.credential("alice-password", enrolled.code("alice"), identifier="alice")
    assert person.me == "alice"


@pytest.mark.requirement("ACC-04")
@pytest.mark.parametrize("page", ALL)
def test_every_field_has_a_label_and_every_reference_leads_somewhere(enrolled: Host, page: str) -> None:
    document = Document(ALL[page](enrolled))
    ids = [element.get("id") for element in document.all if element.get("id")]
    assert len(ids) == len(set(ids))
    labels = {label.get("for"): label.text.strip() for label in document.tags("label")}
    for box in document.tags("input"):
        if box.get("type") != "hidden":
            assert labels.get(box.get("id")), box
    for element in document.all:
        for name in ("aria-describedby", "aria-labelledby", "for"):
            for target in (element.get(name) or "").split():
                assert target in ids, (page, name, target)


@pytest.mark.requirement("ACC-04")
@pytest.mark.parametrize("page", REJECTED)
def test_an_error_is_announced_takes_the_focus_and_is_linked_with_its_fields(enrolled: Host, page: str) -> None:
    document = Document(REJECTED[page](enrolled))
    error = document.with_id("tf-error")
    assert error.get("role") == "alert"
    assert error.text.strip()
    assert "autofocus" in error.attributes
    assert error.get("tabindex") == "-1"
    assert [element.get("id") for element in document.all if "autofocus" in element.attributes] == ["tf-error"]
    for name in {"identify": ["identifier"], "credential": ["password", "code"], "password": ["password"]}.get(
        page, ["code"]
    ):
        box = document.named(name)
        assert "tf-error" in (box.get("aria-describedby") or "").split()
        assert box.get("aria-invalid") == "true"
    assert "Error" in document.tags("title")[0].text


@pytest.mark.requirement("ACC-04")
def test_the_error_of_a_log_in_does_not_say_which_factor_failed(enrolled: Host) -> None:
    said = set()
    attempts = (("wrong", enrolled.code("alice")), ("alice-password", "000000"), ("alice-password", None), ("", ""))
    for password, code in attempts:
        person = enrolled.person()
        person.identify("alice")
        said.add(alert(person.credential(password, code)))
    assert len(said) == 1
    assert not re.search(r"password|code|user", said.pop(), re.I)


@pytest.mark.requirement("ACC-04")
@pytest.mark.parametrize("page", ALL)
def test_a_page_has_one_heading_of_the_first_order_a_language_and_a_title(enrolled: Host, page: str) -> None:
    document = Document(ALL[page](enrolled))
    assert len(document.tags("h1")) == 1
    assert document.tags("html")[0].get("lang") == "en"
    assert document.tags("title")[0].text.strip()
    assert len(document.tags("main")) == 1


@pytest.mark.requirement("ACC-05")
def test_the_qr_code_has_the_key_as_text_in_fours_and_a_link_beside_it(enrolled: Host) -> None:
    page = setup(enrolled)
    document = Document(page)
    drawing = next(svg for svg in document.tags("svg") if svg.get("role") == "img")
    assert drawing.get("aria-label")
    key = document.with_id("tf-key").text
    assert re.fullmatch(r"([A-Z2-7]{4} ){7}[A-Z2-7]{4}", key)
    assert key.replace(" ", "") == secret_on(page)
    link = next(link for link in document.tags("a") if (link.get("href") or "").startswith("otpauth://totp/"))
    assert link.text.strip()


@pytest.mark.requirement("ACC-09")
@pytest.mark.parametrize(
    ("page", "form", "names"),
    [
        ("identify", "/two-factor/identify", {"identifier": "tf-identifier"}),
        (
            "credential",
            "/two-factor/credential",
            {"identifier": "tf-identifier", "password": "tf-password", "code": "tf-code", "remember": "tf-remember"},
        ),
        (
            "credential without code",
            "/two-factor/credential",
            {"identifier": "tf-identifier", "password": "tf-password", "remember": "tf-remember"},
        ),
        ("challenge", "/two-factor/challenge", {"code": "tf-code"}),
        ("setup", "/two-factor/setup", {"code": "tf-code"}),
        ("manage", "/two-factor/manage", {"code": "tf-code"}),
        ("password", "/two-factor/password", {"identifier": "tf-identifier", "password": "tf-password"}),
    ],
)
def test_names_ids_and_actions_are_what_password_managers_have_learnt(
    enrolled: Host, page: str, form: str, names: dict[str, str]
) -> None:
    document = Document(FORMS[page](enrolled))
    element = document.with_id("tf-form")
    assert (element.get("method"), element.get("action")) == ("post", form)
    boxes = {box.get("name"): box.get("id") for box in element.inside if box.tag == "input" and box.get("name")}
    assert boxes == {"csrf_token": "tf-csrf-token", **names}
    assert document.with_id("tf-submit").get("type") == "submit"


@pytest.mark.requirement("ACC-09")
def test_a_decoy_posts_to_the_same_place_with_the_same_names_as_an_account(enrolled: Host) -> None:
    def shape(name: str) -> list[Any]:
        document = Document(enrolled.person().identify(name))
        form = document.with_id("tf-form")
        return [form.attributes, [(box.tag, box.get("id"), box.get("name"), box.get("type")) for box in form.inside]]

    for box, account in ((True, "alice"), (False, "bob")):
        assert shape(ghost(enrolled, box=box)) == shape(account)


@pytest.mark.parametrize("page", ALL)
def test_no_field_is_called_username(enrolled: Host, page: str) -> None:
    document = Document(ALL[page](enrolled))
    assert not [element for element in document.all if element.get("name") in ("username", "user", "login", "email")]


BUTTONS = {
    "identify": "Continue",
    "credential": "Log in",
    "challenge": "Verify",
    "setup": "Enable",
    "manage": "DISABLE",
    "password": "Confirm",
}


@pytest.mark.parametrize("page", BUTTONS)
def test_each_form_has_the_one_button_of_the_contract(enrolled: Host, page: str) -> None:
    form = Document(FORMS[page](enrolled)).with_id("tf-form")
    assert [button.text.strip() for button in form.inside if button.tag == "button"] == [BUTTONS[page]]


@pytest.mark.requirement("ACC-06")
def test_an_expired_log_in_says_so_and_keeps_the_user_id(enrolled: Host) -> None:
    person = enrolled.person()
    person.identify("alice", "/me")
    enrolled.clock.move(601)
    page = person.get("/two-factor/credential")
    document = Document(page)
    assert document.named("identifier").get("value") == "alice"
    assert document.with_id("tf-notice").get("role") == "status"
    assert "10 minutes" in document.with_id("tf-notice").text
    assert document.with_id("tf-form").get("action") == "/two-factor/identify?next=/me"


# No inline script, no style, no image


@pytest.mark.parametrize("page", ALL)
def test_a_page_has_no_script_but_ours_no_style_and_no_handler(enrolled: Host, page: str) -> None:
    document = Document(ALL[page](enrolled))
    assert not [element.tag for element in document.all if element.tag in ("style", "iframe", "object")]
    (script,) = document.tags("script")
    assert (script.get("src") or "").startswith("/two-factor/twofactor/twofactor.js?v=")
    assert not script.text
    assert not [name for element in document.all for name in element.attributes if name == "style" or name[:2] == "on"]
    sheets = [link.get("href") or "" for link in document.tags("link") if link.get("rel") == "stylesheet"]
    assert sheets
    assert not any(urlsplit(sheet).netloc for sheet in sheets)


@pytest.mark.requirement("ENR-14")
def test_no_route_of_ours_answers_an_image(enrolled: Host) -> None:
    rules = [rule for rule in enrolled.app.url_map.iter_rules() if rule.endpoint.startswith("twofactor.")]
    assert not [rule for rule in rules if re.search(r"qr|svg|png|image", str(rule), re.I)]
    for person in (logged_in(enrolled, "bob"), logged_in(enrolled, "alice"), enrolled.person()):
        for rule in rules:
            if not rule.arguments:
                answer = person.get(str(rule))
                assert not str(answer.mimetype).startswith("image/")
    document = Document(setup(enrolled))
    assert not document.tags("img")


@pytest.mark.requirement("ENR-14")
def test_the_qr_code_is_an_inline_svg_without_a_style(enrolled: Host) -> None:
    document = Document(setup(enrolled))
    drawing = next(svg for svg in document.tags("svg") if svg.get("role") == "img")
    assert {part.tag for part in drawing.inside} == {"path"}
    for part in (drawing, *drawing.inside):
        assert not {"style", "href", "xlink:href"} & set(part.attributes)


# A host's own


def with_templates(host: Host, **templates: str) -> Host:
    named = {f"{name.replace('__', '/')}.html": text for name, text in templates.items()}
    host.app.jinja_loader = DictLoader(named)
    return host


def test_a_template_of_the_host_is_preferred_to_ours(host: Host) -> None:
    with_templates(host, twofactor__identify='mine {{ twofactor.form.identifier(id="x") }}{{ twofactor.action }}')
    page = identify(host)
    assert page.text.startswith("mine <input")
    assert page.text.endswith("/two-factor/identify")
    assert page.headers["Cache-Control"] == "no-store"
    assert "tf-form" in credential_without_code_of(host).text


def credential_without_code_of(host: Host) -> TestResponse:
    person = host.person()
    host.app.config["WTF_CSRF_ENABLED"] = False
    person.client.post("/two-factor/identify", data={"identifier": "bob"})
    return person.get("/two-factor/credential")


def test_a_template_of_the_host_may_extend_ours_and_fill_one_block(host: Host) -> None:
    mine = '{% extends twofactor.base_template %}{% block content %}<p id="mine">{{ twofactor.page }}</p>{% endblock %}'
    with_templates(host, twofactor__problem=mine)
    page = problem(host)
    assert page.status_code == 400
    assert '<p id="mine">' in page.text
    assert 'rel="stylesheet"' in page.text


def test_a_template_of_the_host_may_extend_ours_by_the_name_in_the_reference(host: Host) -> None:
    text = '{% extends "twofactor/default/identify.html" %}{% block tf_after %}Trouble?{% endblock %}'
    with_templates(host, twofactor__identify=text)
    page = host.person().get("/two-factor/identify")
    assert page.status_code == 200
    assert "Trouble?" in page.text
    assert 'name="identifier"' in page.text


def test_the_folder_of_a_brand_is_preferred_to_the_hosts_and_to_ours(make_app: Callable[..., Host]) -> None:
    brands = [Brand("north", "North", "North Console"), Brand("south", "South", "South Console")]
    host = make_app(brands=brands)
    chosen = ["north"]
    host.two_factor.brand_select(lambda: chosen[0])
    with_templates(
        host, twofactor__identify="the host's", twofactor__brands__north__identify="{{ twofactor.brand.name }}'s own"
    )
    assert identify(host).text == "North&#39;s own" or identify(host).text == "North's own"
    chosen[0] = "south"
    assert identify(host).text == "the host's"


def test_a_brand_names_the_pages_and_the_authenticator(make_app: Callable[..., Host]) -> None:
    host = make_app(brands=[Brand("north", "North", "North Console", support_url="/help")])
    host.two_factor.brand_select(lambda: "north")
    page = identify(host)
    assert "Log in to" in page.text
    assert "North" in Document(page).tags("title")[0].text
    assert Document(page).with_id("tf-support").get("href") == "/help"
    assert "issuer=North%20Console" in setup(host).text


def test_a_base_template_of_the_host_wraps_every_page(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_BASE_TEMPLATE="console.html")
    host.enroll("alice")
    layout = '<html lang="en"><title>{% block title %}{% endblock %}</title><nav id="console">' + (
        "{% block content %}{% endblock %}</nav></html>"
    )
    with_templates(host, console=layout)
    for page in (identify(host), credential(host), challenge(host), setup(host), manage(host), problem(host)):
        document = Document(page)
        assert document.with_id("console").inside
        assert 'rel="stylesheet"' in page.text
        assert len(document.tags("h1")) == 1


def test_a_layout_of_the_host_may_give_its_own_meaning_to_form_user_and_title(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_BASE_TEMPLATE="console.html")
    host.app.context_processor(lambda: {"form": "my form", "user": "my user", "title": "my title", "page": "my page"})
    with_templates(host, console="{{ form }}|{{ user }}|{{ title }}|{{ page }}|{% block content %}{% endblock %}")
    page = identify(host)
    assert page.text.startswith("my form|my user|my title|my page|")
    assert 'name="identifier"' in page.text


def test_a_form_class_of_the_host_takes_the_place_of_ours(make_app: Callable[..., Host]) -> None:
    class Mine(IdentifyForm):
        tenant = StringField("Tenant", [InputRequired("Name your tenant.")])

    host = make_app(forms={"identify": Mine})
    person = host.person()
    document = Document(person.get("/two-factor/identify"))
    assert document.named("tenant").get("id") == "tf-tenant"
    refused = person.post("/two-factor/identify", identifier="bob")
    assert (refused.status_code, alert(refused)) == (200, "Name your tenant.")
    assert person.post("/two-factor/identify", identifier="bob", tenant="x").status_code == 302


def test_the_panel_lives_in_a_page_of_the_host_with_the_state_and_its_button(host: Host) -> None:
    person = host.person()
    person.log_in("bob")
    document = Document(person.get("/profile"))
    assert document.with_id("tf-state").text.strip() == "Off"
    assert document.with_id("tf-setup").get("href") == "/two-factor/setup"
    assert document.with_id("tf-setup").text.strip() == "SETUP"
    assert [element.tag for element in document.all if element.tag in ("html", "h1")] == ["h1"]
    person.set_up("bob")
    document = Document(person.get("/profile"))
    assert document.with_id("tf-state").text.strip() == "On"
    assert document.with_id("tf-manage").get("href") == "/two-factor/manage"
    assert document.with_id("tf-manage").text.strip() == "MANAGE"


def test_the_panel_says_nothing_to_a_stranger(host: Host) -> None:
    @host.app.get("/about")
    def about() -> str:
        return str(host.app.jinja_env.from_string("[{{ twofactor_panel() }}]").render())

    assert host.person().get("/about").text == "[]"
    host.enroll("alice")
    owing = host.person()
    owing.legacy("alice")
    assert owing.get("/about").text == "[]"


def test_the_message_of_disabling_is_shown_once_on_the_page_with_the_panel(make_app: Callable[..., Host]) -> None:
    host = make_app(TWOFACTOR_SETTINGS_ENDPOINT="profile")
    host.enroll("alice")
    person = logged_in(host, "alice")
    assert person.disable("alice").location == "/profile"
    assert "MFA DISABLED" in person.get("/profile").text
    assert "MFA DISABLED" not in person.get("/profile").text


def test_a_notice_that_nobody_saw_is_not_shown_to_the_next_person(enrolled: Host) -> None:
    person = logged_in(enrolled, "alice")
    person.disable("alice")
    person.get("/logout")
    person.legacy("bob")
    assert "MFA DISABLED" not in person.get("/profile").text

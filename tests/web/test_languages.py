"""The language of pages, forms and notices: what the host's Flask-Babel selects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from flask import render_template_string
from wtforms import Form, FormField, StringField
from wtforms.validators import InputRequired

from flask_twofactor.core.records import Notice
from flask_twofactor.web import languages
from flask_twofactor.web.forms import IdentifyForm, submitted
from tests.support.catalogues import LANGUAGES, as_mo, read
from tests.support.host import Host, Person, alert
from tests.support.speaking import make_speaking
from tests.support.watching import state_of


@pytest.fixture
def speaking(make_app: Callable[..., Host]) -> Host:
    """A console with Flask-Babel, alice enrolled."""
    host = make_speaking(make_app)
    host.enroll("alice")
    return host


def reader(host: Host, locale: str, zone: str = "UTC") -> Person:
    """Give somebody whose browser asks for a language."""
    return host.person(HTTP_X_LOCALE=locale, HTTP_X_ZONE=zone)


def translated(language: str, text: str) -> str:
    """Give what the catalogue has for a text."""
    message = read(language).get(text)
    assert message is not None
    return str(message.string)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_a_log_in_is_in_the_language_that_the_host_selects(speaking: Host, language: str) -> None:
    person = reader(speaking, language)
    page = person.get("/two-factor/identify").text
    tag = language.replace("_", "-")
    direction = "rtl" if language in ("ar", "he") else "ltr"
    assert f'<html lang="{tag}" dir="{direction}">' in page
    assert f'<div lang="{tag}" dir="{direction}" class="tf-root' in page
    assert f">{translated(language, 'User ID')}</label>" in page
    person.identify("alice")
    page = person.get("/two-factor/credential").text
    assert f"{translated(language, 'Enter your password and code')}</h1>" in page
    refused = alert(person.credential("alice-password", speaking.wrong_code("alice")))
    assert translated(language, "These details are not right. Check them and try again.") in refused


def test_a_form_says_what_it_misses_in_the_language_of_the_request(speaking: Host) -> None:
    page = reader(speaking, "de").post("/two-factor/identify", identifier="")
    assert translated("de", "Enter your user ID.") in alert(page)


@pytest.mark.parametrize(
    ("locale", "tag"),
    [
        ("de_AT", "de"), ("pt_PT", "pt-BR"), ("pt", "pt-BR"), ("zh_CN", "zh-Hans"), ("zh", "zh-Hans"),
        ("zh_TW", "en"), ("fi", "en"), ("en_GB", "en"),
    ],
)  # fmt: skip
def test_a_region_is_served_by_the_nearest_language_and_one_that_is_not_there_by_english(
    speaking: Host, locale: str, tag: str
) -> None:
    assert f'<html lang="{tag}" dir="ltr">' in reader(speaking, locale).get("/two-factor/identify").text


@pytest.mark.parametrize(
    ("locale", "zone", "said"),
    [
        ("de", "Europe/Berlin", "15. Januar 2027, 09:00 MEZ"),
        ("en_US", "America/New_York", "January 15, 2027, 3:00\u202fAM EST"),
        ("en_GB", "UTC", "15 January 2027, 08:00 UTC"),
        ("ja", "Asia/Tokyo", "2027年1月15日 17:00 JST"),
    ],
)
def test_times_are_by_locale_and_in_the_person_s_time_zone(speaking: Host, locale: str, zone: str, said: str) -> None:
    person = reader(speaking, locale, zone)
    person.log_in("alice")
    assert said in person.get("/two-factor/sessions").text


def test_a_console_without_flask_babel_speaks_english(host: Host) -> None:
    page = host.person(HTTP_ACCEPT_LANGUAGE="de").get("/two-factor/identify").text
    assert '<html lang="en" dir="ltr">' in page
    assert ">User ID</label>" in page


class Place(Form):
    """A form that is a field of a host's form."""

    harbour = StringField("Harbour", [InputRequired("Enter your password.")])


class Nested(IdentifyForm):
    """The first page with a form of the host's in it."""

    place = FormField(Place)


@pytest.mark.parametrize("turned", [{}, {"other": "recovery"}])
def test_a_form_inside_a_form_of_the_host_says_what_it_misses_too(
    make_app: Callable[..., Host], turned: dict[str, str]
) -> None:
    host = make_speaking(make_app, forms={"identify": Nested})
    with host.app.test_request_context(
        "/two-factor/identify", method="POST", headers={"X-Locale": "de"}, data={"identifier": "bob", **turned}
    ):
        host.app.config["WTF_CSRF_ENABLED"] = False
        form: Any = Nested()
        assert not submitted(form)
        found = list(form.place.form.harbour.errors)
    assert found == ([] if turned else [translated("de", "Enter your password.")])


# The host's own texts and ours


def test_the_host_s_own_texts_in_the_layout_around_our_pages_stay_the_host_s(speaking: Host) -> None:
    speaking.app.jinja_env.globals["_"] = lambda text: f"host:{text}"
    with speaking.app.test_request_context(headers={"X-Locale": "de"}):
        both = render_template_string('{{ _("Log in") }} {{ tf_gettext("Log in") }}')
    assert both == f"host:Log in {translated('de', 'Log in')}"


def write_catalogue(folder: Path, language: str, **texts: str) -> None:
    catalogue = Catalog(locale=language, fuzzy=False)
    for text, said in texts.items():
        catalogue.add(text.replace("_", " "), said)
    path = folder / language / "LC_MESSAGES" / "flask_twofactor.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(as_mo(catalogue))


def test_a_catalogue_of_the_host_goes_before_ours_text_by_text_and_may_add_a_language(
    make_app: Callable[..., Host], tmp_path: Path
) -> None:
    write_catalogue(tmp_path / "mine", "de", User_ID="Bordnummer")
    write_catalogue(tmp_path / "mine", "fi", User_ID="Tunnus")
    host = make_speaking(make_app, BABEL_TRANSLATION_DIRECTORIES=str(tmp_path / "mine"))
    german = reader(host, "de").get("/two-factor/identify").text
    assert ">Bordnummer</label>" in german
    assert translated("de", "Continue") in german
    finnish = reader(host, "fi").get("/two-factor/identify").text
    assert '<html lang="fi" dir="ltr">' in finnish
    assert ">Tunnus</label>" in finnish
    assert ">Continue</button>" in finnish


def test_what_is_filled_in_is_escaped_and_a_text_of_ours_is_not(speaking: Host) -> None:
    with speaking.app.test_request_context():
        said = languages.gettext("Log in to %(brand)s", brand="<Harbor & Sons>")
        assert said == "Log in to &lt;Harbor &amp; Sons&gt;"
        assert languages.ngettext("one <b>day</b>", "%(count)s <b>days</b>", 2) == "2 <b>days</b>"


def test_an_empty_text_is_not_the_head_of_the_catalogue(speaking: Host) -> None:
    with speaking.app.test_request_context(headers={"X-Locale": "de"}):
        assert languages.gettext("") == ""


# Notices


@pytest.fixture
def told(speaking: Host) -> list[Notice]:
    notices: list[Notice] = []
    speaking.two_factor.notify(lambda user, notice: notices.append(notice))
    return notices


def reset(host: Host, **headers: Any) -> None:
    with host.app.test_request_context(headers=headers):
        host.two_factor.reset(host.users["alice"], by="anna")


RESET = "%(brand)s: two-factor authentication was reset by an administrator"


def title(host: Host, language: str) -> str:
    return translated(language, RESET) % {"brand": state_of(host).brand_default.name}


def test_a_notice_is_in_the_language_of_the_request(speaking: Host, told: list[Notice]) -> None:
    person = reader(speaking, "fr", "Europe/Paris")
    person.log_in("alice")
    person.disable("alice", speaking.code("alice", 1))
    [notice] = [one for one in told if one.kind == "disabled"]
    said = translated("fr", "Two-factor authentication was turned off for your account %(account)s at %(brand)s.")
    assert said % {"account": "alice", "brand": state_of(speaking).brand_default.name} in notice.body
    assert "15 janvier 2027" in notice.body


@pytest.mark.parametrize(("own", "language"), [("pt-BR", "pt_BR"), (None, "de")])
def test_a_notice_about_what_somebody_else_did_is_in_the_owner_s_language_where_the_host_knows_it(
    speaking: Host, told: list[Notice], own: str | None, language: str
) -> None:
    speaking.two_factor.locale(lambda user: own if user.username == "alice" else "ja")
    reset(speaking, **{"X-Locale": "de"})
    assert [one.title for one in told] == [title(speaking, language)]


def test_a_notice_by_a_command_is_in_the_host_s_default_language(make_app: Callable[..., Host]) -> None:
    host = make_speaking(make_app, BABEL_DEFAULT_LOCALE="it")
    host.enroll("alice")
    told: list[Notice] = []
    host.two_factor.notify(lambda user, notice: told.append(notice))
    with host.app.app_context():
        host.two_factor.reset(host.users["alice"], by="ops")
    assert [one.title for one in told] == [title(host, "it")]


def test_a_hook_that_answers_what_is_no_language_undoes_nothing_and_is_logged(
    speaking: Host, told: list[Notice], caplog: pytest.LogCaptureFixture
) -> None:
    speaking.two_factor.locale(lambda user: "not a language")
    reset(speaking)
    assert told == []
    assert "a notice was not delivered: kind=reset" in caplog.text
    with speaking.app.app_context():
        assert not speaking.two_factor.is_enabled(speaking.users["alice"])

"""The gallery: who sees it, what is on its pages, and that it shows what a console has made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort, g, redirect, session
from flask_babel import Babel
from flask_login import LoginManager, current_user
from werkzeug.test import Client, TestResponse
from wtforms import StringField

from flask_twofactor import Brand, Colours, TwoFactor
from flask_twofactor.errors import StoreUnavailable, WiringError
from flask_twofactor.preview.gallery import Gallery
from flask_twofactor.preview.nobody import TOKEN
from flask_twofactor.preview.states import STATES
from flask_twofactor.web.forms import IdentifyForm
from tests.support.host import Host
from tests.web.test_pages import Document

HARBOR, QUAY = Brand("harbor", "Harbor", "Harbor"), Brand("quay", "The Quay", "Quay")
IDENTIFY = "/_preview/identify/empty/default/en"
LAYOUT = "<title>Console</title><nav>{{ g.menu }}</nav><main>{% block content %}{% endblock %}</main>"


def console(folder: Path, files: dict[str, str] | None = None, **options: Any) -> Flask:
    """Make a console with templates of its own, which has not seen a request yet."""
    for name, text in (files or {}).items():
        file = folder / "templates" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    app = Flask("console", instance_path=str(folder), root_path=str(folder))
    app.config.update(SECRET_KEY="a key for tests, long enough to be one: 0123456789", **options.pop("config", {}))
    LoginManager(app).user_loader(lambda _: None)
    TwoFactor(app, **options)
    return app


def visitor(app: Flask, **options: Any) -> Client:
    """Give somebody who looks at the gallery of that console."""
    return Client(Gallery(app, **options))


@pytest.fixture
def client_of(host: Host) -> Client:
    """Somebody at the gallery of the console of most tests."""
    return visitor(host.app)


# --- its pages


def frames(page: TestResponse) -> list[str]:
    return [str(one.get("src")) for one in Document(page).tags("iframe")]


def test_the_index_shows_every_state_in_a_frame_and_each_frame_is_a_page(client_of: Client) -> None:
    found = frames(client_of.get("/_preview/"))
    assert found == [f"/_preview/{one.page}/{one.name}/default/en" for one in STATES]
    assert {client_of.get(src).status_code for src in found[:3]} == {200}


def test_the_index_is_of_the_brand_the_language_the_width_and_the_scheme_that_are_chosen(tmp_path: Path) -> None:
    app = console(tmp_path, brands=[HARBOR, QUAY])
    Babel(app)
    page = visitor(app).get("/_preview/?brand=quay&language=ar&width=narrow&scheme=dark")
    chosen = [one.text.strip() for one in Document(page).tags("a") if one.get("aria-current")]
    assert chosen == ["The Quay", "narrow", "dark", "ar"]
    assert frames(page)[0] == "/_preview/identify/empty/quay/ar"
    assert page.text.count('class="window window--narrow window--dark"') == len(STATES)


@pytest.mark.parametrize("query", ["?brand=none", "?language=xx", "?width=%00", "?scheme=", "?other=1"])
def test_what_there_is_not_to_choose_is_the_first_that_there_is(client_of: Client, query: str) -> None:
    assert client_of.get(f"/_preview/{query}").text == client_of.get("/_preview/").text


def test_a_state_is_shown_in_every_brand_width_and_scheme(tmp_path: Path) -> None:
    page = visitor(console(tmp_path, brands=[HARBOR, QUAY])).get("/_preview/setup/required/")
    sources = [f"/_preview/setup/required/{brand}/en" for brand in ("harbor", "quay") for _ in range(4)]
    assert frames(page) == sources
    kinds = re.findall(r'class="window window--(\w+) window--(\w+)"', page.text)
    assert kinds[:4] == [("wide", "light"), ("wide", "dark"), ("narrow", "light"), ("narrow", "dark")]


def test_from_each_state_a_link_leads_to_the_next_and_round(client_of: Client) -> None:
    seen, path = [], "/_preview/identify/empty/"
    while path not in seen:
        seen.append(path)
        (after,) = [one for one in Document(client_of.get(path)).tags("a") if one.get("rel") == "next"]
        path = str(after.get("href")).partition("?")[0]
    assert seen == [f"/_preview/{one.page}/{one.name}/" for one in STATES]


@pytest.mark.parametrize(
    "path",
    [
        "/_preview/identify/none/", "/_preview/none/empty/", "/_preview/identify/none/default/en",
        "/_preview/identify/empty/none/en", "/_preview/identify/empty/default/de", "/_preview/none",
    ],
)  # fmt: skip
def test_what_there_is_not_is_404(client_of: Client, path: str) -> None:
    assert client_of.get(path).status_code == 404


def test_its_own_pages_have_no_script_and_no_style_inside_and_no_id_twice(client_of: Client) -> None:
    for path in ("/_preview/", "/_preview/setup/required/", "/nowhere"):
        page = client_of.get(path)
        ids = re.findall(r' id="([^"]*)"', page.text)
        assert "default-src 'none'; style-src 'self'" in page.headers["Content-Security-Policy"]
        assert "<script" not in page.text
        assert "style=" not in page.text
        assert len(ids) == len(set(ids))
    assert client_of.get("/_preview/gallery.css").mimetype == "text/css"


def test_a_page_has_our_headers_but_that_it_stands_in_frames_and_sends_nothing(host: Host) -> None:
    real = host.person().get("/two-factor/identify").headers
    shown = visitor(host.app).get(IDENTIFY).headers
    policy = real["Content-Security-Policy"]
    policy = policy.replace("form-action 'self'", "form-action 'none'").replace("ancestors 'none'", "ancestors 'self'")
    assert shown["Content-Security-Policy"] == policy
    assert shown["X-Frame-Options"] == "SAMEORIGIN"
    assert shown["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in shown


def test_a_page_is_what_the_console_answers_a_stranger_but_for_the_token(host: Host) -> None:
    real = host.person().get("/two-factor/identify").text
    shown = visitor(host.app).get(IDENTIFY).text
    token = re.compile(r'(name="csrf_token"[^>]*value=")[^"]+')
    assert token.sub(r"\1", shown) == token.sub(r"\1", real)
    assert TOKEN in shown


# --- for whom


def test_the_console_has_no_url_of_it_in_debug_mode_either(host: Host) -> None:
    host.app.debug = True
    before = sorted(str(rule) for rule in host.app.url_map.iter_rules())
    visitor(host.app).get("/_preview/")
    assert sorted(str(rule) for rule in host.app.url_map.iter_rules()) == before
    assert not [rule for rule in before if "preview" in rule]
    assert host.app.test_client().get("/_preview/").status_code == 404
    assert host.app.test_client().get(IDENTIFY).status_code == 404


@pytest.mark.parametrize(
    ("host_name", "status"), [("127.0.0.1:5050", 200), ("quay.localhost:5050", 200), ("evil.example", 400)]
)
def test_it_answers_to_names_of_this_machine_alone(client_of: Client, host_name: str, status: int) -> None:
    assert client_of.get("/_preview/", headers={"Host": host_name}).status_code == status


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403)]
)
def test_no_other_site_shows_it_or_asks_it(client_of: Client, site: str, status: int) -> None:
    assert client_of.get(IDENTIFY, headers={"Sec-Fetch-Site": site}).status_code == status


@pytest.mark.parametrize("path", ["/_preview/", IDENTIFY, "/two-factor/identify", "/legacy"])
def test_nothing_can_be_sent(client_of: Client, path: str) -> None:
    assert client_of.post(path, data={"identifier": "alice"}).status_code == 405


def test_who_is_logged_in_to_the_console_is_nobody_here(enrolled: Host) -> None:
    seen: list[bool] = []

    @enrolled.app.context_processor
    def see() -> dict[str, Any]:
        seen.append(current_user.is_authenticated)
        return {}

    person = enrolled.person()
    person.log_in("alice")
    assert person.me == "alice"
    seen.clear()
    cookies = "; ".join(f"{name}={value}" for name, value in person.cookies().items())
    assert visitor(enrolled.app).get(IDENTIFY, headers={"Cookie": cookies}).status_code == 200
    assert seen == [False]


# --- the console's own files


def test_the_files_of_the_console_and_ours_are_there(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static/logo.svg").write_text("<svg/>", encoding="utf-8")
    client = visitor(console(tmp_path))
    assert client.get("/static/logo.svg").text == "<svg/>"
    assert "--tf-accent" in client.get("/two-factor/twofactor/twofactor.css").text
    assert client.get("/static/none.svg").status_code == 404


def test_a_view_that_draws_a_picture_is_asked_for_one_and_for_nothing_else(tmp_path: Path) -> None:
    app = console(tmp_path)
    app.add_url_rule("/logo/<key>", "logo", lambda key: f"<svg>{key}</svg>")
    client = visitor(app)
    assert client.get("/logo/quay", headers={"Sec-Fetch-Dest": "image"}).text == "<svg>quay</svg>"
    led = client.get("/logo/quay", headers={"Sec-Fetch-Dest": "document"})
    assert led.status_code == 404
    assert "<code>/logo/quay</code> is a page of the console" in led.text


# --- what a console has made of the pages


def shown_by(client: Client, brand: str = "default", page: str = "identify", name: str = "empty") -> str:
    answer = client.get(f"/_preview/{page}/{name}/{brand}/en")
    assert answer.status_code == 200
    return answer.text


def test_a_template_of_the_console_is_shown_and_named_as_its_own(tmp_path: Path) -> None:
    extends = '{% extends "twofactor/default/identify.html" %}{% block tf_after %}<p>Ask Ann.</p>{% endblock %}'
    client = visitor(console(tmp_path, {"twofactor/identify.html": extends}))
    assert "<p>Ask Ann.</p>" in shown_by(client)
    index = client.get("/_preview/").text
    assert '<p class="own"><code>twofactor/identify.html</code> yours</p>' in index
    assert "<p><code>twofactor/credential.html</code></p>" in index


def test_each_brand_is_shown_with_its_name_and_its_templates(tmp_path: Path) -> None:
    own = {"twofactor/brands/quay/identify.html": "{{ twofactor.brand.name }} welcomes you"}
    client = visitor(console(tmp_path, own, brands=[HARBOR, QUAY]))
    assert shown_by(client, "quay") == "The Quay welcomes you"
    assert "Log in to <bdi>Harbor</bdi>" in shown_by(client, "harbor")
    assert "shown next to <bdi>Quay</bdi>" in shown_by(client, "quay", "setup", "key")
    named = '<p class="own"><code>twofactor/brands/quay/identify.html</code> yours</p>'
    assert named in client.get("/_preview/?brand=quay").text
    assert named not in client.get("/_preview/?brand=harbor").text


def test_the_colours_of_a_brand_are_there_and_a_layout_asks_for_the_brand_that_is_shown(tmp_path: Path) -> None:
    layout = "<title>{{ twofactor_brand().name }}</title>{{ twofactor_brand_css() }}{% block content %}{% endblock %}"
    green = Brand("green", "Green", "Green", colours=Colours("#0a7d5a"))
    config = {"TWOFACTOR_BASE_TEMPLATE": "layout.html"}
    client = visitor(console(tmp_path, {"layout.html": layout}, config=config, brands=[QUAY, green]))
    assert shown_by(client, "quay").startswith("<title>The Quay</title>None")
    found = re.match(r"<title>Green</title>([^<\s]+)", shown_by(client, "green"))
    assert found is not None
    assert "#0a7d5a" in client.get(found[1].replace("&amp;", "&"), headers={"Sec-Fetch-Dest": "style"}).text


def test_a_layout_of_the_console_stands_around_the_pages_with_what_the_console_puts_on_g(tmp_path: Path) -> None:
    app = console(tmp_path, {"layout.html": LAYOUT}, config={"TWOFACTOR_BASE_TEMPLATE": "layout.html"})

    @app.before_request
    def menu() -> Any:
        g.menu, session["seen"] = "Ships and cranes", True
        return redirect("/somewhere")

    app.before_request(lambda: abort(403))
    answer = visitor(app).get(IDENTIFY)
    assert "<title>Console</title><nav>Ships and cranes</nav>" in answer.text
    assert 'id="tf-identify"' in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_form_class_of_the_console_is_shown_with_its_own_field(tmp_path: Path) -> None:
    class Mine(IdentifyForm):
        branch = StringField("Branch office")

    assert "Branch office" in shown_by(visitor(console(tmp_path, forms={"identify": Mine})))


def test_a_render_of_the_console_s_own_draws_the_pages(tmp_path: Path) -> None:
    client = visitor(console(tmp_path, render=lambda names, twofactor: f"{names[1]} by ours"))
    assert shown_by(client) == "twofactor/identify.html by ours"


def test_a_csrf_scheme_of_the_console_is_not_asked_for_a_token(tmp_path: Path) -> None:
    asked: list[str] = []

    def token() -> str:
        asked.append("a token")
        return "theirs"

    client = visitor(console(tmp_path, csrf=(token, "_token")))
    assert f'name="_token" type="hidden" value="{TOKEN}"' in shown_by(client)
    assert asked == []


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ({"TWOFACTOR_STEP": "form"}, {}),
        ({}, {"login_endpoint": "login", "password_field": "password"}),
    ],
)
def test_where_the_step_rides_in_the_form_the_page_asks_for_another_code_by_a_button(
    tmp_path: Path, config: dict[str, Any], options: dict[str, Any]
) -> None:
    app = console(tmp_path, config=config, **options)
    app.add_url_rule("/login", "login", lambda: "", methods=["GET", "POST"])
    page = shown_by(visitor(app), page="credential", name="code")
    assert re.search(r'<input[^>]*name="step"', page)
    assert '<button class="tf-link tf-text-button" id="tf-other" type="submit" name="other"' in page


def test_the_languages_are_those_that_there_are_catalogues_for(tmp_path: Path) -> None:
    app = console(tmp_path)
    Babel(app, default_locale="de", locale_selector=lambda: "fr")
    gallery = Gallery(app)
    assert gallery.languages[:3] == ["de", "ar", "en"]
    assert {"pt-BR", "zh-Hans"} < set(gallery.languages)
    assert '<html lang="pt-BR"' in shown_in(gallery, "pt-BR")
    assert Gallery(console(tmp_path / "without")).languages == ["en"]


def shown_in(gallery: Gallery, language: str) -> str:
    return gallery.draw(STATES[0], "default", language).get_data(as_text=True)


def test_a_brand_or_language_that_there_is_not_is_named(tmp_path: Path) -> None:
    app = console(tmp_path, brands=[HARBOR, QUAY])
    assert list(Gallery(app, ["quay"]).brands) == ["quay"]
    with pytest.raises(WiringError, match="there is no brand 'key'; there are: harbor, quay"):
        Gallery(app, ["key"])
    with pytest.raises(WiringError, match="there is no language 'de'; there are: en"):
        Gallery(app, languages=["de"])


def test_what_a_template_raises_is_raised_and_a_layout_that_asks_for_an_account_is_told(tmp_path: Path) -> None:
    broken = {"twofactor/identify.html": "{{ 1 / 0 }}", "twofactor/unlock.html": "{{ enrolled() }}"}
    app = console(tmp_path, broken)
    app.jinja_env.globals["enrolled"] = lambda: app.extensions["twofactor"].store.factor("1")
    gallery = Gallery(app)
    with pytest.raises(ZeroDivisionError):
        gallery.draw(STATES[0], "default", "en")
    (unlock,) = [one for one in STATES if one.page == "unlock"]
    with pytest.raises(StoreUnavailable, match="the preview has no store"):
        gallery.draw(unlock, "default", "en")


def test_requests_at_once_each_have_their_brand_and_their_language(tmp_path: Path) -> None:
    app = console(tmp_path, brands=[HARBOR, QUAY])
    Babel(app)
    gallery = Gallery(app)

    def pages() -> Iterator[str]:
        for brand, language in (("harbor", "de"), ("quay", "ar"), ("harbor", "en")):
            yield gallery.draw(STATES[0], brand, language).get_data(as_text=True)

    with app.app_context():  # as a command has one all along
        german, arabic, english = pages()
    assert ('lang="de"' in german, "Harbor" in german) == (True, True)
    assert ('lang="ar"' in arabic, "The Quay" in arabic, "Harbor" in arabic) == (True, True, False)
    assert ('lang="en"' in english, "The Quay" in english) == (True, False)


def test_the_hooks_of_the_console_are_as_they_were(make_app: Callable[..., Host]) -> None:
    host = make_app(brands=[HARBOR])
    asked = host.two_factor._hooks.brand_select
    visitor(host.app).get(IDENTIFY.replace("default", "harbor"))
    assert host.two_factor._hooks.brand_select is asked

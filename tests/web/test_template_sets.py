"""The sets of templates: the same pages, dressed in our own stylesheet or in the console's Bootstrap 5."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import current_app, render_template
from jinja2 import Environment, Template
from werkzeug.test import TestResponse

import flask_twofactor
from flask_twofactor import Brand
from flask_twofactor.settings import TEMPLATE_SETS, Settings
from flask_twofactor.web.blueprint import make_blueprint
from flask_twofactor.web.pages import CONTRACT, Page
from tests.support import bootstrap
from tests.support.contract import documented_values
from tests.support.host import Clock, Host, make_host
from tests.web.test_headers import OUTCOMES, answer_of
from tests.web.test_pages import identify, logged_in, problem, with_templates

PACKAGE = Path(flask_twofactor.__file__).parent
TEMPLATES = PACKAGE / "templates" / "twofactor"
SHOWN = ("200", "rejected", "refused", "expired", "wrong", "429")
"""How the outcomes end that show a page of their own; all errors else are the one page ``problem``."""
STATES = [name for name in OUTCOMES if name.split()[-1] in SHOWN] + ["identify 400", "settings 403", "settings 503"]
each_set = pytest.mark.parametrize("template_set", TEMPLATE_SETS)


class Bones(HTMLParser):
    """All that a page has but what it is dressed in: classes, stylesheets, and the schemes that these know."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        given.pop("class", None)
        if given.get("rel") != "stylesheet" and given.get("name") != "color-scheme":
            self.found.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.found += data.split()


class Twice:
    """Renders each page of a console in either set; it is the host's ``render``."""

    def __init__(self) -> None:
        self.pages: list[tuple[Page, str, str]] = []
        self._other = make_blueprint(Settings(template_set="bootstrap5")).jinja_loader

    def __call__(self, names: list[str | Template], twofactor: Page) -> str:
        page = render_template(names, twofactor=twofactor)
        context: dict[str, Any] = {"twofactor": twofactor}
        current_app.update_template_context(context)
        other = current_app.jinja_env.overlay(loader=self._other).select_template(names).render(context)
        self.pages.append((twofactor, page, other))
        return page


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Page, str, str]]:
    """Every page in every state: its values, and what it is in either set."""
    found = []
    for state in STATES:
        twice = Twice()
        host = make_host(tmp_path_factory.mktemp("console"), Clock(), render=twice, TWOFACTOR_TRUSTED_BROWSERS=True)
        host.enroll("alice")
        host.enroll("mallory")
        answer_of(host, state)
        found += twice.pages
    return found


def classes(template_set: str) -> dict[str, str]:
    loader = make_blueprint(Settings(template_set=template_set)).jinja_loader
    names: dict[str, str] = Environment(loader=loader).get_template("twofactor/_set.html").module.css  # type: ignore[attr-defined]  # noqa: S701 - no page
    return names


def sheets(page: TestResponse) -> list[str]:
    return re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)


# One structure


def test_every_page_is_the_same_in_either_set_but_for_its_dress(shown: list[tuple[Page, str, str]]) -> None:
    """Ids, names, aria attributes, texts and the order of all of them."""
    for values, page, other in shown:
        assert page != other
        assert Bones(page).found == Bones(other).found, values.page


def test_these_are_all_the_pages(shown: list[tuple[Page, str, str]]) -> None:
    files = {file.stem for file in TEMPLATES.glob("*.html")} - {"base", "_macros", "_panel", "_set"}
    assert {values.page for values, _, _ in shown} == files


def test_a_set_is_one_file_of_class_names_and_all_else_is_shared() -> None:
    files = {file.relative_to(TEMPLATES / "sets").as_posix() for file in (TEMPLATES / "sets").rglob("*.html")}
    assert files == {f"{name}/_set.html" for name in TEMPLATE_SETS}


def test_every_set_has_each_name_that_a_template_takes_and_no_other() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in TEMPLATES.glob("*.html"))
    taken = set(re.findall(r"\bcss\.(\w+)", text))
    taken |= {f"button_{kind}" for kind in ("primary", "danger")} | {
        f"notice_{kind}" for kind in ("success", "neutral")
    }
    for name in TEMPLATE_SETS:
        assert set(classes(name)) == taken, name


def test_every_class_of_the_bootstrap_set_is_one_of_bootstraps_or_ours() -> None:
    known = bootstrap.stylesheet()
    ours = {"tf-root", "tf-panel", "tf-link", "tf-field", "tf-check-text"}  # names for the host's own rules
    own = (PACKAGE / "static/twofactor/twofactor-bootstrap.css").read_text(encoding="utf-8")
    for value in classes("bootstrap5").values():
        for name in value.split():
            rules = own if name.startswith("tf-") else known
            assert re.search(rf"\.{name}(?![\w-])", rules) or name in ours, name


def test_no_template_has_a_class_name_of_its_own() -> None:
    """A name beside the set would be the dress of one set in all of them."""
    for file in TEMPLATES.glob("*.html"):
        for value in re.findall(r'class="([^"]*)"', file.read_text(encoding="utf-8")):
            rest = re.sub(r"{{.*?}}", "", value).split()
            assert rest in ([], ["tf-page--"]), (file.name, value)


# Stylesheets


def test_the_default_set_links_its_own_stylesheet_alone(host: Host) -> None:
    assert sheets(identify(host)) == ["/two-factor/twofactor/twofactor.css"]


def test_bare_pages_on_bootstrap_link_the_consoles_bootstrap_and_then_ours(make_app: Callable[..., Host]) -> None:
    page = identify(make_app(**bootstrap.BARE))
    assert sheets(page) == [bootstrap.URL, "/two-factor/twofactor/twofactor-bootstrap.css"]


def test_in_a_layout_on_bootstrap_the_layout_links_bootstrap_and_the_page_adds_ours(
    make_app: Callable[..., Host],
) -> None:
    host = make_app(**bootstrap.IN_LAYOUT)
    bootstrap.put_on(host.app)
    assert sheets(identify(host)) == [bootstrap.URL, "/two-factor/twofactor/twofactor-bootstrap.css"]


@each_set
def test_the_panel_in_a_page_of_the_host_is_dressed_by_the_set(
    make_app: Callable[..., Host], template_set: str
) -> None:
    host = make_app(TWOFACTOR_TEMPLATE_SET=template_set)
    page = logged_in(host, "bob").get("/profile")
    sheet = {"default": "twofactor.css", "bootstrap5": "twofactor-bootstrap.css"}[template_set]
    assert sheets(page) == [f"/two-factor/twofactor/{sheet}"]
    assert f'class="{classes(template_set)["panel"]}"' in page.text


def test_the_panel_is_the_same_in_either_set_but_for_its_dress(tmp_path: Path) -> None:
    pages = []
    for name in TEMPLATE_SETS:
        host = make_host(tmp_path / name, Clock(), TWOFACTOR_TEMPLATE_SET=name)
        host.enroll("alice")
        pages.append([Bones(logged_in(host, who).get("/profile").text).found for who in ("alice", "bob")])
    assert pages[0] == pages[1]


def test_two_consoles_in_one_process_have_each_their_set(tmp_path: Path, make_app: Callable[..., Host]) -> None:
    hosts = [make_app(folder=tmp_path / name, TWOFACTOR_TEMPLATE_SET=name) for name in TEMPLATE_SETS]
    for _ in range(2):
        assert ['class="tf-button' in identify(host).text for host in hosts] == [True, False]


def test_where_the_hosts_layout_fails_the_page_about_it_still_has_the_consoles_bootstrap(
    make_app: Callable[..., Host],
) -> None:
    host = make_app(**bootstrap.IN_LAYOUT, TWOFACTOR_BOOTSTRAP_CSS=bootstrap.URL)
    bootstrap.put_on(host.app)
    host.two_factor.brand_select(lambda: "no brand")
    page = problem(host)
    assert page.status_code == 400
    assert bootstrap.URL in sheets(page)
    assert "navbar" not in page.text


# A host's own templates


@each_set
def test_templates_of_a_host_stand_on_ours_by_the_same_names_in_either_set(
    make_app: Callable[..., Host], template_set: str
) -> None:
    host = make_app(TWOFACTOR_TEMPLATE_SET=template_set)
    extended = '{% extends "twofactor/default/problem.html" %}{% block tf_after %}Trouble?{% endblock %}'
    whole = (
        '{% extends twofactor.base_template %}{% import "twofactor/_macros.html" as ui %}{% block content %}'
        '{{ ui.stylesheet(twofactor) }}<form method="post">{{ ui.hidden(twofactor.form) }}'
        '{{ ui.field(twofactor, twofactor.form.identifier, class_="mine") }}{{ ui.submit("Go") }}</form>{% endblock %}'
    )
    with_templates(host, twofactor__problem=extended, twofactor__identify=whole)
    assert "Trouble?" in problem(host).text
    page = identify(host)
    assert f'class="{classes(template_set)["input"]} mine"' in page.text
    assert f'class="{classes(template_set)["button_primary"]}"' in page.text


@each_set
def test_the_folder_of_a_brand_is_preferred_in_either_set(make_app: Callable[..., Host], template_set: str) -> None:
    host = make_app(TWOFACTOR_TEMPLATE_SET=template_set, brands=[Brand("north", "North", "North")])
    host.two_factor.brand_select(lambda: "north")
    mine = '{% extends "twofactor/default/identify.html" %}{% block tf_intro %}{{ twofactor.contract }}{% endblock %}'
    with_templates(host, twofactor__brands__north__identify=mine.replace("{{", "contract {{"))
    assert f"contract {CONTRACT}" in identify(host).text


def test_a_host_makes_a_set_of_its_own_by_one_file(host: Host) -> None:
    text = (TEMPLATES / "sets/default/_set.html").read_text(encoding="utf-8")
    with_templates(host, twofactor___set=text.replace('"tf-button tf-button--primary"', '"button is-primary"'))
    assert 'class="button is-primary" id="tf-submit"' in identify(host).text


@each_set
def test_a_layout_may_have_another_block_for_our_pages_in_either_set(
    make_app: Callable[..., Host], template_set: str
) -> None:
    config = {"TWOFACTOR_BASE_TEMPLATE": "console.html", "TWOFACTOR_CONTENT_BLOCK": "body"}
    host = make_app(TWOFACTOR_TEMPLATE_SET=template_set, **config)
    with_templates(host, console="<nav></nav>{% block body %}{% endblock %}")
    page = identify(host)
    assert page.text.startswith("<nav></nav>")
    assert f'class="{classes(template_set)["card"]}"' in page.text


def test_the_element_html_takes_attributes_of_the_host(make_app: Callable[..., Host]) -> None:
    host = make_app(**bootstrap.BARE)
    mine = '{% extends "twofactor/default/base.html" %}{% block html_attributes %}data-bs-theme="dark"{% endblock %}'
    with_templates(host, twofactor__base=mine)
    assert '<html lang="en" dir="ltr" data-bs-theme="dark">' in identify(host).text


def test_names_that_our_layout_uses_are_not_those_of_a_page_of_the_host(host: Host) -> None:
    """Both are in one Jinja context: what the layout imports under a common name would take the page's away."""
    mine = (
        '{% extends twofactor.base_template %}{% import "mine.html" as ui %}{% set css = "my own" %}'
        "{% block content %}{{ ui.hello() }}, {{ css }}{% endblock %}"
    )
    with_templates(host, twofactor__identify=mine, mine="{% macro hello() %}Hello{% endmacro %}")
    assert "Hello, my own" in identify(host).text


# The values, as the reference has them


def test_the_reference_names_every_value_of_every_page_and_no_other(shown: list[tuple[Page, str, str]]) -> None:
    given: dict[str, set[str]] = defaultdict(set)
    for values, _, _ in shown:
        made = {name for name, value in vars(type(values)).items() if isinstance(value, (property, cached_property))}
        given[values.page] |= {name for name in {*vars(values), *made} if not name.startswith("_")} - {"layout"}
    documented = documented_values()
    for page, names in given.items():
        assert names == documented["all"] - {"contract"} | documented[page], page

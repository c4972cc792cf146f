"""How fields become HTML: as WTForms writes it, only sooner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import BaseLoader, DictLoader, Environment
from markupsafe import Markup
from wtforms import IntegerField, StringField, widgets

from flask_twofactor import Brand
from flask_twofactor.web.brands import template_of
from flask_twofactor.web.forms import IdentifyForm, html_params
from tests.support.host import Host

NAMES = st.sampled_from(["id", "value", "class", "class_", "aria-label", "data_tf_send", "required", "x_y", "name"])
VALUES = st.one_of(st.text(), st.booleans(), st.integers(), st.none(), st.text().map(Markup))
NORTH = Brand("north", "North", "North")


@given(st.dictionaries(NAMES, VALUES))
def test_attributes_are_written_as_wtforms_writes_them(attributes: dict[str, Any]) -> None:
    ours = html_params(**attributes)
    assert ours == widgets.html_params(**attributes)
    assert isinstance(ours, Markup)


class Shouting(widgets.TextInput):
    """A widget of a host's own that writes its attributes itself."""

    html_params = staticmethod(lambda **attributes: Markup("shouts id={id}").format(**attributes))


class HostForm(IdentifyForm):
    """A host's form class, with fields of WTForms' and of its own."""

    number = IntegerField(render_kw={"class_": "wide", "data_hint": 'a "b"'})
    loud = StringField(widget=Shouting())


@pytest.fixture
def form_app(make_app: Callable[..., Host]) -> Flask:
    return make_app(forms={"identify": HostForm}).app


def test_fields_of_a_host_are_what_they_would_be_without_us(form_app: Flask) -> None:
    with form_app.test_request_context():
        form = HostForm()
        number: Any = form.number
        plain = number.widget(number, **{"class": "wide", "data-hint": 'a "b"', "id": "n"})
        assert number(id="n") == plain
        assert form.loud(id="l") == "<input shouts id=l>"


def test_no_widget_that_other_forms_share_is_changed(form_app: Flask) -> None:
    with form_app.test_request_context():
        form = HostForm()
        shared: Any = form.identifier.widget
        assert "<input" in form.identifier()
        assert shared is not form.identifier.widget
        assert shared.html_params is widgets.html_params


class Counting(DictLoader):
    """Counts what it is asked for."""

    def __init__(self, mapping: dict[str, str]) -> None:
        super().__init__(mapping)
        self.asked: list[str] = []

    def get_source(self, environment: Environment, template: str) -> Any:
        self.asked.append(template)
        return super().get_source(environment, template)


def chosen(environment: Environment) -> str:
    return template_of(environment, NORTH, "setup.html", "ours")


@pytest.mark.parametrize(("auto_reload", "asked"), [(False, 1), (True, 3)])
def test_a_template_that_a_brand_has_not_is_looked_for_once_where_none_is_loaded_again(
    auto_reload: bool, asked: int
) -> None:
    loader = Counting({})
    environment = Environment(autoescape=True, loader=loader, auto_reload=auto_reload)
    assert [chosen(environment) for _ in range(3)] == ["ours"] * 3
    assert loader.asked == ["twofactor/brands/north/setup.html"] * asked


def test_while_a_console_is_developed_a_new_template_of_a_brand_is_found_at_once() -> None:
    templates: dict[str, str] = {}
    loader: BaseLoader = DictLoader(templates)
    environment = Environment(autoescape=True, loader=loader, auto_reload=True)
    assert chosen(environment) == "ours"
    templates["twofactor/brands/north/setup.html"] = ""
    assert chosen(environment) == "twofactor/brands/north/setup.html"

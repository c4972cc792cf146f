"""Pages and layout of the host: does what a person posts carry the CSRF token and the code?

Each page with a form is rendered for nobody, as the console would find its template, and its fields are looked for in
what came out: whatever a template extends, includes or overrides is in it. Three things keep that free of side
effects: the layout is a bare one, the host's context processors do not run, and a name that nobody gave is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from flask import Flask, current_app
from jinja2 import ChainableUndefined, Environment, Template, TemplateNotFound, nodes
from markupsafe import Markup

from ..core.records import Brand
from ..state import State
from ..web.forms import BESIDE, DEFAULT_FORMS, csrf_is_on
from ..web.pages import Page
from .problem import Problem

_FIELDS = ("identifier", "password", "code")


class _Empty(ChainableUndefined):
    """A name that nobody gave: empty, and so is all that is asked of it."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self


class _Names(HTMLParser):
    """The names of the fields of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the name of an input."""
        self.found |= {value for name, value in attrs if tag == "input" and name == "name" and value}


def templates(app: Flask, state: State) -> Iterator[Problem]:
    """Give the pages that lack a field which must be posted, and a layout that has no room for them."""
    yield from _layout(app.jinja_env, state)
    environment = app.jinja_env.overlay(undefined=_Empty)
    bare = environment.from_string(f"{{% block {state.settings.content_block} %}}{{% endblock %}}")
    with app.app_context(), app.test_request_context():
        for brand in (state.brand_default, *state.brands.values()):
            for page in sorted(set(state.forms) - set(BESIDE)):
                yield from _page(environment, state, page, brand, bare)


def _page(environment: Environment, state: State, page: str, brand: Brand, bare: Template) -> Iterator[Problem]:
    names = [f"twofactor/brands/{brand.key}/{page}.html", f"twofactor/{page}.html"]
    try:
        template = environment.select_template(names)
        found = _Names(template.render(twofactor=_values(state, page, brand, bare))).found
    except Exception as error:  # noqa: BLE001 - the host's own templates and forms, as with its hooks
        yield Problem(
            "template-not-read",
            "told",
            f"the page {page} could not be rendered for nobody ({type(error).__name__})",
            f"look yourself whether {names[-1]} has csrf_token and, where the page asks for one, code",
        )
        return
    yield from _missing(state, page, str(template.name), found)


def _values(state: State, page: str, brand: Brand, bare: Template) -> Page:
    form = state.forms[page]()
    block = state.settings.content_block
    return Page(page, brand, bare, block, form=form, action="#", asks_code=True, required=False, qr=Markup())


def _missing(state: State, page: str, template: str, found: set[str]) -> Iterator[Problem]:
    tokens = {state.csrf.field_name} if state.csrf else set()
    if csrf_is_on():
        tokens.add(current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"))
    for name in sorted(tokens - found):
        yield Problem(
            "template-without-csrf",
            "wrong",
            f"the page {page} posts no {name}, so whatever is sent is refused: {template}",
            'in its form: {% import "twofactor/_macros.html" as ui %}{{ ui.hidden(twofactor.form) }}',
        )
    wanted = [name for name in _FIELDS if hasattr(DEFAULT_FORMS.get(page), name)]
    for name in wanted:
        if name not in found:
            yield Problem(
                "template-without-field",
                "wrong",
                f"the page {page} has no field {name}, so nobody gets past it: {template}",
                f"in its form: {{{{ twofactor.form.{name}() }}}}; and the field in the form class, if that is yours",
            )


def _layout(environment: Environment, state: State) -> Iterator[Problem]:
    layout, block = state.settings.base_template, state.settings.content_block
    blocks = _blocks(environment, layout)
    if blocks is None:
        yield Problem(
            "layout-not-found",
            "wrong",
            f"TWOFACTOR_BASE_TEMPLATE: {layout} is not there, or extends what is not",
            "name a template of yours by its path in the folder of templates",
        )
    elif block not in blocks and None not in blocks:
        yield Problem(
            "layout-without-block",
            "wrong",
            f"the layout {layout} has no block {block}: our pages show nothing in it",
            f'{{% block {block} %}}{{% endblock %}} in it, or app.config["TWOFACTOR_CONTENT_BLOCK"] = its own block',
        )


def _blocks(environment: Environment, name: str) -> set[str | None] | None:
    """Give the blocks of a layout and of what it extends; None among them where that is decided at run time."""
    found: set[str | None] = set()
    waiting = [name]
    while waiting:
        try:
            source, _, _ = environment.loader.get_source(environment, waiting.pop())  # type: ignore[union-attr]
        except TemplateNotFound:
            return None
        tree = environment.parse(source)
        found |= {node.name for node in tree.find_all(nodes.Block)}
        for node in tree.find_all(nodes.Extends):
            if isinstance(node.template, nodes.Const):
                waiting.append(str(node.template.value))
            else:
                found.add(None)
    return found

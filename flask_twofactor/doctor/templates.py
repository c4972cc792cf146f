"""Pages and layout of the host: does what a person posts carry the CSRF token and the code?

Each page with a form is rendered for nobody, as the console would find its template, and its fields are looked for in
what came out: whatever a template extends, includes or overrides is in it. Three things keep that free of side
effects: the layout is a bare one, the host's context processors do not run, and a name that nobody gave is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask
from jinja2 import ChainableUndefined, Environment, Template, TemplateNotFound, nodes
from markupsafe import Markup

from ..core.records import Brand
from ..state import State
from ..web.brands import template_of
from ..web.fields import WITH_RECOVERY, Missing, missing_fields
from ..web.forms import BESIDE
from ..web.pages import Page
from .problem import Problem


class _Empty(ChainableUndefined):
    """A name that nobody gave: empty, and so is all that is asked of it."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self


def templates(app: Flask, state: State) -> Iterator[Problem]:
    """Give the pages that lack a field which must be posted, and layouts that have no room for them."""
    brands = {brand.key: brand for brand in (state.brand_default, *state.brands.values())}.values()
    layout = state.settings.base_template
    for name in dict.fromkeys([layout, *(template_of(app.jinja_env, brand, "base.html", layout) for brand in brands)]):
        yield from _layout(app.jinja_env, state, name)
    environment = app.jinja_env.overlay(undefined=_Empty)
    bare = environment.from_string(f"{{% block {state.settings.content_block} %}}{{% endblock %}}")
    with app.app_context(), app.test_request_context():
        for brand in brands:
            for page in sorted(set(state.forms) - set(BESIDE)):
                yield from _page(environment, state, page, brand, bare)


def _page(environment: Environment, state: State, page: str, brand: Brand, bare: Template) -> Iterator[Problem]:
    names = [f"twofactor/brands/{brand.key}/{page}.html", f"twofactor/{page}.html"]
    try:
        template = environment.select_template(names)
        missing = _missing(state, page, template, _values(environment, state, page, brand, bare))
    except Exception as error:  # noqa: BLE001 - the host's own templates and forms, as with its hooks
        yield Problem(
            "template-not-read",
            "told",
            f"the page {page} could not be rendered for nobody ({type(error).__name__})",
            f"look yourself whether {names[-1]} has csrf_token and, where the page asks for one, code",
        )
        return
    for one in missing:
        yield _problem(page, str(template.name), one)


def _values(environment: Environment, state: State, page: str, brand: Brand, bare: Template) -> Page:
    form = state.forms[page]()
    block = state.settings.content_block
    macros = template_of(environment, brand, "_macros.html", Page.macros)
    values = {"form": form, "action": "#", "asks_code": True, "required": False, "qr": Markup()}
    return Page(page, brand, bare, block, macros=macros, **values)


def _missing(state: State, page: str, template: Template, values: Page) -> list[Missing]:
    """Give what the page lacks: as it asks for a code of the app, and for a recovery code where it turns to that."""
    html = template.render(twofactor=values)
    found = missing_fields(page, html)
    if page in WITH_RECOVERY:
        values.with_recovery = True
        turned = template.render(twofactor=values)
        found += missing_fields(page, turned, with_recovery=turned != html)
    return list(dict.fromkeys(found))


def _problem(page: str, template: str, missing: Missing) -> Problem:
    if missing.sort == "csrf":
        text = f"the page {page} posts no {missing.name}, so whatever is sent is refused: {template}"
        return Problem("template-without-csrf", "wrong", text, missing.mend)
    if missing.sort == "kind":
        text = f"the page {page} forgets after an error that a recovery code was asked for, without kind: {template}"
        return Problem("template-without-kind", "weak", text, missing.mend)
    text = f"the page {page} has no field {missing.name}, so nobody gets past it: {template}"
    return Problem("template-without-field", "wrong", text, missing.mend)


def _layout(environment: Environment, state: State, layout: str) -> Iterator[Problem]:
    block = state.settings.content_block
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

"""Is what the pages are dressed in there?"""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask

from ..state import State
from ..web.blueprint import TEMPLATES
from ..web.pages import BASE_TEMPLATE
from .problem import Problem


def template_set(app: Flask, state: State) -> Iterator[Problem]:
    """Give the problem of pages for Bootstrap in our own layout, which links what it is told of alone."""
    settings = state.settings
    if settings.template_set != "bootstrap5" or settings.bootstrap_css or settings.base_template != BASE_TEMPLATE:
        return
    environment = app.jinja_env
    _, file, _ = environment.loader.get_source(environment, BASE_TEMPLATE)  # type: ignore[union-attr]
    if file == str(TEMPLATES / "base.html"):
        yield Problem(
            "bootstrap-not-linked",
            "wrong",
            'TWOFACTOR_TEMPLATE_SET is "bootstrap5", and nothing links Bootstrap: our pages have no style',
            'app.config["TWOFACTOR_BASE_TEMPLATE"] = your layout, or ["TWOFACTOR_BOOTSTRAP_CSS"] = "/static/..."',
        )

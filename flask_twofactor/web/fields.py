"""What a page must post, looked for in what came out of its template: whatever that extends, includes or overrides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Literal

from flask import current_app
from markupsafe import Markup

from .current import current_state
from .forms import DEFAULT_FORMS, csrf_is_on

WITH_RECOVERY = ("credential", "challenge", "manage", "add_authenticator", "remove_authenticator")
"""Pages that ask for a recovery code too, where their link was followed."""
_TYPED = ("identifier", "password", "code", "name")
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)


@dataclass(frozen=True)
class Missing:
    """A field that a page lacks; ``mend`` is what its form needs."""

    name: str
    sort: Literal["csrf", "field", "kind"]
    mend: str


def missing_fields(page: str, html: str, *, asks_code: bool = True, with_recovery: bool = False) -> list[Missing]:
    """Give what a page with a form must post and does not have."""
    state, found = current_state(), _Names(html).found
    tokens = {state.csrf.field_name} if state.csrf else set()
    if csrf_is_on():
        tokens.add(current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"))
    hidden = "in its form: {% import twofactor.macros as ui %}{{ ui.hidden(twofactor.form) }}"
    wanted = [Missing(name, "csrf", hidden) for name in sorted(tokens)]
    wanted += [Missing(name, "field", _mend(name)) for name in _TYPED if _has(page, name, asks_code)]
    if page == "credential" and state.carries_step:
        wanted.append(Missing("step", "field", hidden))
    if page == "remove_authenticator":
        wanted.append(Missing("authenticator", "field", hidden))
    if with_recovery and "code" in found:
        wanted.append(Missing("kind", "kind", "in its form: {{ ui.code_field(twofactor) }}, which has it"))
    return [one for one in wanted if one.name not in found]


def with_note(html: str, template: str, missing: list[Missing]) -> str:
    """Say on top of a page, to whoever develops it, what its template lacks."""
    if not missing:
        return html
    lines = Markup().join(
        Markup("<li><code>{}</code> has no field <code>{}</code>. Mend: <code>{}</code></li>").format(
            template, one.name, one.mend
        )
        for one in missing
    )
    note = Markup(
        '<div class="tf-debug" id="tf-debug" role="note"><p><strong>flask_twofactor, in debug mode only:</strong> '
        "what this page sends will be refused or misread.</p><ul>{}</ul></div>"
    ).format(lines)
    body = _BODY.search(html)
    at = body.end() if body else 0
    return html[:at] + str(note) + html[at:]


class _Names(HTMLParser):
    """The names of the fields of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the name of an input."""
        self.found |= {value for name, value in attrs if tag == "input" and name == "name" and value}


def _has(page: str, name: str, asks_code: bool) -> bool:
    return hasattr(DEFAULT_FORMS.get(page), name) and (name != "code" or page != "credential" or asks_code)


def _mend(name: str) -> str:
    return f"in its form: {{{{ twofactor.form.{name}() }}}}; and the field in the form class, if that is yours"

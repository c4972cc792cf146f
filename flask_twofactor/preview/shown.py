"""A page in one state: its name, when people meet it, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Response

from ..web.pages import problem_page, render

Values = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """A page in one state, by a name that is its address too; ``what`` says in a line when people meet it.

    ``build`` gives the values of the page, ``more`` those that are otherwise than usual in this state.
    """

    page: str
    name: str
    what: str
    build: Callable[..., Values] = field(repr=False)
    more: Callable[[], Values] = field(repr=False)
    status: int = 200

    @property
    def endpoint(self) -> str:
        """Give the endpoint under whose address it is drawn; a problem may come at any."""
        return "twofactor.identify" if self.page == "problem" else f"twofactor.{self.page}"

    def draw(self) -> Response:
        """Draw it as its view does, inside `nobody.request_of_nobody`."""
        made = self.build(**self.more())
        return problem_page(self.status, **made) if self.page == "problem" else render(self.page, self.status, **made)


@dataclass(frozen=True)
class At:
    """A state in the table of its page."""

    name: str
    what: str
    more: Callable[[], Values] = dict
    status: int = 200


def of(build: Callable[..., Values], *states: At) -> tuple[Shown, ...]:
    """Give the states of the page that ``build`` gives the values of."""
    return tuple(Shown(build.__name__, one.name, one.what, build, one.more, one.status) for one in states)

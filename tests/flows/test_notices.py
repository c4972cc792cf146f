"""The words of each notice, whole: the owner of an account reads nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_twofactor.core.records import Notice, Origin
from flask_twofactor.flows.notices import tell
from flask_twofactor.state import State
from tests.support.host import Host

BODY = """Hello,

{what} for your account alice at {brand}.

When: 2027-01-15 08:00 UTC
{where}
If this was not you, change your password now, and ask the people who run {brand} for help{help}
"""


@pytest.mark.requirement("ENR-12", "THR-11", "LIF-06")
@pytest.mark.parametrize("origin", [None, Origin("192.0.2.0/24", "A browser")])
@pytest.mark.parametrize("support_url", [None, "/help"])
@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("enabled", "two-factor authentication was turned on"),
        ("disabled", "two-factor authentication was turned off"),
        ("reset", "two-factor authentication was reset by an administrator"),
        ("few", "somebody gave the right password and wrong codes, three times in a day"),
        ("many", "somebody gave the right password and wrong codes, ten times in a day"),
        ("stopped", "after a hundred wrong codes in a row no code is accepted any more"),
    ],
)
def test_a_notice_says_what_when_where_and_what_to_do(
    enrolled: Host, state: State, kind: str, what: str, support_url: str | None, origin: Origin | None
) -> None:
    told: list[Notice] = []
    state.hooks.notify = lambda user, notice: told.append(notice)
    brand = replace(state.brand_default, name="Harbor", support_url=support_url)
    object.__setattr__(state, "current_brand", lambda: brand)
    object.__setattr__(state, "current_origin", lambda: origin)
    tell(state, enrolled.users["alice"], kind)
    where = "From: 192.0.2.0/24\nBrowser: A browser\n" if origin else ""
    body = BODY.format(what=what, brand="Harbor", where=where, help=f": {support_url}" if support_url else ".")
    assert told == [Notice(kind, state.now, origin, f"Harbor: {what}", body)]

"""The values of each page, as its view gives them where all is usual; a state of a page names what is otherwise."""

from __future__ import annotations

from typing import Any

from flask import url_for
from werkzeug.datastructures import MultiDict

from ..core.records import MAX_AUTHENTICATORS
from ..core.recovery import COUNT, FEW
from ..flows.authenticators import FIRST
from ..flows.factor import how_many
from ..web.answers import first_error
from ..web.current import Presence, current_state
from ..web.languages import language
from ..web.manage import settings_url
from ..web.recovery import as_file
from ..web.setup import key_values
from . import people
from .shown import Values

DAYS = 30
_STEP = "sample"


def to(page: str, **query: Any) -> str:
    """Give the address of a page."""
    return url_for(f"twofactor.{page}", **query)


def blank(page: str, **data: Any) -> Any:
    """Give a page's form as it is first shown, or with what is filled in already."""
    return current_state().forms[page](formdata=None, data=data)


def rejected(page: str, **typed: str) -> Values:
    """Give a page's form as it answers what somebody typed, with what the form itself says of that."""
    form = current_state().forms[page](formdata=MultiDict(typed))
    form.validate()
    for field in form:
        hidden = getattr(field.widget, "input_type", "") == "hidden"
        field.errors = () if hidden else [language().gettext(str(error)) for error in field.errors]
    return {"form": form, "error": first_error(form)}


def _with_form(page: str, title: str, **values: Any) -> Values:
    form = values.pop("form", None) or blank(page)
    return {"form": form, "action": to(page), "error": None, "title": title, **values}


def _other(page: str, values: Values, **query: Any) -> Values:
    """Add what a page has that asks for a code of either kind."""
    kind = None if values.get("with_recovery") else "recovery"
    return {"with_recovery": False, "other_url": to(page, kind=kind, **query), **values}


# Log in


def identify(**values: Any) -> Values:
    """Give the first page."""
    return _with_form("identify", "Log in", **{"notice": None, **values})


def credential(*, asks_code: bool = False, **values: Any) -> Values:
    """Give the page for the password, and the code."""
    state = current_state()
    values = _with_form("credential", "Log in", **_other("credential", values))
    if state.carries_step:
        values["form"].step.data, values["other_url"] = _STEP, None
    elif "step" in values["form"]:
        del values["form"].step
    usual = {
        "code_optional": False, "trust_days": None, "identifier": people.NAME, "restart_url": to("identify"),
    }  # fmt: skip
    return {**usual, "asks_code": asks_code, **values}


def challenge(**values: Any) -> Values:
    """Give the page of a session that owes the code."""
    usual = {
        "notice": None, "confirms": False, "trust_days": None, "account": people.NAME,
        "restart_url": to("identify", switch=1),
    }  # fmt: skip
    return _with_form("challenge", "Enter your code", **{**usual, **_other("challenge", values)})


def unlock(**values: Any) -> Values:
    """Give the page behind the link in a mail."""
    return _with_form("unlock", "Use this browser", **values)


def step_up(*, owing: bool = False, **values: Any) -> Values:
    """Give the page that asks for the password again; ``owing`` is somebody who has to set the factor up."""
    usual = {"notice": None, "account": people.NAME, **_way_out(owing)}
    return _with_form("step_up", "Confirm your password", **{**usual, **values})


def recovery_used(*, left: int = 6, **values: Any) -> Values:
    """Give the page after a log-in with a recovery code."""
    return {
        "recovery_left": left,
        "how_many": how_many(language(), left),
        "required": False,
        "onward_url": settings_url(current_state()),
        "recovery_url": to("recovery"),
        "authenticators_url": to("authenticators"),
        "manage_url": to("manage"),
        "title": "You used a recovery code",
        **values,
    }


# Set up


def setup(*, account: str = people.NAME, owing: bool = False, **values: Any) -> Values:
    """Give the set-up; ``owing`` is somebody who has to set the factor up before anything else."""
    usual = {**_key(account), "rescued": False, "required": False, **_way_out(owing)}
    return _with_form("setup", "Set up two-factor authentication", **{**usual, **values})


def _key(account: str) -> Values:
    owner = Presence(account, "", "session", "in", None)
    return key_values(current_state(), owner, people.key(account))


def _way_out(owing: bool) -> Values:
    back = None if owing else settings_url(current_state())
    return {"settings_url": back, "log_out": blank("log_out") if owing else None, "log_out_url": to("log_out")}


def grace(**values: Any) -> Values:
    """Give the page that says until when one may go without."""
    onward = settings_url(current_state())
    usual = {"until": people.NOW, "setup_url": to("setup"), "onward_url": onward}
    return {**usual, "title": "Set up two-factor authentication soon", **values}


def recovery_codes(*, account: str = people.NAME, **values: Any) -> Values:
    """Give the sheet of new recovery codes."""
    state = current_state()
    return {
        "notice": None,
        "codes": people.CODES,
        "account": account,
        "date": people.NOW,
        "count": COUNT,
        "download": as_file(people.CODES, account, people.NOW),
        "filename": f"recovery-codes-{state.current_brand().key}.txt",
        "settings_url": settings_url(state),
        "title": "Your recovery codes",
        **values,
    }


# Manage


def settings(*, enabled: bool = True, sessions: int = 1, left: int = COUNT, **values: Any) -> Values:
    """Give the settings panel on its page."""
    pages = ("setup", "manage", "authenticators", "recovery", "activity", "sessions")
    return {
        "enabled": enabled,
        "since": people.NOW if enabled else None,
        "required": False,
        "grace_until": None,
        "sessions": people.sessions(sessions),
        "authenticators": int(enabled),
        "recovery_left": left,
        "recovery_few": enabled and left <= FEW,
        "how_many": how_many(language(), left),
        "notice": None,
        **{f"{page}_url": to(page) for page in pages},
        "back_url": "/",
        "title": "Two-factor authentication",
        **values,
    }


def manage(**values: Any) -> Values:
    """Give the page that turns the factor off."""
    usual = {"required": False, "authenticators_url": to("authenticators"), **_back()}
    return _with_form("manage", "Manage two-factor authentication", **{**usual, **_other("manage", values)})


def recovery(*, left: int = COUNT, **values: Any) -> Values:
    """Give the page that makes new recovery codes."""
    usual = {"recovery_left": left, "how_many": how_many(language(), left), **_back()}
    return _with_form("recovery", "Recovery codes", **{**usual, **values})


def authenticators(*, names: tuple[str, ...] = (FIRST,), **values: Any) -> Values:
    """Give the list of authenticators."""
    shown = people.authenticators(*(language().gettext(name) for name in names))
    return {
        "notice": None,
        "authenticators": shown,
        "may_add": len(shown) < MAX_AUTHENTICATORS,
        "most": MAX_AUTHENTICATORS,
        "add_url": to("add_authenticator"),
        "manage_url": to("manage"),
        **_back(),
        "title": "Authenticators",
        **values,
    }


def add_authenticator(**values: Any) -> Values:
    """Give the page that asks for a name and a code."""
    usual = {"back_url": to("authenticators"), **_back(), **_other("add_authenticator", values)}
    return _with_form("add_authenticator", "Add an authenticator", **usual)


def new_authenticator(*, name: str = people.DEVICE, account: str = people.NAME, **values: Any) -> Values:
    """Give the key of a further authenticator."""
    usual = {"name": name, **_key(account), "settings_url": to("authenticators")}
    return _with_form("new_authenticator", "Add an authenticator", **{**usual, **values})


def remove_authenticator(*, name: str = people.DEVICE, **values: Any) -> Values:
    """Give the page that takes an authenticator away."""
    page, query = "remove_authenticator", {"authenticator": "sample-1"}
    form = values.pop("form", None) or blank(page, **query)
    usual = {"name": name, "back_url": to("authenticators"), **_back(), **_other(page, values, **query)}
    return _with_form(page, "Remove an authenticator", form=form, **usual)


def sessions(*, live: int = 1, trusted: int = 0, **values: Any) -> Values:
    """Give the page of sessions and trusted browsers."""
    usual = {
        "notice": None, "sessions": people.sessions(live), "trusted": people.browsers(trusted), "trust_days": None,
        "forget_form": blank("forget_browser"), "forget_url": to("forget_browser"), **_back(),
    }  # fmt: skip
    return _with_form("sessions", "Sessions and browsers", **{**usual, **values})


def activity(**values: Any) -> Values:
    """Give the page of what happened lately."""
    usual = {"lines": people.lines(), "sessions_url": to("sessions"), **_back()}
    return {**usual, "title": "Recent activity", **values}


def _back() -> Values:
    return {"settings_url": settings_url(current_state())}


def problem(**values: Any) -> Values:
    """Give what the page of an error is given: all of it is said by the status."""
    return values

"""The form classes, one a page; a host swaps any of them (``TwoFactor(app, forms={"identify": Mine})``).

CSRF is always on here, whatever the host's own forms do; only a test run (``TESTING`` with
``WTF_CSRF_ENABLED = False``) goes without (CSR-01).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from flask import current_app, request
from flask_wtf import FlaskForm
from flask_wtf.csrf import validate_csrf
from markupsafe import Markup, escape
from wtforms import BooleanField, FormField, HiddenField, PasswordField, StringField, ValidationError, widgets
from wtforms.csrf.core import CSRF
from wtforms.validators import DataRequired, InputRequired, Length

from ..core.codes import MAX_LENGTH as MAX_CODE
from ..core.identifiers import MAX_LENGTH as MAX_IDENTIFIER
from ..core.texts import marked
from ..errors import BadRequest
from ..flows.authenticators import MAX_NAME
from ..flows.login import MAX_PASSWORD
from .csrf import CookieCSRF, is_valid
from .current import current_state
from .languages import language

_SINGLE = (
    "csrf_token", "identifier", "password", "code", "remember", "trust", "step", "kind", "other", "name",
    "authenticator", "browser",
)  # fmt: skip


def csrf_is_on() -> bool:
    """Tell whether our pages check a CSRF token: always, but in a test run that turned it off."""
    return not (current_app.testing and current_app.config.get("WTF_CSRF_ENABLED") is False)


class TwoFactorForm(FlaskForm):
    """What every form of ours has: the CSRF token."""

    class Meta(FlaskForm.Meta):
        """CSRF as `csrf_is_on` says."""

        @property
        def csrf(self) -> bool:
            """Tell whether the form carries a token."""
            return csrf_is_on()

        @property
        def csrf_class(self) -> type[CSRF]:
            """Give Flask-WTF's class, or ours where the session may be cleared."""
            return CookieCSRF if _needs_no_session() else FlaskForm.Meta.csrf_class

        def render_field(self, field: Any, render_kw: dict[str, Any]) -> Any:
            """Render as WTForms does, in a fifth of the time where the widget is one of its own."""
            if getattr(field.widget, "html_params", None) is widgets.html_params:
                field.widget = copy.copy(field.widget)  # that of the class serves every request
                field.widget.html_params = html_params
            return super().render_field(field, render_kw)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Say the labels in the language of the request, and add the field of the host's own CSRF scheme."""
        super().__init__(*arguments, **named)
        for own in self:
            own.label.text = language().gettext(own.label.text)
        if (scheme := current_state().csrf) is not None:
            field = self.meta.bind_field(self, HiddenField(), {"name": scheme.field_name, "prefix": ""})
            field.process(None, scheme.token())  # ours is made anew, whatever was posted
            self._fields[scheme.field_name] = field


def html_params(**attributes: Any) -> Markup:
    """Give what `wtforms.widgets.html_params` gives, without its ``Markup.format`` for each attribute."""
    if any("_" in name for name in attributes):  # class_ and data_x, of a widget that adds them itself
        return Markup(widgets.html_params(**attributes))  # noqa: S704 - escaped there
    pairs = sorted((name, value) for name, value in attributes.items() if value is not False)
    parts = [name if value is True else f'{name}="{_quoted(value)}"' for name, value in pairs]
    return Markup(" ".join(parts))  # noqa: S704 - escaped right here


def _quoted(value: object) -> str:
    return str(escape(value)).replace('"', "&quot;")  # markup may hold quotes


def _needs_no_session() -> bool:
    return current_state().settings.step == "form"


def _text(field_id: str, autocomplete: str, **attributes: Any) -> dict[str, Any]:
    return {
        "id": f"tf-{field_id}", "autocomplete": autocomplete, "autocapitalize": "none", "spellcheck": "false",
        **attributes,
    }  # fmt: skip


def _code_field() -> Any:
    return StringField(
        marked("Code"),
        [InputRequired(marked("Enter the code.")), Length(max=MAX_CODE, message=marked("That is too long."))],
        render_kw=_text("code", "one-time-code", inputmode="numeric"),
    )


def _trust_field() -> Any:
    """Never ticked by itself (TRB-01)."""
    return BooleanField(marked("Do not ask for a code on this browser"), render_kw={"id": "tf-trust"})


def _password_field() -> Any:
    return PasswordField(
        marked("Password"),
        [InputRequired(marked("Enter your password.")), Length(max=MAX_PASSWORD, message=marked("That is too long."))],
        render_kw=_text("password", "current-password"),
    )


def _tidy(name: object) -> str:
    """Give a name on one line, of characters that can be seen; "" for what is no text, a file (`submitted`)."""
    text = name if isinstance(name, str) else ""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


class IdentifyForm(TwoFactorForm):
    """The first page: who wants to log in."""

    identifier = StringField(
        marked("User ID"),
        [
            InputRequired(marked("Enter your user ID.")),
            Length(max=MAX_IDENTIFIER, message=marked("That user ID is too long.")),
        ],
        render_kw=_text("identifier", "username"),
    )


class CredentialForm(TwoFactorForm):
    """The second page: the password, and the code where the page asks for it.

    Neither field says alone that it is missing or too long: the submission is judged as a whole (VER-10).
    """

    password = PasswordField(marked("Password"), render_kw=_text("password", "current-password", required=True))
    code = StringField(marked("Code"), render_kw=_text("code", "one-time-code", inputmode="numeric"))
    step = HiddenField()
    """Who wants to log in, sealed, where the session does not keep it."""
    remember = BooleanField(marked("Keep me logged in on this device"), render_kw={"id": "tf-remember"})
    trust = _trust_field()


class ChallengeForm(TwoFactorForm):
    """The code that a session still owes."""

    code = _code_field()
    trust = _trust_field()


class SetupForm(TwoFactorForm):
    """The code that turns the factor on."""

    code = _code_field()


class ManageForm(TwoFactorForm):
    """The code that turns the factor off."""

    code = _code_field()


class RecoveryForm(TwoFactorForm):
    """The code of the authenticator that makes new recovery codes."""

    code = _code_field()


class AddAuthenticatorForm(TwoFactorForm):
    """What a further authenticator is called, and a code of one that there is."""

    name = StringField(
        marked("Name"),
        [DataRequired(marked("Enter a name.")), Length(max=MAX_NAME, message=marked("That name is too long."))],
        filters=[_tidy],
        render_kw={"id": "tf-name", "autocomplete": "off", "maxlength": str(MAX_NAME)},
    )
    code = _code_field()


class NewAuthenticatorForm(TwoFactorForm):
    """The code of the authenticator that is being added."""

    code = _code_field()


class RemoveAuthenticatorForm(TwoFactorForm):
    """Which authenticator goes, and a code."""

    authenticator = HiddenField()
    code = _code_field()


class StepUpForm(TwoFactorForm):
    """The password again, before a factor is set up or taken away."""

    password = _password_field()


class SessionsForm(TwoFactorForm):
    """Nothing but the token: a button."""


class ForgetBrowserForm(TwoFactorForm):
    """Which browser is trusted no longer, all of them without one: a button."""


class LogOutForm(TwoFactorForm):
    """Nothing but the token: a button."""


class UnlockForm(TwoFactorForm):
    """Nothing but the token: a button."""


DEFAULT_FORMS: dict[str, type] = {
    "identify": IdentifyForm,
    "credential": CredentialForm,
    "challenge": ChallengeForm,
    "setup": SetupForm,
    "manage": ManageForm,
    "recovery": RecoveryForm,
    "add_authenticator": AddAuthenticatorForm,
    "new_authenticator": NewAuthenticatorForm,
    "remove_authenticator": RemoveAuthenticatorForm,
    "step_up": StepUpForm,
    "sessions": SessionsForm,
    "forget_browser": ForgetBrowserForm,
    "log_out": LogOutForm,
    "unlock": UnlockForm,
}


BESIDE = ("forget_browser", "log_out")
"""Forms without a page of their own: they stand beside another one."""


def with_recovery() -> bool:
    """Tell whether the page is to ask for a recovery code, as its link, its button or the page before says.

    It is about the words and the keyboard alone: the box takes either, always.
    """
    return (request.form.get("other") or request.form.get("kind") or request.args.get("kind")) == "recovery"


def other_kind() -> str | None:
    """Give what the link to the other page has as ``kind``."""
    return None if with_recovery() else "recovery"


def switches() -> bool:
    """Tell whether the button was pressed that asks for the other kind of code: nothing is judged then."""
    return "other" in request.form


def submitted(form: Any) -> bool:
    """Tell whether ``form`` was posted and is complete; not where the button was pressed that only turns the page.

    Raises `BadRequest` for what no page of ours sends: a missing or wrong CSRF token, also where the host's
    own form class has none, a field given twice (CSR-06, THR-15) or as a file (INP-07).
    """
    if request.method != "POST":
        return False
    token = current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
    single = {token, *_SINGLE}
    if any(name in single and len(values) > 1 for name, values in request.form.lists()):
        raise BadRequest("a field was sent twice")
    if not single.isdisjoint(request.files):
        raise BadRequest("a field was sent as a file")
    complete = bool(form.validate())
    _give_errors(form, _in_language)
    if csrf_is_on():
        _require_token(form, token)
    if switches():
        _give_errors(form, lambda _: [])
        return False
    return complete


def value_of(form: Any, name: str) -> Any:
    """Give a field's value; None where a host's own form class has no such field."""
    return form[name].data if name in form else None


def _give_errors(form: Any, say: Callable[[Any], list[Any]]) -> None:
    """Put what is said of each field in the place of its errors, inside a form that is a field of a host's form too."""
    for field in form:
        if isinstance(field, FormField):
            _give_errors(field.form, say)
        else:
            field.errors = say(field.errors)


def _in_language(errors: Iterable[Any]) -> list[Any]:
    return [language().gettext(error) if isinstance(error, str) else error for error in errors]


def _require_token(form: Any, name: str) -> None:
    checked = form.meta.csrf and name in form
    if checked and not form[name].errors:
        return
    try:
        if _needs_no_session():
            if is_valid(current_state(), request.form.get(name)):
                return
            raise ValidationError
        validate_csrf(request.form.get(name))
    except ValidationError:
        raise BadRequest("the CSRF token is missing, wrong or too old") from None

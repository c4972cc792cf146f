"""The forms of the console."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import DataRequired, Length


def _strip(text: str | None) -> str | None:
    return text.strip() if text else text


class LegacyLoginForm(FlaskForm):
    """User and password on one page."""

    email = EmailField("Email", filters=[_strip], validators=[DataRequired(), Length(max=254)])
    password = PasswordField("Password", validators=[DataRequired(), Length(max=256)])


class NameForm(FlaskForm):
    """The name that the console shows."""

    name = StringField("Display name", filters=[_strip], validators=[DataRequired(), Length(max=60)])

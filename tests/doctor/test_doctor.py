"""What doctor finds as a whole: nothing at a right console, and what keeps the first request from being answered."""

from __future__ import annotations

import ast
import json
import logging
import re
from pathlib import Path

import pytest
from flask import Flask

import flask_twofactor
from flask_twofactor import TwoFactor
from flask_twofactor.errors import StoreUnavailable, TwoFactorError, WiringError
from tests.doctor.consoles import RIGHT, make_console, one, severities

REFERENCE = Path(__file__).parents[2] / "docs/reference/doctor.md"


def ids_in_the_code() -> set[object]:
    """Give the ids of all problems that are made somewhere, and the codes of errors that are given as one."""
    errors: list[type[TwoFactorError]] = [WiringError, *WiringError.__subclasses__(), StoreUnavailable]
    found: set[object] = {error.code for error in errors}
    for file in Path(flask_twofactor.__file__).parent.rglob("*.py"):
        calls = (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id == "Problem" and isinstance(call.args[0], ast.Constant):
                found.add(call.args[0].value)
    return found


def test_nothing_is_found_at_a_console_that_is_right(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    assert severities(app) == {}
    result = app.test_cli_runner().invoke(args=["twofactor", "doctor", "--json"])
    last = json.loads(result.output.splitlines()[-1])
    assert (result.exit_code, last["problem"]) == (0, None)
    assert last["shape"]


def test_what_is_only_told_is_no_failure(tmp_path: Path) -> None:
    app = make_console(tmp_path, config={"TESTING": True, "SESSION_COOKIE_SECURE": False})
    result = app.test_cli_runner().invoke(args=["twofactor", "doctor"])
    assert result.exit_code == 0
    assert "told  not-production" in result.output
    assert result.output.endswith("nothing wrong was found\n")


def test_what_is_weak_is_a_failure_with_what_mends_it(tmp_path: Path) -> None:
    app = make_console(tmp_path, config={"SESSION_COOKIE_SAMESITE": None})
    result = app.test_cli_runner().invoke(args=["twofactor", "doctor"])
    assert result.exit_code == 1
    assert "weak  cookie-across-sites: SESSION_COOKIE_SAMESITE" in result.output
    assert 'app.config["SESSION_COOKIE_SAMESITE"] = "Lax"' in result.output
    assert "nothing wrong" not in result.output


def test_an_app_without_a_login_manager_is_told_so_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    app = Flask("console", instance_path=str(tmp_path))
    app.config.update({**RIGHT, "SESSION_COOKIE_SECURE": False})
    TwoFactor(app).notify(lambda user, notice: None)
    assert severities(app) == {"no-login-manager": "wrong", "cookie-not-secure": "weak"}
    assert "LoginManager().init_app(app)" in one(app, "no-login-manager").mend


def test_an_app_without_a_key_is_told_what_to_set(tmp_path: Path) -> None:
    app = make_console(tmp_path, config={"SECRET_KEY": None, "TWOFACTOR_KEY": None})
    problem = one(app, "wiring")
    assert problem.text.startswith("this app has no SECRET_KEY")
    assert 'app.config["SECRET_KEY"]' in problem.mend


def test_a_log_in_endpoint_that_is_none_is_told(tmp_path: Path) -> None:
    assert "is no endpoint of this app" in one(make_console(tmp_path, login_endpoint="log_in"), "wiring").text


def test_a_setting_that_came_too_late_is_told(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    app.config["TWOFACTOR_WINDOW"] = 0
    assert severities(app) == {"setting": "wrong"}


def test_keys_that_do_not_open_the_store_are_told(tmp_path: Path) -> None:
    assert severities(make_console(tmp_path)) == {}
    app = make_console(tmp_path, config={"TWOFACTOR_KEY": RIGHT["SECRET_KEY"]})
    assert severities(app) == {"key-mismatch": "wrong"}
    assert "TWOFACTOR_KEY_FALLBACKS" in one(app, "key-mismatch").mend


def test_a_store_that_does_not_answer_is_told(tmp_path: Path) -> None:
    app = make_console(tmp_path, config={"TWOFACTOR_DATABASE_URI": "postgresql+psycopg://nobody@127.0.0.1:9/none"})
    assert severities(app) == {"unavailable": "wrong"}


def test_what_is_weak_is_logged_at_the_first_request_and_what_is_only_told_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_console(tmp_path, config={"TWOFACTOR_KEY": None})
    with caplog.at_level(logging.WARNING, "flask_twofactor"):
        app.test_client().get("/")
        app.test_client().get("/")
    assert len(caplog.messages) == 1
    assert "TWOFACTOR_KEY is not set" in caplog.messages[0]
    debug = make_console(tmp_path, config={"TWOFACTOR_KEY": None, "DEBUG": True})
    with caplog.at_level(logging.WARNING, "flask_twofactor"):
        debug.test_client().get("/")
    assert len(caplog.messages) == 1


def test_each_id_is_documented_and_none_that_is_not_there() -> None:
    documented = re.findall(r"^### `([a-z-]+)`$", REFERENCE.read_text(encoding="utf-8"), re.M)
    assert len(documented) == len(set(documented))
    assert set(documented) == ids_in_the_code()

"""The pytest plugin, in runs of pytest as hosts have them."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import _flask_twofactor_pytest as plugin

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
CONSOLE = """\
import pytest
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_required

from flask_twofactor import TwoFactor


class User(UserMixin):
    def __init__(self, name):
        self.id = name

    def check_password(self, password):
        return password == f"{self.id}-password"


@pytest.fixture
def users():
    return {name: User(name) for name in ("ann", "ben")}


@pytest.fixture
def app(tmp_path, users):
    app = Flask("console", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="a long random text of a console's tests", TESTING=True)
    LoginManager(app).user_loader(users.get)
    app.add_url_rule("/", "home", login_required(lambda: current_user.id))
    TwoFactor(app)
    return app
"""


@pytest.fixture
def console(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder with a console and its fixtures."""
    pytester.makeconftest(CONSOLE)
    return pytester


def run(console: pytest.Pytester, *options: str) -> pytest.RunResult:
    return console.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", *options)


def test_it_is_there_without_a_line_in_conftest() -> None:
    (found,) = [one for one in entry_points(group="pytest11") if one.name == "flask_twofactor"]
    assert found.load() is plugin


def test_a_test_logs_in_with_every_factor_and_spends_code_after_code(console: pytest.Pytester) -> None:
    console.makepyfile("""
        import pytest
        from flask_twofactor.testing import log_in

        def test_log_in(two_factor_client, two_factor_clock, code_for, users):
            ann = users["ann"]
            two_factor_client.enroll(ann)
            started = two_factor_clock.at
            for _ in range(4):
                two_factor_client.login(ann, "ann-password")
                assert two_factor_client.get("/").text == "ann"
                two_factor_client.logout()
                assert two_factor_client.get("/").status_code == 302
            assert two_factor_clock.at == started + 90

        def test_log_in_without_the_pages(two_factor_client, users):
            two_factor_client.enroll(users["ann"])
            two_factor_client.login(users["ann"])
            assert two_factor_client.get("/").text == "ann"

        def test_the_session_ends_with_the_day(two_factor_client, two_factor_clock, users):
            two_factor_client.enroll("ann")
            two_factor_client.login("ann")
            two_factor_clock.move(86400)
            assert two_factor_client.get("/").text == "ann"
            two_factor_clock.move(1)
            assert two_factor_client.get("/").status_code == 302

        def test_the_pages_by_hand(app, code_for, two_factor_client, users):
            two_factor_client.enroll("ann")
            client = app.test_client()
            assert log_in(client, "ann", "ann-password", code_for("ann")).status_code == 302
            assert log_in(app.test_client(), "ann", "ann-password", code_for("ann")).status_code == 302
            with pytest.raises(AssertionError, match="two_factor_clock"):
                code_for("ann")
    """)
    run(console).assert_outcomes(passed=4)


def test_the_clock_is_the_app_s_own_again_in_the_next_test(console: pytest.Pytester) -> None:
    console.makepyfile("""
        import time
        import pytest

        KEPT = []

        @pytest.fixture
        def app(app):
            KEPT.append(app)
            return KEPT[0]

        def test_one(two_factor_clock, app):
            two_factor_clock.move(1_000_000)
            assert app.extensions["twofactor"].now > time.time() + 900_000

        def test_two(app):
            assert len(KEPT) == 2
            assert abs(app.extensions["twofactor"].now - time.time()) < 60
    """)
    run(console).assert_outcomes(passed=2)


def test_the_walk_fails_a_test_with_its_table(console: pytest.Pytester) -> None:
    console.makepyfile("""
        from flask import abort, session
        from flask_twofactor.testing import assert_every_route_needs_second_factor

        def test_as_it_is(app):
            found = assert_every_route_needs_second_factor(app, "ann", public={"static"})
            assert found.public == set()

        def test_with_a_hole(app):
            app.add_url_rule("/orders", "orders", lambda: session["_user_id"] if session else abort(401))
            assert_every_route_needs_second_factor(app, "ann")
    """)
    result = run(console)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*method  rule     endpoint  way in                         answered",
            "*GET     /orders  orders    the password alone             200; a stranger 401, every factor 200",
        ]
    )


def test_a_host_s_own_fixtures_of_these_names_have_the_say(console: pytest.Pytester) -> None:
    console.makepyfile("""
        import pytest

        @pytest.fixture
        def code_for():
            return "the host's own"

        def test_it(code_for):
            assert code_for == "the host's own"
    """)
    run(console).assert_outcomes(passed=1)


def test_a_suite_without_an_app_is_told_which_fixture_is_missing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(two_factor_client): ...")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'app' not found*"])


@pytest.mark.requirement("FLG-11", "VER-11")
def test_a_suite_that_asks_for_nothing_has_nothing_of_ours_in_it(pytester: pytest.Pytester) -> None:
    """No fixture is used unasked, no option or hook is added, and the package is not even imported."""
    pytester.makepyfile("""
        import sys

        def test_it(request):
            assert request.fixturenames == ["request"]
            assert "_flask_twofactor_pytest" in sys.modules
            heavy = {"flask_twofactor", "flask", "flask_login", "sqlalchemy"}
            assert not heavy & set(sys.modules)
    """)
    # In a process of its own: this one has imported all of it.
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    assert not [name for name in vars(plugin) if name.startswith("pytest_")]


@pytest.mark.requirement("FLG-11")
def test_importing_the_plugin_imports_nothing_of_the_package() -> None:
    """What was imported before coverage begins would count as never run."""
    program = (
        "import sys, _flask_twofactor_pytest; "
        "sys.exit(bool({'flask_twofactor', 'flask', 'sqlalchemy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0

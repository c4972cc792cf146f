"""What hosts are given for their tests: it does what a person does, and waives nothing."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import flask_twofactor
from flask_twofactor.core.totp import code_at, new_secret, provisioning_uri, step_at
from flask_twofactor.testing import Authenticator, log_in
from tests.support.authenticator import oathtool_code
from tests.support.host import START, Host

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs/how-to/test-your-console.md"


# --- the authenticator app


def test_the_app_shows_the_code_that_another_program_shows() -> None:
    secret = new_secret()
    assert Authenticator(secret).code(START + 29.9) == oathtool_code(secret, START + 29.9)


def test_the_app_reads_a_uri_and_the_key_in_it_alike() -> None:
    secret = new_secret()
    scanned = Authenticator(provisioning_uri(secret, "alice@example.org", "Harbor: North"))
    typed = Authenticator(" ".join(re.findall("....", secret.lower())))
    assert scanned.code(START) == typed.code(START) == code_at(secret, step_at(START))


@pytest.mark.parametrize("steps", [-1, 1, 2])
def test_the_app_shows_the_codes_of_other_steps(steps: int) -> None:
    secret = new_secret()
    assert Authenticator(secret).code(START, steps) == code_at(secret, step_at(START) + steps)


@pytest.mark.parametrize(
    "key", ["", "short", "not a secret!", "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"]
)
def test_the_app_takes_nothing_but_a_key(key: str) -> None:
    with pytest.raises(ValueError, match="otpauth"):
        Authenticator(key)


def test_the_app_does_not_show_its_secret() -> None:
    assert repr(Authenticator(new_secret())) == "<Authenticator>"


# --- the walk through the pages


def enrolled_app(host: Host) -> Authenticator:
    with host.app.app_context():
        return Authenticator(host.two_factor.enroll(host.users["alice"]))


@pytest.mark.requirement("FLG-11")
def test_who_has_no_factor_logs_in_with_the_password(host: Host) -> None:
    person = host.person()
    assert log_in(person.client, "bob", "bob-password").status_code == 302
    assert person.me == "bob"


@pytest.mark.requirement("FLG-11")
def test_who_has_the_factor_logs_in_with_password_and_code(host: Host) -> None:
    phone, person = enrolled_app(host), host.person()
    assert log_in(person.client, "alice", "alice-password", phone.code(START)).status_code == 302
    assert person.me == "alice"


@pytest.mark.requirement("FLG-11", "VER-11")
def test_the_helper_does_not_log_in_without_the_code(host: Host) -> None:
    enrolled_app(host)
    person = host.person()
    answer = log_in(person.client, "alice", "alice-password")
    assert (answer.status_code, person.me) == (200, None)


@pytest.mark.requirement("FLG-11", "VER-11")
def test_the_helper_does_not_log_in_with_a_wrong_code_or_password(host: Host) -> None:
    phone, person = enrolled_app(host), host.person()
    assert log_in(person.client, "alice", "alice-password", phone.code(START, steps=9)).status_code == 200
    assert log_in(person.client, "alice", "wrong", phone.code(START)).status_code == 200
    assert person.me is None


@pytest.mark.requirement("FLG-11", "RPL-01")
def test_the_helper_does_not_log_in_twice_with_one_code(host: Host) -> None:
    phone, other = enrolled_app(host), host.person()
    assert log_in(host.person().client, "alice", "alice-password", phone.code(START)).status_code == 302
    assert log_in(other.client, "alice", "alice-password", phone.code(START)).status_code == 200
    assert other.me is None
    assert log_in(other.client, "alice", "alice-password", phone.code(START, steps=1)).status_code == 302


def test_the_helper_gives_the_first_page_where_that_lets_nobody_on(host: Host) -> None:
    answer = log_in(host.person().client, "", "alice-password")
    assert answer.status_code == 200
    assert "Enter your user ID." in answer.text


def test_the_helper_walks_pages_under_another_prefix(make_app: Callable[..., Host]) -> None:
    person = make_app(TWOFACTOR_URL_PREFIX="/sign-in").person()
    assert log_in(person.client, "bob", "bob-password", prefix="/sign-in").status_code == 302
    assert person.me == "bob"


def test_the_helper_walks_pages_without_csrf_in_a_test_run_that_turned_it_off(make_app: Callable[..., Host]) -> None:
    person = make_app(WTF_CSRF_ENABLED=False).person()
    assert log_in(person.client, "bob", "bob-password").status_code == 302
    assert person.me == "bob"


# --- where it is


@pytest.mark.requirement("FLG-11")
def test_nothing_that_a_console_runs_imports_the_test_module() -> None:
    package = Path(flask_twofactor.__file__).parent
    ours = [path for path in package.rglob("*.py") if "testing" not in path.relative_to(package).parts]
    assert ours
    for path in ours:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module != "flask.testing":
                names = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
                assert "testing" not in names, path


@pytest.mark.requirement("FLG-11")
def test_importing_the_extension_does_not_load_the_test_module() -> None:
    program = "import sys, flask_twofactor; sys.exit('flask_twofactor.testing' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_the_test_module_needs_no_pytest() -> None:
    program = "import sys; sys.modules['pytest'] = None; import flask_twofactor.testing"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


# --- the guide


def test_the_guide_s_tests_run_as_printed(tmp_path: Path) -> None:
    """Its blocks are written out to the letter, beside the README's console; of the contract a part is run."""
    console, *_ = python_blocks(ROOT / "README.md")
    assert "\nTwoFactor(app)" in console
    console = console.replace("\nTwoFactor(app)", "\ntwo_factor = TwoFactor(app)")
    (tmp_path / "console.py").write_text(console, encoding="utf-8")
    for number, block in enumerate(python_blocks(GUIDE)):
        name = "conftest.py" if block.startswith("# conftest.py\n") else f"test_{number}.py"
        (tmp_path / name).write_text(block, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command += ["-k", "not TestOurDatabase or a_step_is_spent_once or remove_a_mark", "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout, done.stdout


def python_blocks(page: Path) -> list[str]:
    found: list[str] = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    return found

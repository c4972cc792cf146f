"""``flask twofactor preview``: in debug mode alone, on this machine alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from flask_babel import Babel

from flask_twofactor.preview import chromium, shots
from flask_twofactor.preview.states import STATES
from tests.cli.running import run
from tests.docs.blocks import ROOT
from tests.support.host import Host
from tests.support.programs import hears_ctrl_c, need

CONSOLE = """
from flask import Flask
from flask_login import LoginManager
from flask_twofactor import TwoFactor

app = Flask(__name__)
app.config["SECRET_KEY"] = "a key for tests, long enough to be one: 0123456789abcdef"
LoginManager(app).user_loader(lambda _: None)
TwoFactor(app)
"""


@pytest.fixture
def developed(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The console, run with ``flask --debug``."""
    monkeypatch.setenv("FLASK_DEBUG", "1")
    return host


@pytest.mark.parametrize("arguments", [[], ["--shots", "somewhere"]])
def test_it_is_refused_where_the_console_is_not_in_debug_mode(
    host: Host, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = host.app.extensions["twofactor"]
    result = run(host, "preview", *arguments)
    message = "Error: the preview is there in debug mode alone: flask --debug twofactor preview\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)
    assert host.app.extensions["twofactor"] is before
    assert list(tmp_path.iterdir()) == []


def test_there_is_no_way_to_let_others_in(developed: Host) -> None:
    assert run(developed, "preview", "--host", "0.0.0.0").exit_code == 2  # noqa: S104
    assert run(developed, "preview", "--port", "65536").exit_code == 2


def test_what_is_wrong_with_the_console_is_said_first(developed: Host) -> None:
    del developed.app.login_manager  # type: ignore[attr-defined]
    result = run(developed, "preview")
    assert result.exit_code == 1
    assert "this app has no LoginManager" in result.stderr


@pytest.mark.parametrize(("option", "value"), [("--brand", "none"), ("--language", "tlh")])
def test_a_brand_or_language_that_there_is_not_is_an_error(developed: Host, option: str, value: str) -> None:
    result = run(developed, "preview", option, value)
    assert result.exit_code == 1
    assert f"there is no {option[2:]} '{value}'; there are:" in result.stderr


def test_without_a_browser_there_are_no_pictures_and_it_says_so(
    developed: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium, "PROGRAMS", ("no-such-browser",))
    result = run(developed, "preview", "--shots", str(tmp_path / "shots"))
    assert (result.exit_code, result.stderr) == (1, "Error: no browser was found for pictures: no-such-browser\n")
    assert not (tmp_path / "shots").exists()


def test_a_browser_that_fails_is_an_error_in_a_line(
    developed: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium, "PROGRAMS", ("true",))
    result = run(developed, "preview", "--shots", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the pictures could not be taken: ")
    assert result.stderr.count("\n") == 1


def test_pictures_are_in_the_default_language_and_counted(
    developed: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("chromium")
    Babel(developed.app, default_locale="de")
    monkeypatch.setattr(shots, "STATES", STATES[:1])
    result = run(developed, "preview", "--shots", str(tmp_path / "shots"))
    assert (result.exit_code, result.stdout) == (0, f"4 pictures in {tmp_path / 'shots'}\n")
    assert len(list((tmp_path / "shots/default/de").glob("*.png"))) == 4


@pytest.mark.slow
def test_it_serves_the_gallery_until_it_is_ended_and_makes_no_store(tmp_path: Path) -> None:
    (tmp_path / "console.py").write_text(CONSOLE, encoding="utf-8")
    command = [sys.executable, "-m", "flask", "--app", "console", "--debug", "twofactor", "preview", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=hears_ctrl_c
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.fullmatch(r"every page in every state: (http://127\.0\.0\.1:\d+/_preview/)  \(.*\)\n", line)
            assert found, line
            with urllib.request.urlopen(found[1]) as answer:
                assert f"{len(STATES)} states" in answer.read().decode()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    assert process.returncode == 0
    assert list(tmp_path.rglob("*.sqlite")) == []

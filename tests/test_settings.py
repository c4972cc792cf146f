from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from flask import Flask

from flask_twofactor import TwoFactor
from flask_twofactor.errors import SettingError, TwoFactorError, WiringError
from flask_twofactor.settings import Settings, as_bytes

LONG = "0123456789abcdef0123456789abcdef"

BAD: list[tuple[str, Any]] = [
    ("ISSUER", "   "),
    ("URL_PREFIX", "two-factor"),
    ("URL_PREFIX", "/"),
    ("URL_PREFIX", None),
    ("ISSUER", 5),
    ("DATABASE_URI", b"sqlite://"),
    ("THROTTLE_STORAGE_URI", 6379),
    ("KEY", 12345),
    ("KEY", ""),
    ("KEY", b""),
    ("KEY", "changeme"),
    ("KEY", LONG[:31]),
    ("KEY_FALLBACKS", LONG),
    ("KEY_FALLBACKS", [5]),
    ("KEY_FALLBACKS", [""]),
    ("KEY_FALLBACKS", [b""]),
    ("KEY_FALLBACKS", [LONG, ""]),
    ("KEY_FALLBACKS", [None]),
    ("WINDOW", 2),
    ("WINDOW", -1),
    ("WINDOW", True),
    ("WINDOW", "1"),
    ("WINDOW", 1.0),
    ("WINDOW", None),
    ("DECOY_RATIO", 0),
    ("DECOY_RATIO", 0.04),
    ("DECOY_RATIO", 0.51),
    ("DECOY_RATIO", float("nan")),
    ("DECOY_RATIO", "0.25"),
    ("PROMPT", "always"),
    ("PROMPT", None),
    ("ALARM", 0),
    ("ALARM", "50"),
    ("ALARM", True),
    ("EVENT_DAYS", 0),
    ("EVENT_DAYS", 1.5),
    ("BASE_TEMPLATE", None),
    ("TEMPLATE_SET", "bootstrap4"),
    ("TEMPLATE_SET", "../default"),
    ("TEMPLATE_SET", None),
    ("BOOTSTRAP_CSS", 5),
    ("SETTINGS_ENDPOINT", None),
    ("AFTER_LOGIN", 1),
    ("PENDING_SECONDS", 59),
    ("PENDING_SECONDS", 601),
    ("SETUP_SECONDS", 59),
    ("SETUP_SECONDS", 601),
    ("SETUP_SECONDS", "600"),
    ("PASSWORD_SECONDS", 59),
    ("PASSWORD_SECONDS", 901),
    ("SESSION_SECONDS", 299),
    ("IDLE_SECONDS", 59),
    ("IDLE_SECONDS", -1),
    ("SESSION_KEEP", "cart"),
]


def test_without_configuration_the_defaults_hold() -> None:
    settings = Settings.from_config({"SECRET_KEY": "not ours", "DEBUG": True})
    assert settings == Settings()
    assert {item.name: getattr(settings, item.name) for item in fields(settings)} == {
        "url_prefix": "/two-factor",
        "issuer": None,
        "database_uri": None,
        "throttle_storage_uri": None,
        "key": None,
        "key_fallbacks": (),
        "window": 1,
        "step": "session",
        "decoy_ratio": 0.25,
        "prompt": "adaptive",
        "alarm": 50,
        "event_days": 365,
        "base_template": "twofactor/base.html",
        "content_block": "content",
        "template_set": "default",
        "bootstrap_css": None,
        "settings_endpoint": "twofactor.settings",
        "after_login": None,
        "pending_seconds": 600,
        "setup_seconds": 600,
        "password_seconds": 900,
        "session_seconds": 86400,
        "idle_seconds": 0,
        "trusted_browsers": False,
        "trusted_seconds": 30 * 86400,
        "grace_seconds": 0,
        "script": True,
        "rescue_seconds": 3600,
        "session_keep": (),
    }


def test_each_setting_says_what_it_is_for() -> None:
    assert [item.name for item in fields(Settings) if not item.metadata["help"].strip()] == []


@pytest.mark.parametrize("item", fields(Settings), ids=lambda item: item.name)
def test_each_setting_is_read_from_its_key(item: Any) -> None:
    given = {"key": LONG, "key_fallbacks": [LONG], "window": 0, "decoy_ratio": 0.5, "session_keep": ["cart"]}
    given |= {"url_prefix": "/x", "idle_seconds": 60, "session_seconds": 300, "prompt": "uniform", "step": "form"}
    given |= {"trusted_browsers": True, "trusted_seconds": 3600, "script": False}
    given |= {"template_set": "bootstrap5", "bootstrap_css": "/static/bootstrap.min.css"}
    value = given.get(item.name, 300 if item.type == "int" else "text")
    beside = {"TWOFACTOR_TEMPLATE_SET": "bootstrap5"} if item.name == "bootstrap_css" else {}
    settings = Settings.from_config({**beside, f"TWOFACTOR_{item.name.upper()}": value})
    assert getattr(settings, item.name) == value


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_by_the_name_of_its_key(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=rf"^TWOFACTOR_{name} must "):
        Settings.from_config({f"TWOFACTOR_{name}": value})


def test_an_unknown_key_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_WINDOWS") as caught:
        Settings.from_config({"TWOFACTOR_WINDOWS": 1})
    known = str(caught.value).partition("known are: ")[2].split(", ")
    assert known == sorted(f"TWOFACTOR_{item.name.upper()}" for item in fields(Settings))


def test_every_unknown_key_is_named() -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_A, TWOFACTOR_B;"):
        Settings.from_config({"TWOFACTOR_B": 1, "TWOFACTOR_A": 1})


@pytest.mark.requirement("VER-03")
@pytest.mark.parametrize("window", [2, 10, -1])
def test_an_app_with_a_window_of_more_than_one_step_does_not_start(window: int) -> None:
    app = Flask("host")
    app.config.update(SECRET_KEY=LONG, TWOFACTOR_WINDOW=window)
    with pytest.raises(SettingError, match="TWOFACTOR_WINDOW must be 0 or 1"):
        TwoFactor(app)


@pytest.mark.requirement("KEY-05")
@pytest.mark.parametrize("key", ["", b"", "changeme", "x" * 31, b"x" * 31, "é" * 15])
def test_an_app_with_a_short_or_empty_key_does_not_start(key: str | bytes) -> None:
    app = Flask("host")
    app.config.update(SECRET_KEY=LONG, TWOFACTOR_KEY=key)
    with pytest.raises(SettingError, match="TWOFACTOR_KEY must have at least 32 bytes"):
        TwoFactor(app)


@pytest.mark.parametrize("key", [LONG, LONG.encode(), "é" * 16, "x" * 1000])
def test_a_key_of_32_bytes_or_more_is_taken(key: str | bytes) -> None:
    assert Settings(key=key).key == key


@pytest.mark.requirement("STO-12")
def test_no_key_is_shown() -> None:
    settings = Settings(key=LONG, key_fallbacks=[LONG[::-1]])
    shown = f"{settings!r} {settings!s}"
    assert LONG not in shown
    assert LONG[::-1] not in shown
    assert "window=1" in shown


@pytest.mark.requirement("STO-12")
@pytest.mark.parametrize(
    "config",
    [
        {"TWOFACTOR_KEY": LONG[:31]},
        {"TWOFACTOR_KEY": [LONG[:31]]},
        {"TWOFACTOR_KEY_FALLBACKS": LONG[:31]},
        {"TWOFACTOR_KEY_FALLBACKS": [LONG[:31], 5]},
    ],
)
def test_a_refused_key_is_not_shown_in_the_error(config: dict[str, Any]) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_config(config)
    assert LONG[:31] not in str(caught.value)


def test_a_former_key_may_be_short_so_that_what_it_sealed_still_opens() -> None:
    assert Settings(key_fallbacks=["short"]).key_fallbacks == ["short"]


@pytest.mark.requirement("HDR-03")
@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example/bootstrap.css",
        "//cdn.example/b.css",
        "/\\cdn.example/b.css",
        "/\t/cdn.example/b.css",
        "b.css",
        "",
    ],
)
def test_a_bootstrap_of_another_origin_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_BOOTSTRAP_CSS must be a path of this site"):
        Settings(template_set="bootstrap5", bootstrap_css=url)


def test_a_bootstrap_that_no_page_would_link_is_refused() -> None:
    with pytest.raises(SettingError, match="TWOFACTOR_BOOTSTRAP_CSS needs TWOFACTOR_TEMPLATE_SET"):
        Settings(bootstrap_css="/static/bootstrap.min.css")


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(FrozenInstanceError):
        settings.window = 0  # type: ignore[misc]


def test_a_setting_error_is_a_wiring_error_with_a_code() -> None:
    assert issubclass(SettingError, WiringError)
    assert issubclass(WiringError, TwoFactorError)
    assert (SettingError.code, SettingError.status) == ("setting", 500)


def test_text_and_bytes_are_the_same_key() -> None:
    assert as_bytes("é") == as_bytes("é".encode()) == b"\xc3\xa9"

"""The example console: three brands on one process, the switches, who must have the factor, what `make demo` prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import example_app
from example_app import brands, demo, preferences
from example_app.__main__ import printout
from flask_twofactor.core.totp import code_at, step_at
from tests.support.host import SECRET_KEY, Clock, csrf_token


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Iterator[Flask]:
    with mock.patch.object(example_app.two_factor, "_clock", clock):
        yield example_app.create_app({"INSTANCE_PATH": str(tmp_path), "SECRET_KEY": SECRET_KEY, "TESTING": True})


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def log_in(client: FlaskClient, account: demo.Account, at: float, prefix: str = "") -> TestResponse:
    page = client.get(f"{prefix}/two-factor/identify")
    data: dict[str, Any] = {"csrf_token": csrf_token(page), "identifier": account.email}
    page = client.post(f"{prefix}/two-factor/identify", data=data, follow_redirects=True)
    data = {"csrf_token": csrf_token(page), "password": account.password}
    if account.key:
        data["code"] = code_at(account.key, step_at(at))
    return client.post(f"{prefix}/two-factor/credential", data=data)


def choose(client: FlaskClient, **choices: str) -> TestResponse:
    token = csrf_token(client.get("/two-factor/identify"))
    return client.post("/preferences", data={"csrf_token": token, **choices})


@pytest.mark.parametrize("brand", brands.ALL, ids=[brand.key for brand in brands.ALL])
def test_a_brand_is_shown_by_host_name_and_by_path(client: FlaskClient, brand: Any) -> None:
    by_host = client.get("/two-factor/identify", base_url=f"http://{brand.key}.localhost:5000")
    by_path = client.get(f"/b/{brand.key}/two-factor/identify")
    for page in (by_host, by_path):
        assert f"{brand.name}</title>" in page.text
        assert f"/two-factor/brand/{brand.key}.css?v=" in page.text
    assert f'action="/b/{brand.key}/two-factor/identify"' in by_path.text


def test_elsewhere_it_is_harbor(client: FlaskClient) -> None:
    for path in ("/two-factor/identify", "/two-factor/identify?brand=meridian"):
        assert "Harbor</title>" in client.get(path).text
    assert client.get("/b/nobody/two-factor/identify").status_code == 404


def test_one_log_in_counts_for_every_brand_of_a_host_name(app: Flask, client: FlaskClient, clock: Clock) -> None:
    sam, alex, *_ = demo.seed(app)
    assert log_in(client, alex, clock.at, "/b/meridian").location == "/b/meridian/"
    for prefix in ("", "/b/harbor", "/b/northlight", "/b/meridian"):
        assert client.get(f"{prefix}/dashboard").status_code == 200
    assert sam.key == ""


def test_the_key_is_named_for_the_brand(app: Flask, client: FlaskClient, clock: Clock) -> None:
    sam, *_ = demo.seed(app)
    log_in(client, sam, clock.at, "/b/meridian")
    assert "otpauth://totp/Meridian%20Rail:sam" in client.get("/b/meridian/two-factor/setup").text


def test_an_administrator_without_the_factor_is_led_to_the_set_up(
    app: Flask, client: FlaskClient, clock: Clock
) -> None:
    noor = next(one for one in demo.seed(app) if one.required and not one.factor)
    log_in(client, noor, clock.at)
    answer = client.get("/dashboard")
    assert answer.status_code == 302
    assert answer.location.startswith("/two-factor/setup")
    assert "required" in client.get("/two-factor/setup").text


def test_an_administrator_with_it_cannot_turn_it_off(app: Flask, client: FlaskClient, clock: Clock) -> None:
    vera = next(one for one in demo.seed(app) if one.required and one.factor)
    log_in(client, vera, clock.at)
    assert "DISABLE" not in client.get("/two-factor/manage").text
    assert client.get("/dashboard").status_code == 200


@pytest.mark.parametrize("name", preferences.LANGUAGES)
def test_every_language_of_the_pages_can_be_chosen_by_its_own_name(client: FlaskClient, name: str) -> None:
    choose(client, language=name)
    page = client.get("/two-factor/identify", headers={"Accept-Language": "nl"})
    tag, direction = name.replace("_", "-"), "rtl" if name in ("ar", "he") else "ltr"
    assert re.search(r"<html [^>]*>", page.text).group() == f'<html lang="{tag}" dir="{direction}">'  # type: ignore[union-attr]
    assert re.search(rf'<option value="{name}"[^>]* selected>{re.escape(preferences.LANGUAGES[name])}<', page.text)


def test_without_a_choice_the_browser_s_language_counts(client: FlaskClient) -> None:
    asked = {"de-AT,de;q=0.9": "de", "pt-BR": "pt-BR", "zh-CN,zh;q=0.9": "zh-Hans", "xx": "en"}
    for header, tag in asked.items():
        page = client.get("/two-factor/identify", headers={"Accept-Language": header})
        assert f'<html lang="{tag}"' in page.text
    choose(client, language="fr")
    choose(client, language="")
    assert '<html lang="de"' in client.get("/two-factor/identify", headers={"Accept-Language": "de"}).text


def test_the_appearance_is_kept_by_every_layout(client: FlaskClient) -> None:
    for path in ("/two-factor/identify", "/b/meridian/two-factor/identify", "/legacy-login"):
        assert "data-theme" not in client.get(path).text
    choose(client, theme="dark")
    for path in ("/two-factor/identify", "/b/meridian/two-factor/identify", "/legacy-login"):
        assert 'data-theme="dark">' in client.get(path).text
    assert "meridian-logo-dark.svg" in client.get("/b/meridian/two-factor/identify").text


@pytest.mark.parametrize("name", ["language", "theme"])
def test_a_choice_that_there_is_not_is_forgotten(client: FlaskClient, name: str) -> None:
    answer = choose(client, **{name: '"><script>'})
    assert "script" not in str(answer.headers)
    client.set_cookie(preferences.LANGUAGE_COOKIE, "../../etc")
    client.set_cookie(preferences.THEME_COOKIE, '"><script>')
    page = client.get("/two-factor/identify").text
    assert '<html lang="en" dir="ltr">' in page
    assert '"><script>' not in page


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/services?q=eu", "/services?q=eu"),
        ("/b/northlight/profile", "/b/northlight/profile"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("", "/"),
    ],
)
def test_the_switch_leads_back_to_a_page_of_this_site(client: FlaskClient, target: str, lands: str) -> None:
    assert choose(client, next=target, theme="dark").location == lands


def test_the_sheet_of_recovery_codes_has_no_switch_that_would_lose_them(
    app: Flask, client: FlaskClient, clock: Clock
) -> None:
    sam, *_ = demo.seed(app)
    log_in(client, sam, clock.at)
    page = client.get("/two-factor/setup")
    found = re.search(r"secret=(\w+)", page.text)
    assert found is not None
    code = code_at(found.group(1), step_at(clock.at))
    sheet = client.post("/two-factor/setup", data={"csrf_token": csrf_token(page), "code": code}, follow_redirects=True)
    assert 'class="tf-codes"' in sheet.text
    assert "prefs-form" not in sheet.text


def test_what_is_printed_names_each_brand_account_and_switch_and_is_short(app: Flask) -> None:
    text = printout(demo.seed(app), 5000, "/folder")
    for brand in brands.ALL:
        assert f"http://{brand.key}.localhost:5000/" in text
        assert f"http://127.0.0.1:5000/b/{brand.key}/" in text
    for account in demo.seed(app):
        assert account.email in text
        assert not account.key or f"oathtool --totp -b {account.key}" in text
    assert f"one of {len(preferences.LANGUAGES)}" in text
    assert "must set two-factor up at the log-in" in text
    assert len(text.splitlines()) <= 35
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_accounts_are_made_once_and_keep_their_keys(app: Flask) -> None:
    first, second = demo.seed(app), demo.seed(app)
    assert [one.email for one in first] == [
        "sam@harbor.test",
        "alex@harbor.test",
        "noor@harbor.test",
        "vera@harbor.test",
    ]
    assert first == second

"""Browsers in words: as they really call themselves, and what is no browser at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.agents import UNKNOWN, family
from flask_twofactor.core.texts import ENGLISH

WINDOWS, MAC = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
LINUX, PHONE = "Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (Linux; Android 14; Pixel 8)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)"
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox on Windows"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0", "Firefox on Android"),
        (f"{WINDOWS} {CHROME}", "Chrome on Windows"),
        (f"{LINUX} {CHROME}", "Chrome on Linux"),
        (f"{PHONE} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME}", "Chrome on ChromeOS"),
        (f"{LINUX} AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0 Safari/537.36", "Chrome on Linux"),
        (f"{MAC} {CHROME} Edg/126.0.0.0", "Edge on Mac"),
        (f"{PHONE} {CHROME} EdgA/125.0.0.0", "Edge on Android"),
        (f"{IPHONE} {WEBKIT} Version/17.0 EdgiOS/125.0 Mobile/15E148 Safari/605.1.15", "Edge on iPhone"),
        (f"{WINDOWS} {CHROME} OPR/111.0.0.0", "Opera on Windows"),
        (f"{WINDOWS} {CHROME} Vivaldi/6.8", "Vivaldi on Windows"),
        (f"{WINDOWS} {CHROME} YaBrowser/24.4", "Yandex Browser on Windows"),
        (f"{PHONE} SamsungBrowser/25.0 {CHROME}", "Samsung Internet on Android"),
        (f"{LINUX} AppleWebKit/537.36 Ubuntu Chromium/126.0 Chrome/126.0 Safari/537.36", "Chromium on Linux"),
        (f"{MAC} {WEBKIT} Version/17.5 Safari/605.1.15", "Safari on Mac"),
        (f"{IPHONE} {WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        (f"{IPAD} {WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1", "Safari on iPad"),
        (f"{IPHONE} {WEBKIT} CriOS/126.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        (f"{IPHONE} {WEBKIT} FxiOS/127.0 Mobile/15E148 Safari/605.1.15", "Firefox on iPhone"),
        (f"{IPHONE} {WEBKIT} Mobile/15E148", "Unknown browser on iPhone"),
        (f"{LINUX} {WEBKIT} Version/4.0 Safari/534.30", "Unknown browser on Linux"),
        ("Firefox/127.0", "Firefox"),
        ("curl/8.8.0", "Unknown browser"),
        ("unknown", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_told_in_words_that_a_person_knows(agent: str, words: str) -> None:
    assert family(agent, ENGLISH) == words


@given(st.lists(st.sampled_from(["<b>", "\n", "Firefox/", "Safari/", "Edg", "iPad", "Linux", "Android"]) | st.text()))
def test_no_word_is_repeated_of_what_it_calls_itself(parts: list[str]) -> None:
    ours = f"{UNKNOWN} on Firefox Chrome Chromium Edge Opera Vivaldi Yandex Browser Samsung Internet Safari"
    assert set(family("".join(parts), ENGLISH).split()) <= set(
        f"{ours} iPhone iPad Android Windows ChromeOS Mac Linux".split()
    )

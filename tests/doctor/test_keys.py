"""Keys that others know; secrets that no key opens."""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_twofactor.core.records import Enrolment
from flask_twofactor.doctor.keys import MAKE_ONE, why_guessable
from tests.doctor.consoles import RIGHT, enrol, make_console, one, severities
from tests.support.watching import WatchedVerbs

KNOWN = [
    "dev",
    "DEV",
    "secret",
    "changeme",
    "Change-Me!",
    "your-secret-key",
    "your_secret_key_here",
    "super secret key",
    "MY_SECRET_KEY",
    "hard to guess string",
    "you-will-never-guess",
    "dev-key-not-for-production",
    "please change this in production",
    "fraud_detection_secret_key_2024",
    "test-key-1234",
    "A0Zr98j/3yX R~XHH!jmN]LWX/,?RT",
    b'_5#y2L"F4Q8z\n\xec]/',
    b"dev",
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "5791628bb0b13ce0c676dfde280ba245",
    "a" * 64,
    "0" * 32,
    b"\0" * 32,
    "12341234123412341234123412341234",
    "0123456789abcdef0123456789abcdef",
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba9876543210",
]
MAKERS: dict[str, Callable[[random.Random], str | bytes]] = {
    "token_hex(16)": lambda source: source.randbytes(16).hex(),
    "token_hex(32)": lambda source: source.randbytes(32).hex(),
    "token_urlsafe(32)": lambda source: base64.urlsafe_b64encode(source.randbytes(32)).decode().rstrip("="),
    "urandom(24)": lambda source: source.randbytes(24),
    "urandom(32)": lambda source: source.randbytes(32),
    "uuid4": lambda source: str(uuid.UUID(bytes=source.randbytes(16), version=4)),
    "a name and a random rest": lambda source: f"my-secret-key-{source.randbytes(24).hex()}",
}


@pytest.mark.requirement("KEY-05")
@pytest.mark.parametrize("key", KNOWN)
def test_a_key_that_others_know_or_can_guess_is_wrong_and_is_not_repeated(key: str | bytes, tmp_path: Path) -> None:
    app = make_console(tmp_path, config={"SECRET_KEY": key})
    problem = one(app, "development-key")
    assert problem.severity == "wrong"
    assert problem.text.startswith("SECRET_KEY ")
    assert problem.mend == MAKE_ONE
    assert len(key) < 9 or str(key) not in str(problem)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_no_random_key_is_accused(make: Callable[[random.Random], str | bytes]) -> None:
    source = random.Random(1905)
    assert [key for key in (make(source) for _ in range(3000)) if why_guessable(key)] == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("TWOFACTOR_KEY", "changeme" * 4),
        ("TWOFACTOR_KEY_FALLBACKS", ["dev"]),
        ("SECRET_KEY_FALLBACKS", ["dev"]),
    ],
)
def test_every_key_that_is_set_is_looked_at(setting: str, value: object, tmp_path: Path) -> None:
    app = make_console(tmp_path, config={setting: value})
    assert setting in one(app, "development-key").text


def test_a_short_key_is_weak_and_a_longer_one_is_not(tmp_path: Path) -> None:
    key = RIGHT["SECRET_KEY"]
    for length, found in ((15, {"short-key": "weak"}), (16, {})):
        assert severities(make_console(tmp_path, config={"SECRET_KEY": str(key)[:length]})) == found


def test_a_key_that_seals_too_has_to_be_longer(tmp_path: Path) -> None:
    key = str(RIGHT["SECRET_KEY"])
    for length, short in ((31, True), (32, False)):
        config = {"SECRET_KEY": key[:length], "TWOFACTOR_KEY": None}
        ids = severities(make_console(tmp_path / str(length), config=config))
        assert ids == {"derived-key": "weak", **({"short-key": "weak"} if short else {})}


@pytest.mark.requirement("STO-06")
def test_secrets_that_no_key_opens_are_counted(tmp_path: Path) -> None:
    app = make_console(tmp_path)
    for key in range(3):
        enrol(app, key)
    assert severities(app) == {}
    store = app.extensions["twofactor"].store
    (first, *_) = store.enrolments()
    assert store.reseal(first.subject, first.id, first.sealed, "1.broken")
    problem = one(app, "sealed-unopened")
    assert "1 of 3 secrets" in problem.text
    assert "rotate-keys" in problem.mend
    assert problem.severity == "wrong"


def test_two_hundred_secrets_are_opened_and_no_more(tmp_path: Path) -> None:
    app = make_console(tmp_path, config={"TWOFACTOR_KEY_FALLBACKS": [RIGHT["SECRET_KEY"]]})
    enrol(app, 1)
    state = app.extensions["twofactor"]
    (row,) = state.store.enrolments()
    given: list[int] = []

    def many() -> Iterator[Enrolment]:
        for number in range(1000):
            given.append(number)
            yield row

    watched: Any = WatchedVerbs(state.store, lambda verb: None)
    watched.enrolments = many
    state.__dict__["store"] = watched
    assert severities(app) == {}, "nor is a former key idle, of which not all is known"
    assert len(given) == 200


def test_a_former_key_that_opens_nothing_is_told(tmp_path: Path) -> None:
    old, new, idle = (str(RIGHT["TWOFACTOR_KEY"])[start:] for start in (0, 1, 2))
    enrol(make_console(tmp_path, config={"TWOFACTOR_KEY": old}), 1)
    both = make_console(tmp_path, config={"TWOFACTOR_KEY": new, "TWOFACTOR_KEY_FALLBACKS": [old, idle]})
    assert "1 of the keys" in one(both, "idle-former-key").text
    used = make_console(tmp_path, config={"TWOFACTOR_KEY": new, "TWOFACTOR_KEY_FALLBACKS": [old]})
    assert severities(used) == {}
    assert used.test_cli_runner().invoke(args=["twofactor", "rotate-keys"]).exit_code == 0
    assert severities(used) == {"idle-former-key": "told"}

"""Keys that others know, or could guess; and sealed secrets that no key opens. No message holds a key."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from ..core.keyring import META, SECRET, Keyring
from ..core.records import Enrolment
from ..settings import MIN_KEY_BYTES, as_bytes
from ..state import META_NAMES, State
from .problem import Problem

MAKE_ONE = 'python -c "import secrets; print(secrets.token_hex(32))"'
_SAMPLE = 200
_SIGNING_BYTES = 16
"""What a SECRET_KEY needs that only signs."""
_PUBLISHED = {
    # Printed in the documentation of Flask (three times) and in tutorials that many follow to the letter.
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "a0zr98j/3yx r~xhh!jmn]lwx/,?rt",
    '_5#y2l"f4q8z\n\xec]/',
    "5791628bb0b13ce0c676dfde280ba245",
    "9olwxnd4o83j4k4iuopo",
}
_TELLTALE = re.compile(
    r"secret|change|replace|guess|passw|develop|product|insecure|unsafe|example|default|placeholder|random"
    r"|(?<![a-z0-9])(?:dev|test|testing|debug|key|todo|foo|bar|abc)(?![a-z0-9])"
)
_LETTERS = re.compile(r"[^a-z0-9]")
_ENOUGH_BESIDE = 24
"""Letters beside such words that make it a key after all: ``prod-secret-`` and a random rest."""
_FEW = 8
"""Different characters: 32 random hexadecimal digits have 14 of 16, and fewer than eight never."""


def weak_keys(state: State, secret_key: str | bytes, former: Sequence[str | bytes]) -> Iterator[Problem]:
    """Give what is weak about the keys that are set; ``former`` are those of SECRET_KEY_FALLBACKS."""
    settings = state.settings
    if settings.key is None:
        yield Problem(
            "derived-key",
            "weak",
            "TWOFACTOR_KEY is not set: secrets are sealed with a key derived from SECRET_KEY",
            'app.config["TWOFACTOR_KEY"] = os.environ["TWOFACTOR_KEY"], and rotate-keys: see several-processes.md',
        )
    needed = MIN_KEY_BYTES if settings.key is None else _SIGNING_BYTES
    if 0 < len(as_bytes(secret_key)) < needed:
        yield Problem("short-key", "weak", f"SECRET_KEY is short: use at least {needed} random bytes", MAKE_ONE)
    named = [("SECRET_KEY", secret_key), ("TWOFACTOR_KEY", settings.key)]
    named += [("a key of SECRET_KEY_FALLBACKS", key) for key in former]
    named += [("a key of TWOFACTOR_KEY_FALLBACKS", key) for key in settings.key_fallbacks]
    for name, key in named:
        if key and (why := why_guessable(key)):
            yield Problem("development-key", "wrong", f"{name} {why}, so others know it or can guess it", MAKE_ONE)


def why_guessable(key: str | bytes) -> str:
    """Say why a key is no secret; "" for one that may be."""
    text = (key if isinstance(key, str) else key.decode("latin-1")).lower()
    if text in _PUBLISHED:
        return "is printed in a manual"
    if _TELLTALE.search(text) and len(_LETTERS.sub("", _TELLTALE.sub("", text))) < _ENOUGH_BESIDE:
        return "is made of words that many take for it"
    if len(set(text)) < _FEW:
        return f"has only {len(set(text))} different characters"
    if _repeats(text):
        return "repeats itself"
    steps = [abs(ord(one) - ord(other)) <= 1 for one, other in itertools.pairwise(text)]
    if sum(steps) > 0.6 * len(steps):
        return "follows the alphabet"
    return ""


def sealed_secrets(state: State) -> Iterator[Problem]:
    """Give how many of the first secrets in the store no key opens, and former keys that open none."""
    rows = list(itertools.islice(state.store.enrolments(), _SAMPLE))
    shut = [row for row in rows if state.keyring.open(SECRET, row.sealed, row.subject, row.id) is None]
    if shut:
        yield Problem(
            "sealed-unopened",
            "wrong",
            f"no key opens {len(shut)} of {len(rows)} secrets: whose they are, no code is right",
            "flask twofactor rotate-keys names whose; find their key for TWOFACTOR_KEY_FALLBACKS, or reset them",
        )
    idle = sum(_is_idle(state, as_bytes(key), rows) for key in state.settings.key_fallbacks)
    if idle and len(rows) < _SAMPLE:
        yield Problem(
            "idle-former-key",
            "told",
            f"{idle} of the keys in TWOFACTOR_KEY_FALLBACKS open nothing in the store",
            "take them out, where rotate-keys is done",
        )


def _is_idle(state: State, key: bytes, rows: list[Enrolment]) -> bool:
    alone = Keyring([key])
    if any(alone.open(SECRET, row.sealed, row.subject, row.id) is not None for row in rows):
        return False
    return all(alone.open(META, state.store.meta(name), name) is None for name in META_NAMES)


def _repeats(text: str) -> bool:
    """Tell whether a text is one part of it again and again, the last time perhaps not to its end."""
    return any(text == (text[:size] * (len(text) // size + 1))[: len(text)] for size in range(1, len(text) // 2 + 1))

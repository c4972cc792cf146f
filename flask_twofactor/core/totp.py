"""RFC 6238 over pyotp: the code of a step, the step that a code matches, the otpauth URI.

SHA-1, six digits, thirty seconds: what every authenticator app honours (ENR-13).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import unicodedata

import pyotp

PERIOD = 30
"""Seconds a step (RFC 6238 §5.2)."""
SECRET_BYTES = 20
"""160 bits, as RFC 4226 §4 R6 recommends."""
MIN_SECRET_BYTES = 16
"""128 bits, the floor of RFC 4226 §4 R6."""
LEAST_SECRET_BYTES = 10
"""80 bits: shorter than RFC 4226 §4 R6 asks, and what pyotp made before 2.4. Imported, never made here."""
MAX_SECRET_BYTES = 64
_LABEL_BYTES = 128
_ISSUER_BYTES = 48


def new_secret() -> str:
    """Make a secret from the operating system's random source: base32, 32 characters (ENR-01)."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def parse_secret(text: str, least: int = MIN_SECRET_BYTES) -> str | None:
    """Give ``text`` as unpadded upper-case base32, or None where it is no secret of ``least`` to 64 bytes."""
    plain = "".join(text.split()).replace("-", "").rstrip("=").upper()
    if len(plain) > MAX_SECRET_BYTES * 2:
        return None
    try:
        raw = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except (binascii.Error, ValueError):
        return None
    return plain if least <= len(raw) <= MAX_SECRET_BYTES else None


def is_weak(secret: str) -> bool:
    """Tell whether a secret is shorter than RFC 4226 §4 R6 asks: its owner should set up anew."""
    return parse_secret(secret) is None


class _Totp(pyotp.TOTP):
    """pyotp's, for the shortest secret that we import: its own floor is 112 bits since 2.12."""

    min_secret_length_bits = LEAST_SECRET_BYTES * 8


def step_at(now: float) -> int:
    """Give the time step of Unix time ``now`` (VER-05: no time zone, no datetime in the path)."""
    return int(now) // PERIOD


def code_at(secret: str, step: int) -> str:
    """Give the six digits of ``secret`` (base32) for ``step`` (RFC 4226 §5.3)."""
    return _Totp(secret).generate_otp(step)


def matching_step(secret: str, code: str, now: float, window: int = 1) -> int | None:
    """Give the step within ``window`` of ``now`` whose code is ``code``, or None (RFC 6238 §5.2).

    Every candidate is computed and compared in constant time, whatever matched first (VER-04).
    ``code`` is six ASCII digits from `parse_code`. Where two steps share a code, the latest counts.
    """
    totp = _Totp(secret)
    current = step_at(now)
    matched = None
    for step in range(current - window, current + window + 1):
        candidate = totp.generate_otp(max(step, 0))
        if hmac.compare_digest(candidate.encode(), code.encode()) and step >= 0:
            matched = step
    return matched


def _label_part(text: str, limit: int) -> str:
    """Drop what the key URI format forbids or hides (colons, controls, bidi marks), bound the UTF-8 length."""
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text.replace(":", " "))
    clean = " ".join(shown.split())
    return clean.encode()[:limit].decode(errors="ignore").strip()


def provisioning_uri(secret: str, account: str, issuer: str) -> str:
    """Give the ``otpauth://totp/`` URI (Google's key URI format), label at most 128 bytes (ENR-13)."""
    issuer = _label_part(issuer, _ISSUER_BYTES) or "Console"
    account = _label_part(account, _LABEL_BYTES - len(issuer.encode()) - 1) or "account"
    return _Totp(secret).provisioning_uri(name=account, issuer_name=issuer)


def in_groups(secret: str, size: int = 4) -> list[str]:
    """Cut ``secret`` into groups that a person can type."""
    return [secret[start : start + size] for start in range(0, len(secret), size)]

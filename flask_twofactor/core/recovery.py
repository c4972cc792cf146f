"""Recovery codes: ten of 120 random bits, for whoever has lost the authenticator (SP 800-63B-4 §4.2.1.1, REC-01)."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from .codes import ALPHABET, RECOVERY_LENGTH, RECOVERY_PREFIX

COUNT = 10
"""Codes of one sheet."""
FEW = 3
"""With so many left or fewer, their owner is warned (REC-05)."""
_GROUP = 4


def new_code() -> str:
    """Make a code as `parse_recovery_code` gives it."""
    return "".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_LENGTH))


def new_codes() -> list[str]:
    """Make the codes of a sheet."""
    return [new_code() for _ in range(COUNT)]


def printed(code: str, prefix: str = RECOVERY_PREFIX) -> str:
    """Write a code as it is shown: with the prefix that leak scanners find it by, in groups of four."""
    return "-".join([prefix, *(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))])


def recovery_digest(key: bytes, subject: str, enrolment: str, code: str) -> str:
    """Give what is kept of a code: HMAC-SHA256, hexadecimal, bound to account and enrolment (STO-04, RFC 2104).

    Without a salt of its own or a slow hash: 120 random bits are more than anybody tries (ASVS 6.5.2).
    """
    text = "\n".join((code, enrolment, subject))  # the first two have neither a line end nor another length
    return hmac.new(key, text.encode(errors="replace"), hashlib.sha256).hexdigest()

"""Seal and open: AES-256-GCM under keys that HKDF makes, one a purpose (STO-01, STO-03).

A sealed text is ``"1." + base64url(nonce || ciphertext || tag)``. Its associated data names the purpose
and the context (account, enrolment), so that a row or a token moved elsewhere does not open (STO-02).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET = "secret"  # noqa: S105 - the name of a purpose
"""Purpose: TOTP secrets, pending and confirmed."""
META = "meta"
"""Purpose: the store's key check value and decoy key."""
PENDING = "pending"
"""Purpose: the step between identify and credential."""
NOTE = "note"
"""Purpose: the note of a log-in that the host did itself."""
REMEMBER = "remember"
"""Purpose: the companion of Flask-Login's remember cookie."""
KNOWN = "known"
"""Purpose: the known-browser cookie."""
RECOVERY = "recovery"
"""Purpose: new recovery codes, until the browser that made them has shown them."""
UNLOCK = "unlock"
"""Purpose: the link that makes a browser a known one."""
TRUSTED = "trusted"
"""Purpose: the signature of the trusted-browser cookie."""
CSRF = "csrf"
"""Purpose: CSRF tokens that need no session."""
THROTTLE = "throttle"
"""Purpose: digests that name counters."""

PURPOSES = (SECRET, META, PENDING, NOTE, REMEMBER, KNOWN, RECOVERY, UNLOCK, THROTTLE, CSRF)
_VERSION = "1."
_NONCE = 12
_MAX_SEALED = 4096


def token_digest(token: str) -> str:
    """Give the BLAKE2b-256 of a random token (RFC 7693), in hexadecimal: how marks are kept (STO-05)."""
    return hashlib.blake2b(token.encode(errors="replace"), digest_size=32).hexdigest()


def _derive(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"flask_twofactor/1/" + purpose.encode()).derive(key)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _associated(purpose: str, context: Iterable[str]) -> bytes:
    parts = [purpose, *context]
    return b"".join(len(raw).to_bytes(4, "big") + raw for raw in (part.encode(errors="replace") for part in parts))


def _open(ciphers: Sequence[AESGCM], sealed: str | None, associated: bytes) -> bytes | None:
    if (
        not isinstance(sealed, str)
        or len(sealed) > _MAX_SEALED
        or not sealed.startswith(_VERSION)
        or not sealed.isascii()
    ):
        return None
    text = sealed[len(_VERSION) :]
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    if len(raw) <= _NONCE or _encode(raw) != text:  # one spelling only: no bit of the text is idle
        return None
    for cipher in ciphers:
        try:
            return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], associated)
        except InvalidTag:
            continue
    return None


class Keyring:
    """The keys of one app: the first seals, all open (KEY-01)."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take raw key material, the present key first; each at least one byte, spread by HKDF."""
        if not keys or not all(keys):
            raise ValueError("a keyring needs at least one key, none of them empty")
        self._ciphers = {purpose: [AESGCM(_derive(key, purpose)) for key in keys] for purpose in PURPOSES}
        self._digest_key = _derive(keys[0], THROTTLE + "/digest")
        self.signing_keys = [_derive(key, TRUSTED + "/sign") for key in reversed(keys)]
        """For itsdangerous, which signs with the last of several: what a browser may hold readable, but not make."""

    def __repr__(self) -> str:
        return f"<Keyring of {len(self._ciphers[SECRET])}>"

    def seal(self, purpose: str, plain: bytes, *context: str) -> str:
        """Encrypt ``plain`` under the present key of ``purpose``, bound to ``context``."""
        nonce = os.urandom(_NONCE)
        body = self._ciphers[purpose][0].encrypt(nonce, plain, _associated(purpose, context))
        return _VERSION + _encode(nonce + body)

    def open(self, purpose: str, sealed: str | None, *context: str) -> bytes | None:
        """Decrypt, or None: altered, another purpose or context, or sealed by a key we do not hold."""
        return _open(self._ciphers[purpose], sealed, _associated(purpose, context))

    def is_current(self, purpose: str, sealed: str | None, *context: str) -> bool:
        """Tell whether the present key opens it: to seal it anew would change nothing (KEY-01)."""
        return _open(self._ciphers[purpose][:1], sealed, _associated(purpose, context)) is not None

    def reseal(self, purpose: str, sealed: str | None, *context: str) -> str | None:
        """Seal anew with the present key what any key opens; None where none does (KEY-01)."""
        plain = self.open(purpose, sealed, *context)
        return None if plain is None else self.seal(purpose, plain, *context)

    def digest(self, text: str) -> str:
        """Give a keyed SHA-256 of ``text``, hexadecimal, that names a counter without showing the text (STO-11)."""
        return hmac.new(self._digest_key, text.encode(errors="replace"), hashlib.sha256).hexdigest()

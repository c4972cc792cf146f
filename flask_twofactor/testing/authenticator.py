"""A fake authenticator app: it knows the secret, and nothing of the console."""

from __future__ import annotations

import pyotp

from ..core.totp import parse_secret


class Authenticator:
    """An authenticator app that holds one key: an ``otpauth://totp/`` URI as a QR code has it, or a base32 secret."""

    def __init__(self, key: str) -> None:
        """Take the key; raises ValueError where it is none of a TOTP."""
        if key.startswith("otpauth:"):
            read = pyotp.parse_uri(key)
            if not isinstance(read, pyotp.TOTP):
                raise ValueError("the URI is no otpauth://totp/ URI")
            self._totp = read
        else:
            secret = parse_secret(key)
            if secret is None:
                raise ValueError("neither an otpauth URI nor a base32 secret of 128 to 512 bits")
            self._totp = pyotp.TOTP(secret)

    def __repr__(self) -> str:
        return "<Authenticator>"

    def code(self, at: float, steps: int = 0) -> str:
        """Give the code at Unix time ``at``, or ``steps`` time steps later."""
        return self._totp.generate_otp(int(at) // self._totp.interval + steps)

"""Factors that a console already has: what other programs keep of a secret, read into ours.

Taken is what our log-in can check: SHA-1, six digits, thirty seconds, 80 to 512 bits. All else is refused, with the
reason and without the secret.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from ..errors import UnreadableFile, UnusableSecret
from .tables import Row, parse_json
from .totp import LEAST_SECRET_BYTES, PERIOD, parse_secret

By = Literal["key", "name"]
"""How a row says whose it is: by the account's stable key, or by the user ID as typed at log-in."""
Wallet = Mapping[str, bytes]
"""The application secrets of passlib, by tag."""
Read = Callable[[Mapping[str, str], str, Wallet], str]
"""``(columns, name of the secret's column, wallet) -> base32``; raises `UnusableSecret`."""

_NOTHING = frozenset({"", "NULL", "null", "None", r"\N"})
"""How tables write that there is none."""
_NO = frozenset({"0", "f", "false", "no", "n"})
_COSTS = range(21)
"""Powers of two of rounds: passlib takes 14, and a file must not name hours."""
_DRIFTS = frozenset({"-1", "0", "1"})
"""Steps that our window forgives."""


@dataclass(frozen=True)
class Foreign:
    """A factor from elsewhere: its line, whose it is, and the secret in base32, "" where there is none.

    ``problem`` says why it cannot be taken.
    """

    line: int
    account: str
    secret: str = field(default="", repr=False)
    problem: str = ""


@dataclass(frozen=True)
class Columns:
    """Where a table says whose a factor is and has its secret."""

    account: str
    secret: str


@dataclass(frozen=True)
class Source:
    """A kind of table: how its secrets are read, the columns that it has by default, and how it names accounts."""

    read: Read
    column: str
    name: str
    key: str
    by: By = "name"

    def columns(self, by: By, account: str | None, secret: str | None) -> Columns:
        """Give the columns to read: those that are named, and its own where None."""
        return Columns(account or (self.key if by == "key" else self.name), secret or self.column)


def read_factors(rows: Iterable[Row], read: Read, columns: Columns, wallet: Wallet) -> Iterator[Foreign]:
    """Read the factors of a table; raises `UnreadableFile` where its first row lacks a column.

    Names of columns are only told where the caller gave them: what stands in a first line may be a secret.
    """
    for number, row in enumerate(rows):
        missing = [name for name in (columns.account, columns.secret) if name not in row.columns]
        if missing and not row.problem and number == 0:
            raise UnreadableFile(f"there is no column {missing[0]!r}; the first line of CSV names the columns")
        problem = row.problem or (f"it has no {missing[0]!r}" if missing else _problem(row, columns))
        yield Foreign(row.line, "", problem=problem) if problem else _factor(row, columns, read, wallet)


def _problem(row: Row, columns: Columns) -> str:
    account = row.columns[columns.account]
    if not account:
        return "it does not say whose it is"
    if "\ufffd" in account:
        return "it is no UTF-8"
    return "its account is its secret" if account == row.columns[columns.secret] else ""


def _factor(row: Row, columns: Columns, read: Read, wallet: Wallet) -> Foreign:
    account, text = row.columns[columns.account], row.columns[columns.secret]
    try:
        secret = "" if text.strip() in _NOTHING else read(row.columns, columns.secret, wallet)
    except UnusableSecret as error:
        return Foreign(row.line, account, problem=str(error))
    return Foreign(row.line, account, secret)


def from_base32(columns: Mapping[str, str], column: str, wallet: Wallet) -> str:
    """Read base32: in either case, with spaces or without, padded or not."""
    return _accept(columns[column])


def from_uri(columns: Mapping[str, str], column: str, wallet: Wallet) -> str:
    """Read an ``otpauth://totp/`` URI (Google's key URI format)."""
    try:
        parts = urlsplit(columns[column].strip())
        query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise UnusableSecret("it is no otpauth URI") from None
    if parts.scheme != "otpauth" or parts.netloc.lower() != "totp" or len(query.get("secret", [])) != 1:
        raise UnusableSecret("it is no otpauth://totp/ URI with one secret")
    given = {name: values[-1] for name, values in query.items()}
    _check_kind(given.get("algorithm", "SHA1"), given.get("digits", "6"), given.get("period", "30"))
    return _accept(given["secret"])


def from_passlib(columns: Mapping[str, str], column: str, wallet: Wallet) -> str:
    """Read passlib's JSON of a TOTP, as Flask-Security-Too keeps it in ``tf_totp_secret``; encrypted or not.

    Where there is a column ``tf_primary_method`` it must say that codes come from an app, not by SMS or mail.
    """
    if columns.get("tf_primary_method", "authenticator") != "authenticator":
        raise UnusableSecret("its codes do not come from an authenticator app (tf_primary_method)")
    found = parse_json(columns[column])
    if not isinstance(found, dict) or found.get("v") != 1 or found.get("type") != "totp":
        raise UnusableSecret("it is no JSON of passlib's TOTP, version 1")
    _check_kind(str(found.get("alg", "sha1")), str(found.get("digits", 6)), str(found.get("period", 30)))
    if "enckey" in found:
        return _encode(_decrypt(found["enckey"], wallet))
    return _accept(str(found.get("key", "")))


def from_django(columns: Mapping[str, str], column: str, wallet: Wallet) -> str:
    """Read a row of django-otp's ``TOTPDevice``: a key in hexadecimal, ``digits``, ``step``, ``t0``, ``drift``."""
    if columns.get("confirmed", "").strip().lower() in _NO:
        raise UnusableSecret("its owner never confirmed it")
    _check_kind("SHA1", columns.get("digits") or "6", columns.get("step") or str(PERIOD))
    if (columns.get("t0") or "0").strip() != "0":
        raise UnusableSecret("its steps are not counted from 1970 on (t0)")
    if (columns.get("drift") or "0").strip() not in _DRIFTS:
        raise UnusableSecret("the clock of the authenticator is too far off (drift)")
    try:
        return _encode(bytes.fromhex(columns[column]))
    except ValueError:
        raise UnusableSecret("it is no key in hexadecimal") from None


SOURCES: Mapping[str, Source] = {
    "twofactor": Source(from_uri, "uri", "account", "key", "key"),
    "base32": Source(from_base32, "otp_secret", "username", "id"),
    "flask-security": Source(from_passlib, "tf_totp_secret", "email", "id"),
    "django-otp": Source(from_django, "key", "username", "user_id"),
}
"""What can be read, by the name that the command line gives it."""


def parse_wallet(raw: bytes) -> dict[str, bytes]:
    """Read application secrets as passlib does: a JSON object, or lines of ``tag: secret``; by tag."""
    text = raw.decode("utf-8-sig", errors="surrogateescape")
    found = parse_json(text) if text.lstrip().startswith("{") else dict(_tagged(text))
    if not isinstance(found, dict) or not all(isinstance(value, str) and value for value in found.values()):
        raise UnreadableFile("the file of secrets is neither a JSON object nor lines of tag: secret")
    return {tag: value.encode(errors="surrogateescape") for tag, value in found.items()}


def _tagged(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            tag, _, secret = line.partition(":")
            yield tag.strip(), secret.strip()


def _decrypt(enckey: Any, wallet: Wallet) -> bytes:
    """Open passlib's ``enckey``: PBKDF2-HMAC-SHA256 of an application secret makes key and counter of AES-256-CTR.

    Nothing in it says whether the application secret was the right one.
    """
    given = enckey if isinstance(enckey, dict) else {}
    cost, salt, body = given.get("c"), _decode(given.get("s")), _decode(given.get("k"))
    if given.get("v") != 1 or not isinstance(cost, int) or cost not in _COSTS or not salt or not body:
        raise UnusableSecret("it is no key that passlib encrypted, version 1")
    secret = wallet.get(str(given.get("t")))
    if secret is None:
        raise UnusableSecret("none of the application secrets has the tag that it is encrypted under")
    made = PBKDF2HMAC(SHA256(), length=48, salt=salt, iterations=1 << cost).derive(secret)
    opening = Cipher(AES(made[:32]), CTR(made[32:])).decryptor()
    return opening.update(body) + opening.finalize()


def _check_kind(algorithm: str, digits: str, period: str) -> None:
    if algorithm.strip().upper().replace("-", "") != "SHA1":
        raise UnusableSecret("its algorithm is not SHA-1")
    if digits.strip() != "6":
        raise UnusableSecret("its codes have not six digits")
    if period.strip() != str(PERIOD):
        raise UnusableSecret(f"its codes do not change every {PERIOD} seconds")


def _accept(text: str) -> str:
    secret = parse_secret(text, LEAST_SECRET_BYTES)
    if secret is None:
        raise UnusableSecret("it is no secret of 80 to 512 bits")
    return secret


def _encode(raw: bytes) -> str:
    return _accept(base64.b32encode(raw).decode())


def _decode(text: Any) -> bytes:
    """Read base32 without padding, b"" where it is none."""
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8)) if isinstance(text, str) else b""
    except ValueError:
        return b""

"""A stream sealed under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM seals it chunk by chunk.

The chunks are the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár 2015, as in age): the nonce of a chunk is
its number and whether it is the last, so that chunks that are missing, moved or cut off do not open. The
header is associated data of each. The salt is of one file alone, and so is the key: no nonce comes twice.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ..errors import UnreadableFile

MAGIC = b"twofactor-seal1\n"
CHUNK = 65536
"""Bytes of plain text in every chunk but the last."""
MIN_PASSPHRASE = 12
"""Characters."""
_SALT = 16
_TAG = 16
HEADER_SIZE = len(MAGIC) + 3 + _SALT
_LOG_N = range(10, 19)
_R = range(1, 9)
_P = range(1, 5)


@dataclass(frozen=True)
class Header:
    """How the key of a file is made: the salt, and scrypt's cost (n is 2 to the power of ``log_n``)."""

    salt: bytes
    log_n: int = 17
    r: int = 8
    p: int = 1

    @property
    def raw(self) -> bytes:
        """Give the bytes at the head of the file."""
        return MAGIC + bytes((self.log_n, self.r, self.p)) + self.salt


def new_header() -> Header:
    """Give the header of a new file: 128 MiB and some tenths of a second for each passphrase that is tried."""
    return Header(os.urandom(_SALT))


def is_sealed(head: bytes) -> bool:
    """Tell whether a file that begins like this is a sealed one."""
    return head.startswith(MAGIC)


def parse_header(head: bytes) -> Header:
    """Read the first `HEADER_SIZE` bytes of a file.

    Raises `UnreadableFile` where it is cut off, or asks for more than 256 MiB and four passes.
    """
    if not is_sealed(head) or len(head) != HEADER_SIZE:
        raise UnreadableFile("the sealed file is cut off")
    log_n, r, p = head[len(MAGIC) : len(MAGIC) + 3]
    if log_n not in _LOG_N or r not in _R or p not in _P:
        raise UnreadableFile("the sealed file asks for a cost of scrypt that no file of ours has")
    return Header(head[-_SALT:], log_n, r, p)


def derive_key(passphrase: str, header: Header) -> bytes:
    """Make the key of a file; how accents were typed makes no other passphrase (NFC, RFC 8265 §4.2.2)."""
    secret = unicodedata.normalize("NFC", passphrase).encode(errors="surrogatepass")
    return Scrypt(salt=header.salt, length=32, n=1 << header.log_n, r=header.r, p=header.p).derive(secret)


def seal(plain: Iterable[bytes], key: bytes, header: Header) -> Iterator[bytes]:
    """Give the bytes of a sealed file, a piece at a time; what is given is one whole file only at the end."""
    cipher = AESGCM(key)
    yield header.raw
    for number, (piece, last) in enumerate(_pieces(plain, CHUNK)):
        yield cipher.encrypt(_nonce(number, last), piece, header.raw)


def unseal(body: Iterable[bytes], key: bytes, header: Header) -> Iterator[bytes]:
    """Give what was sealed, from the bytes behind the header; every piece is authentic when it is given.

    Raises `UnreadableFile` at the first piece that is not, and at the end where the file was cut off.
    """
    cipher = AESGCM(key)
    for number, (piece, last) in enumerate(_pieces(body, CHUNK + _TAG)):
        try:
            plain = cipher.decrypt(_nonce(number, last), piece, header.raw)
        except InvalidTag:
            first = "the passphrase is wrong, or the file was altered"
            raise UnreadableFile("the file was altered or is cut off" if number else first) from None
        yield plain


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))


def _pieces(stream: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Cut a stream into pieces of ``size``; the last one, which alone may be shorter, is told as such."""
    rest = bytearray()
    for part in stream:
        rest += part
        while len(rest) > size:
            yield bytes(rest[:size]), False
            del rest[:size]
    yield bytes(rest), True

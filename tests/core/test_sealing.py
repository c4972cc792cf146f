"""A sealed stream: what was sealed opens, whole and in order, and nothing else does."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core import sealing
from flask_twofactor.core.sealing import CHUNK, HEADER_SIZE, MAGIC, Header, derive_key, new_header, parse_header
from flask_twofactor.errors import UnreadableFile

PASSPHRASE = "correct horse battery"
CHEAP = Header(b"sixteen of salt.", log_n=10)
KEY = derive_key(PASSPHRASE, CHEAP)
SEALED_CHUNK = CHUNK + 16


def seal(plain: bytes) -> bytes:
    return b"".join(sealing.seal([plain], KEY, CHEAP))


def unseal(sealed: bytes, key: bytes = KEY) -> bytes:
    header = parse_header(sealed[:HEADER_SIZE])
    return b"".join(sealing.unseal([sealed[HEADER_SIZE:]], key, header))


def cut(stream: bytes, seed: int) -> Iterator[bytes]:
    """Give a stream in parts of any size, empty ones too."""
    chance, at = random.Random(seed), 0
    while at < len(stream):
        size = chance.choice([0, 1, 7, 1000, CHUNK - 1, CHUNK, CHUNK + 16, CHUNK + 17, 3 * CHUNK])
        yield stream[at : at + size]
        at += size


THREE = random.Random(5).randbytes(2 * CHUNK + 100)
SEALED = seal(THREE)
HEAD = SEALED[:HEADER_SIZE]
FIRST, SECOND, LAST = (SEALED[HEADER_SIZE + n * SEALED_CHUNK :][:SEALED_CHUNK] for n in range(3))


@given(st.binary(max_size=300), st.integers(0, 3), st.integers(-1, 1), st.integers(0, 1000))
def test_what_was_sealed_opens_however_it_is_cut_into_parts(plain: bytes, chunks: int, more: int, seed: int) -> None:
    whole = plain + bytes(max(0, chunks * CHUNK + more))
    sealed = b"".join(sealing.seal(cut(whole, seed), KEY, CHEAP))
    header = parse_header(sealed[:HEADER_SIZE])
    assert b"".join(sealing.unseal(cut(sealed[HEADER_SIZE:], seed + 1), KEY, header)) == whole
    assert len(sealed) == HEADER_SIZE + len(whole) + 16 * max(1, -(-len(whole) // CHUNK))


def test_any_flipped_bit_of_a_small_file_is_refused() -> None:
    sealed = seal(b"a secret")
    assert unseal(sealed) == b"a secret"
    for bit in range(len(MAGIC) * 8, len(sealed) * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(UnreadableFile):
            unseal(bytes(altered))


def test_a_flipped_bit_of_a_later_chunk_is_refused_before_any_of_that_chunk_is_given() -> None:
    altered = bytearray(SEALED)
    altered[HEADER_SIZE + SEALED_CHUNK + 3] ^= 4
    opened = sealing.unseal([bytes(altered[HEADER_SIZE:])], KEY, CHEAP)
    assert next(opened) == THREE[:CHUNK]
    with pytest.raises(UnreadableFile, match=r"^the file was altered or is cut off$"):
        next(opened)


@pytest.mark.parametrize(
    "size",
    [
        HEADER_SIZE,
        HEADER_SIZE + 1,
        HEADER_SIZE + 15,
        HEADER_SIZE + SEALED_CHUNK - 1,
        HEADER_SIZE + SEALED_CHUNK,
        HEADER_SIZE + SEALED_CHUNK + 1,
        HEADER_SIZE + 2 * SEALED_CHUNK,
        len(SEALED) - 1,
    ],
)
def test_a_file_that_is_cut_off_anywhere_is_refused(size: int) -> None:
    with pytest.raises(UnreadableFile):
        unseal(SEALED[:size])


@pytest.mark.parametrize("size", [0, 1, len(MAGIC), HEADER_SIZE - 1])
def test_a_header_that_is_cut_off_is_refused(size: int) -> None:
    with pytest.raises(UnreadableFile, match=r"^the sealed file is cut off$"):
        parse_header(SEALED[:size])


@pytest.mark.parametrize(
    "body",
    {
        "two chunks swapped": SECOND + FIRST + LAST,
        "one chunk left out": FIRST + LAST,
        "the first one left out": SECOND + LAST,
        "one chunk twice": FIRST + FIRST + SECOND + LAST,
        "the end twice": FIRST + SECOND + LAST + LAST,
        "more behind the end": FIRST + SECOND + LAST + b"x",
        "the end before the rest": LAST + FIRST + SECOND,
        "the end alone": LAST,
    }.values(),
)
def test_chunks_that_are_moved_left_out_or_added_are_refused(body: bytes) -> None:
    assert unseal(HEAD + FIRST + SECOND + LAST) == THREE
    with pytest.raises(UnreadableFile):
        unseal(HEAD + body)


def test_a_chunk_of_another_file_of_the_same_key_is_refused() -> None:
    other = Header(CHEAP.salt, log_n=11)
    moved = b"".join(sealing.seal([THREE], KEY, other))[HEADER_SIZE:]
    with pytest.raises(UnreadableFile):
        list(sealing.unseal([moved], KEY, CHEAP))


def test_another_passphrase_is_refused_with_a_message_that_says_so() -> None:
    with pytest.raises(UnreadableFile, match=r"^the passphrase is wrong, or the file was altered$"):
        unseal(SEALED, derive_key("correct horse batterz", CHEAP))


def test_a_passphrase_opens_however_its_accents_were_typed() -> None:
    assert derive_key("mot de passe fl\u00e9ch\u00e9", CHEAP) == derive_key("mot de passe fle\u0301che\u0301", CHEAP)


@pytest.mark.parametrize(
    "cost", [(9, 8, 1), (19, 8, 1), (255, 8, 1), (17, 0, 1), (17, 9, 1), (17, 255, 1), (17, 8, 0), (17, 8, 5)]
)
def test_a_cost_that_would_exhaust_the_machine_or_protect_nothing_is_refused_before_any_work(
    cost: tuple[int, int, int],
) -> None:
    with pytest.raises(UnreadableFile, match=r"^the sealed file asks for a cost of scrypt that no file of ours has$"):
        parse_header(MAGIC + bytes(cost) + bytes(16))


def test_a_new_file_has_a_salt_of_its_own_and_costs_128_mib_a_guess() -> None:
    made = new_header()
    assert (1 << made.log_n) * made.r * 128 == 128 * 2**20
    assert (made.log_n, made.r, made.p) == (17, 8, 1)
    assert len(made.salt) == 16
    assert len({new_header().salt for _ in range(100)}) == 100
    assert parse_header(made.raw) == made


def test_a_sealed_file_is_known_by_its_first_line_and_holds_nothing_of_the_plain_text() -> None:
    assert sealing.is_sealed(SEALED)
    assert not sealing.is_sealed(b"username,otp_secret\n")
    assert SEALED.splitlines()[0] == b"twofactor-seal1"
    assert THREE[:32] not in SEALED


def test_equal_chunks_are_sealed_differently() -> None:
    sealed = seal(bytes(3 * CHUNK))[HEADER_SIZE:]
    assert len({sealed[n * SEALED_CHUNK :][:SEALED_CHUNK][:64] for n in range(3)}) == 3


def test_a_chunk_at_a_time_is_held_and_no_more() -> None:
    """Counted at the source: one that is asked for more than it must be would be read ahead."""
    asked = 0

    def parts() -> Iterator[bytes]:
        nonlocal asked
        for _ in range(64):
            asked += 1
            yield bytes(CHUNK)

    sealed = sealing.seal(parts(), KEY, CHEAP)
    assert next(sealed) == HEAD
    assert asked == 0
    for number in range(1, 10):
        next(sealed)
        assert asked == number + 1  # one ahead, to know whether this was the last

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.known import KNOWN_SECONDS, MAX_ENTRIES, Known, pack, remember, short, unpack

NOW = 1_800_000_000
DAY = 24 * 3600

digests = st.binary(min_size=16, max_size=16)
entries = st.lists(
    st.builds(Known, digests, digests, digests, st.integers(NOW - KNOWN_SECONDS, NOW)), max_size=MAX_ENTRIES
)


def known(subject: bytes, at: int = NOW, name: bytes = b"n" * 16) -> Known:
    return Known(b"i" * 16, subject * 16, name, at)


@given(entries)
def test_what_was_packed_unpacks(given_entries: list[Known]) -> None:
    assert unpack(pack(given_entries), NOW) == given_entries


def test_an_entry_takes_56_bytes_so_that_a_full_cookie_stays_small() -> None:
    assert len(pack([known(b"a")])) == 56


@pytest.mark.parametrize("length", [1, 55, 57, 111])
def test_bytes_that_are_no_whole_entries_are_nothing(length: int) -> None:
    assert unpack(bytes(length), NOW) == []


def test_a_browser_stays_known_for_180_days_to_the_second() -> None:
    packed = pack([known(b"a")])
    assert unpack(packed, NOW + 180 * DAY) == [known(b"a")]
    assert unpack(packed, NOW + 180 * DAY + 1) == []


def test_an_entry_of_the_future_is_not_believed() -> None:
    assert unpack(pack([known(b"a", NOW)]), NOW) == [known(b"a", NOW)]
    assert unpack(pack([known(b"a", NOW + 1)]), NOW) == []


def test_a_digest_is_shortened_to_its_first_128_bits() -> None:
    assert short("0123456789abcdef" * 4) == bytes.fromhex("0123456789abcdef" * 2)


def test_a_new_account_gets_a_random_id_and_comes_first() -> None:
    made = [remember([known(b"a", NOW - 1)], b"b" * 16, b"name" * 4, NOW) for _ in range(100)]
    assert len({one[0].id for one in made}) == 100
    assert {len(one[0].id) for one in made} == {16}
    for fresh, other in made:
        assert fresh[1:] == (b"b" * 16, b"name" * 4, NOW)
        assert other == known(b"a", NOW - 1)


def test_an_account_that_is_known_keeps_its_id_and_is_renewed_in_front() -> None:
    before = [known(b"a", NOW - 2), known(b"b", NOW - 9)]
    assert remember(before, b"b" * 16, b"new name" * 2, NOW) == [
        known(b"b", NOW, b"new name" * 2),
        known(b"a", NOW - 2),
    ]


def test_a_name_stays_where_none_is_given() -> None:
    assert remember([known(b"a", NOW - 9)], b"a" * 16, None, NOW) == [known(b"a", NOW)]


def test_the_name_of_a_new_account_without_one_is_16_zero_bytes() -> None:
    assert remember([], b"a" * 16, None, NOW)[0].name == bytes(16)


def test_of_five_accounts_the_oldest_is_forgotten() -> None:
    kept: list[Known] = []
    for number in range(5):
        kept = remember(kept, bytes([number]) * 16, b"n" * 16, NOW + number)
    assert [one.subject[0] for one in kept] == [4, 3, 2, 1]

from __future__ import annotations

import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.records import TrustToken, new_id
from flask_twofactor.core.trust import MAX_ENTRIES, tokens_of

ID, VALUE = "0123456789abcdef" * 2, "A-_z" * 10 + "123"


def test_what_a_browser_is_given_is_read_as_it_was() -> None:
    given_out = [TrustToken(new_id(), secrets.token_urlsafe(32)) for _ in range(MAX_ENTRIES)]
    assert tokens_of([list(one) for one in given_out]) == given_out


def test_of_more_than_four_the_first_count() -> None:
    many = [[ID, f"{number:043}"] for number in range(100)]
    assert [token.value for token in tokens_of(many)] == [f"{number:043}" for number in range(4)]


@pytest.mark.parametrize(
    "pair",
    [
        *(None, 1, 1.5, True, "", "ab", [], {}, {"browser": ID, "value": VALUE}, [[[ID, VALUE]]]),
        *([ID], [ID, VALUE, VALUE], [ID, None], [None, VALUE], [ID, 1], [1, VALUE], [ID, [VALUE]], [[ID], VALUE]),
        *(["", VALUE], [ID, ""], [ID.upper(), VALUE], [ID[1:], VALUE], [ID + "0", VALUE], [ID + "\n", VALUE]),
        *([ID, VALUE[1:]], [ID, VALUE + "A"], [ID, VALUE + "\n"], [ID, VALUE[1:] + "+"], [ID, VALUE[1:] + "\ud800"]),
        *(["\0" * 32, VALUE], ["\ud800" * 32, VALUE], ["٣" * 32, VALUE], ["'" * 32, VALUE], ["a" * 100_000, VALUE]),
    ],
    ids=lambda pair: ascii(pair)[:40],
)
def test_what_is_no_pair_of_an_id_and_a_value_is_left_out_and_the_rest_counts(pair: Any) -> None:
    assert tokens_of([pair, [ID, VALUE]]) == [TrustToken(ID, VALUE)]
    assert tokens_of(pair) == []


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(ID) | st.just(VALUE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(SHAPES)
def test_no_shape_is_an_error_and_what_is_read_is_an_id_and_a_value(loaded: Any) -> None:
    assert set(tokens_of(loaded)) <= {TrustToken(ID, VALUE)}

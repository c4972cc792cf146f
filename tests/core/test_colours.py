"""Contrast by WCAG 2.2, and the nearest colour that has enough of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.colours import BLACK, WHITE, contrast, legible, luminance, mix, parse_colour

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("text", "colour"),
    [("#0a7d5a", "#0a7d5a"), ("#0A7D5A", "#0a7d5a"), ("#fc0", "#ffcc00"), (" #000 ", "#000000")],
)
def test_a_colour_is_written_with_three_or_six_digits(text: str, colour: str) -> None:
    assert parse_colour(text) == colour


@pytest.mark.parametrize(
    "text",
    ["", "red", "0a7d5a", "#12", "#1234", "#12345", "#1234567", "#ggg", "#fff;}", "#fff\n#000", None, 7, b"#fff"],
)
def test_what_is_no_such_colour_is_none(text: object) -> None:
    assert parse_colour(text) is None


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [  # by WebAIM's contrast checker
        (BLACK, WHITE, 21.0),
        (WHITE, WHITE, 1.0),
        ("#777777", WHITE, 4.48),
        ("#767676", WHITE, 4.54),
        ("#ffcc00", WHITE, 1.51),
        ("#0000ff", WHITE, 8.59),
        ("#ff0000", "#0000ff", 2.15),
    ],
)
def test_the_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast(other, one) == contrast(one, other)


def test_black_has_no_luminance_and_white_has_all() -> None:
    assert [luminance(BLACK), luminance(WHITE)] == pytest.approx([0.0, 1.0])
    assert luminance("#0a0a0a") == pytest.approx(10 / 255 / 12.92)


def test_a_mix_goes_from_one_to_the_other() -> None:
    assert [mix("#000000", "#ff8000", share) for share in (0, 0.5, 1)] == ["#000000", "#804000", "#ff8000"]


@given(COLOURS, COLOURS)
def test_a_legible_colour_is_legible_and_the_same_where_it_was(colour: str, ground: str) -> None:
    found = legible(colour, (ground,), 4.5)
    assert contrast(found, ground) >= 4.5  # of any ground, black or white has 4.58
    assert contrast(colour, ground) < 4.5 or found == colour


def test_a_legible_colour_is_the_nearest_one() -> None:
    found = legible("#ffcc00", (WHITE,), 4.5)
    assert contrast(found, WHITE) < 4.7
    assert found != legible("#ffcc00", (WHITE,), 3)


def test_where_nothing_is_legible_on_all_grounds_it_is_an_end() -> None:
    assert legible("#808080", (BLACK, WHITE), 5) in (BLACK, WHITE)

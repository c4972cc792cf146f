"""What a brand's accent becomes, and what of its colours is refused."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_twofactor.core.colours import BLACK, WHITE, contrast, luminance
from flask_twofactor.core.palettes import DARK, LIGHT, Colours, Palette, palettes_of, stylesheet
from flask_twofactor.errors import WiringError

CSS = Path(__file__).parents[2] / "flask_twofactor/static/twofactor/twofactor.css"
ACCENTS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def wide(colour: str) -> str:
    return "#" + "".join(2 * digit for digit in colour[1:]) if len(colour) == 4 else colour


def assert_readable(palette: Palette) -> None:
    """Measure each pair that our stylesheet puts together."""
    for ground in (palette.surface, palette.background, palette.sunken):
        for colour in (palette.text, palette.muted, palette.link):
            assert contrast(colour, ground) >= 4.5
    for colour, ground in (
        (palette.on_accent, palette.accent),
        (palette.on_danger, palette.danger),
        (palette.danger_text, palette.surface),
        (palette.warning_text, palette.surface),
        (palette.danger_text, palette.danger_tint),
        (palette.success_text, palette.success_tint),
        (palette.warning_text, palette.warning_tint),
    ):
        assert contrast(colour, ground) >= 4.5
    assert contrast(palette.control_line, palette.surface) >= 3


@pytest.mark.parametrize(("palette", "half"), [(LIGHT, 0), (DARK, 1)], ids=["light", "dark"])
def test_our_own_colours_are_those_of_the_stylesheet_and_can_be_read(palette: Palette, half: int) -> None:
    css = CSS.read_text(encoding="utf-8")
    for one in fields(Palette):
        name = one.name.replace("_", "-")
        both = re.search(rf"--tf-{name}: light-dark\((#\w+), (#\w+)\);", css)
        plain = re.search(rf"^  --tf-{name}: (#\w+);", css, re.M)
        if one.name == "link":  # made of the accent by the stylesheet itself
            continue
        found = both.group(half + 1) if both else plain.group(1) if plain else ""
        assert wide(found) == getattr(palette, one.name), name
    assert_readable(palette)


@given(ACCENTS)
def test_of_any_accent_alone_the_rest_is_derived_so_that_it_can_be_read(accent: str) -> None:
    light, dark = palettes_of(Colours(accent))
    assert light.accent == accent
    assert_readable(light)
    assert_readable(dark)
    assert contrast(dark.accent, dark.surface) >= 3


@given(ACCENTS)
def test_the_veil_over_a_button_leaves_its_text_readable(accent: str) -> None:
    for palette in palettes_of(Colours(accent)):
        lighter_text = luminance(palette.on_accent) > luminance(palette.accent)
        assert palette.veil == (BLACK if lighter_text else WHITE)


def test_a_dark_mode_of_the_brand_s_own_is_taken_as_it_is() -> None:
    light, dark = palettes_of(Colours("#0a7d5a", accent_dark="#3fd0a0", surface_dark="#101816", text_dark="#e8f2ee"))
    assert (light.surface, light.text) == (LIGHT.surface, LIGHT.text)
    assert (dark.accent, dark.surface, dark.text) == ("#3fd0a0", "#101816", "#e8f2ee")
    assert_readable(dark)


def test_the_text_of_buttons_is_derived_anew_where_it_does_not_suit_the_dark_accent() -> None:
    _, dark = palettes_of(Colours("#0a7d5a", on_accent="#fff", accent_dark="#3fd0a0"))
    assert dark.on_accent != WHITE
    _, dark = palettes_of(Colours("#0a7d5a", on_accent="#fff"))
    assert dark.on_accent == WHITE


def test_a_dark_surface_takes_what_stands_on_dark_ones_in_the_light_scheme_too() -> None:
    light, _ = palettes_of(Colours("#ffcc00", surface="#101010"))
    assert (light.text, light.danger_text) == (DARK.text, DARK.danger_text)
    assert_readable(light)


BAD = [
    ("#ffcc00", {"on_accent": "#fff"}, "the text of buttons in the light scheme: #ffffff on #ffcc00 is 1.5:1"),
    ("#000", {"text": "#999"}, "text in the light scheme: #999999 on #ffffff is 2.8:1"),
    ("#000", {"text_dark": "#555"}, "text in the dark scheme: #555555 on #15181f is 2.3:1"),
    ("#000", {"accent_dark": "#fc0", "on_accent_dark": "#fff"}, "in the dark scheme: #ffffff on #ffcc00 is 1.5:1"),
    ("#000", {"surface": "#bbb"}, "errors in the light scheme: #a51b2e on #bbbbbb is 3.9:1"),
]  # fmt: skip


@pytest.mark.parametrize(("accent", "more", "words"), BAD)
def test_a_pair_that_cannot_be_read_is_an_error_with_both_colours_and_the_ratio(
    accent: str, more: dict[str, str], words: str
) -> None:
    with pytest.raises(WiringError) as refused:
        Colours(accent, **more)
    assert f"{words}, text needs 4.5:1" in str(refused.value)


def test_the_ratio_is_never_rounded_up_to_the_one_that_is_needed() -> None:
    with pytest.raises(WiringError, match=r"#777777 on #ffffff is 4\.4:1"):
        Colours("#000", text="#777777")


@pytest.mark.parametrize(("accent", "more", "words"), BAD[:4])
def test_the_error_shows_a_colour_that_is_taken(accent: str, more: dict[str, str], words: str) -> None:
    with pytest.raises(WiringError) as refused:
        Colours(accent, **more)
    mend = re.search(r'Colours\((\w+)="(#\w+)"\)', str(refused.value))
    assert mend is not None, words
    assert Colours(accent, **{**more, mend.group(1): mend.group(2)}).accent


@pytest.mark.parametrize("accent", ["", "red", "rgb(0 0 0)", "#ff", "#fff}", None, 7])
def test_what_is_no_colour_is_an_error_that_shows_one(accent: object) -> None:
    with pytest.raises(WiringError, match=r'(?s)no colour.*Colours\(accent="#0a7d5a"\)'):
        Colours(accent)  # type: ignore[arg-type]


def test_the_stylesheet_has_the_accent_alone_where_that_alone_was_given() -> None:
    names = set(re.findall(r"--tf-([\w-]+):", stylesheet(Colours("#0a7d5a"))))
    assert names == {"accent", "on-accent", "link", "veil"}


def test_the_stylesheet_has_both_schemes_and_leaves_more_contrast_to_who_asks_for_it() -> None:
    sheet = stylesheet(Colours("#0a7d5a", accent_dark="#3fd0a0", surface_dark="#101816"))
    assert "  --tf-accent: #0a7d5a;" in sheet
    assert "--tf-accent: light-dark(#0a7d5a, #3fd0a0);" in sheet
    assert "--tf-surface: light-dark(#ffffff, #101816);" in sheet
    assert sheet.index("prefers-contrast: more") > sheet.index("--tf-muted: light-dark")

"""A brand's colours: completed, measured (WCAG 2.2 AA), and written as custom properties of ``twofactor.css``."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from ..errors import WiringError
from .colours import BLACK, CONTROL_NEEDS, TEXT_NEEDS, WHITE, contrast, legible, luminance, mix, parse_colour

_MIDDLE = 0.18
"""The luminance from which on black is the better text than white."""


@dataclass(frozen=True)
class Palette:
    """The colours of our pages in one scheme; each is a custom property of ``twofactor.css``."""

    accent: str
    on_accent: str
    link: str
    veil: str
    background: str
    surface: str
    sunken: str
    text: str
    muted: str
    line: str
    control_line: str
    danger: str
    on_danger: str
    danger_text: str
    danger_tint: str
    success_text: str
    success_tint: str
    warning_text: str
    warning_tint: str

    @property
    def grounds(self) -> tuple[str, str, str]:
        """Give what text and links stand on."""
        return self.surface, self.background, self.sunken


LIGHT = Palette(
    accent="#2952d9", on_accent=WHITE, link="#2952d9", veil=BLACK,
    background="#f5f6f8", surface=WHITE, sunken="#f5f6f9", text="#151922", muted="#575f6e",
    line="#e2e5eb", control_line="#858d9c", danger="#c4273b", on_danger=WHITE,
    danger_text="#a51b2e", danger_tint="#fdf0f1", success_text="#0c6540", success_tint="#e7f6ee",
    warning_text="#774a00", warning_tint="#fff3da",
)  # fmt: skip
DARK = Palette(
    accent="#3f66ec", on_accent=WHITE, link="#a3b4f8", veil=BLACK,
    background="#0c0e13", surface="#15181f", sunken="#1c2029", text="#eef0f5", muted="#a4acbb",
    line="#2a2f3b", control_line="#6d7688", danger="#d23a4e", on_danger=WHITE,
    danger_text="#ff9ca8", danger_tint="#2c191e", success_text="#7cdcae", success_tint="#13271f",
    warning_text="#f5c66d", warning_tint="#2b2210",
)  # fmt: skip
_OF_ACCENT = ("accent", "on_accent", "link", "veil")


@dataclass(frozen=True)
class Colours:
    """What a brand gives of colours, each ``#rgb`` or ``#rrggbb``; all but ``accent`` is derived where it is not given.

    ``accent`` is the ground of buttons, and what links and the focus ring are made of; ``on_accent`` the text of
    buttons; ``surface`` the ground of cards and ``text`` the text on it. Those that end in ``_dark`` are for
    the dark scheme. What cannot be read by WCAG 2.2 AA is a `WiringError`, here and at once.
    """

    accent: str
    on_accent: str | None = None
    surface: str | None = None
    text: str | None = None
    accent_dark: str | None = None
    on_accent_dark: str | None = None
    surface_dark: str | None = None
    text_dark: str | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            given = getattr(self, one.name)
            if given is None and one.name != "accent":
                continue
            parsed = parse_colour(given)
            if parsed is None:
                raise WiringError(
                    f"{one.name}={given!r} is no colour that we read; write it in hexadecimal:\n"
                    f'    Colours({one.name}="#0a7d5a")'
                )
            object.__setattr__(self, one.name, parsed)
        light, dark = palettes_of(self)
        for pair in _pairs(light, "text" if self.text else "surface"):
            _require(pair, "")
        for pair in _pairs(dark, "text" if self.text_dark else "surface"):
            _require(pair, "_dark")


@functools.cache
def palettes_of(colours: Colours) -> tuple[Palette, Palette]:
    """Give all colours of the light and of the dark scheme."""
    light = _with_accent(_painted(LIGHT, colours.surface, colours.text), colours.accent, colours.on_accent)
    dark = _painted(DARK, colours.surface_dark, colours.text_dark)
    accent = colours.accent_dark or legible(colours.accent, (dark.surface,), CONTROL_NEEDS)
    ink = colours.on_accent_dark or colours.on_accent
    if not colours.on_accent_dark and ink and contrast(ink, accent) < TEXT_NEEDS:
        ink = None  # it was chosen for the other accent
    return light, _with_accent(dark, accent, ink)


@functools.cache
def stylesheet(colours: Colours) -> str:
    """Give the custom properties that differ from ours; of no weight, so that a host's own come first."""
    light, dark = palettes_of(colours)
    names = [name for name in (one.name for one in fields(Palette)) if _differs(name, light, dark)]
    plain = "".join(f"  --tf-{_hyphened(name)}: {getattr(light, name)};\n" for name in names)
    both = "".join(
        f"    --tf-{_hyphened(name)}: light-dark({getattr(light, name)}, {getattr(dark, name)});\n" for name in names
    )
    sheet = f":where(:root) {{\n{plain}}}\n\n"
    sheet += f"@supports (color: light-dark(#000, #fff)) {{\n  :where(:root) {{\n{both}  }}\n}}\n"
    return sheet + _MORE_CONTRAST if "muted" in names else sheet


_MORE_CONTRAST = """
@media (prefers-contrast: more) {
  :where(:root) {
    --tf-muted: var(--tf-text);
    --tf-line: var(--tf-control-line);
    --tf-control-line: var(--tf-text);
  }
}
"""
"""As in ``twofactor.css``, whose rule the lines above would undo."""


class _Pair(NamedTuple):
    """A colour and what it has to stand out from; ``given`` is the colour of the brand's that decides."""

    what: str
    given: str
    colour: str
    grounds: tuple[str, ...]
    needs: float


def _painted(plain: Palette, surface: str | None, text: str | None) -> Palette:
    """Give our palette on the brand's surface and with its text; whether it is a light one the surface says."""
    if surface is None and text is None:
        return plain
    base = plain
    if surface is not None:
        base = LIGHT if luminance(surface) > _MIDDLE else DARK
        text = text or base.text
        sunken = mix(surface, text, 0.04)
        background = sunken if base is LIGHT else mix(surface, BLACK, 0.35)
        base = replace(base, surface=surface, sunken=sunken, background=background)
    text = text or base.text
    return replace(
        base,
        text=text,
        muted=legible(mix(text, base.surface, 0.3), base.grounds, TEXT_NEEDS),
        line=mix(base.surface, text, 0.12),
        control_line=legible(mix(text, base.surface, 0.5), (base.surface,), CONTROL_NEEDS),
    )


def _with_accent(palette: Palette, accent: str, on_accent: str | None) -> Palette:
    ink = on_accent or next(one for one in (WHITE, LIGHT.text, BLACK) if contrast(one, accent) >= TEXT_NEEDS)
    return replace(
        palette,
        accent=accent,
        on_accent=ink,
        link=legible(accent, palette.grounds, TEXT_NEEDS),
        veil=BLACK if luminance(ink) > luminance(accent) else WHITE,
    )


def _pairs(palette: Palette, of_text: str) -> Iterator[_Pair]:
    """Give what has to be read or seen; what we derived too, since from some grounds nothing stands out."""
    grounds, surface = palette.grounds, (palette.surface,)
    yield _Pair("the text of buttons", "on_accent", palette.on_accent, (palette.accent,), TEXT_NEEDS)
    yield _Pair("text", of_text, palette.text, grounds, TEXT_NEEDS)
    yield _Pair("secondary text", "surface", palette.muted, grounds, TEXT_NEEDS)
    yield _Pair("links and the focus ring", "surface", palette.link, grounds, TEXT_NEEDS)
    yield _Pair("the border of inputs", "surface", palette.control_line, surface, CONTROL_NEEDS)
    yield _Pair("errors", "surface", palette.danger_text, surface, TEXT_NEEDS)
    yield _Pair("warnings", "surface", palette.warning_text, surface, TEXT_NEEDS)


def _require(pair: _Pair, suffix: str) -> None:
    ground = next((one for one in pair.grounds if contrast(pair.colour, one) < pair.needs), None)
    if ground is None:
        return
    # Rounded down, so that 4.46 is not said to be the 4.5 that is needed.
    shown = math.floor(contrast(pair.colour, ground) * 10) / 10
    what = "text needs" if pair.needs == TEXT_NEEDS else "a control needs"
    if pair.given == "surface":
        mend = f"Colours(surface{suffix}=...)  # lighter or darker: nothing stands out from this one"
    else:
        nearest = legible(pair.colour, pair.grounds, pair.needs)
        mend = f'Colours({pair.given}{suffix}="{nearest}")  # or leave it out, and it is derived'
    raise WiringError(
        f"colours of a brand: {pair.what} in the {'dark' if suffix else 'light'} scheme: {pair.colour} on "
        f"{ground} is {shown:.1f}:1, {what} {pair.needs:g}:1 (WCAG 2.2 AA):\n    {mend}"
    )


def _differs(name: str, light: Palette, dark: Palette) -> bool:
    same = getattr(light, name) == getattr(LIGHT, name) and getattr(dark, name) == getattr(DARK, name)
    return name in _OF_ACCENT or not same


def _hyphened(name: str) -> str:
    return name.replace("_", "-")

"""Colour ramps for figures on paper: one hue for amounts, blue to orange through neutral for signed numbers.

Steps are even in OKLab, where equal steps look equal, so an amount ramp also works in grey. Values become steps
0 to 254; step 255 is kept for what is not defined.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

Scale = Literal["linear", "root"]

BACKGROUND = "#ffffff"
TEXT = "#1b1f2a"
QUIET = "#5a6072"
LINE = "#d5d8e2"
ACCENT = "#4338ca"
BLUE = "#0b5fa5"
NEUTRAL = "#f3f3f5"
ORANGE = "#c45100"
UNDEFINED = "#e3e4ea"

UNDEFINED_STEP = 255
_STEPS = 255
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@dataclass(frozen=True, eq=False)
class Colouring:
    """Colours for an array: a step per value, the 256 colours, and the numbers at both ends of the ramp."""

    steps: UInt8[np.ndarray, "..."]
    palette: UInt8[np.ndarray, "256 3"]
    low: float
    high: float
    note: str  # what a reader must know to read colours back into numbers


def amounts(values: Float[np.ndarray, "..."], *, scale: Scale = "linear", top: float | None = None) -> Colouring:
    """Colour amounts of zero or more from the background to the accent, at `top` or else the largest; NaN is grey."""
    finite = values[np.isfinite(values)]
    high = float(finite.max(initial=0.0)) if top is None else top
    share = np.clip(np.nan_to_num(values, nan=0.0, posinf=high, neginf=0.0) / (high or 1.0), 0.0, 1.0)
    share = np.sqrt(share) if scale == "root" else share
    note = "colour grows with the square root" if scale == "root" else "colour grows evenly"
    return Colouring(_steps(share, values), amount_palette(), 0.0, high, note)


def signed(values: Float[np.ndarray, "..."], *, top: float | None = None) -> Colouring:
    """Colour signed numbers, blue below and orange above a neutral zero, up to the size `top` or else the largest.

    Both sides have one scale; NaN is grey.
    """
    finite = values[np.isfinite(values)]
    top = float(np.abs(finite).max(initial=0.0)) if top is None else top
    share = np.clip(np.nan_to_num(values, nan=0.0, posinf=top, neginf=-top) / (top or 1.0), -1.0, 1.0)
    return Colouring(_steps((share + 1) / 2, values), signed_palette(), -top, top, "zero is neutral")


def fitting(values: Float[np.ndarray, "..."]) -> Colouring:
    """Colour with the signed ramp where a value is negative, as amounts otherwise."""
    finite = values[np.isfinite(values)]
    return signed(values) if finite.min(initial=0.0) < 0 else amounts(values)


@cache
def amount_palette() -> UInt8[np.ndarray, "256 3"]:
    """Give 255 steps from the background to the accent, then the colour of what is not defined."""
    return _palette([(BACKGROUND, 0.0), (ACCENT, 1.0)])


@cache
def signed_palette() -> UInt8[np.ndarray, "256 3"]:
    """Give 255 steps, blue through neutral (step 127) to orange, then the colour of what is not defined."""
    return _palette([(BLUE, 0.0), (NEUTRAL, 0.5), (ORANGE, 1.0)])


def hex_colour(rgb: UInt8[np.ndarray, "3"]) -> str:
    """Write a colour as #rrggbb."""
    return "#" + bytes(rgb.tolist()).hex()


def ink_on(rgb: UInt8[np.ndarray, "3"]) -> str:
    """Give the text colour, dark or white, that stands out more on a colour."""
    luminance = float(_linear(np.asarray(rgb, dtype=np.float64) / 255) @ np.array([0.2126, 0.7152, 0.0722]))
    return TEXT if (luminance + 0.05) / 0.063 > 1.05 / (luminance + 0.05) else "#ffffff"


def _steps(share: Float[np.ndarray, "..."], values: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    steps: np.ndarray = np.rint(share * (_STEPS - 1)).astype(np.uint8)
    steps[np.isnan(values)] = UNDEFINED_STEP
    return steps


def _palette(stops: list[tuple[str, float]]) -> UInt8[np.ndarray, "256 3"]:
    places = [place for _, place in stops]
    labs = np.stack([_lab(colour) for colour, _ in stops])
    grid = np.linspace(0.0, 1.0, _STEPS)
    ramp = np.stack([np.interp(grid, places, labs[:, axis]) for axis in range(3)], axis=1)  # (step, channel)
    lms = (ramp @ np.linalg.inv(_TO_LAB).T) ** 3
    linear = np.clip(lms @ np.linalg.inv(_TO_LMS).T, 0.0, 1.0)
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    colours = np.vstack([np.rint(srgb * 255), _rgb(UNDEFINED) * 255]).astype(np.uint8)
    colours.setflags(write=False)
    return colours


def _lab(colour: str) -> Float[np.ndarray, "3"]:
    lab: np.ndarray = np.cbrt(_linear(_rgb(colour)) @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def _rgb(colour: str) -> Float[np.ndarray, "3"]:
    return np.frombuffer(bytes.fromhex(colour.removeprefix("#")), dtype=np.uint8) / 255


def _linear(srgb: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    light: np.ndarray = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return light

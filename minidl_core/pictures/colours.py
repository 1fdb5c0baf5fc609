"""The colours of all pictures, as a file shows them, and as a page does that is light or dark.

Series have those of Okabe and Ito, which people tell apart whatever colours they see, and differ in their lines and
markers too. Source: Okabe and Ito 2008, Color universal design, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

INK = "#1b1f24"
"""Of text, axes and whatever has no colour of its own; on a page it is that of the page's text."""
PAPER = "#fefefe"
"""Of edges that part what lies on each other; on a page it is the page's background."""
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a8a")
"""Of lines, points and regions, one after the other."""
MARKERS = {"o": 4.5, "s": 4.3, "^": 5.2, "D": 4.2, "v": 5.2, "P": 5.8, "X": 5.8, "*": 7.5}
"""Of points, with the sizes at which they look alike, in points. Their number and that of the colours have no common
divisor, so that 56 pairs of both differ."""
SHADES = "viridis"
"""Of heat maps: equal steps look equal, also to those who see fewer colours, and in grey."""

ON_A_PAGE = {
    INK: "currentColor",
    PAPER: f"var(--paper, {PAPER})",
    **{colour: f"var(--series-{number}, {colour})" for number, colour in enumerate(SERIES, 1)},
}
"""What the style sheet of a page makes of them."""


def series(number: int) -> str:
    """The colour of a series, counted from 0."""
    return SERIES[number % len(SERIES)]


def marker(number: int) -> tuple[str, float]:
    """The marker of a series, counted from 0, and its size."""
    return list(MARKERS.items())[number % len(MARKERS)]


def readable_on(red: float, green: float, blue: float) -> str:
    """Black or white, whichever has more contrast on a colour of parts from 0 to 1: at least 4.58.

    Source: Web Content Accessibility Guidelines 2.2, "relative luminance" and "contrast ratio".
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"

"""Named colours, and the colour a short description such as "white estate car" speaks of."""

from __future__ import annotations

import re

import numpy as np

from drivesim.scene import Colour

#: Colours that can be told apart in a picture, as RGB 0-255.
PALETTE: dict[str, Colour] = {
    "white": (236, 236, 234),
    "black": (24, 24, 27),
    "silver": (178, 182, 186),
    "grey": (108, 112, 116),
    "red": (176, 28, 32),
    "dark red": (104, 20, 28),
    "orange": (228, 112, 24),
    "yellow": (232, 196, 40),
    "green": (38, 112, 58),
    "dark green": (24, 62, 42),
    "light blue": (112, 168, 216),
    "blue": (34, 78, 164),
    "dark blue": (22, 36, 82),
    "brown": (96, 66, 44),
    "beige": (200, 184, 150),
    "purple": (92, 48, 120),
    "pink": (220, 132, 158),
    "reflective": (206, 238, 56),
}
_SYNONYMS: dict[str, str] = {
    "gray": "grey",
    "dark": "black",
    "light": "beige",
    "bright": "yellow",
    "navy": "dark blue",
    "maroon": "dark red",
    "cream": "beige",
    "hi-vis": "reflective",
    "high-visibility": "reflective",
    "violet": "purple",
    "gold": "beige",
    "dark grey": "grey",
    "dark gray": "grey",
    "light grey": "silver",
    "light gray": "silver",
}
#: Share of each colour among cars on the road (rough registrations of the last years).
CAR_COLOUR_SHARES: dict[str, float] = {
    "white": 0.21,
    "black": 0.17,
    "grey": 0.14,
    "silver": 0.12,
    "red": 0.10,
    "blue": 0.09,
    "dark blue": 0.05,
    "dark red": 0.02,
    "green": 0.02,
    "dark green": 0.01,
    "orange": 0.02,
    "yellow": 0.02,
    "light blue": 0.01,
    "brown": 0.01,
    "beige": 0.01,
}


def colour_of(look: str) -> Colour | None:
    """RGB (0-255) of the first colour named in ``look``, two-word names first; None when it names none."""
    names = {**PALETTE, **{word: PALETTE[name] for word, name in _SYNONYMS.items()}}
    best: tuple[int, int, Colour] | None = None
    for word, colour in names.items():
        found = re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", look.lower())
        # A two-word name, or "blue" after a bare "dark" or "light", beats the qualifier standing alone.
        rank = -1 if " " in word else 1 if word in ("dark", "light", "bright") else 0
        if found and (best is None or (rank, found.start()) < best[:2]):
            best = (rank, found.start(), colour)
    return None if best is None else best[2]


def draw_colour(rng: np.random.Generator, shares: dict[str, float] | None = None) -> tuple[str, Colour]:
    """A colour name and its RGB, drawn by ``shares`` (any positive weights), or evenly from the palette."""
    names = list(shares or PALETTE)
    weights = np.array([shares[name] for name in names]) if shares else np.ones(len(names))
    name = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    return name, PALETTE[name]

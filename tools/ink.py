"""Which words of a line are printed in which colour, and on which."""

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .colours import HUES

CONTRAST = 60  # steps of blue, green and red together between ink and paper, below which no colour is told
LEAST_HEIGHT = 16  # pixels: in smaller print ink and paper run together
DARK, BRIGHT = 110, 190  # brightness 0..255 of black and of white ink: thin strokes are mixed with the paper
PALE = 50  # saturation below which ink is grey


def inks(crop: NDArray[np.uint8], text: str, places: Sequence[float]) -> dict[str, str]:
    """Words by the name of their colour, for one line: (height, width, 3) uint8, blue first.

    `places` says where each character that is no space stands, from 0 (left) to 1 (right); where they do not fit the
    text, or the ink does not stand out, there is nothing to tell.
    """
    words = text.split()
    if not words or sum(map(len, words)) != len(places) or crop.shape[0] < LEAST_HEIGHT:
        return {}
    paper = np.median(crop.reshape(-1, 3), axis=0)
    distance = np.abs(crop.astype(np.float32) - paper).sum(axis=2)
    width, pitch = crop.shape[1], 0.6 / max(1, len(text))
    found: dict[str, list[str]] = {}
    for word, (first, last) in zip(words, _ends(words, places), strict=True):
        columns = slice(max(0, int((first - pitch) * width)), int((last + pitch) * width) + 1)
        name = _name(crop[:, columns], distance[:, columns])
        if name and any(c.isalnum() for c in word):
            found.setdefault(name, []).append(word)
    return {name: " ".join(parts) for name, parts in found.items()}


def paper(crop: NDArray[np.uint8]) -> str:
    """The name of the colour that a line is printed on."""
    return _named(crop)


def together(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The words of several lines by colour."""
    found: dict[str, list[str]] = {}
    for part in parts:
        for name, words in part.items():
            found.setdefault(name, []).append(words)
    return {name: " ".join(words) for name, words in found.items()}


def _ends(words: Sequence[str], places: Sequence[float]) -> list[tuple[float, float]]:
    stops = np.cumsum([len(word) for word in words])
    return [(places[stop - len(word)], places[stop - 1]) for word, stop in zip(words, stops, strict=True)]


def _name(pixels: NDArray[np.uint8], distance: NDArray[np.float32]) -> str | None:
    """The name of the ink: of the pixels that differ most from the paper, since the edges of letters are mixed."""
    if not distance.size or distance.max() < CONTRAST:
        return None
    return _named(pixels[distance >= 0.75 * float(np.percentile(distance, 97))])


def _named(pixels: NDArray[np.uint8]) -> str:
    """The name of the middle colour of some pixels, blue first."""
    ink = np.median(pixels.reshape(-1, 3), axis=0).astype(np.uint8).reshape(1, 1, 3)
    hue, saturation, value = (int(n) for n in cv2.cvtColor(ink, cv2.COLOR_BGR2HSV)[0, 0])
    if value < DARK and (saturation < 2 * PALE or value < DARK // 2):
        return "black"
    if saturation < PALE:
        return "white" if value > BRIGHT else "grey"
    return next(name for end, name in HUES if hue < end)

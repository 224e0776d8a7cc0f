"""Names of colours: which part of a picture is black, blue, brown and so on."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Shares = NDArray[np.float64]

NAMES = ("black", "grey", "white", "red", "orange", "brown", "yellow", "green", "turquoise", "blue", "purple", "pink")
HUES = ((8, "red"), (22, "orange"), (34, "yellow"), (80, "green"), (98, "turquoise"), (130, "blue"), (150, "purple"),
        (169, "pink"), (180, "red"))  # fmt: skip  # upper ends on OpenCV's half circle of hues, 0..179
DARK, PALE = 46, 38  # below this value a colour is black; below this saturation it is grey or white
HALF = np.uint8(4)  # half a step of the table, so that grey lies in the middle of one
BRIGHT, DULL = 205, 150  # a grey above BRIGHT is white; an orange below DULL is brown


def shares(yuv: Pixels) -> Shares:
    """The share of each of NAMES in (h, w, 3) pixels of `Frame.yuv`; sums to 1."""
    level = (np.minimum(yuv, 251) + HALF) >> 3
    index = (level[..., 0].astype(np.uint16) << 10) | (level[..., 1].astype(np.uint16) << 5) | level[..., 2]
    counts = np.bincount(_table()[index].ravel(), minlength=len(NAMES))
    return np.asarray(counts / counts.sum(), np.float64)


def main_colours(shares: Shares, least: float = 0.1, most: int = 4) -> list[tuple[str, float]]:
    """The commonest colours with their shares, the largest first: at most `most`, each at least `least`."""
    order = np.argsort(-shares, kind="stable")[:most]
    return [(NAMES[n], round(float(shares[n]), 2)) for n in order if shares[n] >= least]


@cache
def _table() -> NDArray[np.uint8]:
    """Number of the name for each colour of 5 bits per channel (BT.601, 16..235: near enough for a name)."""
    y, u, v = np.meshgrid(*[np.arange(32) * 8.0] * 3, indexing="ij")
    y, u, v = (y - 16) * 255 / 219, (u - 128) * 255 / 224, (v - 128) * 255 / 224
    cube = np.stack([y + 1.402 * v, y - 0.344 * u - 0.714 * v, y + 1.772 * u], axis=-1)
    cube = cube.clip(0, 255).astype(np.uint8).reshape(1, -1, 3)
    hue, saturation, value = (channel.ravel() for channel in cv2.split(cv2.cvtColor(cube, cv2.COLOR_RGB2HSV)))
    ends = [end for end, _ in HUES]
    names = np.array([NAMES.index(name) for _, name in HUES], np.uint8)[np.searchsorted(ends, hue, side="right")]
    warm = (names == NAMES.index("orange")) | (names == NAMES.index("red")) & (hue > 4) & (hue < 8)
    names[warm & (value < DULL)] = NAMES.index("brown")
    pale = saturation < PALE
    names[pale] = np.where(value[pale] > BRIGHT, NAMES.index("white"), NAMES.index("grey"))
    names[value < DARK] = NAMES.index("black")
    return np.asarray(names, np.uint8)

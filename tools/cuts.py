"""Finds hard cuts in a sequence of samples: jumps of picture and colour that stand out from what moves around them."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

THUMB = (32, 18)  # width and height of the thumbnails that are correlated and compared
BINS = 8  # per channel of the joint YUV histogram
PAST, AHEAD = 3, 3  # samples looked at before and after a possible cut; at 10 per second a decision waits 0.3 s
LEAST_LEVELS = 5.0  # mean levels of brightness below which nothing is a cut: noise in the dark, the start of a fade
QUIET = 0.05  # a jump below this, between samples, is a picture that stands still
RETURN = 0.35  # a flash: the picture comes back to within this part of the jump


@dataclass(slots=True)
class Look:
    """What is compared of one sample."""

    time: float
    luma: Pixels
    histogram: NDArray[np.float32]  # joint YUV histogram, sums to 1
    thumb: NDArray[np.float32]
    difference: float = 0.0  # mean absolute difference of brightness to the sample before, in levels
    jump: float = 0.0  # change of brightness and colours against the sample before: 0 none, about 1 a typical cut
    rebuilt: float = 0.0  # jump x (1 - correlation): low for fades, exposure changes and pans, high for a new scene


def look(time: float, luma: Pixels, yuv: Pixels, before: Look | None) -> Look:
    """Measures a sample, its (h, w) brightness and smaller (h, w, 3) colours, against the one before."""
    if before is not None and np.array_equal(luma, before.luma):
        return replace(before, time=time, luma=luma, difference=0.0, jump=0.0, rebuilt=0.0)
    counts = cv2.calcHist([yuv], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3).ravel()
    thumb = cv2.resize(luma, THUMB, interpolation=cv2.INTER_AREA).astype(np.float32)
    seen = Look(time, luma, np.asarray(counts / counts.sum(), np.float32), thumb)
    if before is not None:
        seen.difference = float(cv2.norm(luma, before.luma, cv2.NORM_L1)) / luma.size
        colours = float(np.abs(seen.histogram - before.histogram).sum())
        seen.jump = 2 * seen.difference / 255 + 0.5 * colours
        seen.rebuilt = seen.jump * (1 - correlation(thumb, before.thumb))
    return seen


class Cuts:
    """Decides for each sample whether a new shot begins with it, AHEAD samples later.

    A cut is a sample whose `rebuilt` is above `threshold` and stands out from the two samples before (PAST_RATIO) and
    after (NEXT_RATIO), and whose jump is over in one step (STEP_RATIO), so that fades, dissolves, explosions and fast
    pans do not count; or, between pictures that stand still (slides), a jump above `still_threshold`. Where the picture
    comes back within AHEAD samples, it was a flash. Thresholds have no unit: 0 nothing changes, 1 a typical cut; lower
    finds more cuts and more false ones.

    With `sparse`, samples are seconds apart (key pictures): none tells what goes on around another, so that any sample
    above the threshold is a cut, and a picture that comes back another one.
    """

    PAST_RATIO = 1.75
    NEXT_RATIO = 1.3
    STEP_RATIO = 1.4

    def __init__(self, threshold: float, still_threshold: float, sparse: bool = False) -> None:
        self._threshold = threshold
        self._still_threshold = still_threshold
        self._sparse = sparse
        self._looks: deque[Look] = deque(maxlen=PAST + 2 + AHEAD)
        self._undecided = 0

    def see(self, seen: Look) -> bool | None:
        """Whether the sample seen AHEAD samples ago begins a shot; None while there is no such sample yet."""
        self._looks.append(seen)
        self._undecided += 1
        if self._undecided <= AHEAD:
            return None
        self._undecided -= 1
        return self._cut(len(self._looks) - 1 - AHEAD)

    def finish(self) -> Iterable[bool]:
        """The same for the samples that are still undecided."""
        first = len(self._looks) - self._undecided
        self._undecided = 0
        return [self._cut(n) for n in range(first, len(self._looks))]

    def _cut(self, n: int) -> bool:
        looks = list(self._looks)
        if self._sparse and n and looks[n].difference >= LEAST_LEVELS:
            return looks[n].rebuilt > self._threshold or self._new_slide(looks, n)
        if n == 0 or looks[n].difference < LEAST_LEVELS or not (self._new_scene(looks, n) or self._new_slide(looks, n)):
            return False
        limit = RETURN * _apart(looks[n - 1], looks[n])
        after = any(_apart(looks[n - 1], later) < limit for later in looks[n + 1 :])
        return not after and not any(_apart(earlier, looks[n]) < limit for earlier in looks[: n - 1])

    def _new_scene(self, looks: list[Look], n: int) -> bool:
        now = looks[n]
        past = max((x.rebuilt for x in looks[max(0, n - 2) : n]), default=0.0)
        coming = max((x.rebuilt for x in islice(looks, n + 1, n + 3)), default=0.0)
        step = looks[n + 1].jump if n + 1 < len(looks) else 0.0
        return now.rebuilt > max(self._threshold, self.PAST_RATIO * past, self.NEXT_RATIO * coming) and (
            now.jump > self.STEP_RATIO * step
        )

    def _new_slide(self, looks: list[Look], n: int) -> bool:
        around = looks[max(0, n - PAST) : n] + looks[n + 1 : n + 1 + AHEAD]
        return looks[n].jump > self._still_threshold and all(x.jump < QUIET for x in around)


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Pearson correlation of two thumbnails, 0 where one of them is of a single level."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 1e-3 * a.size else 0.0


def _apart(a: Look, b: Look) -> float:
    return float(np.abs(a.thumb - b.thumb).mean())

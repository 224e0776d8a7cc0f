"""Chooses which pictures to keep: by blocks that changed since the last kept one, minus what moves all the time.

The rule keeps every bullet of a slide that builds up, which perceptual hashes do not, and is not misled by a ticking
clock or a presenter in a corner.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import ToolFailed

Pixels = NDArray[np.uint8]
Blocks = NDArray[np.bool_]

GRID = 32  # blocks along the longer side of the picture
LEVELS, SHARE = 12, 0.06  # a block has changed when more than this share of its pixels differ by more than LEVELS
CHANGED = 4  # changed blocks, outside persistent motion, that make a picture a new one
FEW, PATIENCE = 2, 1.5  # as few do where no more than that changed for these seconds: a short word on a slide
WIDE = 0.3  # changed share of the whole picture that makes it a new one, persistent motion or not
MEMORY, BUSY, LEAST = 20, 0.25, 3  # seconds remembered; the share of them, and their number, that makes a block busy
HOLD = 0.6  # seconds that a settled picture stands before it is kept, should nothing end it earlier
SUDDEN = 0.05  # least changed share of the picture in a step that makes a new state at once, as a dialog does
CALM = 0.2  # share of the step before that may still change in a picture that settles
STEADY = 0.85  # share of pixels exactly as in the sample before that tells a screen or a slide from filmed pictures
EARLY = 0.4  # least seconds between two kept pictures of one shot
SPARSE = 0.3  # seconds between samples from which a settled picture is dated to the sample it appeared with
UNREST = 1.0  # seconds of movement after which a moving picture may be kept
WINDOW = 0.3  # seconds within which the sharpest moving picture is chosen
LONGEST_SIDE, QUALITY = 1280, 90  # pixels, JPEG quality
BURST = 60  # keyframes that may come at once; moving pictures leave half of them to slides and new shots


@dataclass(frozen=True, slots=True)
class Picture:
    """A sample: `luma` (h, w) is compared, `rgb` (h, w, 3) is what would be kept; None where it was not converted."""

    time: float
    luma: Pixels
    sharpness: float  # any measure that grows with it
    rgb: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    picture: Picture
    since: float  # when the first of a chain of replaced candidates was seen
    moving: bool
    stirred: bool = True  # it came with movement, not by a slow change
    sudden: bool = True  # most of what differs came in one step


class PersistentMotion:
    """Blocks that change nearly every second: clocks, timecodes, presenters. Remembers MEMORY seconds."""

    def __init__(self) -> None:
        self._seconds: deque[Blocks] = deque(maxlen=MEMORY)
        self._now: Blocks | None = None
        self._began = 0.0
        self.mask: Blocks | None = None

    def see(self, time: float, changed: Blocks) -> None:
        if self._now is None:
            self._now, self._began = changed, time
        else:
            self._now = self._now | changed
        if time - self._began >= 1:
            self._seconds.append(self._now)
            self._now = None
            count = np.sum(self._seconds, axis=0)
            busy = count >= max(LEAST, BUSY * len(self._seconds))
            self.mask = cv2.dilate(busy.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.bool_)

    def cut(self) -> None:
        """A new shot: what moved all over the picture was the old one; a clock or a presenter may still be there."""
        if self.mask is not None and self.mask.mean() >= WIDE:
            self._seconds.clear()
            self._now = self.mask = None


class Keyframes:
    """Says which samples to keep. Feed `see` with samples in order of time and `cut` with the starts of shots.

    A picture that settles and differs from the last kept one is kept at once; one that keeps moving only `min_gap`
    seconds after the last one; one that differs in nothing but persistent motion after `refresh` seconds. A screen that
    is wiped away before it settled is kept in its last state. At most `per_hour` are kept, in bursts of BURST.
    """

    def __init__(self, min_gap: float, refresh: float, per_hour: float) -> None:
        self._min_gap, self._refresh, self._per_second = min_gap, refresh, per_hour / 3600
        self._burst = max(1.0, min(BURST, per_hour))
        self._tokens, self._filled = self._burst, 0.0
        self._motion = PersistentMotion()
        self._last: Picture | None = None
        self._kept: Picture | None = None
        self._candidate: Candidate | None = None
        self._calm_at = 0.0  # when the picture last stood still
        self._moved_at = 0.0  # when at least FEW blocks last changed
        self._blocks = 0  # of the grid
        self._shot_began = 0.0
        self._wanted = False  # a new shot has no keyframe yet
        self._steps: deque[int] = deque(maxlen=3)  # blocks that changed between the last samples
        self._steady = (False, False)  # whether the last two samples were those of a screen
        self._stirred = True  # something moved since the last kept picture

    def see(self, picture: Picture, rgb: Callable[[], Pixels]) -> list[Picture]:
        """The pictures to keep now, the new one or earlier ones, in order of time; `rgb` is asked for the pixels."""
        self._rgb = rgb
        before = self._last
        self._fill(picture.time)
        still = before is not None and self._settles(before, picture)
        if still or before is None:
            self._calm_at = picture.time
        kept = self._review(picture, still) or self._rescue(before)
        self._stirred = self._stirred or not still
        if self._candidate is None:
            self._propose(before, picture, still)
        self._last = self._whole(picture) if before is not None and self._worth_holding(before, picture) else picture
        del self._rgb  # it holds the frame
        return kept

    def cut(self, time: float) -> list[Picture]:
        """A shot began at `time`, not after the last sample: it gets a keyframe, and what the old one still had."""
        candidate = self._candidate
        kept = self._end() if candidate is not None and candidate.picture.time < time else []
        self._shot_began = time
        self._motion.cut()
        self._wanted = self._candidate is None and (self._kept is None or self._kept.time < time)
        return kept

    def finish(self) -> list[Picture]:
        if self._wanted and self._candidate is None and self._last is not None and self._last.rgb is not None:
            self._candidate = Candidate(self._last, self._last.time, moving=False)
        return self._end() if self._candidate else []

    def _settles(self, before: Picture, picture: Picture) -> bool:
        """Whether hardly anything changed since the sample before, or little against what changed just before that."""
        blocks = changed_blocks(before.luma, picture.luma)
        step = self._weight(blocks)
        still = step < max(self._enough(blocks), CALM * max(self._steps, default=0))
        self._steps.append(step)
        self._blocks = blocks.size
        if step >= FEW:
            self._moved_at = picture.time
        self._steady = (self._steady[1], float(np.mean(before.luma == picture.luma)) >= STEADY)
        self._motion.see(picture.time, blocks)
        return still

    def _review(self, picture: Picture, still: bool) -> list[Picture]:
        """Keeps, replaces or drops the candidate in the light of a new sample."""
        candidate = self._candidate
        if candidate is None:
            return []
        chosen = candidate.picture
        if candidate.moving:
            if picture.time - candidate.since >= WINDOW or self._wide(chosen, picture):
                return self._keep()
            if picture.sharpness > chosen.sharpness:
                self._candidate = replace(candidate, picture=self._whole(picture))
        elif not still:
            return self._end()
        elif self._differs(chosen, picture):  # it drifts, as in a fade: the later state is the better one
            self._candidate = replace(candidate, picture=self._whole(picture))
            if picture.time - candidate.since >= self._min_gap:
                return self._keep()
        elif picture.time - chosen.time >= HOLD and (
            self._gap(chosen) >= (EARLY if candidate.stirred else self._min_gap)
        ):
            return self._keep()
        return []

    def _rescue(self, before: Picture | None) -> list[Picture]:
        """The last state of a screen that is wiped away before it settled: it holds the most."""
        if self._kept is None or self._candidate or not self._steady[0] or before is None or before.rgb is None:
            return []
        changed = changed_blocks(self._kept.luma, before.luma)
        if self._steps[-1] < WIDE * changed.size or self._weight(changed) < SUDDEN * changed.size:
            return []
        self._candidate = Candidate(before, before.time, moving=False)
        return self._end()

    def _propose(self, before: Picture | None, picture: Picture, still: bool) -> None:
        """Makes the sample a candidate when it is worth keeping."""
        time, kept = picture.time, self._kept
        if kept is None or self._wanted:
            self._candidate = Candidate(self._whole(picture), time, moving=kept is not None)
            self._wanted = False
        elif self._differs(kept, picture, FEW if time - self._moved_at >= PATIENCE else CHANGED):
            if still:
                chosen = self._first(before, picture)
                self._candidate = Candidate(chosen, chosen.time, False, self._stirred, self._sudden(kept, picture))
            elif min(self._gap(picture) - self._min_gap, time - self._calm_at - UNREST) >= 0 and self._plenty():
                self._candidate = Candidate(self._whole(picture), time, moving=True)
        elif self._gap(picture) >= self._refresh and changed_blocks(kept.luma, picture.luma).sum() >= CHANGED:
            self._candidate = Candidate(self._whole(picture), time, moving=True)

    def _first(self, before: Picture | None, picture: Picture) -> Picture:
        """A settled picture of few frames is dated to the frame with which it appeared."""
        sparse = before is not None and before.rgb is not None and picture.time - before.time >= SPARSE
        return before if sparse and before is not None and self._gap(before) > 0 else self._whole(picture)

    def _worth_holding(self, before: Picture, picture: Picture) -> bool:
        """Whether the pixels, dear to convert, may be wanted when the next sample is there."""
        if self._candidate is not None or not self._steps[-1]:
            return False
        jumped = self._steps[-1] >= WIDE * self._blocks and self._steps[-1] > 2 * max(list(self._steps)[:-1], default=0)
        sparse = picture.time - before.time >= SPARSE
        return jumped or sparse or (self._steady[1] and self._kept is not None and self._differs(self._kept, picture))

    def _whole(self, picture: Picture) -> Picture:
        return replace(picture, rgb=self._rgb()) if picture.rgb is None else picture

    def _end(self) -> list[Picture]:
        """The candidate's state is over: it is kept unless it is one more phase of a slow change."""
        assert self._candidate is not None
        candidate = self._candidate
        at_once = candidate.sudden or (candidate.stirred and self._calm_at - candidate.picture.time >= HOLD)
        opens_shot = self._kept is None or self._kept.time < self._shot_began <= candidate.picture.time
        if opens_shot or self._gap(candidate.picture) >= (EARLY if at_once else self._min_gap):
            return self._keep()
        self._candidate = None
        return []

    def _keep(self) -> list[Picture]:
        """Turns the candidate into the last kept picture, or drops it where the cap is reached."""
        assert self._candidate is not None
        picture, self._candidate = self._candidate.picture, None
        if self._tokens < 1:
            return []
        self._tokens -= 1
        self._kept, self._stirred = picture, False
        return [picture]

    def _plenty(self) -> bool:
        """Whether the cap leaves room for pictures that merely move."""
        return self._tokens > self._burst / 2

    def _fill(self, time: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, time - self._filled) * self._per_second)
        self._filled = time

    def _gap(self, picture: Picture) -> float:
        return math.inf if self._kept is None else picture.time - self._kept.time

    def _sudden(self, kept: Picture, picture: Picture) -> bool:
        blocks = changed_blocks(kept.luma, picture.luma)
        return max(self._steps, default=0) >= max(SUDDEN * blocks.size, self._weight(blocks) / 2)

    def _differs(self, a: Picture, b: Picture, least: int = CHANGED) -> bool:
        blocks = changed_blocks(a.luma, b.luma)
        return self._weight(blocks) >= self._enough(blocks, least)

    def _wide(self, a: Picture, b: Picture) -> bool:
        return bool(changed_blocks(a.luma, b.luma).mean() >= WIDE)

    def _weight(self, blocks: Blocks) -> int:
        """How many changed blocks count: all of a wide change, else those outside persistent motion."""
        if self._motion.mask is None or blocks.mean() >= WIDE:
            return int(blocks.sum())
        return int((blocks & ~self._motion.mask).sum())

    def _enough(self, blocks: Blocks, least: int = CHANGED) -> int:
        return min(least, max(1, blocks.size // 4))


def changed_blocks(a: Pixels, b: Pixels) -> Blocks:
    """Which blocks of a grid of GRID along the longer side differ between two pictures of one size."""
    height, width = a.shape
    longest = max(height, width)
    columns, rows = (min(n, max(1, round(GRID * n / longest))) for n in (width, height))
    _, differs = cv2.threshold(cv2.absdiff(a, b), LEVELS, 255, cv2.THRESH_BINARY)
    shares = cv2.resize(differs, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(shares > SHARE * 255)


def write_jpeg(rgb: Pixels, path: Path) -> None:
    """Writes a picture whole or not at all. Raises ToolFailed where the disk is full or read-only."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(jpeg.tobytes())
        temporary.replace(path)
    except OSError as error:
        raise ToolFailed(f"{path}: the keyframe cannot be written ({error}); make room or give write access") from error

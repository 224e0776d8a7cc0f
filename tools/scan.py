"""The first look at a video: its shots, the keyframes that other tools read, and stretches of bad picture."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np

from .base import Observation, Span
from .colours import NAMES, Shares, main_colours, shares
from .cuts import Cuts, Look, look
from .keyframes import LONGEST_SIDE, Keyframes, Picture, write_jpeg

if TYPE_CHECKING:
    from .frame import Frame
    from .video import Video

LUMA_SIDE = 320  # pixels of the brightness picture that is measured
COLOUR_SIDE = 160
DIM, FLAT = 32, 6  # a picture is black below these levels of mean and standard deviation of brightness
BLURRED = 0.004  # sharpness over variance of brightness below which a picture is badly blurred
STILL = 0.5  # mean levels per sample: less is a picture that stands still
LITTLE, MUCH = 1.5, 8.0  # mean levels per sample: words for motion
BLACK_SHARE = 0.9  # of a shot's samples
LEAST_SECONDS: Mapping[str, float] = {"black": 1.0, "blurred": 1.5, "still": 10.0}  # shortest stretch reported


@dataclass(frozen=True, slots=True)
class Sample:
    """What is remembered of a sample until it belongs to a shot."""

    time: float
    brightness: float  # 0..1
    sharpness: float
    motion: float
    colours: Shares
    black: bool
    blurred: bool


@dataclass(slots=True)
class Shot:
    """Sums over the samples of a shot."""

    number: int
    start: float
    samples: int = 0
    black: int = 0
    sums: Shares = field(default_factory=lambda: np.zeros(3))
    colours: Shares = field(default_factory=lambda: np.zeros(len(NAMES)))

    def add(self, sample: Sample) -> None:
        motion = sample.motion if self.samples else 0.0  # the cut itself is no motion
        self.samples += 1
        self.black += sample.black
        self.sums += (sample.brightness, sample.sharpness, motion)
        self.colours += sample.colours

    def observation(self, end: float, keyframes: list[tuple[float, str]], moves: bool = True) -> Observation:
        """With its keyframes; `moves` is false where samples are too far apart to tell of motion."""
        brightness, sharpness, motion = (float(x) for x in self.sums / self.samples)
        colours = main_colours(self.colours / self.samples)
        black = self.black >= BLACK_SHARE * self.samples
        words = [f"shot {self.number}", f"{end - self.start:.1f} s"]
        words += ["black"] if black else [*_light(brightness), " and ".join(name for name, _ in colours[:2])]
        words += [_movement(motion)] if moves and not black else []
        data = {
            "keyframes": [list(keyframe) for keyframe in keyframes],
            "brightness": round(brightness, 3),
            "sharpness": round(sharpness, 1),
            **({"motion": round(motion, 2)} if moves else {}),
            "colours": [list(colour) for colour in colours],
            **({"black": True} if black else {}),
        }
        return Observation("scan", "shot", Span(self.start, end), ", ".join(word for word in words if word), data=data)


class Scan:
    """Shots with their keyframes (kind shot), and black, blurred or still stretches (kind quality).

    `rate`: samples per second; 5 halves the cost, and finds cuts less exactly and less surely (F1 0.92 for 0.98).
    `min_gap`: seconds between keyframes of a picture that keeps moving. `refresh`: seconds after which a picture that
    differs only in persistent motion is kept again. `per_hour`: most keyframes in an hour. `cut`, `still_cut`: how much
    must change for a cut, in moving pictures and between slides; no unit, 0 nothing, 1 a typical cut (see cuts.Cuts).
    `keys`: looks at key pictures alone, for a twentieth of the cost. Encoders put them where scenes change and every
    few seconds; shots are found less surely, and motion and stretches of bad picture are not told.

    Data of a shot: keyframes [[seconds, path under the video's folder]], brightness 0..1, sharpness (variance of the
    Laplacian at 320 pixels), motion (mean absolute difference between samples, in levels of 255), colours
    [[name, share]], and black for a shot without a picture.
    """

    name: ClassVar[str] = "scan"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = ("shot", "quality")
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        rate: float = 10.0,
        min_gap: float = 2.0,
        refresh: float = 30.0,
        per_hour: int = 1800,
        cut: float = 0.25,
        still_cut: float = 0.3,
        keys: bool = False,
    ) -> None:
        self.rate = rate
        self.keys = keys
        self.cost = 0.1 if keys else 2.0
        self.digest: str | None = None
        self.options: Mapping[str, Any] = {
            "rate": rate, "min_gap": min_gap, "refresh": refresh, "per_hour": per_hour, "cut": cut,
            "still_cut": still_cut, **({"keys": True} if keys else {}),  # absent as in runs from before there was this
        }  # fmt: skip

    def start(self, video: "Video", span: Span | None) -> None:
        options = self.options
        self._video, self._span = video, span
        self._cuts = Cuts(options["cut"], options["still_cut"], self.keys)
        self._keyframes = Keyframes(options["min_gap"], options["refresh"], options["per_hour"])
        self._undecided: deque[Sample] = deque()
        self._kept: deque[tuple[float, str]] = deque()
        self._look: Look | None = None
        self._colours: Shares = np.zeros(len(NAMES))
        self._shot: Shot | None = None
        self._stretches = Stretches()

    def see(self, frame: "Frame") -> Iterator[Observation]:
        sample = self._measure(frame)
        if not self.keys:
            yield from self._stretches.see(sample)
        self._undecided.append(sample)
        assert self._look is not None
        picture = Picture(frame.time, self._look.luma, sample.sharpness)
        self._store(self._keyframes.see(picture, partial(frame.rgb, LONGEST_SIDE)))
        decided = self._cuts.see(self._look)
        if decided is not None:
            yield from self._decide(decided)

    def finish(self) -> Iterator[Observation]:
        for cut in self._cuts.finish():
            yield from self._decide(cut)
        self._store(self._keyframes.finish())
        if self._shot is not None and self._look is not None:
            end = self._end(max(self._look.time, self._shot.start))
            if not self.keys:
                yield from self._stretches.finish(end)
            yield self._shot.observation(end, list(self._kept), not self.keys)
        self._look = self._shot = None

    def _measure(self, frame: "Frame") -> Sample:
        """Measures a sample, which is what the next one is compared with."""
        before = self._look
        luma, yuv = frame.luma(LUMA_SIDE).copy(), frame.yuv(COLOUR_SIDE)
        if before is not None and luma.shape != before.luma.shape:  # the picture changes its size within the file
            luma = np.asarray(cv2.resize(luma, before.luma.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        self._look = seen = look(frame.time, luma, yuv, before)
        if before is None or seen.difference:
            self._colours = shares(yuv[::2, ::2])
        mean, deviation = (float(x[0, 0]) for x in cv2.meanStdDev(luma))
        sharpness = float(cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))[1][0, 0]) ** 2
        black = mean < DIM and deviation < FLAT
        blurred = deviation >= FLAT and sharpness < BLURRED * deviation**2
        return Sample(frame.time, mean / 255, sharpness, seen.difference, self._colours, black, blurred)

    def _decide(self, cut: bool) -> Iterator[Observation]:
        """Adds the oldest undecided sample to its shot, a new one where it is a cut."""
        sample = self._undecided.popleft()
        if self._shot is not None and cut:
            self._store(self._keyframes.cut(sample.time))
            mine = [self._kept.popleft() for _ in range(sum(time < sample.time for time, _ in self._kept))]
            yield self._shot.observation(sample.time, mine, not self.keys)
        if self._shot is None or cut:
            start = max(sample.time, self._span.start) if self._span else sample.time
            self._shot = Shot(self._shot.number + 1 if self._shot else 1, start)
        self._shot.add(sample)

    def _store(self, pictures: list[Picture]) -> None:
        for picture in pictures:
            assert picture.rgb is not None
            path = f"k/{round(picture.time * 1000):08d}.jpg"
            write_jpeg(picture.rgb, self._video.folder / path)
            self._kept.append((round(picture.time, 3), path))

    def _end(self, last: float) -> float:
        """When the last picture ends: with the video, or sooner where other streams outlast the pictures."""
        stream, duration = self._video.picture, self._video.duration
        shown = max(1 / stream.fps if stream and stream.fps > 0 else 0.0, 1 / self.rate)
        if self.keys:  # the pictures go on after the last one that was looked at
            end = min(duration, self._video.shown)
        else:
            end = duration if len(self._video.streams) == 1 else min(duration, last + shown)
        end = end if self._span is None else min(end, self._span.end)
        return end if end > last else last + shown


class Stretches:
    """Stretches in which the picture is black, badly blurred or still for longer than LEAST_SECONDS."""

    def __init__(self) -> None:
        self._state: str | None = None
        self._since = 0.0

    def see(self, sample: Sample) -> list[Observation]:
        state = _state(sample)
        if state == self._state:
            return []
        ended = self.finish(sample.time)
        self._state, self._since = state, sample.time
        return ended

    def finish(self, end: float) -> list[Observation]:
        state, seconds = self._state, end - self._since
        if state is None or seconds < LEAST_SECONDS[state]:
            return []
        text = f"picture {state} for {seconds:.1f} s"
        return [Observation("scan", "quality", Span(self._since, end), text, data={"state": state})]


def _state(sample: Sample) -> str | None:
    if sample.black:
        return "black"
    if sample.blurred:
        return "blurred"
    return "still" if sample.motion < STILL else None


def _light(brightness: float) -> list[str]:
    return ["dark"] if brightness < 0.25 else ["bright"] if brightness > 0.7 else []


def _movement(motion: float) -> str:
    if motion < LITTLE:
        return "still" if motion < STILL else "little motion"
    return "motion" if motion < MUCH else "much motion"

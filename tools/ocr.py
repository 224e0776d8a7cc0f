"""Text on the screen: reads the keyframes and says from when to when each line was there."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np

from .base import Observation, Span
from .errors import ToolFailed
from .ink import together
from .screentext import Screen, ScreenLine, joined, passages
from .textlines import PageReader, Pixels, digest, scaled

if TYPE_CHECKING:
    from .video import Video

FEW = 6  # keyframes of any video that are read, however short it is


class TextReader:
    """Yields one `text` observation per line on the screen, from first to last seen; a wrapped sentence is one line.

    `coarse` and `fine` are the longer side, in pixels, at which pictures are searched for text (see
    `textlines.PageReader`); reading itself uses the keyframe as it is. `per_hour` is how many keyframes of an hour are
    read, FEW of any video; None: all. Raises ToolUnavailable when rapidocr or its models are missing.

    Keys of `data`: boxes (one per line of the passage), image (the keyframe in which it was read best; absent when a
    moment between keyframes was looked at), height (of a line, as a share of the picture's), ink (words by the name of
    their colour, where that is clear), paper (the colour they stand on), readings [[second, text]] for a clock or
    counter, whose text is its first value.
    """

    name: ClassVar[str] = "ocr"
    version: ClassVar[str] = "2"
    kinds: ClassVar[tuple[str, ...]] = ("text",)
    needs: ClassVar[tuple[str, ...]] = ("shot",)

    def __init__(self, coarse: int = 736, fine: int = 1088, per_hour: int | None = None) -> None:
        limit = {} if per_hour is None else {"per_hour": per_hour}  # absent as in runs from before there was this
        self.options: Mapping[str, Any] = {"coarse": coarse, "fine": fine, **limit}
        self._per_hour = per_hour
        self.cost = 10.0 if per_hour is None else min(10.0, per_hour / 60 * 0.8)
        self.digest: str | None = digest()
        self._sides = coarse, fine

    def sidecars(self, video: "Video") -> Sequence[Path]:
        return ()

    def observe(self, video: "Video", span: Span | None, seen: Sequence[Observation]) -> Iterable[Observation]:
        """Reads the keyframes of the shots in `seen`, or those in `span`; the picture in its middle if there are none.

        Raises ToolFailed for a keyframe that is missing or damaged.
        """
        shots = sorted((row for row in seen if row.kind == "shot"), key=lambda row: row.span)
        frames = [
            (float(time), number, str(path))
            for number, shot in enumerate(shots)
            for time, path in shot.data.get("keyframes", ())
            if span is None or span.start <= time < span.end
        ]
        if frames:
            end = max(shot.span.end for shot in shots)
            if self._per_hour is not None:
                frames = _longest(frames, end, max(FEW, math.ceil(self._per_hour * end / 3600)))
            began = [shot.span.start for shot in shots]
            yield from self._follow(video, frames, began, end if span is None else min(end, span.end))
        elif span is not None and video.picture is not None:
            yield from self._look(video, span)

    def _follow(
        self, video: "Video", frames: list[tuple[float, int, str]], began: Sequence[float], end: float
    ) -> Iterator[Observation]:
        """Reads the keyframes (second, number of the shot, path) of shots that `began` at these seconds."""
        reader, screen = PageReader(*self._sides), Screen()
        before, time, height = -1, 0.0, 1.0
        for time, shot, path in sorted(frames):
            picture = _load(video, path)
            scale = _scale(video, picture)
            height = picture.shape[0] * scale
            found = [scaled(one, scale) for one in reader.read(time, picture, cut=shot != before)]
            # Of shots in between no picture was read: what is gone went with the first of them for all one knows.
            gone = screen.see(time, shot, path, found, began[min(before + 1, shot)])
            before = shot
            yield from _told(gone, height)
        yield from _told(screen.finish(max(end, time + 0.001)), height)

    def _look(self, video: "Video", span: Span) -> Iterator[Observation]:
        frame = video.image((span.start + span.end) / 2)
        picture = np.ascontiguousarray(frame.rgb()[:, :, ::-1])
        screen = Screen()
        screen.see(span.start, 0, None, PageReader(*self._sides).read(span.start, picture, cut=True))
        yield from _told(screen.finish(span.end), frame.height)


def _longest(frames: list[tuple[float, int, str]], end: float, count: int) -> list[tuple[float, int, str]]:
    """At most `count` of the keyframes (second, shot, path): of each of so many equal stretches the one that stood
    longest, as slides do."""
    frames = sorted(frames)
    stood = [after - time for (time, *_), after in zip(frames, [*(time for time, *_ in frames[1:]), end], strict=True)]
    best: dict[int, int] = {}
    for n, (time, *_) in enumerate(frames):
        stretch = int(count * time / end)
        if stretch not in best or stood[n] > stood[best[stretch]]:
            best[stretch] = n
    return [frames[n] for n in best.values()] if len(frames) > count else frames


def _load(video: "Video", path: str) -> Pixels:
    """A keyframe as (height, width, 3) uint8, blue first."""
    file = video.folder / path
    remedy = f"make the keyframes of {video.name} anew with: reelcue add --refresh scan {video.path}"
    try:
        picture = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:
        raise ToolFailed(f"keyframe {file} cannot be read ({type(error).__name__}); {remedy}") from error
    if picture is None:
        raise ToolFailed(f"keyframe {file} is no picture; {remedy}")
    return np.asarray(picture, np.uint8)


def _scale(video: "Video", picture: Pixels) -> float:
    """Original pixels per pixel of a keyframe: of the longer sides, which are the same however it is rotated."""
    original = max(video.picture.width, video.picture.height) if video.picture else 0
    return original / max(picture.shape[:2]) if original else 1.0


def _told(gone: Iterable[ScreenLine], height: float) -> Iterator[Observation]:
    for lines in passages(gone):
        first = lines[0]
        data: dict[str, Any] = {
            "boxes": [[round(n) for n in one.best.box] for one in lines],
            "height": round(max(one.best.box[3] for one in lines) / height, 4),
        }
        if first.image:
            data["image"] = first.image
        inks = together(one.best.inks for one in lines)
        if inks:
            data["ink"] = inks
        if first.best.paper:
            data["paper"] = first.best.paper
        if first.values:
            data["readings"] = [[time, text] for time, text in first.values]
        score = round(min(one.best.score for one in lines), 3)
        assert first.end is not None
        yield Observation("ocr", "text", Span(first.start, first.end), _text(lines), score, data)


def _text(lines: Sequence[ScreenLine]) -> str:
    values = lines[0].values
    if not values:
        return joined([one.best.text for one in lines])
    (_, first), (_, last) = values[0], values[-1]
    down = [int(n) for n in re.findall(r"\d+", last)] < [int(n) for n in re.findall(r"\d+", first)]
    return f"{first} (counts {'down' if down else 'on'} to {last})"

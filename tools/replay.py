"""Replays recorded observations: for tests, demos, and timelines that were made elsewhere.

A file holds one JSON object per line: {video, kind, start, end, text, score?, data?, tool?, unit?}. `video` is the file
name, the stem or the id of the video that the line is about; `unit` is "seconds" (default) or "index" (turn or sentence
numbers of a timeline without media).
"""

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .base import KINDS, Observation, Span
from .errors import ToolFailed
from .text import line

if TYPE_CHECKING:
    from .video import Video

SUFFIX = ".observations.jsonl"
UNITS = ("seconds", "index")


@dataclass(frozen=True, slots=True)
class Recorded:
    video: str
    unit: str
    observation: Observation


def read(path: Path) -> Iterator[Recorded]:
    """The recorded observations of a file, in its order.

    Raises ToolFailed naming file and line for anything that is not such a record.
    """
    name = line(str(path))
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, text in enumerate(lines, 1):
                if text.strip():
                    try:
                        recorded = _record(json.loads(text, parse_constant=_refused))
                    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                        what = f"{error} is missing" if isinstance(error, KeyError) else line(str(error))
                        raise ToolFailed(f"{name}, line {number}: {what}; mend or remove the line") from error
                    yield recorded
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else f"not UTF-8 at byte {error.start}"
        raise ToolFailed(f"{name}: cannot be read ({why}); it must be JSON lines in UTF-8") from error


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _record(row: Any) -> Recorded:
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    if not isinstance(row["text"], str) or not isinstance(row["video"], str):
        raise ValueError("video and text must be strings")
    unit, score = row.get("unit", "seconds"), row.get("score")
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
    if score is not None and not (isinstance(score, int | float) and 0 <= score <= 1):
        raise ValueError(f"score must lie in 0..1, not {score!r}")
    span = Span(float(row["start"]), float(row["end"]))
    if span.start < 0:
        raise ValueError(f"start must not be negative, as {span.start!r} is")
    tool = line(str(row.get("tool") or Replay.name))
    seen = Observation(tool, row["kind"], span, row["text"], score, _data(row.get("data") or {}))
    return Recorded(line(row["video"]), unit, seen)


def _data(data: Any) -> dict[str, Any]:
    """`data` as it was, if those of its keys that others rely on have the shape they expect. Raises ValueError."""
    if not isinstance(data, dict):
        raise ValueError("data must be an object")
    for key in ("speaker", "language", "image", "paper"):
        if not isinstance(data.get(key, ""), str):
            raise ValueError(f"data.{key} must be a string")
    words, boxes, keyframes = (data.get(key, []) for key in ("words", "boxes", "keyframes"))
    if not _rows(words, 3) or not all(_word(*word[:4]) for word in words):
        raise ValueError("data.words must be a list of [start, end, text, score]")
    if not _rows(boxes, 4) or not all(_numbers(box[:4]) for box in boxes):
        raise ValueError("data.boxes must be a list of [x, y, width, height]")
    if not _rows(keyframes, 2) or not all(_numbers(one[:1]) and isinstance(one[1], str) for one in keyframes):
        raise ValueError("data.keyframes must be a list of [seconds, path]")
    if outside := [path for path in (data.get("image", ""), *(one[1] for one in keyframes)) if not _inside(path)]:
        raise ValueError(f"data.image and data.keyframes must lie in the video's folder, not at {outside[0]!r}")
    if not _numbers([data.get("height", 0)]):
        raise ValueError("data.height must be a number")
    if not isinstance(data.get("ink", {}), dict):
        raise ValueError("data.ink must be an object")
    return data


def _word(start: Any, end: Any, text: Any, score: Any = None) -> bool:
    return _numbers([start, end]) and isinstance(text, str) and (score is None or _numbers([score]))


def _inside(path: str) -> bool:
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _rows(value: Any, least: int) -> bool:
    return isinstance(value, list) and all(isinstance(row, list) and len(row) >= least for row in value)


def _numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) and math.isfinite(value) for value in values)


class Replay:
    """Yields what `files`, or else <name>.observations.jsonl beside the video, recorded about it."""

    name: ClassVar[str] = "replay"
    version: ClassVar[str] = "1"
    kinds: ClassVar[tuple[str, ...]] = KINDS
    needs: ClassVar[tuple[str, ...]] = ()
    cost: ClassVar[float] = 0.01

    def __init__(self, files: Sequence[str] = ()) -> None:
        self.options = {"files": list(files)}
        self.digest = None

    def sidecars(self, video: "Video") -> Sequence[Path]:
        if self.options["files"]:
            return [Path(file) for file in self.options["files"]]
        beside = (video.path.with_name(stem + SUFFIX) for stem in (video.path.name, video.path.stem))
        return [path for path in beside if os.path.isfile(path)][:1]  # noqa: PTH113  the name may be too long for a file

    def observe(self, video: "Video", span: Span | None, seen: Sequence[Observation]) -> Iterator[Observation]:
        """What was recorded about this video. Raises ToolFailed for a file that holds anything else than records."""
        names = {video.id, line(video.name), line(Path(video.name).stem)}
        for path in self.sidecars(video):
            for recorded in read(path):
                o = recorded.observation
                if recorded.video in names and recorded.unit != "seconds":
                    raise ToolFailed(f"{line(str(path))}: counts by {recorded.unit}; a video needs seconds")
                if recorded.video in names and (span is None or o.span.overlap(span) > 0):
                    yield o

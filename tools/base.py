"""The words of reelcue as types: a span of seconds, an observation, and the two contracts of a tool."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from .text import clean, clean_data

if TYPE_CHECKING:
    from .video import Frame, Video

KINDS = (
    "speech", "text", "caption", "face", "object", "motion", "pose", "action", "sound", "tag", "shot", "quality",
)  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a video in seconds of presentation time; 0 is the first presented moment of the file.

    Raises ValueError unless both ends are finite and start < end.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", float(self.start))  # numpy's numbers are no JSON and not for SQLite
        object.__setattr__(self, "end", float(self.end))
        if not (math.isfinite(self.start) and math.isfinite(self.end) and self.start < self.end):
            raise ValueError(f"a span needs finite seconds with start < end, not {self.start!r} to {self.end!r}")

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def overlap(self, other: "Span") -> float:
        """Seconds that both cover; 0 where they only touch."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))

    def iou(self, other: "Span") -> float:
        """Intersection over union, 0..1."""
        shared = self.overlap(other)
        return shared / (self.seconds + other.seconds - shared)


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that one tool saw, heard or read. Text and data are cleaned on construction (see `text.clean`).

    `text` is a phrase that a reader without the video understands; `score` the tool's own confidence 0..1, or None
    where it has none. Keys of `data` (JSON): boxes [[x, y, w, h, label?, score?]] in pixels of the upright original
    picture, words [[start, end, text, score]] in seconds, speaker, language (BCP 47), image (path under the
    video's folder). `vector` is a picture vector and `space` the space it lives in.

    Raises ValueError for a kind that is not in KINDS.
    """

    tool: str
    kind: str
    span: Span
    text: str
    score: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    vector: tuple[float, ...] | None = None
    space: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.tool}: no kind {self.kind!r}; the kinds are {', '.join(KINDS)}")
        object.__setattr__(self, "text", clean(self.text))
        object.__setattr__(self, "score", None if self.score is None else float(self.score))
        object.__setattr__(self, "data", clean_data(dict(self.data)))


@runtime_checkable
class Tool(Protocol):
    """Reads keyframes, sound, subtitle tracks, or what other tools observed."""

    name: ClassVar[str]
    version: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]  # kinds it yields
    needs: ClassVar[tuple[str, ...]]  # kinds that must be there before, but for those it yields itself
    options: Mapping[str, Any]  # constructor arguments as JSON: `type(tool)(**options)` is the same tool
    digest: str | None  # digest of the model's weights, None without a model

    @property
    def cost(self) -> float:
        """CPU seconds per minute of video, for the estimate; an attribute will do."""
        ...

    def sidecars(self, video: "Video") -> Sequence[Path]:
        """Files beside the video that `observe` will read."""
        ...

    def observe(self, video: "Video", span: Span | None, seen: Sequence[Observation]) -> Iterable[Observation]:
        """What is in `span`, or in the whole video for None; `seen` holds the observations of the kinds it needs.

        Raises ToolUnavailable, ToolFailed, VideoError or SubtitleError.
        """
        ...


@runtime_checkable
class FrameTool(Protocol):
    """Sees frames as they go by in the one decode pass. Keeps no Frame after `see` returns.

    One that has an attribute `keys` that is true sees key pictures alone (see `Video.frames`).
    """

    name: ClassVar[str]
    version: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    needs: ClassVar[tuple[str, ...]]
    options: Mapping[str, Any]
    digest: str | None
    rate: float  # frames per second wanted

    @property
    def cost(self) -> float: ...

    def start(self, video: "Video", span: Span | None) -> None:
        """Called once before the first frame of a pass."""
        ...

    def see(self, frame: "Frame") -> Iterable[Observation]:
        """Called for each frame in order of time; may yield what became certain."""
        ...

    def finish(self) -> Iterable[Observation]:
        """Called after the last frame: yields the rest."""
        ...

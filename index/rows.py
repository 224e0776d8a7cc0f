"""What a library holds, as types: videos, jobs, rows (observations as stored), segments and turns."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..tools.base import Observation, Span
from ..tools.text import clean

State = Literal["queued", "running", "done", "failed", "blocked"]
Word = tuple[float, float, str, float | None]  # start and end in seconds, text, the recogniser's confidence


def canonical(value: Any) -> str:
    """One ASCII JSON text for equal values: sorted keys, no spaces. Raises TypeError or ValueError for what is no JSON.

    ASCII, because options may name files whose names are not UTF-8 and reach Python as lone surrogates.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint(value: Any) -> str:
    """32 hex digits of BLAKE2b over the canonical JSON of `value`."""
    return hashlib.blake2b(canonical(value).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video of the library. `id` is the first 16 hex digits of `digest`, the BLAKE2b of the whole file.

    `path` is where the file was last seen, None for a timeline without media; `unit` says what its spans count;
    `recorded_at` is ISO 8601 with its zone, `recorded_from` where that was learnt; `facts` holds streams, codecs,
    problems, and width and height of the upright picture.
    """

    id: str
    digest: str
    name: str
    path: str | None
    size: int
    mtime_ns: int
    duration: float
    unit: Literal["seconds", "index"] = "seconds"
    source: str | None = None
    recorded_at: str | None = None
    recorded_from: Literal["option", "name", "container"] | None = None
    added_at: str = ""  # ISO 8601 UTC; the store fills it in when it is empty
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A piece of ingest work: everything that decides what comes out of it.

    `digest` is that of the tool's model, `sidecars` those of the files it reads, `needs` the keys of the stored runs
    that it builds on. No span means the whole video. `kinds` is what the tool yields and no part of the key.
    """

    video: str
    tool: str
    version: str
    options: Mapping[str, Any] = field(default_factory=dict)
    digest: str | None = None
    sidecars: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    span: Span | None = None
    question: str | None = None
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "question", self.question and clean(self.question))

    @property
    def key(self) -> str:
        return fingerprint([self.version, *self.work])

    @property
    def work(self) -> tuple[Any, ...]:
        """All parts of the key but the version: a finished job with the same work is current."""
        span = None if self.span is None else (float(self.span.start), float(self.span.end))
        made_by = (canonical(dict(self.options)), self.digest, tuple(sorted(self.sidecars)), tuple(sorted(self.needs)))
        return (self.video, self.tool, *made_by, span, self.question)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow(JobSpec):
    """A job as stored. `rows` and `seconds` are the observations and the CPU time of its last finished run."""

    n: int
    state: State
    error: str | None
    attempts: int
    rows: int
    seconds: float
    created: str
    started: str | None
    finished: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """An observation as stored; `n` is its number, never given to another one."""

    n: int
    video: str
    tool: str
    kind: str
    span: Span
    text: str
    score: float | None
    data: Mapping[str, Any]

    @classmethod
    def of(cls, n: int, video: str, seen: Observation) -> "Row":
        return cls(n, video, seen.tool, seen.kind, seen.span, seen.text, seen.score, seen.data)

    @property
    def rough(self) -> bool:
        """Whether a recogniser heard it that makes many errors."""
        return bool(self.data.get("rough"))

    def observation(self) -> Observation:
        return Observation(self.tool, self.kind, self.span, self.text, self.score, self.data)


@dataclass(frozen=True, slots=True)
class Segment:
    """A passage that can be searched. `n` is 0 and `observations` are positions until it is stored (`Store.commit`),
    then its number and the numbers of its rows. `score` is the mean confidence of its rows, None where they have none;
    `rough` says that it is a transcript with many wrong words."""

    video: str
    kind: str
    tool: str
    span: Span
    text: str
    language: str | None = None  # BCP 47
    speaker: str | None = None
    words: tuple[Word, ...] = ()
    observations: tuple[int, ...] = ()
    n: int = 0
    score: float | None = None
    rough: bool = False

    @property
    def id(self) -> str:
        """32 hex digits that follow from the content, also the id in the vector index."""
        span = [round(self.span.start * 1000), round(self.span.end * 1000)]
        return fingerprint([self.video, self.kind, self.tool, span, self.text])


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of a conversation and its answer, as `Answer.to_dict` gives it."""

    n: int
    conversation: str
    question: str
    answer: Mapping[str, Any]
    created: str  # ISO 8601 UTC

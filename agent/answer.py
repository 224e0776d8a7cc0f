"""What an answer is made of: evidence, citations, checked sentences, steps and cost. The values are also the JSON."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..index.rows import Segment
from ..tools.base import Span


@dataclass(frozen=True, slots=True)
class Evidence:
    """A row that an action returned in this run; an answer cites it by its number."""

    number: int
    segment: Segment
    span: Span  # of the quoted part, never wider than the segment
    text: str  # the quoted part


@dataclass(frozen=True, slots=True)
class Citation:
    """An evidence number resolved by code. `n` counts from 1 in an answer; `at` is the wall clock of start, or None;
    `rough` says that the text is of a recogniser that makes many errors."""

    n: int
    video: str
    name: str
    span: Span
    at: str | None
    kind: str
    text: str
    language: str | None = None  # BCP 47
    rough: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "n": self.n, "video": self.video, "name": self.name, "start": round(self.span.start, 3),
            "end": round(self.span.end, 3), "at": self.at, "kind": self.kind, "text": self.text,
            "language": self.language, "rough": self.rough,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sentence:
    """checked: ok (passed as written), quoted (replaced by its row), dropped (text is empty)."""

    text: str
    citations: tuple[int, ...]
    checked: str


@dataclass(frozen=True, slots=True)
class Step:
    """One event of an answer in the making; `rows` is None while the action runs."""

    action: str
    arguments: dict[str, Any]
    rows: int | None = None
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Searched:
    """What was looked through: videos in scope, those fully indexed, kinds looked for, and those missing; `words_only`
    are languages (BCP 47) that the sentence model does not know, in which only words counted."""

    videos: int
    complete: int
    kinds: tuple[str, ...]
    missing: tuple[str, ...]
    words_only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    model: str | None = None
    model_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`found` is true exactly when a cited sentence remains; then the band is strong or weak, else none."""

    question: str
    answer: str
    sentences: tuple[Sentence, ...]
    band: str
    citations: tuple[Citation, ...]
    searched: Searched
    steps: tuple[Step, ...] = ()
    usage: Usage = field(default_factory=Usage)
    choice: dict[str, Any] | None = None
    data: Any = None
    conversation: str | None = None
    sent_to: list[dict[str, Any]] | None = None

    @property
    def found(self) -> bool:
        return self.band != "none"

    def to_dict(self) -> dict[str, Any]:
        """The document that `reelcue ask --json` prints (schema 1)."""
        return {
            "schema": 1, "question": self.question, "answer": self.answer, "found": self.found, "band": self.band,
            "sentences": [_listed(s) for s in self.sentences],
            "citations": [c.to_dict() for c in self.citations],
            "choice": self.choice, "data": self.data, "conversation": self.conversation,
            "searched": _listed(self.searched), "steps": [_listed(s) for s in self.steps],
            "usage": asdict(self.usage), "sent_to": self.sent_to,
        }  # fmt: skip


def _listed(value: Any) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(value).items()}


def wall_clock(recorded_at: str | None, start: float) -> str | None:
    """ISO 8601 with zone of the moment `start` seconds into a video recorded at `recorded_at`."""
    if recorded_at is None:
        return None
    return (datetime.fromisoformat(recorded_at) + timedelta(seconds=start)).isoformat(timespec="seconds")


def clock(seconds: float) -> str:
    """m:ss, or h:mm:ss from an hour on; cut, not rounded, so that the moment named is never after the start."""
    whole = int(seconds + 1e-6)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def joined(sentences: Iterable[Sentence]) -> str:
    return " ".join(s.text for s in sentences if s.text)

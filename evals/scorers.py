"""Pure functions from a question and its answer to numbers. An answer is the document of `Answer.to_dict`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean, median
from typing import Any, Self

from ..tools.base import Span
from ..tools.text import fold, has_cjk
from .base import Question

TOLERANCE = 2.0  # seconds that the start of the first citation of a "when" answer may lie beside the gold span
_MOMENT = 0.001  # seconds: citations are written to the millisecond, so a shorter one has equal ends


@dataclass(frozen=True, slots=True)
class Ratio:
    """`n` of `of`; the value is None of none."""

    n: int
    of: int

    @classmethod
    def count(cls, flags: Iterable[bool]) -> Self:
        seen = list(flags)
        return cls(sum(seen), len(seen))

    @property
    def value(self) -> float | None:
        return self.n / self.of if self.of else None

    def __str__(self) -> str:
        return f"{self.n}/{self.of}" + ("" if self.value is None else f" ({100 * self.value:.0f} %)")

    def to_dict(self) -> dict[str, Any]:
        return {"n": self.n, "of": self.of, "value": self.value}


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean and median of `of` values, None of none."""

    mean: float | None
    median: float | None
    of: int

    @classmethod
    def over(cls, values: Iterable[float]) -> Self:
        seen = list(values)
        return cls(fmean(seen), median(seen), len(seen)) if seen else cls(None, None, 0)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Score:
    """One question. `found` is None when asking failed; `hit` and `iou` are None without a gold span to be hit."""

    answerable: bool
    found: bool | None
    right: bool
    hit: bool | None
    iou: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """Many questions."""

    questions: int
    errors: int
    accuracy: Ratio  # right answers of all questions; one that failed with an error is wrong
    citation_hit: Ratio  # any citation overlaps the gold span, of answerable questions with one
    citation_hit_answered: Ratio  # the same, of those that were answered
    iou: Mean  # of the first citation with the gold span, over answerable questions with one; declined: 0
    declining_precision: Ratio  # unanswerable questions of those declined
    declining_recall: Ratio  # declined questions of the unanswerable ones
    found_precision: Ratio  # right answers of those with found true
    seconds: Mean  # of an answer, without adding the video

    @classmethod
    def over(cls, scores: Sequence[Score]) -> Self:
        spans = [s for s in scores if s.hit is not None]
        return cls(
            questions=len(scores),
            errors=sum(s.found is None for s in scores),
            accuracy=Ratio.count(s.right for s in scores),
            citation_hit=Ratio.count(bool(s.hit) for s in spans),
            citation_hit_answered=Ratio.count(bool(s.hit) for s in spans if s.found),
            iou=Mean.over(s.iou for s in spans if s.iou is not None),
            declining_precision=Ratio.count(not s.answerable for s in scores if s.found is False),
            declining_recall=Ratio.count(s.found is False for s in scores if not s.answerable),
            found_precision=Ratio.count(s.right for s in scores if s.found),
            seconds=Mean.over(s.seconds for s in scores if s.seconds is not None),
        )

    def to_dict(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value if isinstance(value, int) else value.to_dict() for name, value in values.items()}


def score(question: Question, answer: Mapping[str, Any] | None, video: str) -> Score:
    """All there is to say of one answer; None is a question that failed. `video` is the id of the video asked about."""
    cited = [] if answer is None else spans(answer, video)
    gold = question.span if question.answerable else None
    return Score(
        answerable=question.answerable,
        found=None if answer is None else bool(answer["found"]),
        right=answer is not None and right(question, answer, video),
        hit=None if gold is None else any(span.overlap(gold) > 0 for span in cited),
        iou=None if gold is None else cited[0].iou(gold) if cited else 0.0,
        seconds=None if answer is None else float(answer["usage"]["seconds"]),
    )


def spans(answer: Mapping[str, Any], video: str) -> list[Span]:
    """The cited spans of this video in their order; an answer that declines cites nothing."""
    if not answer["found"]:
        return []
    cited = (c for c in answer["citations"] if c["video"] == video)
    return [Span(c["start"], max(c["end"], c["start"] + _MOMENT)) for c in cited]


def right(question: Question, answer: Mapping[str, Any], video: str) -> bool:
    """Whether this answer counts.

    An unanswerable question must be declined, every other one answered. A "when" question: the first citation starts
    within TOLERANCE of the gold span. With options and a choice: the right option. Else an accepted string stands in
    the answer (`says`).
    """
    if not question.answerable or not answer["found"]:
        return not question.answerable and not answer["found"]
    if question.options and answer.get("choice"):
        return bool(answer["choice"]["text"] == question.answer)
    if question.type == "when" and question.span is not None:
        cited = spans(answer, video)
        return bool(cited) and _beside(cited[0].start, question.span) <= TOLERANCE
    return any(says(answer["answer"], accepted) for accepted in (question.answer, *question.accept))


def says(text: str, accepted: str) -> bool:
    """Whether `accepted` stands in `text` as whole words, case, accents and punctuation folded.

    "2" is not in "12"; Chinese, Japanese and Korean are compared character by character, as they write no spaces.
    """
    wanted = _words(accepted)
    return bool(wanted.strip()) and wanted in _words(text)


def _beside(moment: float, span: Span) -> float:
    """Seconds from the moment to the span, to the millisecond; 0 or less inside."""
    return round(max(span.start - moment, moment - span.end), 3)


def _words(text: str) -> str:
    spaced = "".join(f" {c} " if has_cjk(c) else c for c in fold(text))
    return f" {' '.join(spaced.split())} "

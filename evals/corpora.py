"""Text timelines with questions and gold spans: reading a file of them, and what in it cannot be used."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..index.terms import words
from ..tools.base import Span
from ..tools.errors import UsageError
from ..tools.text import clean, line


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a timeline: a sentence, a turn, a caption."""

    span: Span
    text: str
    speaker: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the rows of its timeline that are right: those that overlap a gold span."""

    question: str
    right: frozenset[int]


@dataclass(frozen=True, slots=True)
class Talk:
    """One timeline with its questions. `timed` is false where its spans count turns or sentences, not seconds."""

    name: str
    timed: bool
    lines: tuple[Line, ...]
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """`left_out` counts, by reason, what could not be used; no system is measured on it."""

    path: Path
    talks: tuple[Talk, ...]
    left_out: Mapping[str, int]

    @property
    def questions(self) -> int:
        return sum(len(talk.asked) for talk in self.talks)


def read(path: Path) -> Corpus:
    """JSON lines, an object for each video: {video, unit, timeline: [{start, end, text, speaker?}], qa: [{question,
    spans: [[start, end]]}]}; `unit` is "seconds", or says what else is counted.

    Raises UsageError for a file that cannot be read, and where no question is left.
    """
    left_out: Counter[str] = Counter()
    talks = tuple(talk for number, row in _rows(path) if (talk := _talk(row, number, left_out)))
    if not any(talk.asked for talk in talks):
        raise UsageError(f"{path}: holds no question that can be scored; each line needs video, timeline and qa")
    return Corpus(path, talks, dict(left_out))


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); give a file of JSON lines in UTF-8") from error
    for number, text in enumerate(lines, 1):
        if text.strip():
            try:
                row = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{path}:{number}: no JSON ({error}); write one object on one line") from error
            if not isinstance(row, dict) or not isinstance(row.get("timeline"), list):
                raise UsageError(f"{path}:{number}: has no timeline; a line is an object with video, timeline and qa")
            yield number, row


def _talk(row: Mapping[str, Any], number: int, left_out: Counter[str]) -> Talk | None:
    lines = []
    for one in row["timeline"]:
        made = _line(one)
        if isinstance(made, str):
            left_out[f"rows: {made}"] += 1
        else:
            lines.append(made)
    asked = []
    for one in _list(row, "qa"):
        question = _asked(one, lines, left_out)
        if isinstance(question, str):
            left_out[f"questions: {question}"] += 1
        else:
            asked.append(question)
    if not lines:
        left_out["timelines without a row"] += 1
        return None
    timed = str(row.get("unit", "seconds")).startswith("second")
    return Talk(f"{number} {line(str(row.get('video', '')))}", timed, tuple(lines), tuple(asked))


def _line(row: Any) -> Line | str:
    """The row, or what is wrong with it."""
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not clean(row["text"]).strip():
        return "no text"
    span = _span([row.get("start"), row.get("end")])
    if isinstance(span, str):
        return span
    speaker = row.get("speaker")
    return Line(span, clean(row["text"]), line(speaker) if isinstance(speaker, str) and speaker.strip() else None)


def _asked(row: Any, lines: list[Line], left_out: Counter[str]) -> Asked | str:
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not words(row["question"]):
        return "no text"
    spans = []
    for pair in _list(row, "spans"):
        span = _span(pair)
        if isinstance(span, str):
            left_out[f"gold spans: {span}"] += 1
        else:
            spans.append(span)
    if not spans:
        return "no gold span"
    right = frozenset(n for n, one in enumerate(lines) if any(one.span.overlap(span) > 0 for span in spans))
    return Asked(line(row["question"]), right) if right else "no row in the gold span"


def _list(row: Mapping[str, Any], key: str) -> list[Any]:
    found = row.get(key)
    return found if isinstance(found, list) else []


def _span(pair: Any) -> Span | str:
    """The span, or what is wrong with it."""
    numbers = isinstance(pair, list) and len(pair) == 2 and not any(isinstance(n, bool) for n in pair)
    if not numbers or not all(isinstance(n, int | float) and abs(n) < math.inf for n in pair):
        return "no times"
    try:
        start, end = map(float, pair)
    except OverflowError:
        return "no times"
    if start < 0:
        return "negative"
    return Span(start, end) if start < end else "reversed" if end < start else "empty"

"""Questions with known answers: the record, reading a file of them, and finding the videos that they are about."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from ..index.rows import fingerprint
from ..tools.base import Span
from ..tools.errors import UsageError
from ..tools.text import clean, fold, line

UNANSWERABLE = "unanswerable"
_CONTROLS = frozenset(map(chr, (*range(32), 127)))
_NAMED = 3  # places named when a file name is ambiguous


@dataclass(frozen=True, slots=True)
class Question:
    """One row of a QA file.

    `type` is the question's class (what, when, count, ...). `accept` are further strings that count as the answer;
    with `options`, `answer` is the text of the right one. `span` is the evidence in seconds, None where the row names
    none. An unanswerable question has the answer "unanswerable".
    """

    video: str
    question: str
    answer: str
    type: str
    accept: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    span: Span | None = None

    @property
    def answerable(self) -> bool:
        return fold(self.answer) != UNANSWERABLE

    @property
    def id(self) -> str:
        """16 hex digits that follow from the whole row."""
        return fingerprint(self.to_dict())[:16]

    @property
    def half(self) -> Literal["even", "odd"]:
        """Thresholds are tuned on the even half: first byte of the SHA-256 of `video` in UTF-8 is even."""
        return "odd" if hashlib.sha256(self.video.encode()).digest()[0] % 2 else "even"

    def to_dict(self) -> dict[str, Any]:
        return {
            "video": self.video, "question": self.question, "answer": self.answer, "accept": list(self.accept),
            "options": list(self.options) or None, "start": self.span and self.span.start,
            "end": self.span and self.span.end, "type": self.type,
        }  # fmt: skip

    @classmethod
    def of(cls, row: Any) -> Self:
        """The question of a JSON object; unknown fields are ignored. Raises ValueError saying what is wrong."""
        if not isinstance(row, dict):
            raise ValueError('a row is a JSON object like {"video": ..., "question": ...}')
        made = cls(
            _text(row, "video"), clean(_text(row, "question")), clean(_text(row, "answer")), line(_text(row, "type")),
            tuple(map(clean, _texts(row, "accept"))), tuple(map(clean, _texts(row, "options"))), _span(row),
        )  # fmt: skip
        made._check()
        return made

    def _check(self) -> None:
        if any(c in _CONTROLS for c in self.video):
            raise ValueError("video holds a control character; write the path without it")
        if not self.answerable:
            return
        if self.options and self.answer not in self.options:
            raise ValueError("the answer is not one of the options; write it as the option is written")
        if self.type == "when" and self.span is None:
            raise ValueError("a question of type when is scored by its span; give start and end")
        if not any(map(fold, (self.answer, *self.accept))):
            raise ValueError("nothing to compare is left of the answer without punctuation; add words to accept")


@dataclass(frozen=True, slots=True)
class QAFile:
    """The questions of a file in its order, and a sentence for each line that was left out."""

    path: Path
    questions: tuple[Question, ...]
    problems: tuple[str, ...]


def read(path: Path) -> QAFile:
    """JSON lines with video, question, answer, accept[], options[]|null, start|null, end|null, type.

    A bad line (no JSON, a missing or mistyped field, a reversed span, the same row again) is left out and named.
    Raises UsageError when the file cannot be read or no line is valid.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; give a file of JSON lines with questions") from error
    found: dict[str, tuple[int, Question]] = {}
    problems = []
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            question = Question.of(_json(raw))
            if question.id in found:
                raise ValueError(f"the same row as line {found[question.id][0]}; remove one")
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
        else:
            found[question.id] = (number, question)
    if not found:
        first = f"; the first problem is: {problems[0]}" if problems else ""
        raise UsageError(
            f"{path}: no valid question; a line looks like "
            '{"video": "talk.mp4", "question": "...", "answer": "...", "accept": [], "start": 1.0, "end": 2.5, '
            f'"type": "what"}}{first}'
        )
    return QAFile(path, tuple(question for _, question in found.values()), tuple(problems))


class Videos:
    """The folder that the `video` fields of a QA file are looked up in.

    Raises UsageError when it is not a folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder}: not a folder; give the one that holds the videos of the questions")
        self.folder = folder

    def find(self, video: str) -> Path:
        """The file at this path under the folder, else the only file of this name below it.

        The text never leads out of the folder; a link that its owner put there may. Raises UsageError when there is
        no such file or several.
        """
        parts = PurePosixPath(video.replace("\\", "/")).parts
        inside = Path(*parts)
        if ".." not in parts and not inside.is_absolute() and not inside.drive and (self.folder / inside).is_file():
            return self.folder / inside
        same = self._named.get(inside.name, [])
        if len(same) == 1:
            return same[0]
        if same:
            some = ", ".join(str(p.relative_to(self.folder)) for p in same[:_NAMED])
            several = f"{len(same)} files of this name below {self.folder}"
            raise UsageError(f"{video}: {several} ({some}); give the path below that folder")
        raise UsageError(f"{video}: not below {self.folder}; put it there or give another folder with --videos")

    @cached_property
    def _named(self) -> Mapping[str, list[Path]]:
        named: dict[str, list[Path]] = {}
        for place, folders, names in os.walk(self.folder):
            folders.sort()
            for name in names:
                named.setdefault(name, []).append(Path(place, name))
        return named


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode())
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8; save the file again as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON ({error}); write one object on one line") from error


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a text that is not empty, not {_shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} holds half a character (a lone surrogate); write it again") from error
    return value


def _texts(row: Mapping[str, Any], name: str) -> list[str]:
    values = row.get(name)
    if values is None:
        return []
    if not isinstance(values, list):
        raise ValueError(f"{name} must be a list of texts, not {_shown(values)}")
    return [_text({name: value}, name) for value in values]


def _span(row: Mapping[str, Any]) -> Span | None:
    ends = (row.get("start"), row.get("end"))
    if ends == (None, None):
        return None
    for value in ends:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"start and end must both be seconds or both null, not {_shown(value)}")
    try:
        start, end = float(ends[0]), float(ends[1])  # type: ignore[arg-type]
    except OverflowError as error:
        raise ValueError("start or end is beyond all numbers; give seconds") from error
    return Span(start, end)


def _shown(value: Any) -> str:
    text = line(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 40 else text[:39] + "…"

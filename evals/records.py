"""The records of a run: one JSON line per asked question, safe against interruptions, used again by the next run."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ..index.rows import canonical
from ..tools.errors import UsageError
from .base import Question
from .scorers import Score, score


@dataclass(frozen=True, slots=True)
class Record:
    """One asked question. `key` says by which code and from which ingest jobs it was answered; `video` is the id of
    the video, "" where it could not be added; `answer` is None where `error` says why there is none."""

    key: str
    question: Question
    video: str
    answer: Mapping[str, Any] | None
    error: str | None
    score: Score

    @classmethod
    def of(cls, key: str, question: Question, video: str, answer: Mapping[str, Any] | None, error: str | None) -> Self:
        return cls(key, question, video, answer, error, score(question, answer, video))

    @classmethod
    def parse(cls, text: bytes) -> Self | None:
        """The record of one line; None for a line that was torn or is no record."""
        try:
            row = json.loads(text)
            return cls.of(row["key"], Question.of(row["question"]), row["video"], row["answer"], row["error"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": 1, "id": self.question.id, "key": self.key, "video": self.video,
            "question": self.question.to_dict(), "answer": self.answer, "error": self.error,
            "score": asdict(self.score),
        }  # fmt: skip


def valid(path: Path, keys: Mapping[str, str | None]) -> dict[str, Record]:
    """Records by question id that need not be asked again; a key of None is one that is not asked in this run."""
    if not path.is_file():
        return {}
    records = (Record.parse(text) for text in path.read_bytes().split(b"\n"))
    return {
        r.question.id: r
        for r in records
        if r and r.answer is not None and r.question.id in keys and keys[r.question.id] in (None, r.key)
    }


def rewrite(path: Path, records: Mapping[str, Record]) -> None:
    """Leaves exactly these records in the file; what else it held stays beside it."""
    text = "".join(_line(record) for record in records.values())
    if path.is_file() and path.read_bytes() != text.encode():
        with writing(path):
            shutil.copyfile(path, path.with_stem(f"{path.stem}.previous"))
        replace(path, text)


def append(path: Path, record: Record) -> None:
    """Opens and closes the file for each record: what was answered is kept whatever happens next."""
    with writing(path), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(_line(record))


def _line(record: Record) -> str:
    return canonical(record.to_dict()) + "\n"


def folder(out: Path) -> Path:
    """The folder, made where there is none."""
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    return out


def replace(path: Path, text: str) -> None:
    """Writes the file whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    with writing(path):
        part.write_bytes(text.encode())
        part.replace(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says about `path` into a UsageError."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another folder with --out") from error

"""Runs a QA file: adds its videos to a library, asks each question within its own video, and reports."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, Self

from ..agent.agent import Agent
from ..agent.answer import Answer
from ..index.files import place
from ..index.ingest import Event
from ..index.library import Added, Library
from ..index.rows import JobRow, fingerprint
from ..index.scope import Scope
from ..tools.embed import Embedder
from ..tools.errors import ReelcueError, UsageError
from ..tools.text import line
from .base import QAFile, Question, Videos, read
from .records import Record, append, folder, replace, rewrite, valid
from .scorers import Scores

RECORDS, REPORT, LIBRARY = "records.jsonl", "report.json", "library"
OnEvent = Callable[[Event], None]
OnRecord = Callable[[Record, int, int], None]
_CODE = ("tools", "index", "agent", "evals")  # folders whose files decide the numbers


class Asker(Protocol):
    """What is measured: `Agent`, or anything that answers like it."""

    def ask(self, question: str, *, scope: Scope) -> Answer: ...


class Shelf(Protocol):
    """What a run needs of a `Library`."""

    @property
    def embedder(self) -> Embedder | None: ...

    def add(self, paths: Sequence[Path], *, on_event: OnEvent) -> Sequence[Added]: ...

    def jobs(self, video: str) -> Sequence[JobRow]: ...


@dataclass(frozen=True, slots=True)
class Table:
    """Scores of all questions of a half and of each type, in the order of the file."""

    overall: Scores
    types: Mapping[str, Scores]

    @classmethod
    def over(cls, records: Sequence[Record]) -> Self:
        types = dict.fromkeys(r.question.type for r in records)
        by_type = {t: Scores.over([r.score for r in records if r.question.type == t]) for t in types}
        return cls(Scores.over([r.score for r in records]), by_type)

    def to_dict(self) -> dict[str, Any]:
        return {"overall": self.overall.to_dict(), "types": {t: s.to_dict() for t, s in self.types.items()}}


@dataclass(frozen=True, slots=True)
class Report:
    """What `report.json` says. `tables` has the keys all, even and odd (`Question.half`).

    `total` counts the questions chosen from the file, `skipped` those of them whose video is missing (in no score);
    `reused` those answered by an earlier run. `missing` and `failed` say why, by the `video` of the file: a failed one
    could not be added, or not by every tool. `problems` are the lines that were left out.
    """

    file: str
    version: str
    total: int
    skipped: int
    reused: int
    missing: Mapping[str, str]
    failed: Mapping[str, str]
    problems: tuple[str, ...]
    tables: Mapping[str, Table]

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": 1, "file": self.file, "version": self.version, "total": self.total, "skipped": self.skipped,
            "reused": self.reused, "missing": dict(self.missing), "failed": dict(self.failed),
            "problems": list(self.problems), "chance": None,
            "tables": {half: table.to_dict() for half, table in self.tables.items()},
        }  # fmt: skip


def run(
    path: Path,
    videos: Path,
    out: Path,
    library: Path | None = None,
    limit: int | None = None,
    fresh: bool = False,
    on_event: OnEvent = lambda event: None,
    on_record: OnRecord = lambda record, done, total: None,
) -> Report:
    """`measure` with reelcue itself, on the first `limit` questions of the file `path`.

    `library` defaults to a folder in `out`, so that the sidecars and settings of other work do not leak in.
    Raises UsageError (files and folders that are not what they must be, no video found) and LibraryError.
    """
    qa, shelf = read(path), Videos(videos)
    with Library(library or folder(out) / LIBRARY) as lib:
        return measure(qa, shelf, lib, Agent(lib), out, limit, fresh, on_event, on_record)


def measure(
    qa: QAFile,
    videos: Videos,
    lib: Shelf,
    agent: Asker,
    out: Path,
    limit: int | None = None,
    fresh: bool = False,
    on_event: OnEvent = lambda event: None,
    on_record: OnRecord = lambda record, done, total: None,
) -> Report:
    """Asks the questions and writes `records.jsonl` as it goes, then `report.json`, both into `out`.

    A record that is there is used again if the question, reelcue's code and the ingest of its video are the same and
    it holds no error; `fresh` asks all again (the library stays). Records that are dropped stay in
    `records.previous.jsonl`. `on_record` gets each new record, how many questions are done, and of how many.
    """
    chosen = qa.questions[:limit]
    paths, missing = _find(videos, chosen)
    asked = [q for q in chosen if q.video in paths]
    if not asked:
        raise UsageError(f"{qa.path}: none of its {len(missing)} videos was found; {next(iter(missing.values()))}")
    ids, failed = _add(lib, paths, on_event)
    code = version()
    keys = {q.id: _key(code, lib, ids[q.video]) for q in asked}
    path = folder(out) / RECORDS
    done = {} if fresh else valid(path, {q.id: keys.get(q.id) for q in qa.questions})
    rewrite(path, done)
    reused = sum(q.id in done for q in asked)
    for count, q in enumerate((q for q in asked if q.id not in done), reused + 1):
        record = done[q.id] = _ask(agent, keys[q.id], q, ids[q.video], failed.get(q.video))
        append(path, record)
        on_record(record, count, len(asked))
    report = _report(qa, code, [done[q.id] for q in asked], len(chosen), reused, missing, failed)
    replace(out / REPORT, json.dumps(report.to_dict(), ensure_ascii=False, indent=1) + "\n")
    return report


def version() -> str:
    """The version of reelcue and 8 hex digits of its code, so that no number outlives a change that may alter it."""
    digest = hashlib.blake2b()
    root = Path(__file__).parents[1]
    for name in _CODE:
        for file in sorted(p for p in (root / name).rglob("*") if p.suffix in (".py", ".toml", ".md")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{metadata.version('reelcue')}+{digest.hexdigest()[:8]}"


def _find(videos: Videos, questions: Sequence[Question]) -> tuple[dict[str, Path], dict[str, str]]:
    found, missing = {}, {}
    for video in dict.fromkeys(q.video for q in questions):
        try:
            found[video] = place(videos.find(video))
        except UsageError as error:
            missing[video] = str(error)
    return found, missing


def _add(lib: Shelf, paths: Mapping[str, Path], on_event: OnEvent) -> tuple[dict[str, str], dict[str, str]]:
    """Id of each video, "" where there is none, and what failed."""
    added = {a.path: a for a in lib.add(list(dict.fromkeys(paths.values())), on_event=on_event)}
    ids, failed = {}, {}
    for video, path in paths.items():
        ids[video] = added[path].video or ""
        if added[path].error or not ids[video]:
            failed[video] = line(added[path].error or "was not added")
    return ids, failed


def _key(code: str, lib: Shelf, video: str) -> str:
    """Follows from all that decides an answer: the code, the sentence model, what was stored before any question."""
    jobs = [j.key for j in lib.jobs(video) if j.state == "done" and not (j.span or j.question)] if video else []
    return fingerprint([code, lib.embedder and lib.embedder.space, video, sorted(jobs)])


def _ask(agent: Asker, key: str, question: Question, video: str, failed: str | None) -> Record:
    if not video:
        return Record.of(key, question, video, None, failed)
    try:
        answer = agent.ask(question.question, scope=Scope(videos=(video,)))
    except ReelcueError as error:
        return Record.of(key, question, video, None, line(str(error)))
    return Record.of(key, question, video, answer.to_dict(), None)


def _report(
    qa: QAFile, code: str, records: Sequence[Record], total: int, reused: int,
    missing: Mapping[str, str], failed: Mapping[str, str],
) -> Report:  # fmt: skip
    halves = {h: [r for r in records if r.question.half == h] for h in ("even", "odd")}
    tables = {name: Table.over(part) for name, part in {"all": records, **halves}.items()}
    return Report(str(qa.path), code, total, total - len(records), reused, missing, failed, qa.problems, tables)

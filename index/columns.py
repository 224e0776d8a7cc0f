"""Between what a library holds (`rows.py`) and the columns that hold it (`schema.py`)."""

import json
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..tools.base import Observation, Span
from ..tools.errors import LibraryError, ToolFailed
from ..tools.text import clean_data, line
from .rows import JobRow, JobSpec, Row, Segment, VideoRow, canonical
from .terms import terms

Columns = tuple[Any, ...]

VIDEO = "id, digest, name, path, size, mtime_ns, duration, unit, source, recorded_at, recorded_from, added_at, facts"
JOB = (
    "video, tool, version, options, digest, sidecars, needs, start, end, question, kinds,"
    " n, state, error, attempts, rows, seconds, created, started, finished"
)
SPEC = "key, video, tool, version, options, digest, sidecars, needs, start, end, question, kinds"
OBSERVATION = "n, job, video, tool, kind, start, end, text, score, data, vector, space"
ROW = "o.n, o.video, o.tool, o.kind, o.start, o.end, o.text, o.score, o.data"
SEGMENT = "video, kind, tool, start, end, text, language, speaker, score, rough, words, observations, n"

# The runs that share these are one another's older and newer ones; one of them is live.
SLOT = "video = ? AND tool = ? AND start IS ? AND end IS ? AND question IS ?"


def insert(table: str, names: str) -> str:
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' for _ in names.split(', '))})"


def upsert(table: str, names: str, key: str, *kept: str) -> str:
    """The same; a row that has the key already takes over all values but those that are kept."""
    updates = ", ".join(f"{name} = excluded.{name}" for name in names.split(", ") if name not in (key, *kept))
    return f"{insert(table, names)} ON CONFLICT ({key}) DO UPDATE SET {updates}"


def slot(spec: JobSpec) -> Columns:
    """Values for SLOT."""
    start, end = (spec.span.start, spec.span.end) if spec.span else (None, None)
    return (spec.video, spec.tool, start, end, spec.question)


def from_spec(spec: JobSpec) -> Columns:
    """Values for SPEC."""
    lists = (canonical(sorted(spec.sidecars)), canonical(sorted(spec.needs)))
    parts = (spec.version, canonical(dict(spec.options)), spec.digest, *lists, *slot(spec)[2:])
    return (spec.key, spec.video, spec.tool, *parts, canonical(spec.kinds))


def to_job(row: Columns) -> JobRow:
    values = dict(zip(JOB.split(", "), row, strict=True))
    start, end = values.pop("start"), values.pop("end")
    lists = {name: tuple(json.loads(values[name])) for name in ("sidecars", "needs", "kinds")}
    span = None if start is None else Span(start, end)
    return JobRow(**{**values, **lists, "options": json.loads(values["options"]), "span": span})


def from_video(video: VideoRow) -> Columns:
    """Values for VIDEO."""
    file = (video.id, video.digest, line(video.name), path_in(video.path), video.size, video.mtime_ns)
    times = (video.recorded_at, video.recorded_from, video.added_at)
    about = (video.duration, video.unit, video.source and line(video.source), *times)
    return (*file, *about, canonical(clean_data(dict(video.facts))))


def to_video(row: Columns) -> VideoRow:
    values = dict(zip(VIDEO.split(", "), row, strict=True))
    path = None if values["path"] is None else os.fsdecode(values["path"])
    return VideoRow(**{**values, "path": path, "facts": json.loads(values["facts"])})


def path_in(path: str | None) -> str | bytes | None:
    """A path as TEXT, or as a BLOB where it is not UTF-8: Python has lone surrogates there, which SQLite refuses."""
    return os.fsencode(path) if path and any("\ud800" <= c <= "\udfff" for c in path) else path


def from_observations(job: JobRow, first: int, observations: Iterable[Observation]) -> list[Columns]:
    """Values for OBSERVATION, numbered from `first`. Raises ToolFailed for data that is no JSON."""
    try:
        return [
            (
                *(n, job.n, job.video, seen.tool, seen.kind, seen.span.start, seen.span.end, seen.text, seen.score),
                _compact(dict(seen.data)),
                None if seen.vector is None else np.asarray(seen.vector, "<f4").tobytes(),
                seen.space,
            )
            for n, seen in enumerate(observations, first)
        ]
    except (TypeError, ValueError) as error:
        raise ToolFailed(f"{job.tool}: an observation's data is no JSON ({error}); nothing was stored") from error


def to_row(row: Columns) -> Row:
    n, video, tool, kind, start, end, text, score, data = row
    return Row(n, video, tool, kind, Span(start, end), text, score, json.loads(data))


def from_segment(segment: Segment, first: int) -> Columns:
    """Values for SEGMENT without its number, then id and terms; `first` is the number of the run's first row."""
    rows = _compact([first + position for position in segment.observations])
    about = (segment.video, segment.kind, segment.tool, segment.span.start, segment.span.end, segment.text)
    made = (_compact(segment.words), rows, segment.id, terms(segment.text))
    return (*about, segment.language, segment.speaker, segment.score, segment.rough, *made)


def to_segment(row: Columns) -> Segment:
    video, kind, tool, start, end, text, language, speaker, score, rough, words, rows, n = row
    spoken = tuple((w[0], w[1], w[2], w[3]) for w in json.loads(words))
    told = (Span(start, end), text, language, speaker, spoken, tuple(json.loads(rows)))
    return Segment(video, kind, tool, *told, n, score, bool(rough))


def from_vectors(matrix: ArrayLike, count: int) -> list[bytes]:
    """Each row of (count, dimensions) as little-endian float32 of length 1; one that is not finite as zeros."""
    rows = np.array(matrix, np.float32).reshape(count, -1 if count else 0)
    rows[~np.isfinite(rows).all(axis=1)] = 0
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return [row.tobytes() for row in (rows / np.where(norms > 0, norms, 1)).astype("<f4")]


def to_vectors(blobs: Iterable[bytes]) -> NDArray[np.float32]:
    """The inverse, (number of blobs, dimensions), with no more memory than that takes. Raises LibraryError where their
    lengths differ."""
    joined, size = bytearray(), 0
    for blob in blobs:
        size = size or len(blob)
        if len(blob) != size:
            raise LibraryError("vectors of one space differ in length: the library is damaged; run reelcue reindex")
        joined += blob
    return np.frombuffer(joined, "<f4").astype(np.float32, copy=False).reshape(-1, size // 4) if size else _NONE


_NONE = np.empty((0, 0), np.float32)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

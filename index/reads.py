"""What can be asked of a library's database. A number from one answer may be gone by the time the next is asked for."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tools.base import KINDS, Span
from ..tools.text import clean
from . import columns
from .rows import JobRow, JobSpec, Row, Segment, State, Turn, VideoRow
from .schema import BLOCK
from .terms import phrases

Vectors = tuple[NDArray[np.int64], NDArray[np.float32]]

# A phrase in more than this share of the segments says little and costs much (318 ms against 30 at 100,000 segments);
# in a small library it costs nothing and every word counts.
_COMMON, _SMALL = 0.1, 2000
_PAGE = 8192  # vectors read at a time, so that reading all of them needs little more memory than they do


class Reads(ABC):
    """The reading half of a Store. `select` is all it needs from the database."""

    def __init__(self) -> None:
        self._frequent: tuple[int, int, dict[str, int]] = (-1, 0, {})  # changes, segments, segments by phrase

    @abstractmethod
    def select(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one SELECT. Raises LibraryError."""

    def changes(self) -> int:
        """A number that grows with every change to videos, rows, segments or vectors, by whichever process."""
        return int(self.select("SELECT value FROM meta WHERE key = 'changes'")[0][0])

    def meta(self, key: str) -> str | None:
        found = self.select("SELECT value FROM meta WHERE key = ?", (key,))
        return found[0][0] if found else None

    def videos(self, path: str | None = None) -> list[VideoRow]:
        """All videos in the order they were added, or those whose file was last seen at `path`."""
        where, values = _where(("path = ?", columns.path_in(path)))
        found = self.select(f"SELECT {columns.VIDEO} FROM videos {where} ORDER BY n", values)
        return [columns.to_video(row) for row in found]

    def video(self, id: str) -> VideoRow | None:
        found = self.select(f"SELECT {columns.VIDEO} FROM videos WHERE id = ?", (id,))
        return columns.to_video(found[0]) if found else None

    def jobs(self, video: str | None = None, state: State | None = None) -> list[JobRow]:
        """Jobs in the order they were queued."""
        where, values = _where(("video = ?", video), ("state = ?", state))
        found = self.select(f"SELECT {columns.JOB} FROM jobs {where} ORDER BY n", values)
        return [columns.to_job(row) for row in found]

    def current(self, spec: JobSpec) -> JobRow | None:
        """The finished job that did the work of `spec`, by whichever version of its tool."""
        found = (job for job in reversed(self.jobs(spec.video, "done")) if job.work == spec.work)
        return next(found, None)

    def provided(self, job: JobRow) -> set[str]:
        """Kinds that a finished job stands for, found or not; one that may yield any kind only for those it did."""
        if len(job.kinds) < len(KINDS):
            return set(job.kinds)
        return {kind for (kind,) in self.select("SELECT DISTINCT kind FROM observations WHERE job = ?", (job.n,))}

    def counts(self, video: str | None = None) -> dict[str, int]:
        """Observations by kind, of one video or of all."""
        where, values = _where(("video = ?", video))
        return dict(self.select(f"SELECT kind, count(*) FROM observations {where} GROUP BY kind ORDER BY kind", values))

    def rows(self, video: str, kinds: Iterable[str] | None = None, span: Span | None = None) -> list[Row]:
        """Observations of a video in order of time, those that overlap `span`.

        Where a run over a part saw just what the run over the whole video saw, the latter's row stands for both.
        """
        where, values = _where(
            ("o.video = ?", video),
            ("o.kind IN (SELECT value FROM json_each(?))", _array(kinds)),
            ("o.start < ?", span and span.end),
            ("o.end > ?", span and span.start),
        )
        found = self.select(
            f"SELECT {columns.ROW}, o.job FROM observations o JOIN jobs j ON j.n = o.job {where}"
            " ORDER BY o.start, o.end, j.start IS NOT NULL, o.n",
            values,
        )
        runs: dict[tuple[Any, ...], int] = {}  # the first to see it, by video, tool, kind, start, end, text
        return [columns.to_row(row[:-1]) for row in found if runs.setdefault(row[1:7], row[-1]) == row[-1]]

    def rows_by_n(self, numbers: Iterable[int]) -> dict[int, Row]:
        """Observations by their numbers; numbers that are gone are left out."""
        where, values = _where(("o.n IN (SELECT value FROM json_each(?))", _array(numbers)))
        found = self.select(f"SELECT {columns.ROW} FROM observations o {where}", values)
        return {row[0]: columns.to_row(row) for row in found}

    def segments(
        self, videos: Iterable[str] | None = None, kinds: Iterable[str] | None = None, span: Span | None = None
    ) -> list[Segment]:
        """Segments in order of time within each video, those that overlap `span`."""
        where, values = _where(
            ("video IN (SELECT value FROM json_each(?))", _array(videos)),
            ("kind IN (SELECT value FROM json_each(?))", _array(kinds)),
            ("start < ?", span and span.end),
            ("end > ?", span and span.start),
        )
        found = self.select(f"SELECT {columns.SEGMENT} FROM segments {where} ORDER BY n >> {BLOCK}, start, n", values)
        return [columns.to_segment(row) for row in found]

    def segments_by_n(self, numbers: Iterable[int]) -> dict[int, Segment]:
        """Segments by their numbers; numbers that are gone are left out."""
        where, values = _where(("n IN (SELECT value FROM json_each(?))", _array(numbers)))
        found = self.select(f"SELECT {columns.SEGMENT} FROM segments {where}", values)
        return {row[-1]: columns.to_segment(row) for row in found}

    def outline(self, videos: Iterable[str] | None = None) -> list[tuple[int, str, str, float, float]]:
        """(number, video, kind, start, end) of segments, by video, kind and start: a quick look without the text."""
        where, values = _where(("video IN (SELECT value FROM json_each(?))", _array(videos)))
        listing = f"SELECT n, video, kind, start, end FROM segments {where} ORDER BY video, kind, start"
        return [(n, video, kind, start, end) for n, video, kind, start, end in self.select(listing, values)]

    def match(
        self, query: str, videos: Iterable[str] | None = None, kinds: Iterable[str] | None = None, limit: int = 200
    ) -> list[tuple[int, float]]:
        """Segments that hold words of `query`, any text at all: (number, BM25), best and largest first.

        BM25 of SQLite FTS5 over the whole library: the rarity of a word is that in all videos, not in those asked for.
        """
        wanted = self._rare(phrases(query))
        if not wanted:
            return []
        joined = "" if kinds is None else "JOIN segments ON segments.n = segments_fts.rowid"
        where, values = _where(
            ("segments_fts MATCH ?", " OR ".join(wanted)),
            ("segments.kind IN (SELECT value FROM json_each(?))", _array(kinds)),
        )
        if videos is not None:
            blocks = self._blocks(videos)
            if len(blocks) == 1:
                where += " AND segments_fts.rowid BETWEEN ? AND ?"
                values += [blocks[0] << BLOCK, _last(blocks[0])]
            else:
                where += f" AND (segments_fts.rowid >> {BLOCK}) IN (SELECT value FROM json_each(?))"
                values.append(_array(blocks))
        statement = f"SELECT segments_fts.rowid, -rank FROM segments_fts {joined} {where} ORDER BY rank LIMIT ?"
        return [(n, score) for n, score in self.select(statement, (*values, limit))]

    def vectors(self, space: str, videos: Iterable[str] | None = None) -> Vectors:
        """Segment numbers, ascending, and their unit vectors in `space`: int64 (n,) and float32 (n, dimensions)."""
        ranges = [(0, 2**63 - 1)] if videos is None else [(b << BLOCK, _last(b)) for b in self._blocks(videos)]
        page = "SELECT segment, blob FROM vectors WHERE space = ? AND segment BETWEEN ? AND ? ORDER BY segment LIMIT ?"
        numbers: list[int] = []
        parts: list[NDArray[np.float32]] = []
        for first, last in ranges:
            while found := self.select(page, (space, first, last, _PAGE)):
                numbers.extend(n for n, _ in found)
                parts.append(columns.to_vectors([blob for _, blob in found]))
                first = found[-1][0] + 1
        return np.array(numbers, np.int64), np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def video_vectors(self, space: str) -> tuple[list[str], NDArray[np.float32]]:
        """Ids of videos and their unit vectors in `space`: float32 (n, dimensions)."""
        found = self.select("SELECT video, blob FROM video_vectors WHERE space = ? ORDER BY video", (space,))
        return [id for id, _ in found], columns.to_vectors([blob for _, blob in found])

    def without_vector(self, space: str, limit: int = 1000) -> list[Segment]:
        """Segments that have no vector in `space` yet, lowest numbers first."""
        without = "NOT EXISTS (SELECT 1 FROM vectors v WHERE v.segment = segments.n AND v.space = ?)"
        listing = f"SELECT {columns.SEGMENT} FROM segments WHERE {without} ORDER BY n LIMIT ?"
        found = self.select(listing, (space, limit))
        return [columns.to_segment(row) for row in found]

    def turns(self, conversation: str) -> list[Turn]:
        listing = "SELECT n, conversation, question, answer, created FROM turns WHERE conversation = ? ORDER BY n"
        found = self.select(listing, (clean(conversation),))
        return [Turn(n, name, question, json.loads(answer), created) for n, name, question, answer, created in found]

    def _blocks(self, videos: Iterable[str]) -> list[int]:
        listing = "SELECT n FROM videos WHERE id IN (SELECT value FROM json_each(?)) ORDER BY n"
        return [n for (n,) in self.select(listing, (_array(videos),))]

    def _rare(self, wanted: list[str]) -> list[str]:
        """Of `wanted` what is not too common, or the rarest when nothing would be left."""
        version = self.changes()
        if self._frequent[0] != version:
            self._frequent = (version, self.select("SELECT count(*) FROM segments")[0][0], {})
        _, total, known = self._frequent
        if total <= _SMALL or not wanted:
            return wanted
        for phrase in wanted:
            if phrase not in known:
                counting = "SELECT count(*) FROM segments_fts WHERE segments_fts MATCH ?"
                known[phrase] = self.select(counting, (phrase,))[0][0]
        return [phrase for phrase in wanted if known[phrase] <= total * _COMMON] or [min(wanted, key=known.__getitem__)]


def _where(*conditions: tuple[str, Any]) -> tuple[str, list[Any]]:
    """A WHERE clause of those conditions that have a value, and the values."""
    given = [(condition, value) for condition, value in conditions if value is not None]
    clause = " AND ".join(condition for condition, _ in given)
    return (f"WHERE {clause}" if given else ""), [value for _, value in given]


def _array(values: Iterable[Any] | None) -> str | None:
    """A list as one parameter, for json_each: SQLite limits the number of parameters, not their length."""
    return None if values is None else json.dumps([v if isinstance(v, str) else int(v) for v in values])


def _last(block: int) -> int:
    return ((block + 1) << BLOCK) - 1

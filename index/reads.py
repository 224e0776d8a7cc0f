"""What can be asked of a library's database. A number from one answer may be gone by the time the next is asked for."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tools.base import KINDS, Span
from ..tools.text import clean
from . import columns
from .rows import JobRow, JobSpec, Row, Segment, State, Turn, VideoRow
from .schema import BLOCK

Vectors = tuple[NDArray[np.int64], NDArray[np.float32]]

Outline = tuple[int, str, float, float, str | None, float | None, int]

_WITHOUT = "NOT EXISTS (SELECT 1 FROM vectors v WHERE v.segment = segments.n AND v.space = ?)"
_RANGES = 16  # videos that are looked through one by one; of more, all are looked through at once
_PAGE = 8192  # vectors read at a time, so that reading all of them needs little more memory than they do


class Reads(ABC):
    """The reading half of a Store. `select` is all it needs from the database."""

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

    def counts_of(self, videos: Iterable[str]) -> dict[str, dict[str, int]]:
        """The same of each of these videos; those of which nothing was observed are left out."""
        listing = (
            "SELECT video, kind, count(*) FROM observations WHERE video IN (SELECT value FROM json_each(?))"
            " GROUP BY video, kind ORDER BY video, kind"
        )
        found: dict[str, dict[str, int]] = {}
        for video, kind, count in self.select(listing, (_array(videos),)):
            found.setdefault(video, {})[kind] = count
        return found

    def there(self, videos: Iterable[str] | None = None) -> set[str]:
        """Kinds of which something was observed."""
        where, values = _where(("id IN (SELECT value FROM json_each(?))", _array(videos)))
        kind = "SELECT 1 FROM observations o WHERE o.video = v.id AND o.kind = k.value"
        listing = (
            f"SELECT DISTINCT k.value FROM (SELECT id FROM videos {where}) v, json_each(?) k WHERE EXISTS ({kind})"
        )
        return {kind for (kind,) in self.select(listing, (*values, json.dumps(KINDS)))}

    def looked_for(self, videos: Iterable[str] | None = None) -> set[str]:
        """Kinds that some finished job was to find, whether or not there was any, and those that are there."""
        wanted = None if videos is None else list(videos)
        where, values = _where(("state = ?", "done"), ("video IN (SELECT value FROM json_each(?))", _array(wanted)))
        lists = (json.loads(kinds) for (kinds,) in self.select(f"SELECT DISTINCT kinds FROM jobs {where}", values))
        return {kind for kinds in lists if len(kinds) < len(KINDS) for kind in kinds} | self.there(wanted)

    def completed(self, videos: Iterable[str] | None = None) -> int:
        """Videos of which every job is done."""
        where, values = _where(("video IN (SELECT value FROM json_each(?))", _array(videos)))
        states = f"SELECT 1 FROM jobs {where} GROUP BY video HAVING sum(state != 'done') = 0"
        return int(self.select(f"SELECT count(*) FROM ({states})", values)[0][0])

    def exceeds(self, limit: int, kinds: Iterable[str], videos: Iterable[str] | None = None) -> bool:
        """Whether there are more segments of these kinds than that."""
        where, values = _where(
            ("video IN (SELECT value FROM json_each(?))", _array(videos)),
            ("kind IN (SELECT value FROM json_each(?))", _array(kinds)),
        )
        counting = f"SELECT count(*) FROM (SELECT 1 FROM segments {where} LIMIT ?)"
        return int(self.select(counting, (*values, limit + 1))[0][0]) > limit

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

    def outline(self, videos: Iterable[str] | None = None, numbers: Iterable[int] | None = None) -> list[Outline]:
        """(number, kind, start, end, language, confidence, rough) of segments: a quick look without the text."""
        where, values = _where(
            ("video IN (SELECT value FROM json_each(?))", _array(videos)),
            ("n IN (SELECT value FROM json_each(?))", _array(numbers)),
        )
        return self.select(f"SELECT n, kind, start, end, language, score, rough FROM segments {where}", values)

    def holding(self, phrase: str, blocks: Sequence[int] | None = None, limit: int | None = None) -> NDArray[np.int64]:
        """Numbers of segments that hold an FTS5 phrase (`terms.phrases`), ascending, at most `limit`; of all videos, or
        of those that have these numbers."""
        asked = "SELECT rowid FROM segments_fts WHERE segments_fts MATCH ?"
        if blocks is None or len(blocks) > _RANGES:
            found = self.select(f"{asked} LIMIT ?", (phrase, -1 if limit is None else limit))
            numbers = np.array([n for (n,) in found], np.int64)
            return numbers if blocks is None else numbers[np.isin(numbers >> BLOCK, blocks)]
        ranged = f"{asked} AND rowid BETWEEN ? AND ?"
        found = [row for block in sorted(blocks) for row in self.select(ranged, (phrase, block << BLOCK, _last(block)))]
        return np.array([n for (n,) in found[:limit]], np.int64)

    def blocks(self, videos: Iterable[str]) -> dict[str, int]:
        """The numbers of videos; those of their segments begin with them (see `schema.BLOCK`)."""
        listing = "SELECT id, n FROM videos WHERE id IN (SELECT value FROM json_each(?))"
        return dict(self.select(listing, (_array(videos),)))

    def numbers(self, ids: Iterable[str]) -> list[int]:
        """Numbers of the segments that have these ids; ids that are gone are left out."""
        listing = "SELECT n FROM segments WHERE id IN (SELECT value FROM json_each(?))"
        return [n for (n,) in self.select(listing, (_array(ids),))]

    def segment_count(self) -> int:
        return int(self.select("SELECT count(*) FROM segments")[0][0])

    def vectors(self, space: str, videos: Iterable[str] | None = None) -> Vectors:
        """Segment numbers, ascending, and their unit vectors in `space`: int64 (n,) and float32 (n, dimensions)."""
        blocks = None if videos is None else sorted(self.blocks(videos).values())
        ranges = [(0, 2**63 - 1)] if blocks is None else [(block << BLOCK, _last(block)) for block in blocks]
        page = "SELECT segment, blob FROM vectors WHERE space = ? AND segment BETWEEN ? AND ? ORDER BY segment LIMIT ?"
        numbers: list[int] = []

        def blobs() -> Iterator[bytes]:
            for first, last in ranges:
                while found := self.select(page, (space, first, last, _PAGE)):
                    numbers.extend(n for n, _ in found)
                    yield from (blob for _, blob in found)
                    first = found[-1][0] + 1

        vectors = columns.to_vectors(blobs())
        return np.array(numbers, np.int64), vectors

    def vectors_by_n(self, space: str, numbers: Iterable[int]) -> Vectors:
        """The same, of segments by their numbers; those without a vector are left out."""
        listing = "SELECT segment, blob FROM vectors WHERE space = ? AND segment IN (SELECT value FROM json_each(?))"
        found = self.select(f"{listing} ORDER BY segment", (space, _array(numbers)))
        return np.array([n for n, _ in found], np.int64), columns.to_vectors(blob for _, blob in found)

    def pending(self, space: str) -> list[int]:
        """Numbers of segments whose vectors the vector index does not hold yet."""
        return [n for (n,) in self.select("SELECT segment FROM pending WHERE space = ? ORDER BY segment", (space,))]

    def video_vectors(self, space: str, videos: Iterable[str]) -> tuple[list[str], NDArray[np.float32]]:
        """Ids of those of the videos that have one, and their unit vectors in `space`: float32 (n, dimensions)."""
        listing = "SELECT video, blob FROM video_vectors WHERE space = ? AND video IN (SELECT value FROM json_each(?))"
        found = self.select(f"{listing} ORDER BY video", (space, _array(videos)))
        return [id for id, _ in found], columns.to_vectors(blob for _, blob in found)

    def without_vector(self, space: str, video: str | None = None, limit: int = 1000, after: int = -1) -> list[Segment]:
        """Segments, of a video or of all, that have no vector in `space` yet, lowest first: those `after` a number."""
        block = None if video is None else self.blocks([video]).get(video, -1)
        first, last = (0, 2**63 - 1) if block is None else (block << BLOCK, _last(block))
        listing = f"SELECT {columns.SEGMENT} FROM segments WHERE n BETWEEN ? AND ? AND {_WITHOUT} ORDER BY n LIMIT ?"
        found = self.select(listing, (max(first, after + 1), last, space, limit))
        return [columns.to_segment(row) for row in found]

    def unvectored(self, space: str) -> int:
        """How many segments have no vector in `space`."""
        return int(self.select(f"SELECT count(*) FROM segments WHERE {_WITHOUT}", (space,))[0][0])

    def spaces(self) -> set[str]:
        """Names of the spaces that videos have vectors in."""
        return {space for (space,) in self.select("SELECT DISTINCT space FROM video_vectors")}

    def languages(self, videos: Iterable[str] | None = None) -> set[str]:
        """Languages (BCP 47) of the segments, where known."""
        where, values = _where(("video IN (SELECT value FROM json_each(?))", _array(videos)))
        return {tag for (tag,) in self.select(f"SELECT DISTINCT language FROM segments {where}", values) if tag}

    def turns(self, conversation: str) -> list[Turn]:
        listing = "SELECT n, conversation, question, answer, created FROM turns WHERE conversation = ? ORDER BY n"
        found = self.select(listing, (clean(conversation),))
        return [Turn(n, name, question, json.loads(answer), created) for n, name, question, answer, created in found]


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

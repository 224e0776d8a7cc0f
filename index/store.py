"""The truth of a library: one SQLite file. Opening it, and everything that writes to it; `reads.py` asks it.

Any number of threads and processes may read while one writes (write-ahead log). Connections are pooled: each serves one
thread at a time, and idle ones wait for the next.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from ..tools.base import Observation
from ..tools.errors import LibraryError
from ..tools.text import clean, clean_data, line
from . import columns, schema
from .ledger import Ledger
from .rows import JobRow, JobSpec, Segment, VideoRow, canonical

_SMALLEST = 512  # bytes of a database; SQLite takes a shorter file for an empty one and writes over it
_PATIENCE = 30.0  # seconds to wait for another process's transaction

# What SQLite says, by the beginning of its error's name, and what to do about it.
_REMEDIES = {
    "SQLITE_FULL": "the disk is full; free some space and run the same command again, nothing of this step was stored",
    "SQLITE_BUSY": f"another process has been writing to it for {_PATIENCE:.0f} s; wait until it is done and try again",
    "SQLITE_LOCKED": "another process is changing it; wait until it is done and try again",
    "SQLITE_CORRUPT": "it is damaged; restore a copy of the library, or move it away and add the videos again",
    "SQLITE_NOTADB": "it is no library of reelcue; choose another folder with --library, or move this file away",
    "SQLITE_READONLY": "it cannot be written; check its permissions, or copy the library to where it can be",
    "SQLITE_CANTOPEN": "it cannot be opened; check the permissions of the folder and of the files in it",
    "SQLITE_IOERR": "it cannot be read or written, the disk may be full or failing; check it and try again",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "the video is no longer in the library; add it again",
}  # fmt: skip


class Store(Ledger):
    """The database of one library, at `path`. `readonly` is true where its folder cannot be written.

    Methods raise LibraryError for a library that is missing (without `create`), damaged, newer than this program, not
    writable or closed, and for use in a forked child; the message names the file and the remedy. Writes are atomic.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        self.path = path
        self._pid = os.getpid()
        self._idle: list[sqlite3.Connection] = []
        self._writing = threading.Lock()  # SQLite would make threads poll for each other's transactions
        self._closed = False
        try:
            size = path.stat().st_size if path.exists() else None
            if size is None and not create:
                raise LibraryError(f"{_name(path)}: there is no library here; make one with: reelcue add FILE")
            if size and size < _SMALLEST:
                raise LibraryError(f"{_name(path)}: {_REMEDIES['SQLITE_NOTADB']}")
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = error.strerror or error
            raise LibraryError(f"{_name(path.parent)}: {why}; choose another folder with --library") from error
        self.readonly = not (os.access(path.parent, os.W_OK) and (size is None or os.access(path, os.W_OK)))
        self._mode = _mode(path) if self.readonly else "mode=rwc"
        try:
            with self._connection() as db:
                self._prepare(db)
        except BaseException:
            self.close()
            raise
        self._mode = _mode(path) if self.readonly else "mode=rw"  # from here on a vanished file is an error

    def close(self) -> None:
        """Closes the library; connections that other threads are using close when they have done."""
        self._closed = True
        with suppress(IndexError):  # when none is left
            while os.getpid() == self._pid:
                self._idle.pop().close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def select(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._connection() as db:
            return db.execute(statement, parameters).fetchall()

    # Videos

    def put_video(self, video: VideoRow) -> None:
        """Adds a video, or brings all its columns but `added_at` up to date."""
        values = columns.from_video(replace(video, added_at=video.added_at or _now()))
        with self._transaction(content=True) as db:
            db.execute(columns.upsert("videos", columns.VIDEO, "id", "added_at"), values)

    def remove_video(self, id: str) -> bool:
        """Forgets a video and all that is known of it; false when there was none."""
        with self._transaction(content=True) as db:
            return db.execute("DELETE FROM videos WHERE id = ?", (id,)).rowcount > 0

    # Jobs

    def queue(self, spec: JobSpec, again: bool = False) -> JobRow:
        """The job for `spec`, made if there is none. One that failed or was blocked is queued again; with `again` so is
        a finished one, whose rows stay until the new run replaces them. Others that wait for the same (video, tool,
        span, question) with other options are dropped.
        """
        self.queue_all([(spec, again)])
        return next(job for job in self.jobs(spec.video) if job.key == spec.key)

    def queue_all(self, wanted: Sequence[tuple[JobSpec, bool | None]]) -> None:
        """Queues many jobs like `queue`, all or none. Those with None are done: what was queued instead is dropped."""
        if not wanted:
            return
        with self._transaction() as db:
            for spec, again in wanted:
                redo = ("failed", "blocked", "done") if again else ("failed", "blocked")
                db.execute(
                    f"DELETE FROM jobs WHERE {columns.SLOT} AND key != ?"
                    " AND rows = 0 AND state IN ('queued', 'failed', 'blocked')",
                    (*columns.slot(spec), spec.key),
                )
                if again is not None:
                    db.execute(
                        f"{columns.insert('jobs', columns.SPEC + ', state, created')}"
                        " ON CONFLICT (key) DO UPDATE SET state = 'queued', error = NULL, attempts = 0"
                        " WHERE state IN (SELECT value FROM json_each(?))",
                        (*columns.from_spec(spec), "queued", _now(), json.dumps(redo)),
                    )

    def start(self, job: JobRow) -> bool:
        """Takes a queued job; false when another has taken it or it is gone."""
        with self._transaction() as db:
            taken = db.execute(
                "UPDATE jobs SET state = 'running', error = NULL, attempts = attempts + 1, started = ?, finished = NULL"
                " WHERE n = ? AND state = 'queued'",
                (_now(), job.n),
            )
        return taken.rowcount > 0

    def fail(self, job: JobRow, error: str) -> None:
        """The job's tool broke. What an earlier run of it found stays."""
        self._end(job, "failed", error)

    def block(self, job: JobRow, error: str) -> None:
        """Something the job needs failed."""
        self._end(job, "blocked", error)

    def requeue(self) -> int:
        """Queues jobs again that were running when their process ended, and counts them. For the holder of the ingest
        lock alone: only it runs jobs, so none can be running when it begins."""
        with self._transaction() as db:
            return db.execute("UPDATE jobs SET state = 'queued' WHERE state = 'running'").rowcount

    def commit(
        self, job: JobRow, observations: Sequence[Observation], segments: Sequence[Segment] = (), seconds: float = 0.0
    ) -> bool:
        """Stores what a running job found and marks it done, in place of older runs of the same (video, tool, span,
        question), all in one transaction.

        `observations` of each segment are positions in `observations`; `seconds` is the CPU time of the run. Segments
        can be found by their words at once, by their vectors after `put_vectors`.

        Returns False and stores nothing when the job or its video was removed or replaced meanwhile. Raises ToolFailed
        for data that is no JSON.
        """
        with self._transaction(content=True) as db:
            if not db.execute("SELECT 1 FROM jobs WHERE n = ? AND state = 'running'", (job.n,)).fetchone():
                return False
            number = _next_segment(db, job.video)
            db.execute(f"DELETE FROM jobs WHERE {columns.SLOT} AND n < ?", (*columns.slot(job), job.n))
            db.execute("DELETE FROM segments WHERE job = ?", (job.n,))
            db.execute("DELETE FROM observations WHERE job = ?", (job.n,))
            last = db.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'observations'").fetchone()[0] or 0
            rows = columns.from_observations(job, last + 1, observations)
            db.executemany(columns.insert("observations", columns.OBSERVATION), rows)
            stored = [columns.from_segment(segment, last + 1) for segment in segments]
            _insert_segments(db, job, number, stored)
            db.execute(
                "UPDATE jobs SET state = 'done', error = NULL, rows = ?, seconds = ?, finished = ? WHERE n = ?",
                (len(rows), seconds, _now(), job.n),
            )
        return True

    # Vectors, turns, settings of the library

    def put_vectors(self, space: str, numbers: Sequence[int], matrix: ArrayLike) -> None:
        """Gives stored segments a vector each in `space`, (len(numbers), dimensions), instead of an older one.

        Vectors are brought to length 1; one that is not finite becomes zeros, which are similar to nothing. Numbers
        that are gone are passed over.
        """
        blobs = columns.from_vectors(matrix, len(numbers))
        with self._transaction(content=True) as db:
            db.executemany(
                "INSERT INTO vectors (segment, space, blob) SELECT n, ?, ? FROM segments WHERE n = ?"
                " ON CONFLICT (segment, space) DO UPDATE SET blob = excluded.blob",
                ((space, blob, int(n)) for n, blob in zip(numbers, blobs, strict=True)),
            )

    def put_video_vector(self, space: str, video: str, vector: ArrayLike) -> None:
        """Gives a video one vector for all of it in `space`; zeros take it away."""
        (blob,) = columns.from_vectors(vector, 1)
        with self._transaction(content=True) as db:
            db.execute("DELETE FROM video_vectors WHERE video = ? AND space = ?", (video, space))
            if any(blob):
                db.execute(
                    "INSERT INTO video_vectors (video, space, blob) SELECT id, ?, ? FROM videos WHERE id = ?",
                    (space, blob, video),
                )

    def keep_space(self, space: str) -> None:
        """Deletes the vectors of all other spaces."""
        with self._transaction(content=True) as db:
            for table in ("vectors", "video_vectors", "pending"):
                db.execute(f"DELETE FROM {table} WHERE space != ?", (space,))

    def add_turn(self, conversation: str, question: str, answer: Mapping[str, Any]) -> int:
        """Appends a question and its answer to a conversation; returns the turn's number."""
        values = (clean(conversation), clean(question), canonical(clean_data(dict(answer))), _now())
        with self._transaction() as db:
            added = db.execute(columns.insert("turns", "conversation, question, answer, created"), values)
        return added.lastrowid or 0

    def set_meta(self, key: str, value: str) -> None:
        with self._transaction() as db:
            db.execute(columns.upsert("meta", "key, value", "key"), (key, value))

    # Connections and transactions

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one thread's use; SQLite's errors leave as LibraryError."""
        if os.getpid() != self._pid:
            raise LibraryError(f"{_name(self.path)}: opened before a fork; open the library again in the new process")
        if self._closed:
            raise LibraryError(f"{_name(self.path)}: it was closed; open the library again")
        with _translated(self.path):
            try:
                db = self._idle.pop()
            except IndexError:
                db = _connect(self.path, self._mode)
            try:
                yield db
            finally:
                self._idle.append(db)
                if self._closed:
                    self.close()

    @contextmanager
    def _transaction(self, content: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing. `content` tells caches in every process that what they hold may be out of date."""
        if self.readonly:
            raise LibraryError(f"{_name(self.path)}: {_REMEDIES['SQLITE_READONLY']}")
        with self._writing, self._connection() as db, _atomic(db):
            yield db
            if content:
                db.execute("UPDATE meta SET value = value + 1 WHERE key = 'changes'")

    def _end(self, job: JobRow, state: str, error: str) -> None:
        values = (state, clean(error), _now(), job.n)
        with self._transaction() as db:
            db.execute("UPDATE jobs SET state = ?, error = ?, finished = ? WHERE n = ? AND state != 'done'", values)

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Makes the tables of a new file, or checks and migrates those of an old one."""
        name = _name(self.path)
        application, version, tables = _state(db)
        if tables and application != schema.APPLICATION:
            raise LibraryError(f"{name}: {_REMEDIES['SQLITE_NOTADB']}")
        if version > schema.SCHEMA:
            known = f"schema {version}, this one knows {schema.SCHEMA}"
            raise LibraryError(f"{name}: made by a newer reelcue ({known}): update reelcue; nothing was changed")
        if self.readonly and version < schema.SCHEMA:
            why = "made by an older reelcue" if tables else "still empty"
            raise LibraryError(f"{name}: {why}, and {_REMEDIES['SQLITE_READONLY']}")
        if not tables:
            _create(db)
        elif version < schema.SCHEMA:
            _migrate(db, self.path)


def _next_segment(db: sqlite3.Connection, video: str) -> int:
    """The lowest number that no segment of the video has had since the last removal."""
    block: int = db.execute("SELECT n FROM videos WHERE id = ?", (video,)).fetchone()[0]
    first, last = block << schema.BLOCK, ((block + 1) << schema.BLOCK) - 1
    used: int | None = db.execute("SELECT max(n) FROM segments WHERE n BETWEEN ? AND ?", (first, last)).fetchone()[0]
    return first if used is None else used + 1


def _insert_segments(db: sqlite3.Connection, job: JobRow, number: int, stored: list[columns.Columns]) -> None:
    if stored and (number + len(stored) - 1) >> schema.BLOCK != number >> schema.BLOCK:
        raise LibraryError(f"video {job.video}: too many passages for one video; remove it and add it in parts")
    # An equal one is there when a run over a part saw what the run over the whole video saw: it belongs to the latter.
    taken = "UPDATE SET job = excluded.job, observations = excluded.observations" if job.span is None else "NOTHING"
    insert = f"{columns.insert('segments', columns.SEGMENT + ', id, terms, job')} ON CONFLICT (id) DO {taken}"
    db.executemany(insert, ((*values[:-2], n, *values[-2:], job.n) for n, values in enumerate(stored, number)))


def _mode(path: Path) -> str:
    """How to open a database whose folder cannot be written: as unchanging, unless a log says that somebody writes."""
    log = path.with_name(path.name + "-wal")
    return "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", timeout=_PATIENCE, isolation_level=None, check_same_thread=False, uri=True
    )
    try:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last seconds of the log, never the file
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA cache_size = -16384")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def _atomic(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite ends it by itself when the disk is full
            db.execute("ROLLBACK")
        raise


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        remedy = next((text for start, text in _REMEDIES.items() if code.startswith(start)), f"{error}; try again")
        raise LibraryError(f"{_name(path)}: {remedy}") from error


def _state(db: sqlite3.Connection) -> tuple[int, int, int]:
    """Application id, schema version, number of tables."""
    application, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    return application, version, db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def _create(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA page_size = 8192")  # five vectors of 384 numbers, where the usual 4096 hold two
    db.execute("PRAGMA journal_mode = WAL")
    with _atomic(db):
        if _state(db)[2]:  # another process was faster
            return
        for statement in schema.DDL:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {schema.APPLICATION}")
        db.execute(f"PRAGMA user_version = {schema.SCHEMA}")


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Brings an older database up to date in one transaction, after a copy to `<name>.v<version>`."""
    try:
        db.execute("PRAGMA foreign_keys = OFF")  # so that a step may rebuild a table that others refer to
        with _atomic(db):
            version = _state(db)[1]
            if version < schema.SCHEMA:  # else another process was faster
                _copy(path, path.with_name(f"{path.name}.v{version}"))
                for statement in (s for step in schema.MIGRATIONS[version - 1 :] for s in step):
                    db.execute(statement)
                if db.execute("PRAGMA foreign_key_check").fetchone():
                    raise sqlite3.IntegrityError("the new tables do not fit together")
                db.execute(f"PRAGMA user_version = {schema.SCHEMA}")
        db.execute("PRAGMA foreign_keys = ON")
    except (sqlite3.Error, OSError) as error:
        remedy = "nothing was changed; free some space and try again, or use the older reelcue"
        message = f"{_name(path)}: made by an older reelcue and not brought up to date ({error}); {remedy}"
        raise LibraryError(message) from error


def _copy(path: Path, copy: Path) -> None:
    part = copy.with_name(copy.name + ".part")
    part.unlink(missing_ok=True)
    with closing(_connect(path, "mode=ro")) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    part.replace(copy)


def _name(path: Path) -> str:
    return line(str(path))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

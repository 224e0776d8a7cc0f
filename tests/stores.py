"""Stores for tests: two videos, and runs whose observations are texts of a second each."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

from reelcue.index.rows import JobRow, JobSpec, Segment, VideoRow
from reelcue.index.store import Store
from reelcue.index.terms import phrases
from reelcue.tools.base import Observation, Span

A, B = "a" * 16, "b" * 16
TABLES = ("videos", "jobs", "observations", "segments", "vectors", "video_vectors", "segments_fts_docsize")
CHECK = "INSERT INTO segments_fts (segments_fts) VALUES ('integrity-check')"


def made(path: Path) -> Store:
    """A library of two videos without runs."""
    store = Store(path, create=True)
    for id in (A, B):
        store.put_video(video(id))
    return store


def video(id: str) -> VideoRow:
    return VideoRow(
        id, id * 8, f"{id[0]}.mp4", f"/films/{id[0]}.mp4", 10, 20, 60.5, added_at="2026-01-01T00:00:00+00:00"
    )


def spec(video: str = A, tool: str = "subtitles", **parts: Any) -> JobSpec:
    return replace(JobSpec(video, tool, "1", {"files": []}, kinds=("speech",)), **parts)


def running(store: Store, wanted: JobSpec, again: bool = False) -> JobRow:
    job = store.queue(wanted, again)
    assert store.start(job)
    return job


def said(*texts: str, start: float = 0.0, kind: str = "speech") -> list[Observation]:
    return [Observation("subtitles", kind, Span(start + i, start + i + 1), text) for i, text in enumerate(texts)]


def passages(video: str, observations: list[Observation]) -> list[Segment]:
    return [Segment(video, o.kind, o.tool, o.span, o.text, observations=(i,)) for i, o in enumerate(observations)]


def tell(store: Store, *texts: str, video: str = A, wanted: JobSpec | None = None, kind: str = "speech") -> JobRow:
    """A whole run: each text is an observation of a second, and a segment."""
    job = running(store, wanted or spec(video), again=True)
    observations = said(*texts, kind=kind)
    assert store.commit(job, observations, passages(video, observations), seconds=1.5)
    return job


def found(store: Store, query: str, videos: list[str] | None = None) -> list[str]:
    """Texts of the segments that hold a word of the query."""
    blocks = None if videos is None else list(store.blocks(videos).values())
    numbers = {int(n) for phrase in phrases(query) for n in store.holding(phrase, blocks)}
    return [segment.text for _, segment in sorted(store.segments_by_n(numbers).items())]


def contents(path: Path) -> dict[str, int]:
    db = sqlite3.connect(path)
    counts = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
    db.close()
    return counts


def change(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()

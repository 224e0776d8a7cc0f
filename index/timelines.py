"""Timelines made elsewhere, without media: JSON lines become video rows with no path, and their segments."""

import json
from collections import defaultdict
from hashlib import blake2b
from pathlib import Path

from ..tools.errors import ToolFailed
from ..tools.replay import Recorded, Replay, read
from ..tools.text import line
from .files import digest
from .ingest import Ingest
from .rows import JobSpec, VideoRow
from .store import Store


def add_timelines(store: Store, ingest: Ingest, path: Path, source: str | None) -> list[VideoRow]:
    """One video row for each video that the file names. Raises ToolFailed naming file and line for anything else."""
    about = path.stat() if path.exists() else None
    groups: dict[str, list[Recorded]] = defaultdict(list)
    for recorded in read(path):
        groups[recorded.video].append(recorded)
    if not groups or about is None:
        raise ToolFailed(
            f"{path}: holds no observation; each line is one JSON object with video, kind, start, end, text"
        )
    rows = []
    for name, group in groups.items():
        if len({recorded.unit for recorded in group}) > 1:
            raise ToolFailed(f"{path}: mixes units for {line(name)}; use seconds or index, not both")
        seen = [recorded.observation for recorded in group]
        lines = [[o.tool, o.kind, o.span.start, o.span.end, o.text, o.score, o.data] for o in seen]
        whole = blake2b(json.dumps([name, group[0].unit, lines], sort_keys=True).encode()).hexdigest()
        row = VideoRow(
            id=whole[:16],
            digest=whole,
            name=line(name),
            path=None,
            size=about.st_size,
            mtime_ns=about.st_mtime_ns,
            duration=max(o.span.end for o in seen),
            unit="index" if group[0].unit == "index" else "seconds",
            source=source or line(path.parent.name) or None,
        )
        store.put_video(row)
        kinds = tuple(sorted({o.kind for o in seen}))
        spec = JobSpec(
            row.id, Replay.name, Replay.version, {"files": [path.name]}, sidecars=(digest(path),), kinds=kinds
        )
        if store.current(spec) is None and store.start(job := store.queue(spec)):
            ingest.commit(path, row, job, seen, 0.0)
        ingest.embed(row.id)
        rows.append(row)
    return rows

"""Timelines made elsewhere, without media: JSON lines become video rows with no path, and their segments."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from ..tools.errors import ToolFailed
from ..tools.replay import Recorded, Replay, read
from ..tools.text import line
from .files import place, stamp
from .ingest import Ingest
from .recorded import learn
from .rows import JobSpec, VideoRow
from .store import Store

State = Literal["added", "known", "updated"]


def add_timelines(
    store: Store, ingest: Ingest, path: Path, recorded_at: str | None, source: str | None
) -> list[tuple[VideoRow, State]]:
    """A video row for each video that the file names, in place of what it said of that video when it was added before.

    Raises ToolFailed naming file and line for anything else.
    """
    groups: dict[str, list[Recorded]] = defaultdict(list)
    for recorded in read(path):
        groups[recorded.video].append(recorded)
    if not groups:
        raise ToolFailed(
            f"{line(str(path))}: holds no observation; each line is one JSON object with video, kind, start, end, text"
        )
    if mixed := [name for name, group in groups.items() if len({recorded.unit for recorded in group}) > 1]:
        raise ToolFailed(f"{line(str(path))}: mixes units for {mixed[0]}; use seconds or index, not both")
    rows = {name: _row(name, group, path) for name, group in groups.items()}
    new = {row.id for row in rows.values()}
    older = {
        row.name: row
        for row in store.videos()
        if row.facts.get("timeline") == str(place(path)) and row.name in rows and row.id not in new
    }
    added = []
    for name, group in groups.items():
        old = older.get(name)
        row, state = _add(store, ingest, path, rows[name], group, recorded_at, source, old)
        if old:
            store.remove_video(old.id)
        added.append((row, "updated" if old else state))
    return added


def _row(name: str, group: Sequence[Recorded], path: Path) -> VideoRow:
    seen = [recorded.observation for recorded in group]
    lines = [[o.tool, o.kind, o.span.start, o.span.end, o.text, o.score, o.data] for o in seen]
    whole = blake2b(json.dumps([name, group[0].unit, lines], sort_keys=True).encode()).hexdigest()
    unit: Literal["seconds", "index"] = "index" if group[0].unit == "index" else "seconds"
    size, changed = stamp(path) or (0, 0)
    facts = {"timeline": str(place(path))}
    return VideoRow(whole[:16], whole, name, None, size, changed, max(o.span.end for o in seen), unit, facts=facts)


def _add(
    store: Store,
    ingest: Ingest,
    path: Path,
    row: VideoRow,
    group: Sequence[Recorded],
    recorded_at: str | None,
    source: str | None,
    before: VideoRow | None,
) -> tuple[VideoRow, State]:
    """`before` is what the file said of the video when it was added before, if that was something else."""
    seen = [recorded.observation for recorded in group]
    known = store.video(row.id)
    old = known or before
    if learnt := learn(recorded_at, row.name, {}):
        row = replace(row, recorded_at=learnt[0], recorded_from=learnt[1])
    if old and not recorded_at:
        row = replace(row, recorded_at=old.recorded_at, recorded_from=old.recorded_from)
    row = replace(row, source=source or (old.source if old else line(path.parent.name)) or None)
    store.put_video(row)
    kinds = tuple(sorted({o.kind for o in seen}))
    spec = JobSpec(row.id, Replay.name, Replay.version, sidecars=(row.digest,), kinds=kinds)
    if store.current(spec) is None and store.start(job := store.queue(spec)):
        ingest.commit(path, row, job, seen, 0.0)
        ingest.embed(row.id)
    return row, "known" if known else "added"

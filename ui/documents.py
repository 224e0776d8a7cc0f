"""What programs read: the JSON of each command. Fields are only ever added."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..index.files import offline
from ..tools.text import HARMFUL, clean

if TYPE_CHECKING:
    from ..index.library import Added
    from ..index.mentions import Mention
    from ..index.recorded import Old
    from ..index.rows import JobRow, Row, VideoRow
    from ..index.search import Hit


def write(value: Mapping[str, Any]) -> None:
    """The one document of a command, on stdout; readable where stdout can show it."""
    readable = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps({"schema": 1, **value}, ensure_ascii=not readable, indent=2)
    # What a terminal must not see stands inside strings only, where an escape says the same.
    sys.stdout.write(HARMFUL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def added(file: "Added") -> dict[str, Any]:
    return {
        "path": str(file.path), "state": file.state, "video": file.video, "name": file.name,
        "error": None if file.error is None else clean(file.error), "rows": dict(file.rows), "notes": list(file.notes),
    }  # fmt: skip


def old(one: "Old") -> dict[str, Any]:
    row = one.row
    dates = {"recorded_at": row.recorded_at, "added_at": row.added_at, "by": one.by}
    return {"id": row.id, "name": row.name, "path": row.path, **dates}


def hit(found: "Hit", videos: Mapping[str, "VideoRow"]) -> dict[str, Any]:
    segment = found.segment
    return {
        "video": segment.video, "name": videos[segment.video].name, "start": round(segment.span.start, 3),
        "end": round(segment.span.end, 3), "kind": segment.kind, "text": segment.text, "score": round(found.score, 4),
        "language": segment.language, "rough": segment.rough,
    }  # fmt: skip


def group(id: str, hits: Sequence["Hit"], videos: Mapping[str, "VideoRow"]) -> dict[str, Any]:
    return {"video": id, "name": videos[id].name, "hits": len(hits), "score": round(hits[0].score, 4)}


def mention(found: "Mention", videos: Mapping[str, "VideoRow"]) -> dict[str, Any]:
    segment, span = found.segment, found.span
    return {
        "video": segment.video, "name": videos[segment.video].name, "start": round(span.start, 3),
        "end": round(span.end, 3), "kind": segment.kind, "text": found.text,
        "language": segment.language, "rough": segment.rough,
    }  # fmt: skip


def mentions(query: str, found: Sequence["Mention"], videos: Mapping[str, "VideoRow"]) -> dict[str, Any]:
    """All of them, and how many there are in how many of the videos that were looked through."""
    counts = Counter(one.segment.video for one in found)
    return {
        "query": query, "hits": [mention(one, videos) for one in found], "total": len(found),
        "videos": [{"video": id, "name": videos[id].name, "hits": n} for id, n in counts.items()],
        "searched": len(videos),
    }  # fmt: skip


def table(found: Iterable["Mention"], videos: Mapping[str, "VideoRow"]) -> None:
    """Comma-separated values on stdout, a line for each as it is found."""
    names = ("video", "name", "start", "end", "kind", "text", "language", "rough")
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    for one in found:
        writer.writerow(mention(one, videos))


def video(row: "VideoRow") -> dict[str, Any]:
    return {
        "id": row.id, "name": row.name, "path": row.path, "offline": offline(row), "duration": row.duration,
        "unit": row.unit, "source": row.source, "recorded_at": row.recorded_at, "recorded_from": row.recorded_from,
        "added_at": row.added_at, "digest": row.digest, "size": row.size, "facts": dict(row.facts),
    }  # fmt: skip


def job(row: "JobRow") -> dict[str, Any]:
    return {
        "tool": row.tool, "version": row.version, "state": row.state, "rows": row.rows,
        "seconds": round(row.seconds, 3), "error": row.error,
    }  # fmt: skip


def observation(row: "Row") -> dict[str, Any]:
    return {
        "n": row.n, "kind": row.kind, "tool": row.tool, "start": round(row.span.start, 3),
        "end": round(row.span.end, 3), "text": row.text, "score": row.score, "data": dict(row.data),
    }  # fmt: skip

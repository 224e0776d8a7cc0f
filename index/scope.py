"""What a question is asked of: all of a library, some of its videos, or a stretch of the calendar."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ..tools.base import Span
from ..tools.errors import UsageError
from ..tools.text import fold, line
from .files import place
from .recorded import parse
from .rows import VideoRow

_NAMED = 5  # sources named when there is none of that name


@dataclass(frozen=True, slots=True)
class Scope:
    """Ids of videos; those whose files lie in a folder; those of a source; what was recorded at or after `since`, and
    before `until` (ISO 8601; local where it names no zone). All that is given must hold; nothing given: the library."""

    videos: tuple[str, ...] = ()
    folder: str | None = None
    source: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def whole(self) -> bool:
        return self == Scope()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The videos of a scope in the order they were added, and the span in seconds that counts of those of which not all
    does. `undated` counts videos that were left out because nobody knows when they were recorded."""

    videos: tuple[VideoRow, ...]
    within: dict[str, Span] = field(default_factory=dict)
    undated: int = 0


def choose(scope: Scope, rows: Sequence[VideoRow]) -> Chosen:
    """Raises UsageError for an id, a folder or a source of which there is no video, and for what is no time."""
    if scope.videos:
        known = {row.id: row for row in rows}
        if unknown := [id for id in scope.videos if id not in known]:
            raise UsageError(f"no video {', '.join(map(line, unknown))} in the library; reelcue list shows them")
        rows = [known[id] for id in dict.fromkeys(scope.videos)]
    if scope.folder is not None:
        rows = _in_folder(scope.folder, rows)
    if scope.source is not None:
        rows = _of_source(scope.source, rows)
    if scope.since is None and scope.until is None:
        return Chosen(tuple(rows))
    since, until = (None if at is None else datetime.fromisoformat(parse(at)) for at in (scope.since, scope.until))
    within = {row.id: span for row in rows if (span := _window(row, since, until))}
    undated = sum(row.recorded_at is None or row.unit != "seconds" for row in rows)
    return Chosen(tuple(row for row in rows if row.id in within), within, undated)


def _in_folder(folder: str, rows: Sequence[VideoRow]) -> list[VideoRow]:
    here = place(folder)
    found = [row for row in rows if row.path and place(row.path).is_relative_to(here)]
    if not found:  # it may have been added by another name of the folder
        real = here.resolve()
        found = [row for row in rows if row.path and Path(row.path).resolve().is_relative_to(real)]
    if not found:
        raise UsageError(f"no video of the library lies in {line(str(here))}; add it with: reelcue add {line(folder)}")
    return found


def _of_source(source: str, rows: Sequence[VideoRow]) -> list[VideoRow]:
    found = [row for row in rows if fold(row.source or "") == fold(source)]
    if not found:
        sources = list(dict.fromkeys(row.source for row in rows if row.source))
        some = ", ".join(sources[:_NAMED]) + (", ..." if len(sources) > _NAMED else "")
        raise UsageError(f"no source {line(source)!r} and no such folder; there are {some or 'none'}")
    return found


def _window(row: VideoRow, since: datetime | None, until: datetime | None) -> Span | None:
    """The part of a video that lies in the window; None where none does, or where nobody knows."""
    if row.recorded_at is None or row.unit != "seconds":
        return None
    began = datetime.fromisoformat(row.recorded_at)
    low = 0.0 if since is None else max(0.0, (since - began).total_seconds())
    high = row.duration if until is None else min(row.duration, (until - began).total_seconds())
    return Span(low, high) if low < high else None


def named(text: str) -> Scope:
    """The scope of what a person calls a folder or a source: a folder where there is one of that name, or where it is
    written as a path, for a drive may not be mounted."""
    return Scope(folder=text) if Path(text).is_dir() or Path(text).name != text else Scope(source=text)

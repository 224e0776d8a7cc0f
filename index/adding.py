"""Adding files: which videos they are, then their jobs; one result for each, whatever becomes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from os import sep
from pathlib import Path
from typing import Literal

from ..tools.errors import LibraryError, ReelcueError
from ..tools.subtitles import beginning
from ..tools.text import line
from .files import Skipped, is_timeline
from .ingest import Event, Ingest
from .intake import Intake, Work
from .store import Store
from .timelines import add_timelines

State = Literal["added", "known", "updated", "failed"]


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one file: failed with an error, or added, updated or known already; notes are for people."""

    path: Path
    state: State
    video: str | None
    name: str
    error: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()


def add(
    store: Store,
    ingest: Ingest,
    intake: Intake,
    found: Sequence[Path | Skipped],
    jobs: int,
    on_event: Callable[[Event], None],
) -> list[Added]:
    """Raises LibraryError, also where the disk has too little room, and Cancelled."""
    results: dict[Path, list[Added]] = {}
    works: list[Work] = []

    @cache
    def known() -> list[str]:
        return sorted(row.path for row in store.videos() if row.path)

    for file in found:
        ingest.stop()
        if isinstance(file, Skipped):
            results[file.path] = _skipped(file, on_event)
            continue
        try:
            if is_timeline(file):
                timelines = add_timelines(store, ingest, file, intake.recorded_at, intake.source)
                results[file] = [Added(file, state, row.id, row.name) for row, state in timelines]
            else:
                works.append(intake.open(file))
        except LibraryError:
            raise
        except ReelcueError as error:
            absent = "" if file.is_file() else _absent(file, known())
            results[file] = [_failed(file, f"{error}{absent}", on_event)]
    firsts = list({work.row.id: work for work in reversed(works)}.values())[::-1]  # of files that hold the same
    estimate = ingest.plan(firsts)
    estimate.check(store.path.parent)
    if estimate.matters:
        on_event(Event("plan", message=estimate.told(jobs)))
    ingest.run(firsts)
    results |= {work.path: [_outcome(work)] for work in works}
    order = [file.path if isinstance(file, Skipped) else file for file in found]
    return _counted(store, [added for path in order for added in results[path]])


def _skipped(folder: Skipped, on_event: Callable[[Event], None]) -> list[Added]:
    if folder.lost:
        return [_failed(folder.path, f"{line(str(folder.path))}: {folder.why}", on_event)]
    on_event(Event("note", folder.path, message=folder.why))
    return []


def _failed(path: Path, error: str, on_event: Callable[[Event], None]) -> Added:
    on_event(Event("failed", path, message=error))
    return Added(path, "failed", None, line(path.name), error)


def _absent(folder: Path, known: Sequence[str]) -> str:
    """A word on the videos of the library that were in a folder that is not there, as a drive that is not mounted."""
    count = len(beginning(known, f"{folder}{sep}"))
    if not count:
        return ""
    some = "1 video of the library was" if count == 1 else f"{count} videos of the library were"
    return f"; {some} there: nothing is lost, mount or restore it and they are back"


def _outcome(work: Work) -> Added:
    state: State = "failed" if work.errors else "added" if work.new else "updated" if work.ran else "known"
    problems: Sequence[str] = work.row.facts.get("problems", ()) if work.new or work.ran else ()
    notes = [*work.notes, *problems]
    return Added(work.path, state, work.row.id, line(work.path.name), "; ".join(work.errors) or None, notes=notes)


def _counted(store: Store, results: Sequence[Added]) -> list[Added]:
    """With how many rows there are of each."""
    rows = store.counts_of({added.video for added in results if added.video})
    return [replace(added, rows=rows.get(added.video or "", {})) for added in results]

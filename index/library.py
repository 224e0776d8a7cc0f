"""A library: a folder with the timeline of many videos. The face of the index to everything above it."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event as Flag
from types import MappingProxyType
from typing import Any, Literal

from filelock import FileLock, Timeout

from ..tools.base import FrameTool, Span, Tool
from ..tools.embed import Embedder, load_minilm
from ..tools.errors import LibraryError, ReelcueError, ToolUnavailable, UsageError
from ..tools.registry import DEFAULT, make
from ..tools.text import fold, line
from .files import expand, is_timeline, offline, place
from .ingest import Cancelled, Event, Ingest
from .intake import Intake, Work
from .mentions import Mention, mentions
from .recorded import parse
from .rows import JobRow, Row, Segment, VideoRow
from .scope import Chosen, Scope, choose
from .search import Hit, Searcher
from .store import Store
from .timelines import add_timelines

State = Literal["added", "known", "updated", "failed"]
_LONG = 60.0  # CPU seconds of work from which an estimate is told before


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


class Library:
    """Opens a library, and makes it where there is none unless `create` is false.

    `tools` are names of the registry, outside tools as "package.module:Class", or objects; `options` are constructor
    arguments for named ones. Reading is thread-safe and goes on while another process adds; one process adds at a time.
    Raises LibraryError.
    """

    def __init__(
        self,
        path: Path | str,
        tools: Sequence[str | Tool | FrameTool] = DEFAULT,
        create: bool = True,
        *,
        options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        self.path = Path(path).absolute()
        self._tools = tuple(tools)
        self._options = options
        self.problem: str | None = None
        self.store = Store(self.path / "index.sqlite", create)

    def close(self) -> None:
        self.store.close()

    @cached_property
    def embedder(self) -> Embedder | None:
        """None without the model pack; then search is by words only, and `problem` says what to do."""
        try:
            return load_minilm()
        except ToolUnavailable as error:
            self.problem = str(error)
            return None

    @cached_property
    def _searcher(self) -> Searcher:
        return Searcher(self.store, self.embedder)

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Adding and removing

    def add(
        self,
        paths: Iterable[Path | str],
        *,
        subtitles: Path | str | None = None,
        recorded_at: str | None = None,
        source: str | None = None,
        refresh: Sequence[str] = (),
        on_event: Callable[[Event], None] = lambda event: None,
        cancel: Flag | None = None,
    ) -> list[Added]:
        """Adds files and folders, and finishes what an earlier call did not. One result per file; none of them raises.

        `subtitles` is a file for the one video that is named, used from then on; `refresh` names tools to run again.
        Waits while another process adds. Raises UsageError, ToolUnavailable and LibraryError before anything is done,
        Cancelled (a KeyboardInterrupt) once `cancel` is set.
        """
        named = [paths] if isinstance(paths, str | Path) else paths
        files = list(expand((Path(path) for path in named), self.path))
        if subtitles is not None and (len(files) != 1 or is_timeline(files[0])):
            raise UsageError(f"--subtitles belongs to one video, not to {len(files)} files; add that video alone")
        if recorded_at is not None:
            parse(recorded_at)
        tools = self._made(subtitles, refresh)
        with self._locked(on_event, cancel):
            ingest = Ingest(self.store, self.embedder, on_event, cancel, refresh)
            if self.problem:
                on_event(Event("note", message=self.problem))

            def hashed(file: Path, fraction: float) -> None:
                ingest.stop()
                on_event(Event("hash", file, fraction=fraction))

            intake = Intake(self.store, self.path / "media", tools, recorded_at, source, refresh, hashed)
            results: dict[Path, list[Added]] = {}
            works: list[Work] = []
            for file in files:
                ingest.stop()
                try:
                    if is_timeline(file):
                        timelines = add_timelines(self.store, ingest, file, recorded_at, source)
                        results[file] = [self._told(file, row, state) for row, state in timelines]
                    else:
                        works.append(intake.open(file))
                except LibraryError:
                    raise
                except ReelcueError as error:
                    results[file] = [Added(file, "failed", None, line(file.name), str(error))]
                    on_event(Event("failed", file, message=str(error)))
            _announce(ingest, works, on_event)
            ingest.run(works)
            results |= {work.path: [self._outcome(work)] for work in works}
        return [added for file in files for added in results[file]]

    def remove(self, video: str) -> None:
        """Forgets a video, by its id, and deletes the files made from it; the video file itself stays.

        Raises UsageError where there is no such video.
        """
        with self._locked(lambda event: None, None):
            if not self.store.remove_video(video):
                raise UsageError(f"no video {line(video)!r} in the library; reelcue list shows them")
            shutil.rmtree(self.folder(video), ignore_errors=True)

    def _outcome(self, work: Work) -> Added:
        state: State = "failed" if work.errors else "added" if work.new else "updated" if work.ran else "known"
        notes = [*work.notes, *(work.video.problems if work.new or work.ran else ())]
        return self._told(work.path, work.row, state, "; ".join(work.errors) or None, notes)

    def _told(
        self, path: Path, row: VideoRow, state: State, error: str | None = None, notes: Sequence[str] = ()
    ) -> Added:
        return Added(path, state, row.id, row.name, error, self.store.counts(row.id), notes)

    def _made(self, subtitles: Path | str | None, refresh: Sequence[str]) -> list[Tool | FrameTool]:
        tools = [make(tool, self._options.get(tool)) if isinstance(tool, str) else tool for tool in self._tools]
        names = [tool.name for tool in tools]
        if twice := {name for name in names if names.count(name) > 1}:
            raise UsageError(f"there are several tools of the name {', '.join(sorted(twice))}; choose one of each")
        if unknown := sorted(set(refresh) - set(names)):
            raise UsageError(f"no tool {', '.join(unknown)} to refresh; there are {', '.join(names)}")
        if subtitles is None:
            return tools
        if "subtitles" not in names:
            raise UsageError("--subtitles is read by the tool subtitles, which is not among those chosen; add it")
        files = [str(place(subtitles))]
        return [type(t)(**{**t.options, "files": files}) if t.name == "subtitles" else t for t in tools]

    @contextmanager
    def _locked(self, on_event: Callable[[Event], None], cancel: Flag | None) -> Iterator[None]:
        """The ingest lock: one process adds at a time, reading never waits. The system frees it when a process dies."""
        if self.store.readonly:
            raise LibraryError(
                f"{line(str(self.path))}: the library cannot be written; check the permissions of its folder"
            )
        lock = FileLock(self.path / "lock")
        told = False
        while True:
            try:
                lock.acquire(timeout=0.5)
                break
            except Timeout:
                if not told:
                    on_event(
                        Event("note", message="another process is adding to this library; waiting until it is done")
                    )
                    told = True
                if cancel and cancel.is_set():
                    raise Cancelled from None
            except OSError as error:
                why = f"{error.strerror or error}; check the permissions of the folder and of the files in it"
                raise LibraryError(f"{line(str(self.path / 'lock'))}: {why}") from error
        try:
            yield
        finally:
            lock.release()

    # Reading

    def folder(self, video: str) -> Path:
        """Where the files made from a video are."""
        return self.path / "media" / video

    def videos(self) -> list[VideoRow]:
        return self.store.videos()

    def find(self, name: str) -> VideoRow:
        """The video with this id, beginning of an id, path or name. Raises UsageError naming the candidates."""
        videos = self.videos()
        path = str(place(name))
        wanted = fold(name)
        tests: list[Callable[[VideoRow], bool]] = [
            lambda row: row.id == name,
            lambda row: row.path == path and not offline(row),
            lambda row: row.path == path,
            lambda row: row.name == name,
            lambda row: Path(row.name).stem == name,
            lambda row: len(name) >= 4 and row.id.startswith(name),
            lambda row: fold(row.name) == wanted,
        ]
        for fits in tests:
            found = [row for row in videos if fits(row)]
            if len(found) == 1:
                return found[0]
            if found:
                ids = ", ".join(f"{row.id} ({row.path or row.name})" for row in found)
                raise UsageError(f"{line(name)!r} could be {ids}; name one by its id")
        raise UsageError(f"no video {line(name)!r} in the library; reelcue list shows them, reelcue add FILE adds one")

    def search(
        self,
        query: str,
        *,
        scope: Scope | None = None,
        kinds: Iterable[str] | None = None,
        within: Mapping[str, Span] | None = None,
        k: int = 10,
    ) -> list[Hit]:
        """The moments that a query is about, best first; fewer than k, or none, where nothing fits.

        `within` limits the time in the videos it names. Raises UsageError for a scope without a video.
        """
        if scope is None or scope == Scope(scope.videos):  # no row has to be read to know which are meant
            return self._searcher.search(query, (scope and scope.videos) or None, kinds, within, k)
        chosen = self.choose(scope)
        spans = {**chosen.within, **(within or {})}
        return self._searcher.search(query, [row.id for row in chosen.videos], kinds, spans, k)

    def mentions(
        self,
        query: str,
        *,
        scope: Scope | None = None,
        kinds: Iterable[str] | None = None,
        within: Mapping[str, Span] | None = None,
    ) -> Iterator[Mention]:
        """Every moment that holds the words of a query, by video and time. Raises UsageError like `search`."""
        chosen = None if scope is None or scope.whole else self.choose(scope)
        videos = None if chosen is None else [row.id for row in chosen.videos]
        spans = {**(chosen.within if chosen else {}), **(within or {})}
        return mentions(self.store, query, videos, kinds, spans)

    def by_video(self, query: str, hits: Sequence[Hit]) -> list[tuple[str, list[Hit]]]:
        """The hits of a search by video, the likeliest video first."""
        return self._searcher.by_video(query, hits)

    def choose(self, scope: Scope) -> Chosen:
        """The videos of a scope. Raises UsageError where there is none."""
        return choose(scope, self.store.videos())

    def rows(self, video: str, kinds: Iterable[str] | None = None, span: Span | None = None) -> list[Row]:
        """What was observed in a video, in order of time."""
        return self.store.rows(video, kinds, span)

    def segments(self, video: str, kinds: Iterable[str] | None = None, span: Span | None = None) -> list[Segment]:
        return self.store.segments([video], kinds, span)

    def jobs(self, video: str) -> list[JobRow]:
        return self.store.jobs(video)

    def kinds(self, *videos: str) -> set[str]:
        """Kinds that were looked for in any of these videos, or of all, whether or not something was found."""
        return self.store.looked_for(videos or None)

    def completed(self, *videos: str) -> int:
        """Of these videos, or of all, those of which every job is done."""
        return self.store.completed(videos or None)


def _announce(ingest: Ingest, works: Sequence[Work], on_event: Callable[[Event], None]) -> None:
    seconds = ingest.estimate(works)
    if seconds >= _LONG:
        hours = sum(work.video.duration for work in works) / 3600
        on_event(Event("plan", message=f"{hours:.1f} h of video, about {seconds / 60:.0f} CPU minutes of work"))

"""A library: a folder with the timeline of many videos. The face of the index to everything above it."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from threading import Event as Flag
from types import MappingProxyType
from typing import Any

from ..tools.base import FrameTool, Span, Tool
from ..tools.embed import MINILM, Embedder, load
from ..tools.errors import LibraryError, ToolUnavailable, UsageError
from ..tools.registry import DEFAULT, LEVELS, make
from ..tools.text import fold, line
from . import search
from .adding import Added, add
from .embedding import STALE, renew, stale
from .files import expand, is_timeline, offline, place
from .folder import Folder
from .ingest import Cancelled, Event, Ingest
from .intake import Intake
from .lock import IngestLock
from .mentions import Mention, mentions
from .mirror import Mirror
from .recorded import Old, older, parse
from .rows import JobRow, Row, Segment, VideoRow
from .scope import Chosen, Scope, choose
from .search import Hit, Searcher
from .server import Server
from .store import Store
from .watch import EVERY, Watch

__all__ = ["Added", "Library"]


class Library:
    """Opens a library, and makes it where there is none unless `create` is false.

    `tools` are names of the registry, outside tools as "package.module:Class", or objects; `options` are constructor
    arguments for named ones. `embedder` is the sentence model: minilm, a folder, or the id of one that was fetched;
    `chroma` is the `url` of a Chroma server, and its `database`, instead of the folder in the library. Reading is
    thread-safe and goes on while another process adds; one process adds at a time.
    Raises LibraryError.
    """

    def __init__(
        self,
        path: Path | str,
        tools: Sequence[str | Tool | FrameTool] = DEFAULT,
        create: bool = True,
        *,
        options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
        embedder: str = MINILM,
        chroma: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.path = Path(path).absolute()
        self._tools = tuple(tools)
        self._options = options
        self.model = embedder
        self._chroma = chroma
        self.problem: str | None = None
        self.store = Store(self.path / "index.sqlite", create)
        self.lock = IngestLock(self.path / "lock")

    def close(self) -> None:
        if mirror := self.__dict__.get("mirror"):
            mirror.close()
        self.lock.free()
        self.store.close()

    @cached_property
    def embedder(self) -> Embedder | None:
        """None without the sentence model; then search is by words only, and `problem` says what to do."""
        try:
            return load(self.model)
        except ToolUnavailable as error:
            self.problem = str(error)
            return None

    @cached_property
    def _searcher(self) -> Searcher:
        if stale(self.store, self.embedder):
            self.problem = STALE
        return Searcher(self.store, self.embedder, self._near)

    @cached_property
    def mirror(self) -> Mirror | None:
        """The vector index; None without the model pack."""
        if self.embedder is None:
            return None
        url = self._chroma.get("url")
        place = (
            Server(self.store, url, self._chroma.get("database")) if url else Folder(self.store, self.path / "chroma")
        )
        return Mirror(self.store, place, self.embedder.space)

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Adding and removing

    def add(
        self,
        paths: Iterable[Path | str],
        *,
        level: str = "standard",
        jobs: int = 1,
        subtitles: Path | str | None = None,
        recorded_at: str | None = None,
        source: str | None = None,
        refresh: Sequence[str] = (),
        on_event: Callable[[Event], None] = lambda event: None,
        cancel: Flag | None = None,
    ) -> list[Added]:
        """Adds files and folders, and finishes what an earlier call did not. One result per file; none of them raises.

        `level` is one of registry.LEVELS: a sparing one takes nothing away that another found. `jobs` is how many
        processes work. `subtitles` is a file for the one video that is named, used from then on; `refresh` names tools
        to run again. Waits while another process adds. Raises UsageError, ToolUnavailable and LibraryError before
        anything is done, Cancelled (a KeyboardInterrupt) once `cancel` is set.
        """
        named = [paths] if isinstance(paths, str | Path) else paths
        found = list(expand((Path(path) for path in named), self.path))
        if subtitles is not None and (len(found) != 1 or any(is_timeline(f) for f in found if isinstance(f, Path))):
            raise UsageError(f"--subtitles belongs to one video, not to {len(found)} files; add that video alone")
        if recorded_at is not None:
            parse(recorded_at)
        if jobs < 1:
            raise UsageError(f"videos are added by 1 process or more, not by {jobs}")
        tools = self._made(level, subtitles, refresh)
        with self._locked(on_event, cancel):
            ingest = Ingest(self.store, self.embedder, on_event, cancel, refresh, jobs)
            if self.problem:
                on_event(Event("note", message=self.problem))

            def hashed(file: Path, fraction: float) -> None:
                ingest.stop()
                on_event(Event("hash", file, fraction=fraction))

            media, sparing = self.path / "media", LEVELS[level]
            intake = Intake(self.store, media, tools, recorded_at, source, refresh, sparing, hashed)
            added = add(self.store, ingest, intake, found, jobs, on_event)
            self._sync(on_event, cancel)
            return added

    def watch(
        self,
        paths: Sequence[Path | str],
        *,
        on_event: Callable[[Event], None] = lambda event: None,
        cancel: Flag | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        **options: Any,
    ) -> Iterator[list[Added]]:
        """Adds new and changed files as they come to rest; `options` are those of `add`. Ends once `cancel` is set.

        Files that are known are added at once, which finishes what an earlier call did not. Yields the results of each
        `add`, and raises like it; in between, the library is free for others.
        """
        flag = cancel or Flag()
        known = {Path(row.path): (row.size, row.mtime_ns) for row in self.videos() if row.path}
        watch = Watch(list(map(Path, paths)), self.path, known, lambda said: on_event(Event("note", message=said)))
        while not flag.is_set():
            if due := watch.look(clock()):
                try:
                    added = self.add(due, on_event=on_event, cancel=flag, **options)
                except Cancelled:
                    return
                yield added
            (sleep or flag.wait)(EVERY)

    def remove(
        self,
        *videos: str,
        on_event: Callable[[Event], None] = lambda event: None,
        cancel: Flag | None = None,
    ) -> None:
        """Forgets videos, by their ids, and deletes the files made from them; the video files themselves stay.

        Raises UsageError, before anything is done, where there is no such video, and Cancelled once `cancel` is set.
        """
        with self._locked(on_event, cancel):
            if unknown := [line(video) for video in videos if self.store.video(video) is None]:
                raise UsageError(f"no video {', '.join(map(repr, unknown))} in the library; reelcue list shows them")
            for n, video in enumerate(videos, 1):
                if cancel and cancel.is_set():
                    raise Cancelled
                self.store.remove_video(video)
                shutil.rmtree(self.folder(video), ignore_errors=True)
                on_event(Event("progress", video=video, tool="removing", fraction=n / len(videos)))
            self._sync(on_event, cancel)

    def reindex(self, on_event: Callable[[Event], None] = lambda event: None, cancel: Flag | None = None) -> int:
        """Vectors of all passages by the library's sentence model, and a new vector index, without reading a video; how
        many vectors had to be made.

        Those of another model are deleted once all are there; the old index stays until the new one is complete. Waits
        while another process adds. Raises ToolUnavailable, LibraryError, and Cancelled once `cancel` is set: the next
        call goes on from there.
        """
        embedder = self.embedder or load(self.model)

        def told(fraction: float) -> None:
            on_event(Event("progress", tool="embedding", fraction=fraction))
            if cancel and cancel.is_set():
                raise Cancelled

        with self._locked(on_event, cancel):
            made = renew(self.store, embedder, told)
            try:
                if self.mirror:
                    self.mirror.rebuild(on_event, cancel)
            except OSError as error:
                why = f"{error.filename or self.path}: {error.strerror or error}"
                raise LibraryError(f"{line(why)}; check the disk and the permissions, nothing was lost") from error
            return made

    def hold(self, on_event: Callable[[Event], None] = lambda event: None) -> bool:
        """Takes the ingest lock until `close`, for a process that lives long, and with it the vector index, which makes
        searching a large library fast. False where another process has it: search works all the same; try again later.

        Adding, from any thread of this process, goes on as before.
        """
        self._check_writable()
        with self.lock.tried() as free:
            if free:
                self._sync(on_event, keep=self.store.segment_count() >= search.LARGE)
                self.lock.keep()
        return free

    def _sync(self, on_event: Callable[[Event], None], cancel: Flag | None = None, keep: bool = False) -> None:
        """Has the vector index follow; under the ingest lock. What is left when `cancel` is set, the next one does."""
        if self.mirror is None:
            return
        with suppress(Cancelled):
            self.mirror.sync(on_event, cancel, keep or self.mirror.near() is not None)

    def _near(self) -> Mirror | None:
        if self.mirror is None:
            return None
        self.problem = self.mirror.join() or self.problem
        return self.mirror.near()

    def _made(self, level: str, subtitles: Path | str | None, refresh: Sequence[str]) -> list[Tool | FrameTool]:
        if level not in LEVELS:
            raise UsageError(f"no level {line(level)!r}; there are {', '.join(LEVELS)}")
        tools = [tool for given in self._tools for tool in self._at(LEVELS[level], given)]
        names = [tool.name for tool in tools]
        if self._tools and not tools:
            raise UsageError(f"level {level} leaves out all of the tools that were chosen; choose others, or no level")
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

    def _at(
        self, level: Mapping[str, Mapping[str, Any] | None], tool: str | Tool | FrameTool
    ) -> Iterator[Tool | FrameTool]:
        """A tool as it works at a level; none where the level leaves it out."""
        if not isinstance(tool, str):
            yield tool
        elif (options := level.get(tool, {})) is not None:
            yield make(tool, {**self._options.get(tool, {}), **options})

    @contextmanager
    def _locked(self, on_event: Callable[[Event], None], cancel: Flag | None) -> Iterator[None]:
        """The ingest lock: one process adds at a time, reading never waits. The system frees it when a process dies."""
        self._check_writable()
        told = False

        def waiting() -> None:
            nonlocal told
            if not told:
                on_event(Event("note", message="another process is adding to this library; waiting until it is done"))
                told = True
            if cancel and cancel.is_set():
                raise Cancelled

        with self.lock.taken(waiting):
            yield

    def _check_writable(self) -> None:
        if self.store.readonly:
            raise LibraryError(
                f"{line(str(self.path))}: the library cannot be written; check the permissions of its folder"
            )

    # Reading

    def folder(self, video: str) -> Path:
        """Where the files made from a video are."""
        return self.path / "media" / video

    def videos(self) -> list[VideoRow]:
        return self.store.videos()

    def before(self, time: str) -> list[Old]:
        """Videos that are older than a time (ISO 8601). Raises UsageError."""
        return older(self.videos(), time)

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

    def words_only(self, query: str, scope: Scope | None = None) -> tuple[str, ...]:
        """Languages that the sentence model does not know, in which a search goes by words: the query's, else those of
        passages. None where there is no model."""
        videos = None if scope is None or scope.whole else [row.id for row in self.choose(scope).videos]
        return self._searcher.words_only(query, videos)

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

"""From files to a searchable timeline: durable jobs, one decode pass for all frame tools, resumable and cancellable."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag

import numpy as np

from ..tools.base import FrameTool, Observation, Span, Tool
from ..tools.embed import Embedder
from ..tools.errors import LibraryError, ReelcueError, ToolFailed
from ..tools.frame import Frame
from ..tools.text import line
from .files import digest
from .intake import Work
from .rows import JobRow, JobSpec, Row, VideoRow
from .segments import gather
from .store import Store

_TOLD = 0.2  # seconds between two progress events
_NEAR = 1e-3  # seconds: times closer than this are the same


@dataclass(frozen=True, slots=True)
class Event:
    """What happens during `Library.add`. what: plan, hash, start, progress, done, failed or note; fraction 0..1."""

    what: str
    path: Path | None = None
    video: str | None = None
    tool: str | None = None
    fraction: float | None = None
    message: str = ""


class Cancelled(KeyboardInterrupt):
    """The caller set the cancel flag. Of adding, finished jobs stay and the others are queued again."""


@dataclass
class Run:
    """A job that was taken, with its tool and what that observed so far."""

    job: JobRow
    tool: Tool | FrameTool
    seen: list[Observation] = field(default_factory=list)
    broken: bool = False
    _due: float = 0.0

    def see(self, tool: FrameTool, frame: Frame) -> None:
        """Hands on the frames that come at the tool's own rate."""
        if frame.time + _NEAR >= self._due:
            self._due = (int((frame.time + _NEAR) * tool.rate) + 1) / tool.rate
            self.seen += tool.see(frame)


class Ingest:
    """Runs the jobs of videos. Only the holder of the library's ingest lock makes one."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder | None,
        on_event: Callable[[Event], None],
        cancel: Flag | None,
        refresh: Sequence[str],
    ) -> None:
        self._store, self._embedder = store, embedder
        self._on_event, self._cancel, self._refresh = on_event, cancel or Flag(), frozenset(refresh)
        self._told = 0.0
        self._store.requeue()

    def run(self, works: Sequence[Work]) -> None:
        """Cheapest kinds over all videos first; each video is searchable as soon as a job of it is committed."""
        try:
            for stage in _stages(works):
                for work in works:
                    self.stop()
                    self._stage(work, [tool for tool in work.tools if tool.name in stage])
            for work in works:
                self._sweep(work)
            self.embed(())
        except BaseException:
            self._store.requeue()
            raise

    def _sweep(self, work: Work) -> None:
        """Deletes keyframes of earlier runs that no row names any more; they are all that is under the video's `k`."""
        if not work.ran or any(job.state != "done" for job in self._store.jobs(work.row.id)):
            return
        rows = self._store.rows(work.row.id)
        named = {row.data.get("image") for row in rows}
        named |= {path for row in rows for _, path in row.data.get("keyframes", ())}
        for path in (work.video.folder / "k").glob("*.jpg"):
            if f"k/{path.name}" not in named:
                path.unlink(missing_ok=True)

    def estimate(self, works: Sequence[Work]) -> float:
        """CPU seconds that the jobs to be done will take, roughly: the tools' own figures, scaled by length."""
        seconds = 0.0
        for work in works:
            for tool in work.tools:
                with suppress(Exception):  # a tool that breaks is heard of when its turn comes
                    if tool.name in self._refresh or self._store.current(self._spec(work, tool)) is None:
                        seconds += tool.cost * work.video.duration / 60
        return seconds

    def stop(self) -> None:
        """Raises Cancelled once the caller has asked for it."""
        if self._cancel.is_set():
            raise Cancelled

    def commit(
        self, path: Path, video: VideoRow, job: JobRow, observations: Sequence[Observation], seconds: float
    ) -> int:
        """Stores what a job found, as rows and as segments. Returns how many observations lay outside of the video.

        Raises ToolFailed if the video was removed meanwhile.
        """
        inside = list(_within(observations, video))
        rows = [Row.of(i, video.id, seen) for i, seen in enumerate(inside)]
        shots = [row.span for row in self._store.rows(video.id, ("shot",))]
        segments = gather(rows, shots, timed=video.unit == "seconds")
        if not self._store.commit(job, inside, segments, seconds=seconds):
            raise ToolFailed(f"{path}: the video was removed while it was read; add it again if that was a mistake")
        self._on_event(Event("done", path, video.id, job.tool, 1.0, f"{len(inside)} rows"))
        return len(observations) - len(inside)

    def embed(self, videos: Iterable[str]) -> None:
        """Gives every segment of the library that has none its vector, and those videos, and any that got vectors, the
        mean of their segments'."""
        if self._embedder is None:
            return
        space, changed = self._embedder.space, set(videos)
        while segments := self._store.without_vector(space, limit=512):
            self.stop()
            self._store.put_vectors(space, [s.n for s in segments], self._embedder([s.text for s in segments]))
            changed |= {segment.video for segment in segments}
        for video in sorted(changed):
            _, vectors = self._store.vectors(space, [video])
            self._store.put_video_vector(space, video, np.mean(vectors, axis=0) if len(vectors) else np.zeros(1))

    def _stage(self, work: Work, tools: Sequence[Tool | FrameTool]) -> None:
        runs: list[Run] = []
        for tool in tools:
            with self._guard(work, tool.name, []):
                if job := self._job(work, tool):
                    runs.append(Run(job, tool))
        if not runs:
            return
        known: list[str] = []
        with self._guard(work, ", ".join(run.tool.name for run in runs), runs):
            known += work.video.problems
            self._pass(work, [(run, run.tool) for run in runs if isinstance(run.tool, FrameTool)])
            for run in runs:
                if not isinstance(run.tool, FrameTool):
                    self._observe(work, run, run.tool)
            self._remember(work, runs, known)
        self.embed([work.row.id])

    def _job(self, work: Work, tool: Tool | FrameTool) -> JobRow | None:
        """The job to run now, taken; None where it is current or what it needs is not there."""
        spec = self._spec(work, tool)
        current = self._store.current(spec)
        again = tool.name in self._refresh
        if current and not again:
            if current.version != tool.version:
                work.notes.append(
                    f"{tool.name} {current.version} was used; for version {tool.version} add --refresh {tool.name}"
                )
            return None
        job = self._store.queue(spec, again=again)
        live = {kind for done in self._store.jobs(work.row.id, "done") for kind in self._store.provided(done)}
        if missing := ", ".join(kind for kind in tool.needs if kind not in {*live, *tool.kinds}):
            self._store.block(job, f"needs {missing}, which is not there")
            work.notes.append(f"{tool.name} was not run: it needs {missing}, which is not there")
            return None
        return job if self._store.start(job) else None

    def _spec(self, work: Work, tool: Tool | FrameTool) -> JobSpec:
        done = self._store.jobs(work.row.id, "done")
        files = [] if isinstance(tool, FrameTool) else tool.sidecars(work.video)
        return JobSpec(
            video=work.row.id,
            tool=tool.name,
            version=tool.version,
            options=tool.options,
            digest=tool.digest,
            sidecars=tuple(digest(path) if path.is_file() and path.stat().st_size else "" for path in files),
            needs=tuple(j.key for j in done if j.tool != tool.name and self._store.provided(j) & set(tool.needs)),
            kinds=tuple(tool.kinds),
        )

    @contextmanager
    def _guard(self, work: Work, names: str, runs: Sequence[Run]) -> Iterator[None]:
        """A tool that breaks, ours or another's, costs these runs and nothing else."""
        try:
            yield
        except LibraryError:
            raise
        except Exception as error:
            told = str(error) if isinstance(error, ReelcueError) else f"{names}: {type(error).__name__}: {error}"
            message = line(told)
            for run in runs:
                run.broken = True
                self._store.fail(run.job, message)
            work.errors.append(message)
            self._on_event(Event("failed", work.path, work.row.id, names, message=message))

    def _pass(self, work: Work, pairs: Sequence[tuple[Run, FrameTool]]) -> None:
        """One decode pass: each tool sees the frames at its own rate as they go by."""
        if not pairs:
            return
        began, names = time.process_time(), " + ".join(tool.name for _, tool in pairs)
        self._on_event(Event("start", work.path, work.row.id, names, 0.0))
        for run, tool in pairs:
            with self._guard(work, tool.name, [run]):
                tool.start(work.video, None)
        for frame in work.video.frames(rate=max(tool.rate for _, tool in pairs)):
            for run, tool in pairs:
                if not run.broken:
                    with self._guard(work, tool.name, [run]):
                        run.see(tool, frame)
            self._progress(work, names, frame.time)
            if all(run.broken for run, _ in pairs):
                break
        for run, tool in pairs:
            if not run.broken:
                with self._guard(work, tool.name, [run]):
                    run.seen += tool.finish()
                    self._finish(work, run, (time.process_time() - began) / len(pairs))

    def _observe(self, work: Work, run: Run, tool: Tool) -> None:
        began = time.process_time()
        self._on_event(Event("start", work.path, work.row.id, tool.name, 0.0))
        with self._guard(work, tool.name, [run]):
            rows = self._store.rows(work.row.id, tool.needs) if tool.needs else []
            needed = [row.observation() for row in rows if row.tool != tool.name]
            for observation in tool.observe(work.video, None, needed):
                run.seen.append(observation)
                self._progress(work, tool.name, observation.span.start)
            self._finish(work, run, time.process_time() - began)

    def _finish(self, work: Work, run: Run, seconds: float) -> None:
        if outside := self.commit(work.path, work.row, run.job, run.seen, seconds):
            work.notes.append(f"{run.tool.name}: {outside} observations outside of the video were left out")
        work.ran += 1

    def _remember(self, work: Work, runs: Sequence[Run], known: Sequence[str]) -> None:
        """Keeps with the video what these runs found wrong with the file."""
        before = work.row
        for run in runs:
            if not run.broken:
                work.noted(run.tool.name, [problem for problem in work.video.problems if problem not in known])
        if work.row != before:
            self._store.put_video(work.row)

    def _progress(self, work: Work, tool: str, at: float) -> None:
        self.stop()
        if time.monotonic() - self._told >= _TOLD:
            self._told = time.monotonic()
            fraction = min(1.0, at / work.video.duration) if work.video.duration else None
            self._on_event(Event("progress", work.path, work.row.id, tool, fraction))


def _stages(works: Sequence[Work]) -> Iterator[set[str]]:
    """Names of tools that can run together: first all that need nothing, cheapest first, frame tools in one stage."""
    waiting = list({tool.name: tool for work in works for tool in work.tools}.values())
    while waiting:
        ready = [t for t in waiting if not any(set(t.needs) & set(o.kinds) for o in waiting if o is not t)] or waiting
        for tool in sorted((t for t in ready if not isinstance(t, FrameTool)), key=lambda t: t.cost):
            yield {tool.name}
        if frame := {t.name for t in ready if isinstance(t, FrameTool)}:
            yield frame
        waiting = [t for t in waiting if t not in ready]


def _within(observations: Sequence[Observation], video: VideoRow) -> Iterator[Observation]:
    """Observations that lie in the video, cut at its end; those beyond it are another file's."""
    limit = video.duration
    for seen in observations:
        if video.unit == "index" or (seen.span.start >= 0 and seen.span.end <= limit + _NEAR):
            yield seen
        elif (start := max(0.0, seen.span.start)) < (end := min(limit, seen.span.end)):
            span = Span(start, end)
            yield Observation(seen.tool, seen.kind, span, seen.text, seen.score, seen.data, seen.vector, seen.space)

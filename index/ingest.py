"""From files to a searchable timeline: durable jobs, one decode pass for all frame tools, resumable and cancellable."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag

import numpy as np

from ..tools.base import KINDS, FrameTool, Observation, Span, Tool
from ..tools.embed import Embedder
from ..tools.errors import LibraryError, ReelcueError, ToolFailed
from ..tools.text import line
from ..tools.video import Video
from .files import digest
from .rows import JobRow, JobSpec, Row, VideoRow
from .segments import gather
from .store import Store

_TOLD = 0.2  # seconds between two progress events


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
    """The caller set the cancel flag; finished jobs stay, the others are queued again."""


@dataclass
class Work:
    """One video in the hands of an ingest: its row, the open file, and what became of it."""

    path: Path
    row: VideoRow
    video: Video
    tools: Sequence[Tool | FrameTool]
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ran: int = 0


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

    def run(self, works: Sequence[Work]) -> None:
        """Cheapest kinds over all videos first; each video is searchable as soon as a job of it is committed."""
        self._store.requeue()
        try:
            for stage in _stages(works):
                for work in works:
                    self._stage(work, [tool for tool in work.tools if tool.name in stage])
        except BaseException:
            self._store.requeue()
            raise

    def estimate(self, works: Sequence[Work]) -> float:
        """CPU seconds that the jobs to be done will take, roughly: the tools' own figures, scaled by length."""
        return sum(
            tool.cost * work.video.duration / 60
            for work in works
            for tool in work.tools
            if self._store.current(self._spec(work, tool)) is None or tool.name in self._refresh
        )

    def _stage(self, work: Work, tools: Sequence[Tool | FrameTool]) -> None:
        jobs = [(job, tool) for tool in tools if (job := self._job(work, tool))]
        frame = [(job, tool) for job, tool in jobs if isinstance(tool, FrameTool)]
        if frame:
            self._guarded(work, [job for job, _ in frame], lambda: self._pass(work, frame))
        for job, tool in jobs:
            if isinstance(tool, Tool) and not isinstance(tool, FrameTool):
                self._guarded(work, [job], lambda job=job, tool=tool: self._observe(work, job, tool))  # type: ignore[misc]
        if jobs:
            self.embed(work.row.id)

    def _job(self, work: Work, tool: Tool | FrameTool) -> JobRow | None:
        """The job to run now, taken; None where it is current, blocked, or what it needs is not there."""
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
        live = {kind for done in self._store.jobs(work.row.id, "done") for kind in self._provides(done)}
        if missing := [kind for kind in tool.needs if kind not in live]:
            self._store.block(job, f"needs {', '.join(missing)}, which could not be made")
            return None
        return job if self._store.start(job) else None

    def _spec(self, work: Work, tool: Tool | FrameTool) -> JobSpec:
        done = self._store.jobs(work.row.id, "done")
        files = tool.sidecars(work.video) if isinstance(tool, Tool) and not isinstance(tool, FrameTool) else ()
        return JobSpec(
            video=work.row.id,
            tool=tool.name,
            version=tool.version,
            options=tool.options,
            digest=tool.digest,
            sidecars=tuple(digest(path) if path.is_file() and path.stat().st_size else "" for path in files),
            needs=tuple(job.key for job in done if self._provides(job) & set(tool.needs)),
            kinds=tuple(tool.kinds),
        )

    def _provides(self, job: JobRow) -> set[str]:
        """Kinds that a finished job stands for, found or not; one that may yield any kind only for those it did."""
        return set(job.kinds) if len(job.kinds) < len(KINDS) else self._store.yielded(job)

    def _guarded(self, work: Work, jobs: Sequence[JobRow], run: Callable[[], None]) -> None:
        """A tool that breaks, ours or another's, costs its own jobs and nothing else."""
        try:
            run()
            work.ran += len(jobs)
        except LibraryError:
            raise
        except Exception as error:
            names = ", ".join(job.tool for job in jobs)
            message = str(error) if isinstance(error, ReelcueError) else f"{names}: {type(error).__name__}: {error}"
            for job in jobs:
                self._store.fail(job, message)
            work.errors.append(line(message))
            self._on_event(Event("failed", work.path, work.row.id, names, message=line(message)))

    def _pass(self, work: Work, jobs: Sequence[tuple[JobRow, FrameTool]]) -> None:
        """One decode pass: each tool sees the frames at its own rate as they go by."""
        began = time.process_time()
        names = " + ".join(tool.name for _, tool in jobs)
        self._on_event(Event("start", work.path, work.row.id, names, 0.0))
        seen: list[list[Observation]] = [[] for _ in jobs]
        due = [0.0] * len(jobs)
        for _, tool in jobs:
            tool.start(work.video, None)
        for frame in work.video.frames(rate=max(tool.rate for _, tool in jobs)):
            for i, (_, tool) in enumerate(jobs):
                if frame.time + 1e-3 >= due[i]:
                    due[i] = (int((frame.time + 1e-3) * tool.rate) + 1) / tool.rate
                    seen[i] += tool.see(frame)
            self._progress(work, names, frame.time)
        for i, (_, tool) in enumerate(jobs):
            seen[i] += tool.finish()
        spent = (time.process_time() - began) / len(jobs)
        for (job, _), observations in zip(jobs, seen, strict=True):
            self.commit(work.path, work.row, job, observations, spent)

    def _observe(self, work: Work, job: JobRow, tool: Tool) -> None:
        began = time.process_time()
        self._on_event(Event("start", work.path, work.row.id, tool.name, 0.0))
        needed = [row.observation() for row in self._store.rows(work.row.id, tool.needs)] if tool.needs else []
        observations = []
        for observation in tool.observe(work.video, None, needed):
            observations.append(observation)
            self._progress(work, tool.name, observation.span.start)
        self.commit(work.path, work.row, job, observations, time.process_time() - began)

    def commit(
        self, path: Path, video: VideoRow, job: JobRow, observations: Sequence[Observation], seconds: float
    ) -> None:
        """Stores what a job found, as rows and as segments. Raises ToolFailed if the video was removed meanwhile."""
        observations = list(_within(observations, video))
        rows = [Row.of(i, video.id, seen) for i, seen in enumerate(observations)]
        shots = [row.span for row in self._store.rows(video.id, ("shot",))]
        segments = gather(rows, shots, timed=video.unit == "seconds")
        if not self._store.commit(job, observations, segments, seconds=seconds):
            raise ToolFailed(f"{path}: the video was removed while it was read; add it again if that was a mistake")
        self._on_event(Event("done", path, video.id, job.tool, 1.0, f"{len(observations)} rows"))

    def embed(self, video: str) -> None:
        """Gives every segment of the library that has none its vector, and the video the mean of its segments'."""
        if self._embedder is None:
            return
        space = self._embedder.space
        while segments := self._store.without_vector(space, limit=512):
            self._stop()
            self._store.put_vectors(space, [s.n for s in segments], self._embedder([s.text for s in segments]))
        _, vectors = self._store.vectors(space, [video])
        self._store.put_video_vector(space, video, np.mean(vectors, axis=0) if len(vectors) else np.zeros(1))

    def _progress(self, work: Work, tool: str, at: float) -> None:
        self._stop()
        if time.monotonic() - self._told >= _TOLD:
            self._told = time.monotonic()
            fraction = min(1.0, at / work.video.duration) if work.video.duration else None
            self._on_event(Event("progress", work.path, work.row.id, tool, fraction))

    def _stop(self) -> None:
        if self._cancel.is_set():
            raise Cancelled


def _stages(works: Sequence[Work]) -> Iterator[set[str]]:
    """Names of tools that can run together: first all that need nothing, cheapest first, frame tools in one stage."""
    tools = {tool.name: tool for work in works for tool in work.tools}
    made: set[str] = set()
    waiting = dict(tools)
    while waiting:
        makers = {kind for tool in waiting.values() for kind in tool.kinds}
        ready = [t for t in waiting.values() if not (set(t.needs) & makers) or set(t.needs) <= made] or list(
            waiting.values()
        )
        for tool in sorted((t for t in ready if not isinstance(t, FrameTool)), key=lambda t: t.cost):
            yield {tool.name}
        if frame := {t.name for t in ready if isinstance(t, FrameTool)}:
            yield frame
        made |= {kind for tool in ready for kind in tool.kinds}
        waiting = {name: tool for name, tool in waiting.items() if tool not in ready}


def _within(observations: Sequence[Observation], video: VideoRow) -> Iterator[Observation]:
    """Observations that lie in the video, cut at its end; those beyond it are another file's."""
    limit = video.duration
    for seen in observations:
        if video.unit == "index" or (seen.span.start >= 0 and seen.span.end <= limit + 1e-3):
            yield seen
        elif 0 <= max(0.0, seen.span.start) < min(limit, seen.span.end):
            span = Span(max(0.0, seen.span.start), min(limit, seen.span.end))
            yield Observation(seen.tool, seen.kind, span, seen.text, seen.score, seen.data, seen.vector, seen.space)

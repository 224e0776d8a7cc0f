"""From files to a searchable timeline: durable jobs in stages, resumable and cancellable, in several processes."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from pathlib import Path
from threading import Event as Flag

from ..tools.base import FrameTool, Observation, Span, Tool
from ..tools.embed import Embedder
from ..tools.errors import LibraryError, ToolFailed
from ..tools.text import line
from .embedding import STALE, centre, fill, stale
from .estimate import Estimate
from .files import digest
from .intake import Work
from .rows import JobRow, JobSpec, Row, VideoRow
from .segments import gather
from .stage import NEAR, Found, observe, told
from .store import Store
from .workers import OFTEN, At, Ended, Workers, portable, task

AnyTool = Tool | FrameTool


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


@dataclass(frozen=True, slots=True)
class Run:
    """A job that was taken, with its tool."""

    job: JobRow
    tool: AnyTool


@dataclass(eq=False)
class Task:
    """A stage of a video: its number and the video's; `runs` are by tool, those that ended are no longer there."""

    stage: int
    number: int
    work: Work
    runs: dict[str, Run]
    committed: bool = False


class Ingest:
    """Runs the jobs of videos, in `jobs` processes. Only the holder of the library's ingest lock makes one."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder | None,
        on_event: Callable[[Event], None],
        cancel: Flag | None,
        refresh: Sequence[str],
        jobs: int = 1,
    ) -> None:
        self._store, self._embedder = store, embedder
        self._on_event, self._cancel, self._refresh = on_event, cancel or Flag(), frozenset(refresh)
        self._jobs = jobs
        self._told = 0.0
        self._portable: dict[int, bool] = {}
        self._advised: set[str] = set()
        self._store.requeue()
        left = store.jobs(state="queued")  # by calls that were broken off
        self._left, self._unfinished = {job.key for job in left}, {job.video for job in left}

    # What there is to do

    def plan(self, works: Sequence[Work]) -> Estimate:
        """Queues what there is to do, so that it is known from now on which videos are not complete.

        Tells of tools that are newer than what the videos have of them, once for each.
        """
        total, wanted = Estimate(), list[tuple[JobSpec, bool | None]]()
        older: dict[tuple[str, str, str], int] = defaultdict(int)
        for work in works:
            self.stop()
            work.todo = list(work.tools)
            wanted += self._missing(work, older)
            if work.todo:
                total = total.plus(work.todo, work.video.duration)
        self._store.queue_all(wanted)
        for (name, old, new), videos in older.items():
            some = "1 video was" if videos == 1 else f"{videos} videos were"
            message = f"{some} looked at by {name} {old}; to use its version {new} add --refresh {name}"
            self._on_event(Event("note", message=message))
        return total

    def _missing(
        self, work: Work, older: dict[tuple[str, str, str], int] | None = None
    ) -> list[tuple[JobSpec, bool | None]]:
        """Jobs of the tools that remain which are not done, and whether they are to be done again; None for those that
        are done although another one was queued. From now on only those tools remain, and what builds on them."""
        missing: list[tuple[JobSpec, bool | None]] = []
        names: set[str] = set()
        for tool in work.todo:
            with self._guard(work, tool.name, []):
                spec = self._spec(work, tool)
                current, again = work.current(spec), self._again(spec)
                if current is None or again:
                    missing.append((spec, again))
                    names.add(tool.name)
                    continue
                if older is None or work.row.id in self._unfinished:
                    missing.append((spec, None))
                if current.version != tool.version and older is not None:
                    older[tool.name, current.version, tool.version] += 1
        for _ in work.todo:  # as often as one builds on another
            kinds = {kind for tool in work.todo if tool.name in names for kind in tool.kinds}
            names |= {tool.name for tool in work.todo if kinds & set(tool.needs)}
        work.todo = [tool for tool in work.todo if tool.name in names]
        return missing

    def _spec(self, work: Work, tool: AnyTool) -> JobSpec:
        files = [] if isinstance(tool, FrameTool) else tool.sidecars(work.video)
        needs = set(tool.needs)
        given = (j for j in work.done if needs and j.tool != tool.name and self._store.provided(j) & needs)
        return JobSpec(
            video=work.row.id,
            tool=tool.name,
            version=tool.version,
            options=tool.options,
            digest=tool.digest,
            sidecars=tuple(digest(path) if path.is_file() and path.stat().st_size else "" for path in files),
            needs=tuple(job.key for job in given),
            kinds=tuple(tool.kinds),
        )

    def _again(self, spec: JobSpec) -> bool:
        """Whether a job is to be done again: now, or by a call that was broken off."""
        return spec.tool in self._refresh or spec.key in self._left

    # Doing it

    def run(self, works: Sequence[Work]) -> None:
        """Cheapest kinds over all videos first; each video is searchable as soon as a job of it is committed. Its next
        stage waits for that, but for no other video."""
        try:
            stages = list(_stages(works))
            with Workers[Task](self._jobs) as workers:
                self._work_off(works, stages, workers)
            for work in works:
                self._sweep(work)
            self.embed()
        except BaseException:
            self._store.requeue()
            raise

    def stop(self) -> None:
        """Raises Cancelled once the caller has asked for it."""
        if self._cancel.is_set():
            raise Cancelled

    def _work_off(self, works: Sequence[Work], stages: Sequence[set[str]], workers: Workers[Task]) -> None:
        ready = [(stage, n) for n, work in enumerate(works) if (stage := _next(work, stages)) is not None]
        heapify(ready)

        def ended(taken: Task) -> None:
            self._settle(taken)
            if (stage := _next(taken.work, stages)) is not None:
                heappush(ready, (stage, taken.number))

        while ready or workers.busy:
            self.stop()
            mine: Task | None = None
            while ready and workers.free and mine is None:
                stage, n = heappop(ready)
                taken = self._take(stage, n, works[n], stages[stage])
                mine = None if self._jobs > 1 and self._send(taken, workers) else taken
            if mine:
                self._do(mine)
                ended(mine)
            for taken, message in workers.wait(0.0 if mine else OFTEN):
                if isinstance(message, At):
                    self._progress(taken.work, message.tools, message.second)
                elif isinstance(message, Found):
                    self._found(taken, message)
                else:
                    self._broke_off(taken, message)
                    ended(taken)

    def _take(self, stage: int, number: int, work: Work, names: set[str]) -> Task:
        """The work's jobs of that stage."""
        tools = [tool for tool in work.todo if tool.name in names]
        work.todo = [tool for tool in work.todo if tool not in tools]
        runs: dict[str, Run] = {}
        for tool in tools:
            with self._guard(work, tool.name, []):
                if job := self._job(work, tool):
                    runs[tool.name] = Run(job, tool)
        return Task(stage, number, work, runs)

    def _job(self, work: Work, tool: AnyTool) -> JobRow | None:
        """The job to run now, taken; None where it is current or what it needs is not there."""
        spec = self._spec(work, tool)
        again = self._again(spec)
        if work.current(spec) and not again:
            return None
        job = self._store.queue(spec, again=again)
        live = {kind for done in work.done for kind in self._store.provided(done)}
        if missing := ", ".join(kind for kind in tool.needs if kind not in {*live, *tool.kinds}):
            self._store.block(job, f"needs {missing}, which is not there")
            work.notes.append(f"{tool.name} was not run: it needs {missing}, which is not there")
            return None
        return job if self._store.start(job) else None

    def _needed(self, taken: Task) -> dict[str, list[Observation]]:
        """By tool, what others saw of the kinds that it needs."""
        return {
            name: [row.observation() for row in self._store.rows(run.job.video, run.tool.needs) if row.tool != name]
            for name, run in taken.runs.items()
            if run.tool.needs and not isinstance(run.tool, FrameTool)
        }

    def _do(self, taken: Task) -> None:
        """The stage in this process."""
        work, needed = taken.work, self._needed(taken)
        if taken.runs:
            self._begin(taken)
            tools = [run.tool for run in taken.runs.values()]
            for found in observe(work.video, tools, needed, lambda *at: self._progress(work, *at)):
                self._found(taken, found)

    def _send(self, taken: Task, workers: Workers[Task]) -> bool:
        """Hands the stage to a worker; false where this process has to do it."""
        tools = [run.tool for run in taken.runs.values()]
        for tool in tools:
            if id(tool) not in self._portable:
                self._portable[id(tool)] = portable(tool)
        if not tools or not all(self._portable[id(tool)] for tool in tools):
            return False
        self._begin(taken)
        workers.give(taken, task(taken.work.video, tools, self._needed(taken)))
        return True

    def _begin(self, taken: Task) -> None:
        names = " + ".join(taken.runs)
        self._on_event(Event("start", taken.work.path, taken.work.row.id, names, 0.0))

    def _found(self, taken: Task, found: Found) -> None:
        work, run = taken.work, taken.runs.pop(found.tool)
        with self._guard(work, found.tool, [run]):
            if found.error is not None:
                raise ToolFailed(found.error)
            self._advise(run.tool, found)
            if outside := self.commit(work.path, work.row, run.job, found.observations, found.seconds):
                work.notes.append(f"{found.tool}: {outside} observations outside of the video were left out")
            work.ran += 1
            taken.committed = True
            before = work.row
            work.noted(found.tool, found.problems)
            if work.row != before:
                self._store.put_video(work.row)

    def _advise(self, tool: AnyTool, found: Found) -> None:
        """What a tool that did its work less well than it could has to say of it (see `Speech.advice`), once."""
        advice = getattr(tool, "advice", None) if found.observations else None
        if advice and advice not in self._advised:
            self._advised.add(advice)
            self._on_event(Event("note", message=advice))

    def _broke_off(self, taken: Task, end: Ended) -> None:
        """What a worker left undone that ended in the middle of a task has failed."""
        if taken.runs:
            names, path = ", ".join(taken.runs), line(str(taken.work.path))
            remedy = "with little memory use fewer --jobs, else re-encode the file or choose other --tools; then add it"
            with self._guard(taken.work, names, list(taken.runs.values())):
                raise ToolFailed(f"{path}: the process at work on {names} {end.died or 'was lost'}; {remedy} again")

    def _settle(self, taken: Task) -> None:
        """After a stage: vectors for what was found, and what has to be done because of it."""
        if taken.committed:
            work = taken.work
            work.done = self._store.jobs(work.row.id, "done")
            self._store.queue_all(self._missing(work))
            self.embed(work.row.id)

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

    def embed(self, video: str | None = None) -> None:
        """Gives each segment of a video, or of all, that has none its vector, and that video, and any that got vectors,
        the mean of its segments'. Those with vectors of another model keep these until `reelcue reindex`."""
        if self._embedder is None:
            return
        if video is None and stale(self._store, self._embedder):
            self._on_event(Event("note", message=STALE))
            return
        changed = fill(self._store, self._embedder, video, lambda made: self.stop())
        for id in sorted(changed | ({video} if video else set())):
            centre(self._store, self._embedder.space, id)

    @contextmanager
    def _guard(self, work: Work, names: str, runs: Sequence[Run]) -> Iterator[None]:
        """A tool that breaks, ours or another's, costs these runs and nothing else."""
        try:
            yield
        except LibraryError:
            raise
        except Exception as error:
            message = told(names, error)
            for run in runs:
                self._store.fail(run.job, message)
            if message not in work.errors:
                work.errors.append(message)
                self._on_event(Event("failed", work.path, work.row.id, names, message=message))

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

    def _progress(self, work: Work, tool: str, at: float) -> None:
        self.stop()
        if time.monotonic() - self._told >= OFTEN:
            self._told = time.monotonic()
            fraction = min(1.0, at / work.video.duration) if work.video.duration else None
            self._on_event(Event("progress", work.path, work.row.id, tool, fraction))


def _next(work: Work, stages: Sequence[set[str]]) -> int | None:
    """The number of the next stage that has something to do for a video."""
    names = {tool.name for tool in work.todo}
    return next((n for n, stage in enumerate(stages) if stage & names), None)


def _stages(works: Iterable[Work]) -> Iterator[set[str]]:
    """Names of tools that can run together: first all that need nothing, cheapest first, frame tools in one stage."""
    waiting = list({tool.name: tool for work in works for tool in work.todo}.values())
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
        if video.unit == "index" or (seen.span.start >= 0 and seen.span.end <= limit + NEAR):
            yield seen
        elif (start := max(0.0, seen.span.start)) < (end := min(limit, seen.span.end)):
            span = Span(start, end)
            yield Observation(seen.tool, seen.kind, span, seen.text, seen.score, seen.data, seen.vector, seen.space)

"""A stage: tools that look at one video together. It knows nothing of the library, so that it can run in a worker."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..tools import memory
from ..tools.base import FrameTool, Observation, Tool
from ..tools.errors import ReelcueError
from ..tools.frame import Frame
from ..tools.text import line
from ..tools.video import Video

NEAR = 1e-3  # seconds: times closer than this are the same

Report = Callable[[str, float], None]  # told the names of the tools at work and the second they have come to


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool made of a video: its observations, or why it broke, in a sentence.

    `seconds` are of CPU; `problems` is what it found wrong with the file.
    """

    tool: str
    observations: Sequence[Observation] = ()
    error: str | None = None
    seconds: float = 0.0
    problems: Sequence[str] = ()


@dataclass
class _Run:
    """A tool at work. One that breaks, ours or another's, costs its own run and nothing else."""

    tool: Tool | FrameTool
    seen: list[Observation] = field(default_factory=list)
    error: str | None = None
    _due: float = 0.0

    @contextmanager
    def guard(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = told(self.tool.name, error)

    def see(self, tool: FrameTool, frame: Frame) -> None:
        """Hands on the frames that come at the tool's own rate."""
        if frame.time + NEAR >= self._due:
            self._due = (int((frame.time + NEAR) * tool.rate) + 1) / tool.rate
            self.seen += tool.see(frame)


def observe(
    video: Video, tools: Sequence[Tool | FrameTool], needed: Mapping[str, Sequence[Observation]], report: Report
) -> Iterator[Found]:
    """What each tool finds in the whole video; frame tools share a decode pass. `needed` holds, by the tool's name, the
    observations it builds on. What `report` raises, if it is no Exception, ends it."""
    memory.frugal()
    frame_tools = [tool for tool in tools if isinstance(tool, FrameTool)]
    for keys in (False, True):
        yield from _pass(video, [tool for tool in frame_tools if looks_at_keys(tool) is keys], keys, report)
    for tool in tools:
        if not isinstance(tool, FrameTool):
            yield _observe(video, tool, needed.get(tool.name, ()), report)


def looks_at_keys(tool: Tool | FrameTool) -> bool:
    return bool(getattr(tool, "keys", False))


def told(names: str, error: Exception) -> str:
    """An error in one line for people."""
    return line(str(error) if isinstance(error, ReelcueError) else f"{names}: {type(error).__name__}: {error}")


def _pass(video: Video, tools: Sequence[FrameTool], keys: bool, report: Report) -> Iterator[Found]:
    """One decode pass: each tool sees the frames at its own rate as they go by."""
    if not tools:
        return
    began, before, names = time.process_time(), problems(video), " + ".join(tool.name for tool in tools)
    runs = [(_Run(tool), tool) for tool in tools]
    for run, tool in runs:
        with run.guard():
            tool.start(video, None)
    whole = _Run(tools[0])
    with whole.guard():
        for frame in video.frames(rate=max(tool.rate for tool in tools), keys=keys):
            for run, tool in runs:
                if run.error is None:
                    with run.guard():
                        run.see(tool, frame)
            report(names, frame.time)
            if all(run.error for run, _ in runs):
                break
    for run, tool in runs:
        run.error = run.error or whole.error
        if run.error is None:
            with run.guard():
                run.seen += tool.finish()
        yield _found(run, video, before, (time.process_time() - began) / len(tools))


def _observe(video: Video, tool: Tool, needed: Sequence[Observation], report: Report) -> Found:
    began, before, run = time.process_time(), problems(video), _Run(tool)
    video.listener = lambda second: report(tool.name, second)
    with run.guard():
        for observation in tool.observe(video, None, needed):
            run.seen.append(observation)
            report(tool.name, observation.span.start)
    video.listener = None
    return _found(run, video, before, time.process_time() - began)


def _found(run: _Run, video: Video, before: Iterable[str], seconds: float) -> Found:
    if run.error is not None:
        return Found(run.tool.name, error=run.error, seconds=seconds)
    new = [problem for problem in problems(video) if problem not in before]
    return Found(run.tool.name, run.seen, None, seconds, new)


def problems(video: Video) -> list[str]:
    """What is known to be wrong with a video, which is not opened to know it (see `intake.KnownVideo`)."""
    return list(vars(video).get("problems", ()))

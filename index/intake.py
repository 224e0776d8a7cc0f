"""Which video a file is: new, known, moved, a copy of another, or one that took its place; and its row."""

import shutil
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..tools.base import FrameTool, Tool
from ..tools.errors import VideoError
from ..tools.text import line
from ..tools.video import Video
from .files import digest, holds, stamp
from .known import KnownVideo
from .recorded import learn
from .rows import JobRow, JobSpec, VideoRow
from .store import Store


@dataclass
class Work:
    """One video in the hands of an ingest: the file that was named, its row and tools, and what became of it.

    `done` holds its finished jobs, `todo` the tools that remain to run.
    """

    path: Path
    row: VideoRow
    video: Video
    tools: Sequence[Tool | FrameTool]
    done: Sequence[JobRow] = ()
    todo: list[Tool | FrameTool] = field(default_factory=list)
    new: bool = False
    ran: int = 0
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def current(self, spec: JobSpec) -> JobRow | None:
        """The finished job that did the work of `spec`, by whichever version of its tool."""
        wanted = spec.work
        return next((job for job in reversed(self.done) if job.work == wanted), None)

    def noted(self, tool: str, problems: Sequence[str]) -> None:
        """Puts what a run of a tool found wrong with the file into the row, in place of what an earlier run found."""
        facts = self.row.facts
        before: Mapping[str, Sequence[str]] = facts.get("noted", {})
        own = [p for p in facts.get("problems", ()) if not any(p in told for told in before.values())]
        now = {**before, tool: [p for p in problems if p not in own]}
        told = list(dict.fromkeys([*own, *(p for found in now.values() for p in found)]))
        self.row = replace(self.row, facts={**facts, "problems": told, "noted": {t: p for t, p in now.items() if p}})


class Intake:
    """Finds out which videos files are, and brings their rows up to date.

    `sparing` names tools that look less thoroughly than they might: what they found before, more thoroughly, stays.
    """

    def __init__(
        self,
        store: Store,
        media: Path,
        tools: Sequence[Tool | FrameTool],
        recorded_at: str | None,
        source: str | None,
        refresh: Sequence[str],
        sparing: Container[str],
        hashed: Callable[[Path, float], None],
    ) -> None:
        self._store, self._media, self._tools = store, media, tools
        self.recorded_at, self.source = recorded_at, source
        self._refresh, self._sparing, self._hashed = refresh, sparing, hashed

    def open(self, file: Path) -> Work:
        """Raises VideoError for what is no video."""
        here = self._store.videos(str(file))
        before = stamp(file)
        row = next((row for row in here if (row.size, row.mtime_ns) == before), None)
        if row is None:
            whole = digest(file, lambda fraction: self._hashed(file, fraction))
            row = self._store.video(whole[:16])
            if row is None:
                return self._new(file, whole, before or (0, 0), here)
        return self._known(file, row, before or (0, 0), here)

    def _new(self, file: Path, whole: str, about: tuple[int, int], here: Sequence[VideoRow]) -> Work:
        id = whole[:16]
        video = Video(file, self._media / id, id)
        row = VideoRow(id, whole, line(file.name), str(file), *about, video.duration, facts=_facts(video))
        row = self._described(row, file, video.tags)
        self._store.put_video(row)
        return Work(file, row, video, self._tools, new=True, notes=self._replaced(row, here))

    def _known(self, file: Path, old: VideoRow, about: tuple[int, int], here: Sequence[VideoRow]) -> Work:
        notes = []
        place = Path(old.path or file)
        if place != file and holds(old, place):
            notes.append(f"holds just what {line(str(place))} holds; it is kept once, under that name")
            row = self._described(old, place, {})
        else:
            if place != file:
                notes.append(f"moved here from {line(str(place))}")
            moved = replace(old, path=str(file), name=line(file.name), size=about[0], mtime_ns=about[1])
            row, place = self._described(moved, file, {}), file
            notes += self._replaced(row, here)
        if row != old:
            self._store.put_video(row)
        done = self._store.jobs(row.id, "done")
        tools = [tool for tool in self._tools for tool in self._choice(tool, done, notes)]
        return Work(file, row, KnownVideo(place, self._media / row.id, row.id, row.duration), tools, done, notes=notes)

    def _described(self, row: VideoRow, file: Path, tags: Mapping[str, str]) -> VideoRow:
        """With its source and the time it was recorded; what is known already gives way to the options alone."""
        learnt = learn(self.recorded_at, row.name, tags)
        if row.recorded_at and not self.recorded_at:
            learnt = row.recorded_at, row.recorded_from or "option"
        at, origin = learnt or (None, None)
        source = self.source or row.source or line(file.parent.name) or None
        return replace(row, source=source, recorded_at=at, recorded_from=origin)

    def _replaced(self, row: VideoRow, here: Sequence[VideoRow]) -> list[str]:
        """Other videos whose file was at this path are offline from now on: no file has their size. One that has only
        grown is replaced."""
        notes = []
        for other in here:
            if other.id != row.id and 0 < other.size < row.size and self._grew(other):
                self._store.remove_video(other.id)
                shutil.rmtree(self._media / other.id, ignore_errors=True)
                notes.append("it has grown; what was seen of it before is replaced")
            elif other.id != row.id and other.size >= 0:
                self._store.put_video(replace(other, size=-1))
                notes.append(f"another file was here before; it stays, offline, until reelcue remove {other.id}")
        return notes

    @staticmethod
    def _grew(other: VideoRow) -> bool:
        """Whether the file where a video was begins with it."""
        with suppress(VideoError):
            return digest(Path(other.path or ""), most=other.size) == other.digest
        return False

    def _choice(self, tool: Tool | FrameTool, done: Sequence[JobRow], notes: list[str]) -> Iterator[Tool | FrameTool]:
        """The tool as it is used for a video of which these jobs are done.

        Subtitles that were named for it once go on being used. When their file has gone, what was read from it stays;
        refreshing the tool goes back to the files beside the video. A sparing tool gives way to one that was not.
        """
        runs = [job for job in done if job.tool == tool.name and job.span is None]
        if tool.name in self._sparing and runs and runs[-1].options != tool.options:
            with suppress(Exception):  # options that this version of the tool no longer has
                yield type(tool)(**runs[-1].options)
            return
        named = [job.options for job in runs if job.options.get("files")] if tool.options.get("files") == [] else []
        if not named or tool.name in self._refresh:
            yield tool
        elif all(Path(file).is_file() for file in named[-1]["files"]):
            yield type(tool)(**named[-1])
        else:
            told = ", ".join(line(file) for file in named[-1]["files"])
            notes.append(f"{tool.name}: what was read from {told} stays, though that file has gone")


def _facts(video: Video) -> dict[str, Any]:
    width, height = _size(video)
    return {
        "width": width,
        "height": height,
        "streams": dict(Counter(stream.kind for stream in video.streams)),
        "codecs": [stream.codec for stream in video.streams],
        "problems": list(video.problems),
    }


def _size(video: Video) -> tuple[int, int]:
    """Width and height of the upright picture, as boxes count; as coded where none can be decoded, 0 without any."""
    if video.picture is None:
        return 0, 0
    size, told = (video.picture.width, video.picture.height), list(video.problems)
    with suppress(VideoError):
        frame = video.image(0.0)
        size = frame.width, frame.height
    video.problems[:] = told  # what is wrong with its pictures is for the tools to find, which see all of them
    return size

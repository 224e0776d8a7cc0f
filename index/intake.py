"""Which video a file is: new, known, moved, a copy of another, or one that took its place; and its row."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..tools.base import FrameTool, Tool
from ..tools.errors import VideoError
from ..tools.text import clean, line
from ..tools.video import Video
from .files import digest, offline, stamp
from .recorded import learn
from .rows import VideoRow
from .store import Store


@dataclass
class Work:
    """One video in the hands of an ingest: the file that was named, its row and tools, and what became of it."""

    path: Path
    row: VideoRow
    video: Video
    tools: Sequence[Tool | FrameTool]
    new: bool = False
    ran: int = 0
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def noted(self, tool: str, problems: Sequence[str]) -> None:
        """Puts what a run of a tool found wrong with the file into the row, in place of what an earlier run found."""
        facts = self.row.facts
        before: Mapping[str, Sequence[str]] = facts.get("noted", {})
        now = {**before, tool: list(problems)}
        own = [p for p in facts.get("problems", ()) if not any(p in told for told in before.values())]
        told = list(dict.fromkeys([*own, *(p for found in now.values() for p in found)]))
        self.row = replace(self.row, facts={**facts, "problems": told, "noted": {t: p for t, p in now.items() if p}})


class KnownVideo(Video):
    """A video that was measured before. The file is opened when more is asked for than its place and its length."""

    def __init__(self, path: Path, folder: Path, row: VideoRow) -> None:
        self.path, self.folder, self.id = path, folder, row.id
        self.name, self.duration = clean(path.name), row.duration

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        super().__init__(self.path, self.folder, self.id)
        return super().__getattribute__(name)


class Intake:
    """Finds out which videos files are, and brings their rows up to date."""

    def __init__(
        self,
        store: Store,
        media: Path,
        tools: Sequence[Tool | FrameTool],
        recorded_at: str | None,
        source: str | None,
        refresh: Sequence[str],
        hashed: Callable[[Path, float], None],
    ) -> None:
        self._store, self._media, self._tools = store, media, tools
        self._recorded_at, self._source, self._refresh, self._hashed = recorded_at, source, refresh, hashed

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
        if place != file and not offline(old):
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
        return Work(file, row, KnownVideo(place, self._media / row.id, row), self._chosen(row.id, notes), notes=notes)

    def _described(self, row: VideoRow, file: Path, tags: Mapping[str, str]) -> VideoRow:
        """With its source and the time it was recorded; what is known already gives way to the options alone."""
        learnt = learn(self._recorded_at, row.name, tags)
        if row.recorded_at and not self._recorded_at:
            learnt = row.recorded_at, row.recorded_from or "option"
        at, origin = learnt or (None, None)
        source = self._source or row.source or line(file.parent.name) or None
        return replace(row, source=source, recorded_at=at, recorded_from=origin)

    def _replaced(self, row: VideoRow, here: Sequence[VideoRow]) -> list[str]:
        """Other videos whose file was at this path are offline from now on: no file has their size."""
        gone = [other for other in here if other.id != row.id and other.size >= 0]
        for other in gone:
            self._store.put_video(replace(other, size=-1))
        return [f"another file was here before; it stays, offline, until reelcue remove {other.id}" for other in gone]

    def _chosen(self, video: str, notes: list[str]) -> list[Tool | FrameTool]:
        """The tools, for a known video: subtitles that were named for it once go on being used.

        When their file has gone, what was read from it stays; refreshing the tool goes back to the files beside the
        video.
        """
        return [tool for tool in self._tools for tool in self._choice(tool, video, notes)]

    def _choice(self, tool: Tool | FrameTool, video: str, notes: list[str]) -> Iterator[Tool | FrameTool]:
        jobs = self._store.jobs(video, "done") if tool.options.get("files") == [] else []
        named = [job.options for job in jobs if job.tool == tool.name and job.options.get("files")]
        options = named[-1] if named else None
        if options is None or tool.name in self._refresh:
            yield tool
        elif all(Path(file).is_file() for file in options["files"]):
            yield type(tool)(**options)
        else:
            told = ", ".join(line(file) for file in options["files"])
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

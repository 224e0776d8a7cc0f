"""What adding will cost: hours of video, CPU time, disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from shutil import disk_usage

from ..tools.base import FrameTool, Tool
from ..tools.errors import LibraryError
from ..tools.text import line
from .stage import looks_at_keys

LONG = 60.0  # CPU seconds from which an estimate is worth its line
# Bytes that an hour of video takes on the disk: keyframes (70 MB were measured at 540p, they grow up to 720p), and rows
# with their segments and vectors (1 MB of text in the picture).
BYTES_PER_HOUR = {"scan": 100e6, "ocr": 2e6, "speech": 3e6, "subtitles": 3e6, "replay": 1e6}
KEYS_SHARE = 0.45  # of the keyframes, where only key pictures are looked at
_OTHER = 3e6  # of a tool that is not known here


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds` of video in `videos` files, of which tools will take `cpu` seconds and `room` bytes."""

    videos: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    room: float = 0.0

    def plus(self, tools: Sequence[Tool | FrameTool], seconds: float) -> "Estimate":
        """With one more video of that length, which these tools will look at."""
        cpu = sum(tool.cost for tool in tools) * seconds / 60
        room = sum(map(_room, tools)) * seconds / 3600
        return Estimate(self.videos + 1, self.seconds + seconds, self.cpu + cpu, self.room + room)

    @property
    def matters(self) -> bool:
        return self.cpu >= LONG or self.videos > 1

    def told(self, jobs: int) -> str:
        """In a sentence for people; `jobs` is how many processes will work."""
        wall = self.cpu / min(jobs, self.videos, cpu_count() or 1) if self.videos else 0.0
        files = f"{self.videos} video{'' if self.videos == 1 else 's'}"
        with_jobs = f", {_time(wall)} with {jobs} jobs" if jobs > 1 else ""
        return (
            f"{files}, {_time(self.seconds)} long: about {_time(self.cpu)} of CPU time{with_jobs}, and"
            f" {_size(self.room)} on the disk"
        )

    def check(self, folder: Path) -> None:
        """Raises LibraryError where the disk of `folder` has clearly too little room."""
        free = disk_usage(folder).free
        if self.room > free:
            raise LibraryError(
                f"{line(str(folder))}: about {_size(self.room)} are needed and {_size(free)} are free; make room, add"
                " fewer videos at a time, or with --level fast, or make a library on another disk with --library"
            )


def _room(tool: Tool | FrameTool) -> float:
    return BYTES_PER_HOUR.get(tool.name, _OTHER) * (KEYS_SHARE if looks_at_keys(tool) else 1.0)


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, size / 1e6):.0f} MB"

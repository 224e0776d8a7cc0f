"""Peak memory of a command with all processes that it starts, while it adds a short video and a long one."""

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..tools.errors import ToolFailed, ToolUnavailable
from . import clips, material, sounds
from .measure import OnEvent, Result, Size

PROC = Path("/proc")
OFTEN = 0.2  # seconds between two looks
PICTURE = (854, 480)
FPS, SLIDES, HOLD = 25, 12, 8  # of the lecture that is repeated: a little less than two minutes
MOST_MB, MOST_GROWTH = 900, 1.1


def memory(folder: Path, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """The peak while a lecture of so many minutes is added, and how it grows with the length."""
    if not (PROC / "self" / "smaps_rollup").exists():
        raise ToolUnavailable("memory is measured by what Linux tells in /proc; run another bench on this system")
    on_event(f"memory: making lectures of {size.minutes[0]} and {size.minutes[1]} min")
    once = SLIDES * HOLD + SLIDES // 3 * material.SCENE
    pictures = material.lecture(SLIDES, HOLD, FPS, PICTURE)
    lecture = clips.write(folder / "lecture.mp4", pictures, FPS, sound=_talk(folder, once))
    peaks: list[float] = []
    for minutes in size.minutes:
        video = clips.repeat(folder / f"{minutes}.mp4", lecture, max(1, round(60 * minutes / once)))
        on_event(f"memory: adding {minutes} min")
        library = folder / f"library {minutes}"
        command = [sys.executable, "-m", "reelcue.ui.cli", "add", "--jobs", "1", str(video), "--library", str(library)]
        peaks.append(watched(command, folder / "said.txt") / 1e6)
    short, long = size.minutes
    yield Result.of(
        "memory.add", f"peak memory while {long} min of 480p are added", "MB", [peaks[1]], at_most=MOST_MB,
        minutes={str(short): round(peaks[0]), str(long): round(peaks[1])},
    )  # fmt: skip
    yield Result.of(
        "memory.growth", f"peak memory of {long} min in times of that of {short} min", "x", [peaks[1] / peaks[0]],
        at_most=MOST_GROWTH,
    )  # fmt: skip


def _talk(folder: Path, seconds: float) -> sounds.Sound:
    """Somebody who speaks all the time, but for a breath now and then."""
    pause = np.zeros(sounds.RATE)
    said = np.concatenate([part for spoken in sounds.spoken(folder) for part in (spoken, pause)])
    return np.resize(said, round(seconds * sounds.RATE))


def watched(command: Sequence[str], said: Path) -> int:
    """Most bytes that a command and what it starts held at once: proportional set size, in which memory that several
    processes share counts once. `said` is a file for what it says. Raises ToolFailed where it fails."""
    peak = 0
    with said.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as running:
        try:
            while running.poll() is None:
                peak = max(peak, sum(map(held, tree(running.pid))))
                time.sleep(OFTEN)
        except BaseException:
            running.kill()
            raise
    if running.returncode:
        words = said.read_text("utf-8", "replace").strip()[-500:]
        raise ToolFailed(f"{' '.join(command[1:])} ended with {running.returncode}: {words}")
    return peak


def tree(process: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = defaultdict(list)
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            children[int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[1])].append(
                int(stat.parent.name)
            )
        except OSError:  # it has ended
            continue
    found = [process]
    for one in found:
        found += children[one]
    return found


def held(process: int) -> int:
    """Bytes of memory of a process, a share of what others hold too; 0 where it has ended."""
    try:
        lines = (PROC / str(process) / "smaps_rollup").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)

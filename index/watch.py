"""Watches files and folders by looking again and again: which files are new or changed, and have come to rest."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from ..tools.replay import SUFFIX as RECORDED
from ..tools.subtitles import SUFFIXES, beginning
from ..tools.text import line
from .files import Skipped, expand, stamp

EVERY = 2.0  # seconds between two looks
SETTLED = 10.0  # seconds for which size and time of change of a file that is no longer written to stay the same

Stamp = tuple[int, int]


class Watch:
    """Tells files that have stopped growing, with the subtitles and recorded observations beside them, each once until
    one of these changes; one that fails later is not tried again before that. `known` are stamps of files that need not
    come to rest: they are told by the first look. `say` is told what is waited for.
    """

    def __init__(
        self, paths: Sequence[Path], but: Path, known: Mapping[Path, Stamp], say: Callable[[str], object]
    ) -> None:
        self._paths, self._but, self._say = paths, but, say
        self._known = dict(known)
        self._told: dict[Path, Sequence[Stamp | None]] = {}
        self._waiting: dict[Path, tuple[Sequence[Stamp | None], float]] = {}
        self._skipped: set[Path] = set()

    def look(self, now: float) -> list[Path]:
        """The files that are ready at `now`, in seconds of any clock that goes forward."""
        files = dict(self._files())
        self._told = {path: told for path, told in self._told.items() if path in files}
        waited = {path for path in self._waiting if path in files}
        waiting: dict[Path, tuple[Sequence[Stamp | None], float]] = {}
        due = []
        for path, about in files.items():
            if self._told.get(path) == about:
                continue
            before, since = self._waiting.get(path, (None, now))
            if self._known.get(path) == about[0] or (before == about and now - since >= SETTLED and _readable(path)):
                self._told[path] = about
                due.append(path)
            else:
                waiting[path] = about, since if before == about else now
        self._waiting = waiting
        self._known.clear()
        if new := [line(path.name) for path in waiting if path not in waited]:
            which = f"{new[0]} has" if len(new) == 1 else f"{new[0]} and {len(new) - 1} more have"
            self._say(f"waiting until {which} not changed for {SETTLED:.0f} s")
        return due

    def _files(self) -> Iterator[tuple[Path, Sequence[Stamp | None]]]:
        """What is there now: files, with the stamps of each and of what is beside it. A named folder may be empty yet,
        and a named file not there."""
        sidecars = cache(_sidecars)
        for found in expand(self._paths, self._but):
            if isinstance(found, Path):
                about = stamp(found)
                if about and not found.is_dir():
                    beside = beginning(sidecars(found.parent), f"{found.stem}.")
                    yield found, (about, *(stamp(found.parent / name) for name in beside))
                elif not about and found not in self._skipped:
                    self._skipped.add(found)
                    self._say(f"waiting until {line(str(found))} is there")
            elif found.path not in self._skipped:
                self._skipped.add(found.path)
                self._say(_told(found))


def _sidecars(folder: Path) -> list[str]:
    """Names in a folder of what may belong to a video there, in order."""
    try:
        return sorted(name for name in os.listdir(folder) if name.lower().endswith((*SUFFIXES, RECORDED)))  # noqa: PTH208
    except OSError:
        return []


def _readable(path: Path) -> bool:
    """Whether a file has something in it that can be read; what is no regular file never will, and counts as ready."""
    if not path.is_file():
        return True
    try:
        with path.open("rb") as file:
            return bool(file.read(1))
    except OSError:  # some systems refuse to open what another program writes to
        return False


def _told(skipped: Skipped) -> str:
    return f"{line(str(skipped.path))} {skipped.why}"

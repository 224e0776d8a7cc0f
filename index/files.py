"""Which files are meant, and which content they hold."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from ..tools.errors import VideoError
from ..tools.replay import SUFFIX as RECORDED
from ..tools.subtitles import MEDIA
from ..tools.text import line
from .rows import VideoRow

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Skipped:
    """A folder that was not looked into, and why; `lost` tells whether what is in it was not seen elsewhere."""

    path: Path
    why: str
    lost: bool


def expand(paths: Iterable[Path], but: Path) -> Iterator[Path | Skipped]:
    """The files that are meant, each once: named ones as they are, folders with all media below them, but not `but`.

    A file that is named is tried whatever it is called. A folder without media stands for itself, so that somebody
    hears of it. Links to folders are followed, each folder once.
    """
    seen: set[Path] = set()
    for path in paths:
        for found in list(_below(path, but.resolve())) or [path]:
            known = place(found) if isinstance(found, Path) else found.path
            if known not in seen:
                seen.add(known)
                yield known if isinstance(found, Path) else found


def _below(folder: Path, but: Path) -> Iterator[Path | Skipped]:
    """Names in order, files before folders, and what lies behind links last."""
    seen: set[tuple[int, int] | None] = {None}
    links = deque([folder] if stamp(folder) else [])
    while links:
        top, refused = links.popleft(), list[OSError]()
        if top != folder and (_identity(top) in seen or place(folder).resolve().is_relative_to(top.resolve())):
            yield Skipped(top, "leads to a folder that is looked through already", lost=False)
            continue
        for here, folders, files in os.walk(top, onerror=refused.append):
            if (identity := _identity(here)) in seen:
                folders.clear()
                continue
            seen.add(identity)
            inside = [Path(here, name) for name in sorted(folders) if not name.startswith(".")]
            links += [path for path in inside if path.is_symlink() and path.resolve() != but]
            folders[:] = [path.name for path in inside if not path.is_symlink() and path.resolve() != but]
            for name in sorted(files):
                if Path(name).suffix.lower() in MEDIA and not name.startswith("."):
                    yield Path(here, name)
        for error in refused:
            if Path(error.filename).is_dir():
                yield Skipped(Path(error.filename), f"cannot be read ({error.strerror}); check its permissions", True)


def _identity(folder: Path | str) -> tuple[int, int] | None:
    """What tells a folder from all others by whichever path; None for one that has gone."""
    try:
        about = Path(folder).stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino


def place(path: Path | str) -> Path:
    """The path by which a file is known, from wherever it was named: absolute and without "..".

    Links on the way are followed only where ".." asks for it; the last name stays as it is.
    """
    known = Path(path).absolute()
    with suppress(OSError, ValueError, RuntimeError):  # a loop of links, or what no file system allows
        return known.parent.resolve() / known.name if ".." in known.parts else known
    return known


def stamp(path: Path | str) -> tuple[int, int] | None:
    """Size in bytes and time of change in ns of a file, by which a known one is told without reading it again."""
    try:
        about = Path(path).stat()
    except (OSError, ValueError):  # a path may hold what no file system allows
        return None
    return about.st_size, about.st_mtime_ns


def offline(row: VideoRow) -> bool:
    """Whether a video's file is not where it was, or is another one now. A timeline without media never is."""
    if row.path is None:
        return False
    about = stamp(row.path)
    return about is None or about[0] != row.size


def holds(row: VideoRow, file: Path) -> bool:
    """Whether a file has the content of a video; read only where its size fits and its time of change does not."""
    about = stamp(file)
    if about is None or about[0] != row.size:
        return False
    with suppress(VideoError):
        return about[1] == row.mtime_ns or digest(file) == row.digest
    return False


def is_timeline(path: Path) -> bool:
    """Whether a file is a timeline made elsewhere (JSON lines) and no video."""
    return path.suffix.lower() == ".jsonl" or path.name.endswith(RECORDED)


def digest(path: Path, on_fraction: Callable[[float], None] | None = None, most: int | None = None) -> str:
    """BLAKE2b of the whole file, or of its first `most` bytes, in hex. Raises VideoError naming the file."""
    shown = line(str(path))
    try:
        if not path.exists():
            raise VideoError(f"{shown}: there is no such file; check the name (only local files are read)")
        if path.is_dir():
            raise VideoError(f"{shown}: is a folder without videos; name a video file, whatever it is called")
        if not path.is_file():
            raise VideoError(f"{shown}: is no regular file; name a video file")
        size, read, whole = path.stat().st_size, 0, blake2b()
        last = size if most is None else most
        if not size:
            raise VideoError(f"{shown}: is empty; copy it again")
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE if most is None else min(_PIECE, most - read)):
                whole.update(piece)
                read += len(piece)
                if on_fraction:
                    on_fraction(min(1.0, read / last))
    except OSError as error:
        raise VideoError(f"{shown}: cannot be read ({error.strerror}); check its permissions") from error
    return whole.hexdigest()

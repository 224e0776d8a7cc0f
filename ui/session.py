"""What the commands share: opening the library that is meant, adding files with bars, and names given on the line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..agent import settings
from ..index.files import offline, place, stamp
from ..index.library import Added, Library
from ..index.scope import Scope, named
from ..tools.base import KINDS
from ..tools.errors import UsageError, VideoError
from ..tools.registry import DEFAULT
from ..tools.text import line
from . import progress, show
from .exits import interruptible, traced


@contextmanager
def opened(
    option: Path | None, create: bool = False, tools: str | None = None, embedder: str | None = None
) -> Iterator[Library]:
    """The library that is meant, with all tools or those of a comma-separated list, and another sentence model than
    that of the settings where one is named."""
    folder = settings.locate_library(option, Path.cwd(), create)
    found = settings.load(folder)
    places = {**{name: name for name in DEFAULT}, **found.tools}
    names = list(places) if tools is None else listed(tools, places, "tool")
    chosen, options = [places[name] for name in names], {"speech": found.speech}
    with (
        traced(found.debug),
        Library(
            folder, chosen, create, options=options, embedder=embedder or found.embedder, chroma=found.chroma
        ) as lib,
    ):
        yield lib
        if lib.problem and not create:  # what adds tells it before
            show.console(stderr=True).print(show.safe(lib.problem))


def listed(names: str, known: Sequence[str] | dict[str, str], what: str) -> list[str]:
    """The parts of a comma-separated list. Raises UsageError unless all are known."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [repr(line(name)) for name in found if name not in known]
    if unknown or not found:
        raise UsageError(f"no {what} {', '.join(unknown) or repr(names)}; there are {', '.join(known)}")
    return list(dict.fromkeys(found))


def kinds(names: str | None) -> list[str] | None:
    return None if names is None else listed(names, KINDS, "kind")


def add_all(lib: Library, paths: Sequence[Path], watch: bool = False, **options: Any) -> Iterator[list[Added]]:
    """Adds with bars on stderr; the first Ctrl-C stops in good order. With `watch`, goes on until then."""
    with progress.reporter(show.console(stderr=True)) as on_event, interruptible() as cancel:
        if watch:
            yield from lib.watch(paths, on_event=on_event, cancel=cancel, **options)
        else:
            yield lib.add(paths, on_event=on_event, cancel=cancel, **options)


def remove(lib: Library, videos: Sequence[str]) -> None:
    with progress.reporter(show.console(stderr=True)) as on_event, interruptible() as cancel:
        lib.remove(*videos, on_event=on_event, cancel=cancel)


def reindex(lib: Library) -> int:
    with progress.reporter(show.console(stderr=True)) as on_event, interruptible() as cancel:
        return lib.reindex(on_event, cancel)


def scope(
    lib: Library, names: Sequence[str], place: str | None, since: str | None, until: str | None, adding: bool = False
) -> Scope:
    """What is meant by these options; with `adding`, files that are named and not known are added first."""
    found: list[str] = []
    for name in names:
        if adding and Path(name).exists() and not _known(lib, Path(name)):
            found += _added(lib, Path(name))
        else:
            row = lib.find(name)
            if offline(row):
                told = f"{line(row.name)}: its file is gone or another one now; this is what was indexed of {row.id}"
                show.console(stderr=True).print(show.safe(told))
            found.append(row.id)
    inside = named(place) if place else Scope()
    meant = replace(inside, videos=tuple(dict.fromkeys(found)), since=since, until=until)
    if undated := lib.choose(meant).undated if since or until else 0:
        told = (
            f"{undated} videos are left out: it is not known when they were recorded (reelcue add --recorded-at TIME)"
        )
        show.console(stderr=True).print(show.safe(told))
    return meant


def _added(lib: Library, path: Path) -> list[str]:
    (files,) = add_all(lib, [path])
    if failed := [file.error for file in files if file.video is None]:
        raise VideoError(failed[0])
    if not files:
        raise VideoError(f"{line(str(path))}: there is no video in this folder; name a video file")
    show.remarks(show.console(stderr=True), files)
    return [file.video for file in files if file.video]


def _known(lib: Library, path: Path) -> bool:
    """Whether this very file was added, and is unchanged since."""
    seen = (str(place(path)), *(stamp(path) or ()))
    return any((row.path, row.size, row.mtime_ns) == seen for row in lib.videos())

"""The commands that change a library: add, remove."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..tools.text import line
from .options import JsonOption, LibraryOption, VideoArgument


def add(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Video files, and folders of them.")],
    tools: Annotated[
        str | None, typer.Option("--tools", metavar="NAME,...", help="Only these tools. Default: all.")
    ] = None,
    refresh: Annotated[
        list[str] | None, typer.Option("--refresh", metavar="TOOL", help="Run this tool again; may be repeated.")
    ] = None,
    subtitles: Annotated[
        Path | None, typer.Option("--subtitles", metavar="FILE", help="Subtitles of the one video that is added.")
    ] = None,
    recorded_at: Annotated[
        str | None,
        typer.Option("--recorded-at", metavar="TIME", help="When it was recorded, as 2026-11-21T22:05:00+01:00."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Where it comes from. Default: its folder's name.")
    ] = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Add videos and folders to the library.

    Known files are not read again, so the same command goes on after an interruption. Subtitles that lie beside a
    video are found by name. Makes a library in this folder if there is none here or above.

    \b
    Example:
      reelcue add talk.mp4
      reelcue add ~/lectures --source "linear algebra"
      reelcue add talk.mp4 --subtitles talk.en.srt --refresh subtitles
    """
    from . import documents, session, show

    with session.opened(library, create=True, tools=tools) as lib:
        details = {"subtitles": subtitles, "recorded_at": recorded_at, "source": source, "refresh": refresh or ()}
        files = session.add(lib, paths, **details)
    if json:
        documents.write({"files": [documents.added(file) for file in files]})
    else:
        show.added(show.console(), files)
    show.remarks(show.console(stderr=True), files)
    if any(file.state == "failed" for file in files):
        raise typer.Exit(1)


def remove(
    video: VideoArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    library: LibraryOption = None,
) -> None:
    """Remove a video from the library.

    All that is known of it is forgotten; the video file itself stays. Asks first on a terminal.

    \b
    Example:
      reelcue remove talk.mp4
      reelcue remove 3f9a --yes
    """
    from . import session, show

    with session.opened(library) as lib:
        row = lib.find(video)
        name = f"{line(row.name)} ({row.id})"
        if sys.stdin.isatty() and not yes and not typer.confirm(f"Remove {name} from the library?", err=True):
            typer.echo("nothing was removed", err=True)
            return
        lib.remove(row.id)
    show.console().print(show.safe(f"removed {name}; its file was left alone"))

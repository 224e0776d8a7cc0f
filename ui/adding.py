"""The commands that change a library: add, remove, reindex."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..tools.errors import UsageError
from ..tools.text import line
from .options import JsonOption, LibraryOption


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
    level: Annotated[
        str, typer.Option("--level", metavar="LEVEL", help="standard, or fast: key pictures, few of them read.")
    ] = "standard",
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="So many processes at once.")] = 1,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with files that come later, until Ctrl-C.")] = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Add videos and folders to the library.

    Known files are not read again, so the same command goes on after an interruption. Subtitles that lie beside a
    video are found by name. Makes a library in this folder if there is none here or above.

    \b
    Example:
      reelcue add talk.mp4
      reelcue add ~/lectures --source "linear algebra" --jobs 4
      reelcue add ~/recordings --level fast --watch
      reelcue add talk.mp4 --subtitles talk.en.srt --refresh subtitles
    """
    from . import documents, session, show

    if watch and subtitles:
        raise typer.BadParameter("belongs to one video, and --watch takes all that come", param_hint="--subtitles")
    details = {"subtitles": subtitles, "recorded_at": recorded_at, "source": source, "refresh": refresh or ()}
    told, failed = list[dict[str, Any]](), False
    with session.opened(library, create=True, tools=tools) as lib:
        for files in session.add_all(lib, paths, watch, level=level, jobs=jobs, **details):
            failed |= any(file.state == "failed" for file in files)
            if json:
                told += map(documents.added, files)
            else:
                show.added(show.console(), files)
            show.remarks(show.console(stderr=True), files)
    if json:
        documents.write({"files": told})
    if failed:
        raise typer.Exit(1)


def remove(
    video: Annotated[
        str | None, typer.Argument(metavar="[VIDEO]", help="Id, beginning of an id, name or path.", show_default=False)
    ] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="DATE", help="All that were recorded before, or else added: 2026-11-21."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a video, or all older ones, from the library.

    All that is known of them is forgotten; the video files themselves stay. Asks first on a terminal.

    \b
    Example:
      reelcue remove talk.mp4
      reelcue remove 3f9a --yes
      reelcue remove --before 2026-01-01
    """
    from ..index.recorded import Old
    from . import documents, session, show

    if (video is None) == (before is None):
        raise UsageError("remove takes either the video that is meant or --before DATE; name one of them")
    err = show.console(stderr=True)
    with session.opened(library) as lib:
        old = lib.before(before) if before else [Old(lib.find(video or ""))]
        for one in old if before else ():
            err.print(show.safe(show.old(one)))
        named = [f"{line(one.row.name)} ({one.row.id})" for one in old]
        what = named[0] if len(named) == 1 else f"{len(named)} videos"
        if named and sys.stdin.isatty() and not yes and not typer.confirm(f"Remove {what} from the library?", err=True):
            typer.echo("nothing was removed", err=True)
            return
        session.remove(lib, [one.row.id for one in old])
    if json:
        documents.write({"removed": [documents.old(one) for one in old]})
    elif named:
        files = "its file was" if len(named) == 1 else "their files were"
        show.console().print(show.safe(f"removed {what}; {files} left alone"))
    else:
        show.console().print(show.safe(f"no video was recorded, or else added, before {before}"))

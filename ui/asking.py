"""The commands that ask of a library: ask, search."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..tools.errors import UsageError
from .options import (
    InOption,
    JsonOption,
    KindsOption,
    LibraryOption,
    SinceOption,
    UntilOption,
    VideosOption,
)

if TYPE_CHECKING:
    from ..index.library import Library
    from ..index.scope import Scope


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="A question in English or Chinese.")],
    video: VideosOption = None,
    place: InOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Ask a question about the videos.

    Every sentence of the answer cites the moment it comes from. When the videos do not hold the answer it says so,
    and what was searched. A file that --video names is added first if need be.

    \b
    Example:
      reelcue ask "What is the title of the last slide?"
      reelcue ask "When does she mention the budget?" --video meeting.mp4
      reelcue ask "Which videos mention the harbour?" --in ~/lectures --since 2026-11-01
    """
    from ..agent.agent import Agent
    from . import documents, session, show

    create = any(Path(name).exists() for name in video or ())
    with session.opened(library, create=create) as lib:
        scope = session.scope(lib, video or (), place, since, until, adding=True)
        found = Agent(lib).ask(question, scope=scope)
        units = {row.id: row.unit for row in lib.videos()}
    if json:
        documents.write(found.to_dict())
    else:
        show.answer(show.console(), found, units)


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="Words, or what it is about.")],
    video: VideosOption = None,
    place: InOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    kind: KindsOption = None,
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, help="At most so many moments.")] = 10,
    all_: Annotated[
        bool, typer.Option("--all", help="Every moment that holds all of the words, counted; none is left out.")
    ] = False,
    library: LibraryOption = None,
    json: JsonOption = False,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values on stdout, with --all.")] = False,
) -> None:
    """Find the moments that a query is about, best first, by video.

    \b
    Example:
      reelcue search "gradient descent"
      reelcue search "exit" --kind text --video lobby.mp4 -k 3
      reelcue search "budget" --all --csv > budget.csv
    """
    from . import documents, session, show

    if csv and (json or not all_):
        raise UsageError("--csv goes with --all, and not with --json; say which of them is meant")
    kinds = session.kinds(kind)
    with session.opened(library) as lib:
        scope = session.scope(lib, video or (), place, since, until)
        if all_:
            _list_all(lib, query, scope, kinds, json, csv)
            return
        hits = lib.search(query, scope=scope, kinds=kinds, k=k)
        groups = lib.by_video(query, hits)
        videos, words_only = {row.id: row for row in lib.videos()}, lib.words_only(query, scope)
    if json:
        searched = {"words_only": list(words_only)}
        document = {"query": query, "hits": [documents.hit(hit, videos) for hit in hits], "searched": searched}
        documents.write({**document, "videos": [documents.group(id, found, videos) for id, found in groups]})
    else:
        show.hits(show.console(), groups, videos)
        if words_only:
            show.console(stderr=True).print(show.safe(show.words_only(words_only)))


def _list_all(lib: "Library", query: str, scope: "Scope", kinds: list[str] | None, json: bool, csv: bool) -> None:
    from . import documents, show

    videos = {row.id: row for row in lib.choose(scope).videos}
    found = lib.mentions(query, scope=scope, kinds=kinds)
    if csv:
        documents.table(found, videos)
    elif json:
        documents.write(documents.mentions(query, list(found), videos))
    else:
        show.mentions(show.console(), found, videos)

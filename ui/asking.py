"""The commands that ask of a library: ask, search."""

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption, KindsOption, LibraryOption, VideosOption


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="A question in English or Chinese.")],
    video: VideosOption = None,
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
    """
    from ..agent.agent import Agent
    from . import documents, session, show

    create = any(Path(name).exists() for name in video or ())
    with session.opened(library, create=create) as lib:
        found = Agent(lib).ask(question, scope=session.scope(lib, video or (), adding=True))
        units = {row.id: row.unit for row in lib.videos()}
    if json:
        documents.write(found.to_dict())
    else:
        show.answer(show.console(), found, units)


def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="Words, or what it is about.")],
    video: VideosOption = None,
    kind: KindsOption = None,
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, help="At most so many moments.")] = 10,
    library: LibraryOption = None,
    json: JsonOption = False,
) -> None:
    """Find the moments that a query is about, best first.

    \b
    Example:
      reelcue search "gradient descent"
      reelcue search "exit" --kind text --video lobby.mp4 -k 3
    """
    from . import documents, session, show

    kinds = session.kinds(kind)
    with session.opened(library) as lib:
        hits = lib.search(query, scope=session.scope(lib, video or ()), kinds=kinds, k=k)
        videos = {row.id: row for row in lib.videos()}
    if json:
        documents.write({"query": query, "hits": [documents.hit(hit, videos) for hit in hits]})
    else:
        show.hits(show.console(), hits, videos)

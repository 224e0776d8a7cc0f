"""The command that makes what is derived from the rows anew: reindex."""

from typing import Annotated

import typer

from ..agent import settings
from .options import JsonOption, LibraryOption

EmbedderOption = Annotated[
    str | None,
    typer.Option(
        "--embedder", metavar="X", show_default=False,
        help="The sentence model: minilm, a folder, or an id that was fetched. Default: the setting embedder.",
    ),
]  # fmt: skip


def reindex(embedder: EmbedderOption = None, library: LibraryOption = None, json: JsonOption = False) -> None:
    """Make vectors and the vector index anew, without reading a video.

    Needed once the setting embedder names another sentence model, and where doctor says so. Goes on where an earlier
    call was interrupted; what is old stays until all that is new is there.

    \b
    Example:
      reelcue reindex
      reelcue reindex --embedder ~/models/multilingual
    """
    from . import documents, session, show

    with session.opened(library, embedder=embedder) as lib:
        setting, made = settings.load(lib.path).embedder, session.reindex(lib)
        space, count = lib.embedder.space if lib.embedder else "", lib.store.segment_count()
    if json:
        documents.write({"space": space, "passages": count, "made": made, "setting": lib.model == setting})
        return
    out = show.console()
    out.print(show.safe(f"{made} vectors made; {count} passages have one in {space}"))
    if lib.model != setting:
        out.print(show.safe(f"to search with it, put this line into reelcue.toml: embedder = {_toml(lib.model)}"))


def _toml(text: str) -> str:
    from json import dumps

    return dumps(text, ensure_ascii=False)

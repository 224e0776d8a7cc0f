"""The commands that fetch models and say which are there."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..agent import settings
from .exits import traced
from .options import JsonOption

if TYPE_CHECKING:
    from ..agent.models import Entry

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="minilm, whisper-small or another of models list, or ORG/NAME of a hub.")
]


def get(name: NameArgument) -> None:
    """Fetch a model and check it; needs no network once it is there.

    minilm (80 MB) lets search go by meaning; without it, search goes by words only. A whisper (whisper-tiny to
    whisper-large-v3) hears speech far better than what comes with reelcue, and needs pip install 'reelcue[asr]'.
    ORG/NAME is a sentence model for other languages. These come from huggingface.co, or where HF_ENDPOINT says.

    \b
    Example:
      reelcue models get minilm
      reelcue models get whisper-small
    """
    from ..agent import models
    from . import progress, show

    out = show.console()
    with traced(settings.load().debug):
        try:
            with progress.bytes_of(show.console(stderr=True), name) as told:
                found = models.get(name, told)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "interrupted: what was fetched stays aside; run the same command again to go on"
            ) from None
    out.print(show.safe(f"{found.name} is ready in {found.folder}"))
    if name != models.MINILM:
        out.print(show.safe(f"to use it, write into reelcue.toml: {found.setting}"))
    if found.remark:
        out.print(show.safe(f"it {found.remark}"))


def list_(
    check: Annotated[bool, typer.Option("--check", help="Compute digests; takes seconds for large models.")] = False,
    json: JsonOption = False,
) -> None:
    """Say which models are there, whether they are whole, and which can be had.

    \b
    Example:
      reelcue models list
      reelcue models list --check --json
    """
    from ..agent import models
    from . import documents, show

    with traced(settings.load().debug):
        found = models.entries(check)
    if json:
        documents.write({"checked": check, "models": [_document(one) for one in found]})
        return
    show.models(show.console(), found, check)


def _document(one: "Entry") -> dict[str, Any]:
    state = "absent" if one.folder is None else "damaged" if one.wrong else "here"
    return {
        "name": one.name, "id": one.id, "state": state, "size": one.size, "folder": one.folder,
        "revision": one.revision, "wrong": list(one.wrong), "setting": one.setting,
    }  # fmt: skip

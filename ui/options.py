"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from ..tools.base import KINDS

LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library", metavar="DIR", show_default=False,
        help="The library's folder. Default: $REELCUE_LIBRARY, else reelcue-library here or in a folder above.",
    ),
]  # fmt: skip
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout; all else goes to stderr.")]
VideosOption = Annotated[
    list[str] | None, typer.Option("--video", metavar="ID|NAME|PATH", help="Only this video; may be repeated.")
]
InOption = Annotated[
    str | None, typer.Option("--in", metavar="FOLDER|SOURCE", help="Only videos of this folder or source.")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Only what was recorded from it on: 2026-11-21T22:00.")
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only what was recorded before it.")]
KindsOption = Annotated[
    str | None, typer.Option("--kind", metavar="KIND,...", help=f"Only these kinds, of: {', '.join(KINDS)}.")
]
VideoArgument = Annotated[str, typer.Argument(metavar="VIDEO", help="Id, beginning of an id, name or path.")]

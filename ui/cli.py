"""The commands of `reelcue`. Each imports what it needs when it runs: `reelcue --help` loads next to nothing."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..agent import settings
from ..tools.errors import LibraryError, UsageError
from ..tools.text import line
from .exits import Guarded, lenient, traced
from .options import JsonOption, KindsOption, LibraryOption, VideoArgument, VideosOption

if TYPE_CHECKING:
    from ..evals.records import Record

_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "add_completion": False, "no_args_is_help": True}
app = typer.Typer(cls=Guarded, pretty_exceptions_enable=False, **_PLAIN)
models_app = typer.Typer(help="Fetch models by name.\n\n\b\nExample:\n  reelcue models get minilm", **_PLAIN)
_EVAL = "Measure answers.\n\n\b\nExample:\n  reelcue eval run qa.jsonl --videos ~/films --out results"
eval_app = typer.Typer(help=_EVAL, **_PLAIN)
app.add_typer(models_app, name="models")
app.add_typer(eval_app, name="eval")


@app.callback(invoke_without_command=True)
def _start(
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Ask questions about your videos, on your own machine, and check every sentence of the answer.

    \b
    Example:
      reelcue add talk.mp4
      reelcue ask "When does she show the results?"
      reelcue demo
    """
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"reelcue {installed('reelcue')}")
        raise typer.Exit


@app.command()
def demo(library: LibraryOption = None) -> None:
    """Try it: ask a sample video its questions.

    The video comes with reelcue. Prints each answer with the moments it rests on and what it cost. Needs no network
    and no settings. The library is kept in your cache folder unless --library says otherwise.

    \b
    Example:
      reelcue demo
      reelcue demo --library /tmp/try-reelcue
    """
    from platformdirs import user_cache_path

    from ..evals import demo as sample
    from . import progress, show

    out, shown = show.console(), []
    with traced(settings.load(library).debug), progress.reporter(show.console(stderr=True)) as on_event:
        for one in sample.demo(library or user_cache_path("reelcue") / "demo", on_event):
            shown.append(one)
            out.print(show.safe(one.question.question, "bold"))
            show.answer(out, one.answer)
            out.print()
    total = sample.total(shown)
    out.print(show.safe(f"{sum(one.expected for one in shown)} of {len(shown)} as expected; {show.cost(total.usage)}"))
    if not total.passed:
        raise typer.Exit(1)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command("list")
def list_(library: LibraryOption = None, json: JsonOption = False) -> None:
    """List the videos of the library.

    \b
    Example:
      reelcue list
      reelcue list --library ~/films --json
    """
    from . import documents, session, show

    with session.opened(library) as lib:
        videos = lib.videos()
    if json:
        documents.write({"videos": [documents.video(row) for row in videos]})
    else:
        show.videos(show.console(), videos)


@app.command("show")
def show_(video: VideoArgument, library: LibraryOption = None, json: JsonOption = False) -> None:
    """Show what is known about a video.

    Its file, length and problems, and what each tool found or why it failed.

    \b
    Example:
      reelcue show talk.mp4
      reelcue show 3f9a --json
    """
    from . import documents, session, show

    with session.opened(library) as lib:
        row = lib.find(video)
        jobs, counts = lib.jobs(row.id), lib.store.counts(row.id)
    if json:
        documents.write({"video": documents.video(row), "jobs": list(map(documents.job, jobs)), "rows": counts})
    else:
        show.video(show.console(), row, jobs, counts)


@app.command()
def timeline(
    video: VideoArgument, kind: KindsOption = None, library: LibraryOption = None, json: JsonOption = False
) -> None:
    """Print what was observed, in order of time.

    \b
    Example:
      reelcue timeline talk.mp4 --kind speech,text
    """
    from . import documents, session, show

    kinds = session.kinds(kind)
    with session.opened(library) as lib:
        row = lib.find(video)
        rows = lib.rows(row.id, kinds)
    if json:
        about = {"video": row.id, "name": row.name, "unit": row.unit, "duration": row.duration}
        documents.write({**about, "rows": [documents.observation(one) for one in rows]})
    else:
        show.timeline(show.console(), rows, row.unit)


@app.command()
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


@app.command()
def doctor(library: LibraryOption = None, json: JsonOption = False) -> None:
    """Check this machine and the library.

    Looks at packages, tools, models, missing files, failed work, and whether search finds what is there. Each finding
    says what to do about it. Changes nothing. Exit code 1 when something is broken.

    \b
    Example:
      reelcue doctor
      reelcue doctor --library ~/films --json
    """
    from dataclasses import asdict

    from ..index import doctor as checks
    from . import documents, show

    findings = list(checks.machine())
    try:
        from . import session

        with session.opened(library) as lib:
            findings += checks.library(lib)
    except (LibraryError, UsageError, ImportError) as error:
        findings.append(checks.Finding("error" if library else "warning", line(str(error))))
    findings += [
        checks.Finding("warning", f"{name} in the environment is no setting", "correct its name or remove it")
        for name in settings.load().ignored
    ]
    if json:
        documents.write({"findings": [asdict(finding) for finding in findings]})
    else:
        show.findings(show.console(), findings)
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def bench(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="ingest, search or start. Default: all.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Less material and fewer rounds: rougher numbers.")] = False,
    json: JsonOption = False,
) -> None:
    """Measure how fast reelcue is on this machine.

    Makes its own videos, compares with a yardstick measured in turns, and cleans up. Exit code 1 when a figure does
    not keep within its limit.

    \b
    Example:
      reelcue bench start
      reelcue bench ingest --quick --json
    """
    from ..evals import bench as benches
    from . import documents, show

    err = show.console(stderr=True)
    with traced(settings.load().debug):
        results = [one.to_dict() for one in benches.run(name, quick, lambda said: err.print(show.safe(said)))]
    if json:
        documents.write({"results": results})
    else:
        show.benches(show.console(), results)
    if not all(one["holds"] for one in results):
        raise typer.Exit(1)


@models_app.command("get")
def models_get(name: Annotated[str, typer.Argument(metavar="NAME", help="minilm: sentence model for search.")]) -> None:
    """Install, check and build a model; needs no network once it is installed.

    minilm (80 MB) lets search go by meaning; without it, search goes by words only.

    \b
    Example:
      reelcue models get minilm
    """
    from ..agent import models
    from . import show

    with traced(settings.load().debug):
        show.console().print(show.safe(f"{name} is ready in {models.get(name)}"))


@eval_app.command("run")
def eval_run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Questions with answers, JSON lines.")],
    videos: Annotated[Path, typer.Option("--videos", metavar="DIR", help="Where their videos are.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where records and report are kept.")],
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Only the first N.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask again what an earlier run has asked.")] = False,
    library: Annotated[
        Path | None, typer.Option("--library", metavar="DIR", help="The library to use. Default: a folder in --out.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Ask a file of questions and score the answers.

    Run again with the same --out, it goes on where it stopped.

    \b
    Example:
      reelcue eval run questions.jsonl --videos ~/films --out results
    """
    from ..evals import run
    from . import documents, progress, show

    err = show.console(stderr=True)

    def told(record: "Record", done: int, total: int) -> None:
        state = "error" if record.error else "right" if record.score.right else "wrong"
        err.print(show.safe(f"{done}/{total} {state}: {record.question.question}"))

    with traced(settings.load(library).debug), progress.reporter(err) as on_event:
        report = run.run(file, videos, out, library, limit, fresh, on_event, told)
    if json:
        documents.write(report.to_dict())
    else:
        show.report(show.console(), report.to_dict())


def main() -> None:
    lenient()
    app(prog_name="reelcue")


if __name__ == "__main__":
    main()

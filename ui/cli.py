"""The commands of `reelcue`, those that measure among them. Each imports what it needs when it runs: `reelcue --help`
loads next to nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..agent import settings
from . import adding, asking, looking
from .exits import Guarded, lenient, traced
from .options import JsonOption, LibraryOption

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


app.command("add")(adding.add)
app.command("ask")(asking.ask)
app.command("search")(asking.search)
app.command("list")(looking.list_)
app.command("show")(looking.show_)
app.command("timeline")(looking.timeline)
app.command("remove")(adding.remove)
app.command("reindex")(adding.reindex)
app.command("doctor")(looking.doctor)


@app.command()
def bench(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which one, such as search. Default: all.")
    ] = None,
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


@eval_app.command("retrieval")
def eval_retrieval(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Timelines with questions, JSON lines.")],
    json: JsonOption = False,
) -> None:
    """Score the search by time, beside plain BM25.

    Each line of a file is a timeline, {"video", "unit", "timeline": [{"start", "end", "text"}], "qa": [{"question",
    "spans": [[start, end]]}]}. Each question is asked within its own timeline; hit@1, hit@5 and MRR are those of the
    first row that overlaps a gold span. Needs the extra eval.

    \b
    Example:
      reelcue eval retrieval corpus.jsonl
    """
    from ..evals import retrieval
    from . import documents, show

    err = show.console(stderr=True)
    with traced(settings.load().debug):
        results = [one.to_dict() for one in retrieval.run(files, lambda said: err.print(show.safe(said)))]
    mean = sum(one["relative"] for one in results) / len(results)
    if json:
        documents.write({"results": results, "mean_relative": mean})
    else:
        show.retrieval(show.console(), results, mean)


def main() -> None:
    lenient()
    app(prog_name="reelcue")


if __name__ == "__main__":
    main()

"""How fast reelcue is, against limits. Every bench makes its own material, and measures what it compares with in turns
with what is compared."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ..tools.errors import ToolUnavailable, UsageError
from .bench_ingest import ingest
from .bench_memory import memory
from .bench_search import embed, library, search
from .bench_sound import sound
from .measure import FULL, QUICK, OnEvent, Result, Size, in_turns, short

HELP = [sys.executable, "-m", "reelcue.ui.cli", "--help"]


def run(name: str | None, quick: bool, on_event: OnEvent = lambda message: None) -> list[Result]:
    """Runs the bench of this name, or all; `quick` with less material and fewer rounds.

    `on_event` is told what goes on. Nothing stays on the disk, also not after an interruption. Raises
    UsageError for an unknown name, ToolUnavailable for a package that is missing.
    """
    if name is not None and name not in BENCHES:
        raise UsageError(f"no bench {name!r}; there are {', '.join(BENCHES)}")
    results: list[Result] = []
    for bench in [BENCHES[name]] if name else BENCHES.values():
        with TemporaryDirectory(prefix="reelcue-bench-") as folder:
            results += bench(Path(folder), QUICK if quick else FULL, on_event)
    return results


def start(folder: Path, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """CPU time of the shortest command in a process of its own, against that of Python."""
    works = {
        "python": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
        "help": lambda: subprocess.run(HELP, check=True, stdout=subprocess.DEVNULL),
    }
    works["help"]()  # compiles the modules where that was not done yet
    spent = in_turns(works, size.rounds, lambda n: on_event(f"start: round {n} of {size.rounds}"), _children)
    yield Result.of(
        "start.help",
        "reelcue --help",
        "CPU s",
        spent["help"],
        at_most=0.5,
        python=short(median(spent["python"])),
        times_python=short(median(ours / bare for ours, bare in zip(spent["help"], spent["python"], strict=True))),
    )


def _children() -> float:
    """CPU seconds of the child processes that have ended. Raises ToolUnavailable where the system does not tell."""
    try:
        import resource
    except ImportError as error:
        raise ToolUnavailable("the start cannot be measured on this system; run another bench") from error
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


BENCHES: Mapping[str, Callable[[Path, Size, OnEvent], Iterator[Result]]] = {
    "ingest": ingest,
    "memory": memory,
    "search": search,
    "library": library,
    "embed": embed,
    "sound": sound,
    "start": start,
}

"""The course of long work on stderr: bars on a terminal, elsewhere a plain line for what matters."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)  # fmt: skip
from rich.text import Text

from ..tools.text import line
from .show import safe

if TYPE_CHECKING:
    from ..index.ingest import Event


class _Bars:
    """One bar per file at work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[Path | None, TaskID] = {}

    def __call__(self, event: "Event") -> None:
        if event.what in ("plan", "note"):
            self._progress.console.print(_said(event))
        elif event.what in ("done", "failed"):
            task = self._tasks.pop(event.path, None)
            if task is not None:
                self._progress.remove_task(task)
        elif event.what in ("start", "hash", "progress"):
            self._move(event)

    def _move(self, event: "Event") -> None:
        what = "reading" if event.what == "hash" else line(event.tool or "")
        name = _name(event)
        if event.path not in self._tasks:
            self._tasks[event.path] = self._progress.add_task(name, total=1.0, what=what)
        task = self._tasks[event.path]
        if event.what == "start":
            self._progress.reset(task)
        self._progress.update(task, description=name, completed=event.fraction or 0.0, what=what)


@contextmanager
def reporter(console: Console) -> Iterator[Callable[["Event"], None]]:
    """A function that shows events on `console` while the context lasts."""
    if not console.is_terminal:
        yield lambda event: _plain(console, event)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[what]}", style="dim", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        yield _Bars(progress)


@contextmanager
def bytes_of(console: Console, name: str) -> Iterator[Callable[[int, int], None]]:
    """A function that shows on `console` how many bytes of a model have come, of how many."""
    if not console.is_terminal:
        said: list[int] = []

        def once(_done: int, total: int) -> None:
            if not said:
                console.print(safe(f"fetching {name}, {total / 1e6:,.0f} MB"))
                said.append(total)

        yield once
        return
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task(line(name), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _plain(console: Console, event: "Event") -> None:
    if event.what in ("plan", "note", "done"):
        console.print(_said(event))


def _said(event: "Event") -> Text:
    tool = f" {event.tool}" if event.tool else ""
    done = " done" if event.what == "done" else ""
    head = f"{_name(event)}:{tool}{done}" if event.path else ""
    return safe(" ".join(part for part in (head, event.message) if part))


def _name(event: "Event") -> str:
    name = line(event.path.name if event.path else "")
    return name if len(name) <= 40 else name[:19] + "…" + name[-20:]

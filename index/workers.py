"""Worker processes: each runs one stage of one video at a time and sends back what was found.

They are spawned, so that nothing of this process is in them, and they hear of Ctrl-C from here alone. Messages are
JSON: what a process sends that reads strangers' files is taken for data and nothing else. A worker ends by itself when
this process is gone.
"""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from os import cpu_count
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from ..tools import cores
from ..tools.base import FrameTool, Observation, Span, Tool
from ..tools.errors import ToolUnavailable
from ..tools.video import Video
from .known import KnownVideo
from .rows import canonical
from .stage import Found, observe, told

OFTEN = 0.2  # seconds between two reports of a worker
_PATIENCE = 5.0  # seconds for a process that broke off to be gone
_CANNOT = "worker processes cannot be started on this system; use --jobs 1"

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class At:
    """How far the tools of a task have come, in seconds of the video."""

    tools: str
    second: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A task is over; `died` says how its process ended, None where all went well."""

    died: str | None = None


def place(tool: Tool | FrameTool) -> str:
    """Where the class of a tool is, as "package.module:Class"."""
    return f"{type(tool).__module__}:{type(tool).__qualname__}"


def portable(tool: Tool | FrameTool) -> bool:
    """Whether a worker can make the tool again: from where its class is and its options."""
    try:
        again = rebuilt(place(tool), json.loads(canonical(dict(tool.options))))
    except Exception:
        return False
    faces = ("name", "version", "kinds", "needs", "options", "digest")
    return type(again) is type(tool) and all(getattr(again, face) == getattr(tool, face) for face in faces)


def rebuilt(where: str, options: Mapping[str, Any]) -> Any:
    """Raises whatever the class does, ImportError and AttributeError."""
    module, _, names = where.partition(":")
    if module == "__main__":
        raise ImportError(f"{where}: a worker has another main module")
    found: Any = import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found(**options)


def task(
    video: Video, tools: Sequence[Tool | FrameTool], needed: Mapping[str, Sequence[Observation]]
) -> dict[str, Any]:
    """A stage of a video as a message."""
    return {
        "video": [str(video.path), str(video.folder), video.id, video.duration],
        "tools": [[tool.name, place(tool), dict(tool.options)] for tool in tools],
        "needed": {name: [_to_json(seen) for seen in group] for name, group in needed.items()},
    }


class Workers(Generic[Key]):
    """At most `jobs` processes, started when there is work for them. A task is known by the key it was given with."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, Key] = {}

    def __enter__(self) -> "Workers[Key]":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in (*self._idle, *self._busy):
            worker.kill()

    @property
    def free(self) -> bool:
        return len(self._busy) < self._jobs

    @property
    def busy(self) -> bool:
        return bool(self._busy)

    def give(self, key: Key, message: Mapping[str, Any]) -> None:
        """Raises TypeError or ValueError for options that are no JSON."""
        text = json.dumps(message).encode()
        while self._idle and not self._idle[-1].alive:
            self._idle.pop().kill()
        worker = self._idle.pop() if self._idle else _Worker(max(1, (cpu_count() or 1) // self._jobs))
        self._busy[worker] = key
        worker.send(text)

    def wait(self, timeout: float) -> Iterator[tuple[Key, At | Found | Ended]]:
        """What workers have sent, waiting at most `timeout` seconds. Raises ToolUnavailable where none can start."""
        ready = wait([worker.pipe for worker in self._busy], timeout) if self._busy else ()
        for worker, key in [(worker, key) for worker, key in self._busy.items() if worker.pipe in ready]:
            message = worker.receive()
            if isinstance(message, Ended):
                del self._busy[worker]
                if message.died is None:
                    self._idle.append(worker)
            if message is not None:
                yield key, message


class _Worker:
    def __init__(self, threads: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, threads), daemon=True)
        self._started = False
        with _apart():
            self._process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def send(self, text: bytes) -> None:
        with suppress(OSError):  # it is gone, which the next `receive` will say
            self.pipe.send_bytes(text)

    def receive(self) -> At | Found | Ended | None:
        """None for its first sign of life."""
        try:
            name, *values = json.loads(self.pipe.recv_bytes())
        except (EOFError, OSError, ValueError):  # or what it sent is no message
            return Ended(self._end())
        if name == "found":
            return _found(*values)
        if name == "at":
            return At(*values)
        if name == "ended":
            return Ended()
        self._started = True
        return None

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()

    def _end(self) -> str:
        """How it ended, in words."""
        self._process.join(_PATIENCE)
        code = self._process.exitcode
        self.kill()  # where it goes on without saying anything sensible
        if not self._started:
            raise ToolUnavailable(_CANNOT)
        if code is None or code >= 0:
            return "broke off" if code is None else f"ended (exit code {code})"
        name = signal.Signals(-code).name if -code in {s.value for s in signal.Signals} else f"signal {-code}"
        return f"was killed ({name})" if name == "SIGKILL" else f"crashed ({name})"


@contextmanager
def _apart() -> Iterator[None]:
    """Processes that are started meanwhile do not hear Ctrl-C, which waits, and do not run the main script again: one
    that adds videos as it is read would add them once more."""
    main, masks = sys.modules["__main__"], hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else None
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, threads: int) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cores.limit(threads)
    made: dict[str, Tool | FrameTool] = {}

    def send(*message: Any) -> None:
        text = json.dumps(message).encode()
        try:
            pipe.send_bytes(text)
        except OSError:
            raise SystemExit from None  # nobody listens any more

    send("started")
    while True:
        try:
            wanted = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        _work(wanted, made, send)
        send("ended")


def _work(wanted: Mapping[str, Any], made: dict[str, Tool | FrameTool], send: Callable[..., None]) -> None:
    """Runs a task with tools that are kept from one to the next, as their models are dear to load."""
    reported = 0.0

    def report(names: str, second: float) -> None:
        nonlocal reported
        if time.monotonic() - reported >= OFTEN:
            reported = time.monotonic()
            send("at", names, second)

    path, folder, id, duration = wanted["video"]
    tools = []
    for name, where, options in wanted["tools"]:
        try:
            key = canonical([where, options])
            made[key] = made.get(key) or rebuilt(where, options)
            tools.append(made[key])
        except Exception as error:
            send("found", name, [], told(name, error), 0.0, [])
    needed = {name: [_from_json(row) for row in rows] for name, rows in wanted["needed"].items()}
    for found in observe(KnownVideo(Path(path), Path(folder), id, duration), tools, needed, report):
        try:
            rows = [_to_json(seen) for seen in found.observations]
            send("found", found.tool, rows, found.error, found.seconds, list(found.problems))
        except Exception as error:  # what is no observation, or holds what is no JSON
            send("found", found.tool, [], told(found.tool, error), found.seconds, [])


def _found(tool: str, rows: list[Any], error: str | None, seconds: float, problems: list[str]) -> Found:
    return Found(tool, [_from_json(row) for row in rows], error, seconds, problems)


def _to_json(seen: Observation) -> list[Any]:
    span = [seen.span.start, seen.span.end]
    vector = None if seen.vector is None else [float(x) for x in seen.vector]
    return [seen.tool, seen.kind, span, seen.text, seen.score, dict(seen.data), vector, seen.space]


def _from_json(row: Sequence[Any]) -> Observation:
    tool, kind, span, text, score, data, vector, space = row
    return Observation(tool, kind, Span(*span), text, score, data, vector and tuple(vector), space)

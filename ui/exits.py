"""How a command ends: one clear line for an error, an exit code, and quietly where nobody reads on.

0 done, 1 failed with a message, 2 wrong use, 130 interrupted.
"""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from threading import Event as Flag
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from ..tools.errors import ReelcueError, UsageError
from ..tools.text import line


class Guarded(TyperGroup):
    """The group of all commands; turns what they raise into a line on stderr and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _guarded():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _guarded():
            return super().invoke(ctx)


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()  # here, where a closed pipe can still be told from a failure
    except (KeyboardInterrupt, typer.Abort) as error:
        raise _end(str(error) or "interrupted", 130) from None
    except ReelcueError as error:
        raise _end(str(error), 2 if isinstance(error, UsageError) else 1) from None
    except BrokenPipeError:
        _forget_stdout()
        raise typer.Exit(0) from None
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:  # it was stdout itself that could not be written
            _forget_stdout()
        what = f"{error.filename or 'output'}: {error.strerror or error}"
        raise _end(f"{what}; check the disk and the permissions", 1) from None
    except ImportError as error:
        raise _end(f"{error}; install reelcue again with its packages, and see reelcue doctor", 1) from None
    except Exception as error:
        if hasattr(error, "exit_code"):  # typer's own: an exit, or wrong use that it explains itself
            raise
        where = "set REELCUE_DEBUG=1 to see where, and please report it"
        raise _end(f"internal error: {type(error).__name__}: {error}; {where}", 1) from None


@contextmanager
def traced(debug: bool) -> Iterator[None]:
    """With `debug`, errors leave their whole traceback on stderr before their line."""
    try:
        yield
    except Exception as error:
        if debug and not isinstance(error, typer.Exit | BrokenPipeError):
            traceback.print_exc()
        raise


@contextmanager
def interruptible() -> Iterator[Flag]:
    """A flag that the first Ctrl-C sets, so that long work can stop in good order; the second stops it at once."""
    flag = Flag()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if flag.is_set():
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            raise KeyboardInterrupt
        flag.set()
        with suppress(OSError, RuntimeError):  # a closed stderr, or one that is being written to right now
            sys.stderr.write("\nstopping; press Ctrl-C again to stop at once\n")

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not the main thread, which alone gets signals
        yield flag
        return
    try:
        yield flag
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted: what is done stays; run the same command again to go on") from None
    finally:
        signal.signal(signal.SIGINT, before)


def lenient() -> None:
    """Text that stdout or stderr cannot encode is written as escapes; where one is closed, its text goes nowhere.

    A closed stdin is an empty one.
    """
    sys.stdin = sys.stdin or Path(os.devnull).open()  # noqa: SIM115  open to the end of the process
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _end(message: str, code: int) -> typer.Exit:
    with suppress(OSError):
        sys.stderr.write(f"reelcue: {line(message)}\n")
        sys.stderr.flush()
    return typer.Exit(code)


def _forget_stdout() -> None:
    """stdout takes no more: what is still buffered goes nowhere, so that the interpreter can end quietly."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""The ingest lock of a library: one process adds at a time, reading never waits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from filelock import FileLock, Timeout

from ..tools.errors import LibraryError
from ..tools.text import line

_PATIENCE = 0.5  # seconds between two questions whether to go on waiting


class IngestLock:
    """Threads of a process take turns, too. The system frees it when a process dies. Raises LibraryError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = RLock()
        self._file = FileLock(path, thread_local=False)
        self.kept = False

    @contextmanager
    def taken(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Waits for it, and calls `waiting` over and over meanwhile, which may raise."""
        while not self._threads.acquire(timeout=_PATIENCE):
            waiting()
        try:
            while not self._take(_PATIENCE):
                waiting()
            try:
                yield
            finally:
                self._file.release()
        finally:
            self._threads.release()

    @contextmanager
    def tried(self) -> Iterator[bool]:
        """Does not wait: yields whether it was free."""
        if not self._threads.acquire(blocking=False):
            yield False
            return
        try:
            free = self._take(0)
            try:
                yield free
            finally:
                if free:
                    self._file.release()
        finally:
            self._threads.release()

    def keep(self) -> None:
        """Goes on holding it after the context that has taken it, until `free`."""
        if not self.kept:
            self.kept = self._take(0)

    def free(self) -> None:
        if self.kept:
            self.kept = False
            self._file.release()

    def _take(self, seconds: float) -> bool:
        try:
            self._file.acquire(timeout=seconds)
        except Timeout:
            return False
        except OSError as error:
            why = f"{error.strerror or error}; check the permissions of the folder and of the files in it"
            raise LibraryError(f"{line(str(self._path))}: {why}") from error
        return True

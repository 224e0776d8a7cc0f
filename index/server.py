"""A Chroma server that keeps the vectors of a library, instead of the folder. It takes several writers and readers."""

from collections.abc import Callable
from functools import partial

from . import probe, vectors
from .store import Store

_MARK = "vectors"  # key of the library's table meta: where its vectors are


class Server:
    """The server at `url`, with a database of its own if one is named. Methods raise LibraryError."""

    shared = True

    def __init__(self, store: Store, url: str, database: str | None = None) -> None:
        self.name = url
        self._store, self._mark = store, f"{url} {database or ''}"
        self._reach = partial(vectors.on_server, url, database)

    def there(self) -> bool:
        """Whether all was put there once, and no other place has followed the library since."""
        return self._store.meta(_MARK) == self._mark

    sealed = there

    def damage(self, space: str, ended: Callable[[], bool]) -> str | None:
        return None

    def examine(self, space: str) -> str | None:
        """What is wrong with what it holds, None where nothing is."""
        index = self.open(space)
        try:
            return probe.look(self._store, index, space)
        finally:
            index.close()

    def open(self, space: str) -> vectors.Vectors:
        return self._reach(space, self._store.identity())

    def closed(self) -> None:
        """Nothing is to be done."""

    drop = discard = closed

    def fresh(self, space: str) -> vectors.Vectors:
        """Empty; nobody uses it until `swap`."""
        self._store.set_meta(_MARK, "")
        found = self.open(space)
        found.clear()
        return found

    def swap(self) -> None:
        self._store.set_meta(_MARK, self._mark)

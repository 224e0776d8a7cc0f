"""Keeps Chroma following SQLite. What a library has to tell stands in SQLite alone; Chroma is made from it at will.

A vector is stored with a row in `pending`, put into Chroma, and then the row is deleted if nothing has changed. A
segment that is deleted leaves a tombstone, until Chroma has forgotten it. A crash between any two of these steps has
the last one done again, which changes nothing.
"""

from collections.abc import Callable
from threading import Event as Flag
from typing import Any, Protocol

from ..tools.errors import LibraryError, VectorsError
from .ingest import Cancelled, Event
from .probe import look
from .store import Store
from .vectors import BATCH, Vectors

OnEvent = Callable[[Event], None]
_TOOL = "indexing"  # what the progress is called
_ANEW = "it is made anew from the library, which may take a while; nothing is lost"


class Place(Protocol):
    """Where the vectors are: see `folder.Folder` and `server.Server`."""

    name: str
    shared: bool  # by processes that do not hold the ingest lock

    def there(self) -> bool: ...
    def sealed(self) -> bool: ...
    def damage(self, space: str, ended: Callable[[], bool]) -> str | None: ...
    def examine(self, space: str) -> str | None: ...
    def open(self, space: str) -> Vectors: ...
    def closed(self) -> None: ...
    def fresh(self, space: str) -> Vectors: ...
    def swap(self) -> None: ...
    def drop(self) -> None: ...
    def discard(self) -> None: ...


class Mirror:
    """The vectors of one space at a place. For the holder of the ingest lock, one thread at a time; `near` and `knn`
    are for any thread."""

    def __init__(self, store: Store, place: Place, space: str) -> None:
        self._store, self._place, self._space = store, place, space
        self._vectors: Vectors | None = None
        self._broken = False  # it failed since it was opened

    def near(self) -> "Mirror | None":
        """Itself while it is open and works."""
        return None if self._vectors is None or self._broken or not self._place.there() else self

    def knn(self, vector: Any, k: int) -> list[tuple[str, float]]:
        """Raises VectorsError."""
        vectors = self._vectors
        if vectors is None:
            raise VectorsError(f"{self._place.name}: the vector index was closed; open it again")
        try:
            return vectors.knn(vector, k)
        except VectorsError:
            self._broken = self._broken or vectors is self._vectors
            raise

    def sync(self, on_event: OnEvent, cancel: Flag | None = None, keep: bool = False) -> None:
        """Brings the index up to date, made anew where it is missing or damaged; `keep` leaves it open.

        What fails is told, and no error: all is in the library, and search does without the index. Raises Cancelled.
        """
        try:
            self._follow(on_event, cancel, keep)
        except (LibraryError, OSError) as error:
            self._leave(sound=False)
            remedy = "search looks at all vectors instead; free some disk space or see reelcue doctor, then add again"
            on_event(Event("note", message=f"{error}; nothing is lost: {remedy}"))
        except Cancelled:
            if not keep:
                self.close()
            raise
        except BaseException:
            self._leave(sound=False)
            raise

    def join(self) -> str | None:
        """For any process: opens what is shared, as it is. Returns why that fails."""
        if self._place.shared and self._vectors is None and self._place.there():
            try:
                self._vectors = self._place.open(self._space)
            except VectorsError as error:
                return str(error)
        return None

    def rebuild(self, on_event: OnEvent, cancel: Flag | None = None) -> int:
        """Makes the index anew beside the old one, which stays as it is until then; returns how many vectors it has.

        Raises VectorsError, Cancelled, OSError and LibraryError.
        """
        changes, total = self._store.changes(), self._store.vector_count(self._space)
        fresh, done = self._place.fresh(self._space), 0
        try:
            for placed in self._store.all_indexable(self._space, BATCH):
                _stop(cancel)
                fresh.upsert(placed)
                done += len(placed)
                on_event(Event("progress", tool=_TOOL, fraction=min(1.0, done / total)))
            if fresh.count() != done:
                raise VectorsError(f"{self._place.name}: {done} vectors were written and {fresh.count()} are there")
        except BaseException:
            fresh.close()
            self._place.drop()
            raise
        fresh.close()
        self._leave(sound=False)
        self._place.swap()
        self._store.settle_all(self._space, changes)
        return done

    def examine(self) -> str | None:
        """What is wrong with the index, None where nothing is. Raises LibraryError and OSError."""
        if self._vectors is not None:
            return look(self._store, self._vectors, self._space)
        total = self._store.vector_count(self._space)
        if not self._place.there():
            return f"there is none at {self._place.name}" if total else None
        return self._place.examine(self._space)

    def close(self) -> None:
        """Closes the index in good order."""
        self._leave(sound=not self._broken)

    def _follow(self, on_event: OnEvent, cancel: Flag | None, keep: bool) -> None:
        if self._broken:
            self._leave(sound=False)
        total = self._store.vector_count(self._space)
        if not total and not self._place.there():
            return
        if self._vectors is None and not keep and not self._store.owed(self._space) and self._place.sealed():
            return
        if self._vectors is None and not self._usable(on_event, cancel, total):
            self._place.discard()
            self.rebuild(on_event, cancel)
        self._catch_up(on_event, cancel)
        held, total = self._opened().count(), self._store.vector_count(self._space)
        if held != total:
            on_event(Event("note", message=f"the vector index has {held} vectors instead of {total}; {_ANEW}"))
            self.rebuild(on_event, cancel)
        if keep:
            self._opened()
        else:
            self.close()

    def _usable(self, on_event: OnEvent, cancel: Flag | None, total: int) -> bool:
        """Whether what is there can be opened."""
        if not self._place.there():
            if len(self._store.pending(self._space)) < total:  # it was there once
                on_event(Event("note", message=f"the vector index is gone; {_ANEW}"))
            return False
        why = self._place.damage(self._space, lambda: cancel is not None and cancel.is_set())
        _stop(cancel)
        if why is not None:
            on_event(Event("note", message=f"the vector index cannot be used: {why}; {_ANEW}"))
        return why is None

    def _catch_up(self, on_event: OnEvent, cancel: Flag | None) -> None:
        if gone := self._store.tombstones():
            self._opened().delete(gone)
            self._store.bury(gone)
        pending = self._store.pending(self._space)
        for at in range(0, len(pending), BATCH):
            _stop(cancel)
            placed = self._store.indexable(self._space, pending[at : at + BATCH])
            self._opened().upsert(placed)
            self._store.settle(self._space, placed)
            if len(pending) > BATCH:
                on_event(Event("progress", tool=_TOOL, fraction=(at + len(placed)) / len(pending)))

    def _opened(self) -> Vectors:
        if self._vectors is None:
            self._vectors = self._place.open(self._space)
        return self._vectors

    def _leave(self, sound: bool) -> None:
        """Closes what is open; only what is sound gets its seal."""
        vectors, self._vectors, self._broken = self._vectors, None, False
        if vectors is not None:
            vectors.close()
            if sound:
                self._place.closed()


def _stop(cancel: Flag | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Cancelled

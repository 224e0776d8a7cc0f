"""What the vector index lacks of a library, and what it holds too much of: the account by which it follows SQLite."""

import json
import secrets
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from numpy.typing import NDArray

from .reads import Reads
from .rows import Segment

Placed = tuple[Segment, NDArray[Any]]


class Ledger(Reads):
    """The part of a Store that knows of the vector index."""

    @abstractmethod
    def set_meta(self, key: str, value: str) -> None: ...

    @abstractmethod
    def _transaction(self, content: bool = False) -> AbstractContextManager[Any]: ...

    def identity(self) -> str:
        """32 hex digits that tell this library from any other."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('library', ?)", (secrets.token_hex(16),))
        return self.meta("library") or ""

    def vector_count(self, space: str) -> int:
        return int(self.select("SELECT count(*) FROM vectors WHERE space = ?", (space,))[0][0])

    def owed(self, space: str) -> bool:
        """Whether the vector index has anything to catch up with."""
        pending = "SELECT 1 FROM pending WHERE space = ? UNION ALL SELECT 1 FROM tombstones LIMIT 1"
        return bool(self.select(pending, (space,)))

    def tombstones(self) -> list[str]:
        """Ids of segments that are gone, which the vector index may still hold."""
        return [id for (id,) in self.select("SELECT id FROM tombstones")]

    def indexable(self, space: str, numbers: Iterable[int]) -> list[Placed]:
        """Segments of these numbers that have a vector, with it."""
        known, vectors = self.vectors_by_n(space, numbers)
        segments = self.segments_by_n(map(int, known))
        return [(segments[int(n)], v) for n, v in zip(known, vectors, strict=True) if int(n) in segments]

    def all_indexable(self, space: str, size: int) -> Iterator[list[Placed]]:
        """All of a space, `size` at a time."""
        page = "SELECT segment FROM vectors WHERE space = ? AND segment > ? ORDER BY segment LIMIT ?"
        last = -1
        while found := self.select(page, (space, last, size)):
            numbers = [n for (n,) in found]
            yield self.indexable(space, numbers)
            last = numbers[-1]

    def settle(self, space: str, placed: Sequence[Placed]) -> None:
        """The vector index holds these; those that have changed since they were read stay pending."""
        same = (
            "SELECT 1 FROM vectors v JOIN segments s ON s.n = v.segment"
            " WHERE v.segment = pending.segment AND v.space = pending.space AND v.blob = ? AND s.id = ?"
        )
        with self._transaction() as db:
            db.executemany(
                f"DELETE FROM pending WHERE segment = ? AND space = ? AND EXISTS ({same})",
                ((segment.n, space, vector.astype("<f4").tobytes(), segment.id) for segment, vector in placed),
            )

    def bury(self, ids: Iterable[str]) -> None:
        """The vector index has forgotten these."""
        with self._transaction() as db:
            db.execute("DELETE FROM tombstones WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),))

    def settle_all(self, space: str, changes: int) -> None:
        """The vector index was made anew from what the library held at that count of `changes`; where it has changed
        since, all that was pending stays so."""
        with self._transaction() as db:
            if db.execute("SELECT 1 FROM meta WHERE key = 'changes' AND value = ?", (changes,)).fetchone():
                db.execute("DELETE FROM pending WHERE space = ?", (space,))
                db.execute("DELETE FROM tombstones")

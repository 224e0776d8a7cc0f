"""Finds the segments that a query is about: by meaning (vectors) and by words, in one absolute score.

score = (cosine + w * coverage) / (1 + w), where coverage is the share of the query's information (idf-weighted words)
that a segment holds, and w depends on the kind. Unlike sums of z-scores it is comparable across queries, so one pair of
limits can tell strong from weak and weak from nothing. A segment without a vector, or in a language that the sentence
model does not know, has its coverage for a score; so has every segment where the query is in such a language.

Some videos, or a small library, are scored whole. Of a large one whose vector index this process holds, the nearest
vectors and the segments that hold most of the words are scored, which are then filtered: filters inside the index would
cost more than all of the rest.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

import numpy as np

from ..tools.base import KINDS, Span
from ..tools.embed import Embedder
from ..tools.errors import UsageError, VectorsError
from ..tools.languages import guess
from ..tools.text import clean
from .reads import Reads
from .rows import Segment
from .table import Table
from .terms import phrases

WORDS_WEIGHT = 0.3  # of words beside meaning
TEXT_WEIGHT = 0.5  # of words in text in the picture: names and numbers mean little
CUT_OFF = 0.2  # a segment below this score has nothing to do with the query, be it the best of a hundred
RISE = 0.05  # by which that limit rises with each tenfold of segments: the best of many unrelated ones scores higher
HELD = 0.5  # coverage from which it does not rise: that much of a query is held by no chance
PRIOR = 0.25  # of a video's own vector beside its best hit, in the order of videos
LONGEST = 2000  # characters of a query
_MOST_WORDS = 24  # phrases of a query that are looked up
_PRETENDED = 50  # segments without the word, so that words keep their weight in a library of three segments
# A word in more than this share of the segments says little and costs much; in a small library it costs nothing.
_COMMON, _SMALL = 0.1, 2000
LARGE = 5000  # segments from which the vector index is asked
_CANDIDATES = 200  # by meaning, and as many by words, however few are asked for


@dataclass(frozen=True, slots=True)
class Hit:
    """A segment that was found; `score` is 0..1, absolute and comparable across queries; `why` is for people."""

    segment: Segment
    score: float
    why: str


class Near(Protocol):
    """A vector index: the ids of the `k` segments whose vectors are nearest, best first, each with its cosine.

    Raises VectorsError where it fails; then all are looked at.
    """

    def knn(self, vector: Any, k: int) -> Sequence[tuple[str, float]]: ...


@dataclass(frozen=True, slots=True)
class _Query:
    """A query made ready: each telling word with the segments that hold it, and what it means."""

    words: Sequence[tuple[Any, float]]  # numbers of segments (ascending) and the information of the word
    total: float  # information of all words
    vector: Any  # (dimensions,) or None where only words count

    def coverage(self, table: Table) -> Any:
        """(n,) share 0..1 of the query's information that each segment holds."""
        held = np.zeros(len(table.numbers))
        for numbers, weight in self.words:
            held[table.where(numbers)] += weight
        return held / self.total if self.total else held

    def wordiest(self, k: int) -> Any:
        """Numbers of the k segments that hold most of it."""
        if not self.words:
            return np.zeros(0, np.int64)
        every = np.concatenate([numbers for numbers, _ in self.words])
        weights = np.concatenate([np.full(len(numbers), weight) for numbers, weight in self.words])
        numbers, at = np.unique(every, return_inverse=True)
        held = np.bincount(at, weights, len(numbers))
        return numbers if len(numbers) <= k else numbers[np.argpartition(-held, k)[:k]]


class Searcher:
    """Searches a store. Thread-safe; keeps the arrays of the scope last asked until the library changes.

    `near` gives the vector index while this process holds it, else None.
    """

    def __init__(self, store: Reads, embedder: Embedder | None, near: Callable[[], Near | None] = lambda: None) -> None:
        self._store, self._embedder, self._near = store, embedder, near
        self._lock = Lock()
        self._kept: tuple[Any, Table] | None = None
        self._tongues: tuple[Any, tuple[str, ...]] = (None, ())  # those that are not known, of the scope last asked
        self._counted = (-1, 0)  # changes of the library, segments then
        self._common: dict[str, int] = {}  # words that are too common in a library of so many segments

    def search(
        self,
        query: str,
        videos: Sequence[str] | None = None,
        kinds: Iterable[str] | None = None,
        within: Mapping[str, Span] | None = None,
        k: int = 10,
    ) -> list[Hit]:
        """The k best segments at or above the cut-off, best first; `within` limits the time in the videos it names.

        Raises UsageError for a query longer than LONGEST.
        """
        if len(query) > LONGEST:
            raise UsageError(f"the query has {len(query)} characters, at most {LONGEST} are read; use a shorter one")
        query = clean(query)
        wanted = phrases(query)[:_MOST_WORDS]
        if not wanted or k < 1:
            return []
        kinds = None if kinds is None else frozenset(kinds)
        spans = {n: within[id] for id, n in self._store.blocks(within).items()} if within else {}
        if videos is None and 2 * k <= _CANDIDATES and self._count() >= LARGE and (near := self._near()):
            asked = self._asked(query, wanted, None, self._count())
            with suppress(VectorsError):
                table = self._candidates(near, asked)
                allowed = table.allowed(kinds, spans)
                hits = self._best(asked, table, allowed, self._count(), k)
                if len(hits) == k or allowed.all():
                    return hits  # else filters left too few of the candidates
        table = self._table(videos)
        asked = self._asked(query, wanted, videos, len(table.numbers))
        return self._best(asked, table, table.allowed(kinds, spans), len(table.numbers), k)

    def by_video(self, query: str, hits: Sequence[Hit]) -> list[tuple[str, list[Hit]]]:
        """The hits by video, the likeliest video first: by its best hit, and by what all of it is about."""
        groups: dict[str, list[Hit]] = {}
        for hit in hits:
            groups.setdefault(hit.segment.video, []).append(hit)
        about: dict[str, float] = {}
        if len(groups) > 1 and (vector := self._vector(clean(query))) is not None and self._embedder is not None:
            ids, vectors = self._store.video_vectors(self._embedder.space, list(groups))
            about = dict(zip(ids, map(float, np.vecdot(vectors, vector)), strict=True)) if ids else {}
        return sorted(groups.items(), key=lambda group: -(group[1][0].score + PRIOR * about.get(group[0], 0.0)))

    def words_only(self, query: str, videos: Sequence[str] | None = None) -> tuple[str, ...]:
        """Languages in which only words count: the query's if the sentence model does not know it, else those of
        segments that it does not know."""
        if self._embedder is None or self._embedder.languages is None:
            return ()
        if not self._embedder.understands(query):
            return (guess(query) or "",)
        key = (self._store.changes(), None if videos is None else tuple(videos))
        kept, unknown = self._tongues
        if kept != key:
            unknown = tuple(sorted(tag for tag in self._store.languages(videos) if not self._embedder.knows(tag)))
            self._tongues = key, unknown
        return unknown

    def _asked(self, query: str, wanted: Sequence[str], videos: Sequence[str] | None, count: int) -> _Query:
        found = self._holding(wanted, videos)
        words = [(numbers, math.log((count + _PRETENDED) / (len(numbers) + 1))) for numbers in found]
        return _Query(words, sum(weight for _, weight in words), self._vector(query))

    def _vector(self, query: str) -> Any:
        """(dimensions,), or None where only words count."""
        if self._embedder is None or not self._embedder.understands(query):
            return None
        return self._embedder.query(query)

    def _holding(self, wanted: Sequence[str], videos: Sequence[str] | None) -> list[Any]:
        """For each telling word of `wanted` the numbers of the segments that hold it, ascending."""
        if videos is not None:
            blocks = list(self._store.blocks(videos).values())
            return [self._store.holding(word, blocks) for word in wanted]
        count = self._count()
        if count <= _SMALL:
            return [self._store.holding(word) for word in wanted]
        most, found = int(count * _COMMON), []
        for word in wanted:
            if 2 * self._common.get(word, 0) <= count:
                numbers = self._store.holding(word, limit=most + 1)
                if len(numbers) <= most:
                    found.append(numbers)
                else:
                    self._common[word] = count
        return found or [self._store.holding(word) for word in wanted[:3]]

    def _candidates(self, near: Near, asked: _Query) -> Table:
        numbers = set(map(int, asked.wordiest(_CANDIDATES)))
        if asked.vector is not None and self._embedder is not None:
            found = near.knn(asked.vector, _CANDIDATES)
            numbers |= {*self._store.numbers(id for id, _ in found), *self._store.pending(self._embedder.space)}
        return Table.read(self._store, self._embedder, numbers=numbers)

    def _best(self, asked: _Query, table: Table, allowed: Any, among: int, k: int) -> list[Hit]:
        """The best of a table's segments; `among` is of how many they are the best."""
        if not len(table.numbers):
            return []
        coverage, cosine = asked.coverage(table), None
        scores = coverage.copy()
        if asked.vector is not None and table.vectors is not None:
            # Not @: the threads of BLAS cost more than they save here, above all where others use the cores.
            cosine = np.maximum(np.vecdot(table.vectors, asked.vector), 0)  # (n,)
            w = np.where(table.kinds == KINDS.index("text"), TEXT_WEIGHT, WORDS_WEIGHT)
            scores = np.where(table.dense, (cosine + w * coverage) / (1 + w), coverage)
        scores = np.where(allowed, scores * table.trust, -1.0)
        at = np.flatnonzero(scores >= np.where(coverage >= HELD, CUT_OFF, cut_off(among)))
        at = at[np.argsort(-scores[at], kind="stable")[:k]]
        segments = self._store.segments_by_n(map(int, table.numbers[at]))
        return [
            Hit(
                segments[n],
                min(1.0, float(scores[i])),
                f"words {coverage[i]:.2f}"
                + ("" if cosine is None or not table.dense[i] else f", meaning {cosine[i]:.2f}"),
            )
            for i, n in zip(at, map(int, table.numbers[at]), strict=True)
            if n in segments
        ]

    def _count(self) -> int:
        """Segments of the library."""
        changes = self._store.changes()
        if self._counted[0] != changes:
            self._counted = changes, self._store.segment_count()
        return self._counted[1]

    def _table(self, videos: Sequence[str] | None) -> Table:
        key = (self._store.changes(), None if videos is None else tuple(videos))
        with self._lock:
            if self._kept is None or self._kept[0] != key:
                self._kept = None  # both at once may be more than there is room for
                self._kept = key, Table.read(self._store, self._embedder, videos)
            return self._kept[1]


def cut_off(among: int) -> float:
    """The least score of a segment that has to do with the query, where it is the best of so many."""
    return CUT_OFF + RISE * max(0.0, math.log10(max(1, among) / 100))

"""Finds the segments that a query is about: by meaning (vectors) and by words, in one absolute score.

score = (cosine + w * coverage) / (1 + w), where coverage is the share of the query's information (idf-weighted words)
that a segment holds, and w depends on the kind. Unlike sums of z-scores it is comparable across queries, so one pair of
limits can tell strong from weak and weak from nothing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np

from ..tools.base import Span
from ..tools.embed import LANGUAGES, Embedder
from ..tools.errors import UsageError
from ..tools.text import clean, has_cjk
from .reads import Reads
from .rows import Segment
from .terms import phrases

WORDS_WEIGHT = {"speech": 0.3, "text": 0.5}  # words help speech and text in the picture; on captions they do not
OTHER_WEIGHT = 0.1
CUT_OFF = 0.2  # a segment below this score has nothing to do with the query
LONGEST = 2000  # characters of a query
_MOST_WORDS = 24  # phrases of a query that are looked up
_PRIOR = 50  # pretended segments without the word, so that words keep their weight in a library of three segments


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question is asked of: ids of videos, or the whole library where empty."""

    videos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A segment that was found; `score` is 0..1, absolute and comparable across queries; `why` is for people."""

    segment: Segment
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class _Table:
    """The segments of a scope as arrays of one length, in order of number; vectors are zero where there is none."""

    numbers: Any  # (n,) int64
    videos: Any  # (n,) str
    kinds: Any  # (n,) str
    weights: Any  # (n,) of words against meaning, by kind
    starts: Any  # (n,) float64, seconds
    ends: Any  # (n,)
    vectors: Any  # (n, dimensions) float32, or None without an embedder

    def where(self, numbers: Iterable[int]) -> Any:
        """Places of segment numbers in the table; numbers that it does not hold are left out."""
        wanted = np.fromiter(numbers, np.int64)
        at = np.searchsorted(self.numbers, wanted)
        at = np.minimum(at, max(len(self.numbers) - 1, 0))
        return at[self.numbers[at] == wanted] if len(self.numbers) else at[:0]


class Searcher:
    """Searches a store. Thread-safe; keeps the vectors of the scope last asked until the library changes."""

    def __init__(self, store: Reads, embedder: Embedder | None) -> None:
        self._store, self._embedder = store, embedder
        self._lock = Lock()
        self._kept: tuple[Any, _Table] | None = None

    def search(
        self,
        query: str,
        videos: Sequence[str] | None = None,
        kinds: Iterable[str] | None = None,
        within: Mapping[str, Span] | None = None,
        k: int = 10,
    ) -> list[Hit]:
        """The k best segments at or above CUT_OFF, best first; `within` limits the time in the videos it names.

        Raises UsageError for a query longer than LONGEST.
        """
        if len(query) > LONGEST:
            raise UsageError(f"the query has {len(query)} characters, at most {LONGEST} are read; use a shorter one")
        query = clean(query)
        table, words = self._table(videos), phrases(query)[:_MOST_WORDS]
        if not len(table.numbers) or not words:
            return []
        coverage = self._coverage(words, table, videos)
        cosine = self._cosine(query, table)
        if cosine is None:
            scores = coverage
        else:
            scores = (np.maximum(cosine, 0) + table.weights * coverage) / (1 + table.weights)
        scores = np.where(_allowed(table, kinds, within), scores, -1.0)
        best = [i for i in np.argsort(-scores, kind="stable")[: max(k, 0)] if scores[i] >= CUT_OFF]
        segments = self._store.segments_by_n(int(table.numbers[i]) for i in best)
        return [
            Hit(
                segments[int(table.numbers[i])],
                min(1.0, float(scores[i])),
                f"words {coverage[i]:.2f}" + ("" if cosine is None else f", meaning {cosine[i]:.2f}"),
            )
            for i in best
            if int(table.numbers[i]) in segments
        ]

    def _cosine(self, query: str, table: _Table) -> Any:
        if self._embedder is None or table.vectors is None or (has_cjk(query) and "zh" not in LANGUAGES):
            return None
        # Not @: the threads of BLAS cost more than they save here, above all where others use the cores.
        return np.vecdot(table.vectors, self._embedder.query(query))  # (n,)

    def _coverage(self, words: Sequence[str], table: _Table, videos: Sequence[str] | None) -> Any:
        """(n,) share 0..1 of the query's information that each segment holds."""
        total, held = 0.0, np.zeros(len(table.numbers))
        for word in words:
            at = table.where(n for n, _ in self._store.match(word, videos, limit=len(held)))
            weight = math.log((len(table.numbers) + _PRIOR) / (len(at) + 1))
            total += weight
            held[at] += weight
        return held / total if total else held

    def _table(self, videos: Sequence[str] | None) -> _Table:
        key = (self._store.changes(), None if videos is None else tuple(videos))
        with self._lock:
            if self._kept is None or self._kept[0] != key:
                self._kept = key, self._read(videos)
            return self._kept[1]

    def _read(self, videos: Sequence[str] | None) -> _Table:
        outline = sorted(self._store.outline(videos))
        n, video, kind, start, end = zip(*outline, strict=True) if outline else ((),) * 5
        weights = np.array([WORDS_WEIGHT.get(k, OTHER_WEIGHT) for k in kind])
        table = _Table(
            *(np.array(n, np.int64), np.array(video, str), np.array(kind, str), weights),
            *(np.array(start), np.array(end), None),
        )
        if self._embedder is None:
            return table
        numbers, found = self._store.vectors(self._embedder.space, videos)
        if not len(numbers):
            return table
        vectors = np.zeros((len(n), found.shape[1]), np.float32)
        known = np.isin(numbers, table.numbers)
        vectors[table.where(numbers[known])] = found[known]
        return replace(table, vectors=vectors)


def _allowed(table: _Table, kinds: Iterable[str] | None, within: Mapping[str, Span] | None) -> Any:
    allowed = np.ones(len(table.numbers), bool)
    if kinds is not None:
        allowed &= np.isin(table.kinds, np.array([*kinds], str))
    for video, span in (within or {}).items():
        outside = (table.starts >= span.end) | (table.ends <= span.start)
        allowed &= ~((table.videos == video) & outside)
    return allowed

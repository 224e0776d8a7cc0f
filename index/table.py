"""Segments as arrays, so that all of them are scored at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..tools.base import KINDS, Span
from ..tools.embed import Embedder
from .reads import Reads
from .schema import BLOCK

DOUBTED = 0.35  # mean confidence of a rough transcript below which most of its words are wrong
_CODES = {kind: code for code, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Table:
    """Arrays of one length, in order of number."""

    numbers: Any  # (n,) int64, of segments
    kinds: Any  # (n,) int8, places in KINDS
    starts: Any  # (n,) float64, seconds
    ends: Any  # (n,)
    trust: Any  # (n,) float32, 1, or less for a rough transcript that its recogniser doubts
    dense: Any  # (n,) bool: it has a vector that says what it means
    vectors: Any  # (n, dimensions) float32, zeros where there is none; None without any

    @classmethod
    def read(
        cls,
        store: Reads,
        embedder: Embedder | None,
        videos: Iterable[str] | None = None,
        numbers: Iterable[int] | None = None,
    ) -> Self:
        """The segments of videos, those of these numbers, or all."""
        wanted = None if numbers is None else list(numbers)
        outline = sorted(store.outline(videos, wanted), key=lambda row: row[0])
        n, kind, start, end, language, score, rough = zip(*outline, strict=True) if outline else ((),) * 7
        at = np.array(n, np.int64)
        doubt = np.array([1.0 if s is None else s for s in score], np.float32) / DOUBTED
        trust = np.where(np.array(rough, bool), np.minimum(1, 0.5 + 0.5 * doubt), 1).astype(np.float32)
        vectors, dense = None, np.zeros(len(at), bool)
        if embedder is not None:
            space = embedder.space
            known, found = store.vectors(space, videos) if wanted is None else store.vectors_by_n(space, wanted)
            if len(known):
                vectors, dense = _placed(at, known, found)
                knows = {tag: embedder.knows(tag) for tag in set(language)}
                dense &= np.array([knows[tag] for tag in language], bool)
        codes = np.array([_CODES[one] for one in kind], np.int8)
        return cls(at, codes, np.array(start, float), np.array(end, float), trust, dense, vectors)

    def where(self, numbers: Any) -> Any:
        """Places of segment numbers (ascending) in the table; numbers that it does not hold are left out."""
        if not len(self.numbers):
            return np.zeros(0, np.int64)
        at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return at[self.numbers[at] == numbers]

    def allowed(self, kinds: Iterable[str] | None, within: Mapping[int, Span]) -> Any:
        """(n,) bool: of these kinds, and in the span of its video if there is one; `within` goes by numbers of videos
        (see `schema.BLOCK`)."""
        allowed = np.ones(len(self.numbers), bool)
        if kinds is not None:
            allowed &= np.isin(self.kinds, [_CODES[kind] for kind in kinds if kind in _CODES])
        if within:
            blocks = np.array(sorted(within), np.int64)
            spans = np.array([(within[block].start, within[block].end) for block in sorted(within)])  # (videos, 2)
            mine = self.numbers >> BLOCK
            at = np.minimum(np.searchsorted(blocks, mine), len(blocks) - 1)
            outside = (self.starts >= spans[at, 1]) | (self.ends <= spans[at, 0])
            allowed &= ~((blocks[at] == mine) & outside)
        return allowed


def _placed(numbers: Any, known: Any, found: Any) -> tuple[Any, Any]:
    """The vectors in the order of the table, and which rows have one; without a copy where all have."""
    if len(known) == len(numbers) and (known == numbers).all():
        return found, np.ones(len(numbers), bool)
    vectors = np.zeros((len(numbers), found.shape[1]), np.float32)
    inside = np.isin(known, numbers)
    at = np.searchsorted(numbers, known[inside])
    vectors[at] = found[inside]
    dense = np.zeros(len(numbers), bool)
    dense[at] = True
    return vectors, dense

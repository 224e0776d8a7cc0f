"""Every moment that holds the words of a query: counted, not ranked, and none left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

import numpy as np

from ..tools.base import Span
from .reads import Reads
from .rows import Row, Segment
from .schema import BLOCK, TOKENS
from .terms import phrases, terms

_PAGE = 500  # segments read at a time


@dataclass(frozen=True, slots=True)
class Mention:
    """Neighbouring rows of a segment that hold all words of the query together, as few as do."""

    segment: Segment
    rows: tuple[Row, ...]

    @property
    def span(self) -> Span:
        return Span(min(row.span.start for row in self.rows), max(row.span.end for row in self.rows))

    @property
    def text(self) -> str:
        return " ".join(row.text.strip() for row in self.rows)


def mentions(
    store: Reads,
    query: str,
    videos: Sequence[str] | None = None,
    kinds: Iterable[str] | None = None,
    within: Mapping[str, Span] | None = None,
) -> Iterator[Mention]:
    """All of them by video and time; none for a query without a telling word.

    Words are found by their stem and without accents, in the passage of a segment: a row of its own for each place
    where a row holds all of them, else the rows that hold any.
    """
    asked = phrases(query)
    if not asked:
        return
    blocks = None if videos is None else list(store.blocks(videos).values())
    numbers = reduce(np.intersect1d, (store.holding(phrase, blocks) for phrase in asked))
    wanted = None if kinds is None else frozenset(kinds)
    for _, of_video in groupby(map(int, numbers), key=lambda n: n >> BLOCK):
        found = [one for one in _of(store, list(of_video), asked) if wanted is None or one.segment.kind in wanted]
        for one in sorted(found, key=lambda mention: (mention.span, mention.segment.n)):
            span = (within or {}).get(one.segment.video)
            if span is None or span.overlap(one.span) > 0:
                yield one


def _of(store: Reads, numbers: Sequence[int], asked: Sequence[str]) -> Iterator[Mention]:
    for at in range(0, len(numbers), _PAGE):
        segments = store.segments_by_n(numbers[at : at + _PAGE])
        rows = store.rows_by_n(n for segment in segments.values() for n in segment.observations)
        held = _held(rows.values(), asked)
        for segment in segments.values():
            mine = [rows[n] for n in segment.observations if n in rows]
            whole = [row for row in mine if len(held[row.n]) == len(asked)]
            if whole:
                yield from (Mention(segment, (row,)) for row in whole)
            elif mine:
                yield Mention(segment, tuple(row for row in mine if held[row.n]) or tuple(mine))


def _held(rows: Iterable[Row], asked: Sequence[str]) -> Mapping[int, set[str]]:
    """By the number of a row, which phrases it holds, in the eyes of the index that finds the passages."""
    import sqlite3

    held: dict[int, set[str]] = defaultdict(set)
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f"CREATE VIRTUAL TABLE lines USING fts5 (terms, {TOKENS})")
        lines = ((row.n, terms(f"{_speaker(row)} {row.text}")) for row in rows)
        memory.executemany("INSERT INTO lines (rowid, terms) VALUES (?, ?)", lines)
        for phrase in asked:
            for (n,) in memory.execute("SELECT rowid FROM lines WHERE lines MATCH ?", (phrase,)):
                held[n].add(phrase)
    return held


def _speaker(row: Row) -> str:
    return str(row.data.get("speaker") or "")

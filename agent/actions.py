"""What can be asked of the timeline in one run. Rows come back as numbered evidence; every call becomes a step."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..index.library import Library
from ..index.rows import Row, Segment, VideoRow
from ..index.search import Scope
from ..tools.base import Span
from .answer import Evidence, Step
from .times import Window


class Actions:
    """The actions of one question. They see the videos that have the moment it names, and in these that moment only.

    Keeps the steps of the run and the evidence that was cited.
    """

    def __init__(self, library: Library, videos: Sequence[VideoRow], window: Window | None) -> None:
        spans = {v.id: window.span(v.duration) for v in videos if window and v.unit == "seconds"}
        self.within: dict[str, Span] = {id: span for id, span in spans.items() if span}
        self.videos = {video.id: video for video in videos if window is None or video.id in self.within}
        self.evidence: dict[int, Evidence] = {}
        self.events: list[Step] = []  # one when an action starts, one when it ends
        self._library = library

    @property
    def steps(self) -> list[Step]:
        return [step for step in self.events if step.rows is not None]

    def search(self, query: str, kinds: Sequence[str] | None, k: int) -> list[Segment]:
        """The segments that the query is about, best first."""
        with self._step("search", {"query": query, "kinds": list(kinds) if kinds else None, "k": k}) as found:
            if self.videos:
                scope = Scope(tuple(self.videos))
                hits = self._library.search(query, scope=scope, kinds=kinds, within=self.within, k=k)
                found += [hit.segment for hit in hits]
        return found

    def timeline(self, kinds: Sequence[str]) -> list[tuple[Segment, Row]]:
        """All rows of these kinds, each with its segment, by video and time."""
        with self._step("timeline", {"kinds": list(kinds)}) as found:
            for id in self.videos:
                span = self.within.get(id)
                rows = {row.n: row for row in self._library.rows(id, kinds, span)}
                segments = self._library.segments(id, kinds, span)
                found += [(segment, rows[n]) for segment in segments for n in segment.observations if n in rows]
        return found

    def count(self, kind: str) -> int:
        """Rows of a kind in the videos, whenever they are."""
        return sum(self._library.store.counts(id).get(kind, 0) for id in self.videos)

    def vectors(self, numbers: Sequence[int]) -> NDArray[np.float32] | None:
        """(numbers, dimensions) vectors of segments of these videos; None where one of them has none."""
        if self._library.embedder is None:
            return None
        known, vectors = self._library.store.vectors(self._library.embedder.space, list(self.videos))
        at = {int(n): i for i, n in enumerate(known)}
        return vectors[[at[n] for n in numbers]] if all(n in at for n in numbers) else None

    def rows_of(self, segment: Segment) -> list[Row]:
        """The rows that a segment was made of, in its order, those in the window."""
        rows, span = self._library.store.rows_by_n(segment.observations), self.within.get(segment.video)
        found = [rows[n] for n in segment.observations if n in rows]
        return [row for row in found if span is None or row.span.overlap(span) > 0]

    def cite(self, segment: Segment, span: Span, text: str) -> Evidence:
        """Gives a quoted part of a segment its evidence number."""
        evidence = Evidence(len(self.evidence) + 1, segment, span, text)
        self.evidence[evidence.number] = evidence
        return evidence

    @contextmanager
    def _step(self, action: str, arguments: dict[str, Any]) -> Iterator[list[Any]]:
        if self.within:
            arguments["within"] = {video: [span.start, span.end] for video, span in self.within.items()}
        began = time.perf_counter()
        self.events.append(Step(action, arguments))
        rows: list[Any] = []
        yield rows
        self.events.append(Step(action, arguments, len(rows), round(time.perf_counter() - began, 4)))

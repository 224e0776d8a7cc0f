"""What can be asked of the timeline in one run. Rows come back as numbered evidence; every call becomes a step."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..index.library import Library
from ..index.rows import Row, Segment, VideoRow
from ..index.search import Scope
from ..tools.base import Span
from .answer import Evidence, Step


@dataclass(frozen=True, slots=True)
class Found:
    """A segment that a search returned, with its absolute score."""

    segment: Segment
    score: float


class Actions:
    """The actions of one question over some videos of a library. Keeps their steps and the evidence that was cited."""

    def __init__(self, library: Library, videos: Sequence[VideoRow]) -> None:
        self.videos = {video.id: video for video in videos}
        self.evidence: dict[int, Evidence] = {}
        self.events: list[Step] = []  # one when an action starts, one when it ends
        self._library = library

    @property
    def steps(self) -> list[Step]:
        return [step for step in self.events if step.rows is not None]

    def search(self, query: str, kinds: Sequence[str] | None, within: Mapping[str, Span], k: int = 8) -> list[Found]:
        """The segments that the query is about, best first."""
        arguments = {"query": query, "kinds": list(kinds) if kinds else None, "k": k}
        with self._step("search", arguments | _times(within)) as rows:
            hits = self._library.search(query, scope=Scope(tuple(self.videos)), kinds=kinds, within=within, k=k)
            found = [Found(hit.segment, hit.score) for hit in hits]
            rows += found
        return found

    def timeline(self, kinds: Sequence[str], within: Mapping[str, Span]) -> list[Row]:
        """All rows of these kinds, by video and time."""
        with self._step("timeline", {"kinds": list(kinds), **_times(within)}) as rows:
            rows += [row for id in self.videos for row in self._library.rows(id, kinds, within.get(id))]
        return list(rows)

    def segments(self, kinds: Sequence[str]) -> list[Segment]:
        """The segments of the videos, to find the one that a row belongs to."""
        return [segment for id in self.videos for segment in self._library.segments(id, kinds)]

    def rows_of(self, segment: Segment) -> list[Row]:
        """The rows that a segment was made of, in its order."""
        rows = self._library.store.rows_by_n(segment.observations)
        return [rows[n] for n in segment.observations if n in rows]

    def cite(self, segment: Segment, span: Span, text: str) -> Evidence:
        """Gives a quoted part of a segment its evidence number."""
        evidence = Evidence(len(self.evidence) + 1, segment, span, text)
        self.evidence[evidence.number] = evidence
        return evidence

    @contextmanager
    def _step(self, action: str, arguments: dict[str, Any]) -> Iterator[list[Any]]:
        began = time.perf_counter()
        self.events.append(Step(action, arguments))
        rows: list[Any] = []
        yield rows
        self.events.append(Step(action, arguments, len(rows), round(time.perf_counter() - began, 4)))


def _times(within: Mapping[str, Span]) -> dict[str, Any]:
    if not within:
        return {}
    return {"within": {video: [span.start, span.end] for video, span in within.items()}}

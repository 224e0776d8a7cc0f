"""What can be asked of the timeline in one run. Rows come back as numbered evidence; every call becomes a step."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..index.library import Library
from ..index.mentions import Mention
from ..index.rows import Row, Segment, VideoRow
from ..index.scope import Chosen, Scope
from ..tools.base import Span
from .answer import Evidence, Step
from .quotes import Quote
from .times import Window

_NAMED = 20  # videos whose moments are told with a step


class Actions:
    """The actions of one question. They see the videos that have the moment it names, and in these that moment only.

    Keeps the steps of the run, the evidence that was cited, and the numbers that were counted. `whole` says that the
    videos are all of the library.
    """

    def __init__(self, library: Library, chosen: Chosen, window: Window | None, whole: bool = False) -> None:
        self.within, self.videos = _seen(chosen, window)
        self.evidence: dict[int, Evidence] = {}
        self.counted: set[str] = set()
        self.events: list[Step] = []  # one when an action starts, one when it ends
        self._library = library
        self._ids = None if whole and len(self.videos) == len(chosen.videos) else tuple(self.videos)

    @property
    def steps(self) -> list[Step]:
        return [step for step in self.events if step.rows is not None]

    def search(self, query: str, kinds: Sequence[str] | None, k: int) -> list[Segment]:
        """The segments that the query is about, best first."""
        with self._step("search", {"query": query, "kinds": list(kinds) if kinds else None, "k": k}) as found:
            if self.videos:
                hits = self._library.search(query, scope=self._scope, kinds=kinds, within=self.within, k=k)
                found += [hit.segment for hit in hits if hit.segment.video in self.videos]  # another may have come
        return found

    def timeline(self, kinds: Sequence[str], videos: Sequence[str] | None = None) -> list[tuple[Segment, Row]]:
        """All rows of these kinds, each with its segment, by video and time; of all videos or of some."""
        arguments = {"kinds": list(kinds)} if videos is None else {"kinds": list(kinds), "videos": list(videos)}
        with self._step("timeline", arguments) as found:
            for id in self.videos if videos is None else videos:
                span = self.within.get(id)
                rows = {row.n: row for row in self._library.rows(id, kinds, span)}
                segments = self._library.segments(id, kinds, span)
                found += [(segment, rows[n]) for segment in segments for n in segment.observations if n in rows]
        return found

    def count(self, words: str) -> dict[str, list[Mention]]:
        """Every moment that holds all of the words, by video: none is left out but what was roughly heard and cannot
        be read."""
        with self._step("count", {"words": words}) as found:
            if self.videos:
                every = self._library.mentions(words, scope=self._scope, within=self.within)
                mine = (one for one in every if one.segment.video in self.videos)
                found += (one for one in mine if Quote(one.segment, one.rows).legible)
        by_video: dict[str, list[Mention]] = {}
        for mention in found:
            by_video.setdefault(mention.segment.video, []).append(mention)
        self.counted |= {str(len(found)), str(len(by_video)), str(len(self.videos))}
        return by_video

    def many(self, kinds: Sequence[str], limit: int) -> bool:
        """Whether the videos hold more segments of these kinds than that."""
        return self._library.store.exceeds(limit, kinds, self._ids)

    def central(self, most: int) -> list[str]:
        """Ids of videos that are most like all of them together, and unlike each other; the first, without vectors."""
        if self._library.embedder is None:
            return list(self.videos)[:most]
        ids, vectors = self._library.store.video_vectors(self._library.embedder.space, list(self.videos))
        return [ids[i] for i in diverse(vectors, most)] or list(self.videos)[:most]

    def vectors(self, numbers: Sequence[int]) -> NDArray[np.float32] | None:
        """(numbers, dimensions) vectors of segments; None where one of them has none."""
        if self._library.embedder is None:
            return None
        known, vectors = self._library.store.vectors_by_n(self._library.embedder.space, numbers)
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

    @property
    def _scope(self) -> Scope | None:
        return None if self._ids is None else Scope(self._ids)

    @contextmanager
    def _step(self, action: str, arguments: dict[str, Any]) -> Iterator[list[Any]]:
        if self.within and len(self.within) <= _NAMED:
            arguments["within"] = {video: [span.start, span.end] for video, span in self.within.items()}
        began = time.perf_counter()
        self.events.append(Step(action, arguments))
        rows: list[Any] = []
        yield rows
        self.events.append(Step(action, arguments, len(rows), round(time.perf_counter() - began, 4)))


def _seen(chosen: Chosen, window: Window | None) -> tuple[dict[str, Span], dict[str, VideoRow]]:
    """The span that counts of each video of which not all does, and the videos that have the moment of the window."""
    within, videos = dict(chosen.within), {row.id: row for row in chosen.videos}
    if window is None:
        return within, videos
    for row in chosen.videos:
        span = window.span(row.duration) if row.unit == "seconds" else None
        limit = within.pop(row.id, span)
        if span is None or limit is None or span.overlap(limit) <= 0:
            del videos[row.id]
        else:
            within[row.id] = Span(max(span.start, limit.start), min(span.end, limit.end))
    return within, videos


def diverse(vectors: NDArray[np.float32], most: int) -> list[int]:
    """Up to `most` of the vectors (n, dimensions) that are central and unlike each other (MMR, Carbonell and Goldstein
    1998)."""
    if not len(vectors):
        return []
    central = np.vecdot(vectors, vectors.mean(axis=0))  # (n,)
    chosen = [int(np.argmax(central))]
    while len(chosen) < min(most, len(vectors)):
        alike = np.max([np.vecdot(vectors, vectors[i]) for i in chosen], axis=0)
        gain = 0.7 * central - 0.3 * alike
        gain[chosen] = -np.inf
        chosen.append(int(np.argmax(gain)))
    return chosen

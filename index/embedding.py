"""Vectors of segments: given to those that have none, and all of them anew in another sentence model's space."""

from collections.abc import Callable

import numpy as np

from ..tools.embed import Embedder
from .reads import Reads
from .store import Store

_BATCH = 512
STALE = (
    "the library's vectors are of another sentence model, so that its passages are found by words only; run reelcue"
    " reindex, which makes new ones without reading the videos"
)


def fill(
    store: Store,
    embedder: Embedder,
    video: str | None = None,
    step: Callable[[int], None] = lambda made: None,
) -> set[str]:
    """Gives each segment of a video, or of all, that has none its vector. Returns ids of the videos that got some.

    `step` is called before each batch with how many were made, and may raise to stop: what was made stays.
    """
    made, last, changed = 0, -1, set[str]()
    step(0)
    while segments := store.without_vector(embedder.space, video, limit=_BATCH, after=last):
        vectors = embedder([segment.text for segment in segments])
        store.put_vectors(embedder.space, [segment.n for segment in segments], vectors)
        changed |= {segment.video for segment in segments}
        made, last = made + len(segments), segments[-1].n
        step(made)
    return changed


def centre(store: Store, space: str, video: str) -> None:
    """Gives a video the mean of its segments' vectors."""
    _, vectors = store.vectors(space, [video])
    store.put_video_vector(space, video, np.mean(vectors, axis=0) if len(vectors) else np.zeros(1))


def renew(store: Store, embedder: Embedder, told: Callable[[float], None]) -> int:
    """Vectors of all segments in the embedder's space; those of other spaces are deleted when all are there.

    `told` gets the fraction done, and may raise to stop: the next call goes on from there. Returns how many were made.
    """
    total, made = store.segment_count(), 0
    done = total - store.unvectored(embedder.space)

    def step(count: int) -> None:
        nonlocal made
        made = count
        told((done + count) / total if total else 1.0)

    fill(store, embedder, step=step)
    for row in store.videos():
        step(made)
        centre(store, embedder.space, row.id)
    store.keep_space(embedder.space)
    return made


def stale(store: Reads, embedder: Embedder | None) -> bool:
    """Whether there are vectors of another sentence model, and passages that have none of this one's."""
    if embedder is None or not store.spaces() - {embedder.space}:
        return False
    return bool(store.without_vector(embedder.space, limit=1))

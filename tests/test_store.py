"""The database of a library: what is written comes back, and what is removed leaves nothing."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stores
from stores import CHECK, A, B, change, contents, found, running, said, spec, tell, video

from reelcue.index import schema
from reelcue.index.rows import Row, Segment
from reelcue.index.store import Store
from reelcue.tools.base import KINDS, Observation, Span
from reelcue.tools.errors import LibraryError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library" / "index.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with stores.made(path) as opened:
        yield opened


def test_a_video_comes_back_and_is_brought_up_to_date(store: Store) -> None:
    facts = {"streams": [{"kind": "video", "title": "片"}], "width": 640, "problems": ["cut off"]}
    row = replace(
        video(A), name="c\x1b.mp4", source="yard", recorded_at="2026-01-02T03:04:05+01:00", recorded_from="name"
    )
    store.put_video(replace(row, unit="index", facts=facts, added_at=""))
    assert store.video(A) == replace(row, name="c.mp4", unit="index", facts=facts)
    assert [v.id for v in store.videos()] == [A, B]
    assert store.video("c" * 16) is None


def test_a_path_that_is_not_unicode_comes_back(store: Store) -> None:
    odd = os.fsdecode(b"/films/caf\xe9.mp4")
    moved = replace(video(A), path=odd, name=Path(odd).name, size=11, mtime_ns=21)
    store.put_video(moved)
    assert store.video(A) == replace(moved, name="caf.mp4")
    assert [row.id for row in store.videos(odd)] == [A] and store.videos("/films/a.mp4") == []
    store.put_video(replace(video(B), path=None))
    assert store.video(B) == replace(video(B), path=None)


def test_rows_and_segments_come_back(store: Store) -> None:
    job = running(store, spec())
    data = {"words": [[0.0, 0.4, "héllo", 0.9]], "speaker": "Ada", "language": "en"}
    seen = [
        Observation("subtitles", "speech", Span(0, 0.5), "héllo", 0.9, data, (1.0, 2.0), "pictures"),
        Observation("subtitles", "shot", Span(0.5, 2), "Shot 1"),
    ]
    words = ((0.0, 0.4, "héllo", 0.9), (0.4, 0.5, "there", None))
    segment = Segment(A, "speech", "subtitles", Span(0, 0.5), "Ada: héllo", "en", "Ada", words, (0,))
    assert store.commit(job, seen, [segment], seconds=2.5)
    speech, shot = store.rows(A)
    assert speech == Row(speech.n, A, "subtitles", "speech", Span(0, 0.5), "héllo", 0.9, data)
    assert (speech.observation().data, shot.score) == (data, None)
    assert store.rows(A, ["shot"]) == [shot] == store.rows(A, span=Span(0.5, 1))
    assert store.rows_by_n([speech.n, 999]) == {speech.n: speech}
    (kept,) = store.segments()
    assert kept == replace(segment, n=kept.n, observations=(speech.n,))
    assert kept.id == segment.id
    assert store.segments([B]) == store.segments(kinds=["text"]) == store.segments(span=Span(0.5, 9)) == []
    assert store.outline([A]) == store.outline(numbers=[kept.n, 999])
    assert store.outline() == [(kept.n, "speech", 0.0, 0.5, "en", None, 0)]
    assert store.counts() == store.counts(A) == {"shot": 1, "speech": 1}
    (done,) = store.jobs(A)
    assert (done.state, done.rows, done.seconds, done.key) == ("done", 2, 2.5, spec().key)
    assert store.provided(done) == {"speech"}  # what its tool may yield
    assert store.provided(replace(done, kinds=KINDS)) == {"shot", "speech"}  # what it did, where that may be anything


def test_turns_and_settings_come_back(store: Store) -> None:
    first = store.add_turn("talk", "谁\ud800?", {"answer": "Ada", "found": True})
    store.add_turn("other", "?", {})
    (turn,) = store.turns("talk")
    assert (turn.n, turn.question, turn.answer) == (first, "谁?", {"answer": "Ada", "found": True})
    store.set_meta("embedder", "minilm")
    store.set_meta("embedder", "other")
    assert (store.meta("embedder"), store.meta("nothing")) == ("other", None)


def test_vectors_are_kept_at_length_one(store: Store) -> None:
    tell(store, "one", "two", "three")
    tell(store, "four", video=B)
    ns = [segment.n for segment in store.segments()]
    assert [segment.n for segment in store.without_vector("m")] == ns
    store.put_vectors("m", [ns[3], ns[0], ns[1], 12345], np.array([[0, 2], [3, 4], [np.nan, 1], [1, 1]]))
    numbers, matrix = store.vectors("m")
    assert (str(numbers.dtype), str(matrix.dtype), numbers.tolist()) == ("int64", "float32", [ns[0], ns[1], ns[3]])
    assert np.abs(matrix - np.array([[0.6, 0.8], [0, 0], [0, 1]])).max() < 1e-6
    assert store.vectors("m", [B])[0].tolist() == [ns[3]]
    assert store.vectors("m", [B, A])[0].tolist() == numbers.tolist()
    assert store.vectors("other")[1].shape == (0, 0)
    assert [segment.n for segment in store.without_vector("m")] == [ns[2]]
    store.put_video_vector("m", A, np.array([0, 5.0]))
    ids, means = store.video_vectors("m", [A, B])
    assert (ids, means.tolist()) == ([A], [[0, 1]])
    store.put_video_vector("m", A, np.zeros(1))
    assert store.video_vectors("m", [A, B])[0] == []


def test_vectors_of_different_lengths_are_refused(store: Store) -> None:
    tell(store, "one", "two")
    first, second = (segment.n for segment in store.segments())
    store.put_vectors("m", [first], [[1, 0]])
    store.put_vectors("m", [second], [[1, 0, 0]])
    with pytest.raises(LibraryError, match="damaged"):
        store.vectors("m")


def test_caches_hear_of_changes_by_others(store: Store, path: Path) -> None:
    before = store.changes()
    with Store(path) as other:
        job = running(other, spec())
        assert store.changes() == before
        other.commit(job, said("hello"))
    assert store.changes() > before


def test_removal_leaves_nothing_behind(store: Store, path: Path) -> None:
    for id in (A, B):
        tell(store, "one", "two", video=id)
        store.put_vectors("m", [segment.n for segment in store.segments([id])], np.eye(2))
        store.put_video_vector("m", id, [1, 1])
    before = contents(path)
    assert store.remove_video(A) and not store.remove_video(A)
    assert contents(path) == {table: count // 2 for table, count in before.items()}
    assert found(store, "one") == ["one"]
    store.remove_video(B)
    assert set(contents(path).values()) == {0}
    change(path, CHECK)
    store.put_video(video(A))
    tell(store, "one")
    assert store.segments()[0].n >> schema.BLOCK == 3  # numbers of removed videos are not given again


def test_a_deleted_segment_leaves_a_tombstone_until_it_is_written_again(store: Store) -> None:
    def tombstones() -> set[str]:
        return {id for (id,) in store.select("SELECT id FROM tombstones")}

    tell(store, "one", "two")
    one, two = (segment.id for segment in store.segments())
    tell(store, "one", wanted=spec(version="2"))
    assert tombstones() == {two}
    store.remove_video(A)
    assert tombstones() == {one, two}
    store.put_video(video(A))
    tell(store, "one", "two")
    assert tombstones() == set()

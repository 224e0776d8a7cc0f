"""Jobs: done once, current or not, and each run in place of the one before, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stores
from stores import A, B, contents, found, passages, running, said, spec, tell

from reelcue.index import schema
from reelcue.index.rows import Segment
from reelcue.index.store import Store
from reelcue.tools.base import Observation, Span
from reelcue.tools.errors import LibraryError, ToolFailed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library" / "index.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with stores.made(path) as opened:
        yield opened


def test_a_job_is_queued_once(store: Store) -> None:
    first = store.queue(spec(span=Span(1, 2), question="q\x00?", needs=("k",), sidecars=("d",), digest="m"))
    again = store.queue(spec(span=Span(1, 2), question="q?", needs=("k",), sidecars=("d",), digest="m"))
    assert first == again and first.state == "queued"
    assert (first.span, first.question, first.needs, first.sidecars) == (Span(1, 2), "q?", ("k",), ("d",))
    assert store.start(first) and not store.start(first)
    assert store.jobs(state="running")[0].attempts == 1


@pytest.mark.parametrize(
    "other",
    [
        {"options": {"files": ["x"]}},
        {"digest": "d"},
        {"sidecars": ("s",)},
        {"needs": ("n",)},
        {"span": Span(0, 1)},
        {"question": "why?"},
        {"tool": "speech"},
        {"video": B},
    ],
)
def test_a_job_is_current_when_all_but_the_version_is_equal(store: Store, other: dict[str, Any]) -> None:
    job = tell(store, "hello")
    newer, different = spec(version="2"), spec(**other)
    assert newer.key != job.key != different.key
    assert store.current(newer) == store.jobs(A)[0]
    assert store.current(different) is None


def test_failed_and_blocked_jobs_are_queued_again_and_finished_ones_on_request(store: Store) -> None:
    job = running(store, spec())
    store.fail(job, "broke\x1b[31m")
    assert (store.jobs(A)[0].state, store.jobs(A)[0].error) == ("failed", "broke[31m")
    assert store.queue(spec()).state == "queued"
    store.block(job, "needs shot")
    assert store.jobs(state="blocked")[0].error == "needs shot"
    tell(store, "hello")
    assert store.queue(spec()).state == "done"
    assert store.queue(spec(), again=True).state == "queued"
    assert found(store, "hello") == ["hello"]  # until the new run replaces it
    assert store.current(spec()) is None


def test_interrupted_jobs_are_queued_again(store: Store) -> None:
    running(store, spec())
    assert store.requeue() == 1
    assert [job.state for job in store.jobs()] == ["queued"]


def test_a_job_that_waits_with_other_options_is_dropped(store: Store) -> None:
    tell(store, "hello")
    store.queue(spec(options={"files": ["x"]}))
    kept = store.queue(spec(options={"files": ["y"]}))
    assert [job.n for job in store.jobs(A, "queued")] == [kept.n]
    assert found(store, "hello") == ["hello"]
    with pytest.raises(LibraryError, match="no longer in the library"):
        store.queue(spec("c" * 16))


def test_a_new_run_replaces_the_old_one(store: Store) -> None:
    old = tell(store, "old words", "same words")
    tell(store, "part", wanted=spec(span=Span(0, 1)))
    tell(store, "other tool", wanted=spec(tool="speech"))
    numbers = {row.n for row in store.rows(A)}
    new = tell(store, "same words", "new words", wanted=spec(version="2"))
    assert {job.key for job in store.jobs(A)} >= {new.key} and old.key not in {job.key for job in store.jobs(A)}
    assert {row.text for row in store.rows(A)} == {"same words", "new words", "part", "other tool"}
    assert found(store, "old") == []
    assert len(store.jobs(A)) == 3
    assert not {row.n for row in store.rows(A) if row.text.endswith("words")} & numbers


def test_a_run_that_was_overtaken_stores_nothing(store: Store) -> None:
    late = running(store, spec())
    tell(store, "new", wanted=spec(version="2"))
    assert not store.commit(late, said("late"))
    gone = running(store, spec(B))
    store.remove_video(B)
    assert not store.commit(gone, said("gone"))
    assert [row.text for row in store.rows(A)] == ["new"]


def test_a_commit_that_breaks_leaves_the_old_run(store: Store, path: Path) -> None:
    tell(store, "old words")
    before = contents(path)
    job = running(store, spec(version="2"))
    observations = said("new", "words")
    broken = [*passages(A, observations), Segment("c" * 16, "speech", "subtitles", Span(0, 1), "foreign")]
    with pytest.raises(LibraryError):
        store.commit(job, observations, broken)
    with pytest.raises(ToolFailed, match=r"subtitles: .* no JSON"):
        store.commit(job, [Observation("subtitles", "speech", Span(0, 1), "x", data={"score": float("nan")})])
    assert contents(path) == {**before, "jobs": 2}
    assert (found(store, "old"), found(store, "new")) == (["old words"], [])
    assert store.current(spec()) is not None


def test_a_run_over_a_part_repeats_nothing(store: Store) -> None:
    tell(store, "one", wanted=spec(span=Span(0, 1)))
    tell(store, "one", "two")
    rows = store.rows(A)
    assert [row.text for row in rows] == ["one", "two"]
    assert rows[0].n == rows[1].n - 1  # both of the run over the whole video
    assert [segment.observations for segment in store.segments()] == [(row.n,) for row in rows]
    tell(store, "three", wanted=spec(span=Span(0, 1), version="2"))
    assert sorted(segment.text for segment in store.segments()) == ["one", "three", "two"]


def test_equal_rows_of_one_run_are_all_kept(store: Store) -> None:
    boxes = [{"boxes": [[x, 0, 10, 20]]} for x in (0, 50)]
    people = [Observation("objects", "object", Span(0, 1), "person", data=box) for box in boxes]
    assert store.commit(running(store, spec(tool="objects")), people)
    assert [row.data for row in store.rows(A)] == boxes


def test_segments_of_a_video_lie_in_one_range_of_numbers(store: Store) -> None:
    for tool in ("subtitles", "speech"):
        for id in (A, B):
            tell(store, f"{tool} of {id}", video=id, wanted=spec(id, tool))
    for block, id in enumerate((A, B), start=1):
        assert {segment.n >> schema.BLOCK for segment in store.segments([id])} == {block}


def test_too_many_passages_for_a_video_are_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "BLOCK", 2)
    job, observations = running(store, spec()), said(*"abcde")
    with pytest.raises(LibraryError, match=A):
        store.commit(job, observations, passages(A, observations))
    assert store.commit(job, observations[:4], passages(A, observations[:4]))

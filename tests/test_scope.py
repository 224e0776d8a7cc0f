"""What a question is asked of: videos, folders, sources, and stretches of the calendar."""

from dataclasses import replace
from pathlib import Path

import pytest
import stores
from commands import document, run, timeline

from reelcue.agent import Agent
from reelcue.index import Library, Scope
from reelcue.index.rows import VideoRow
from reelcue.index.scope import Chosen, choose, named
from reelcue.tools.base import Span
from reelcue.tools.errors import UsageError

NOON = "2026-11-21T12:00:00+00:00"


def video(id: str, **more: object) -> VideoRow:
    return replace(stores.video(id * 16), **more)  # type: ignore[arg-type]


A = video("a", path="/films/door/a.mp4", source="door", recorded_at=NOON, duration=600.0)
B = video("b", path="/films/door/b.mp4", source="door", recorded_at="2026-11-21T12:10:00+00:00", duration=600.0)
C = video("c", path="/films/yard/c.mp4", source="Yard", duration=600.0)
D = video("d", path=None, source="door", recorded_at=NOON, unit="index")
ALL = (A, B, C, D)


def ids(chosen: Chosen) -> str:
    return "".join(row.id[0] for row in chosen.videos)


def test_nothing_given_is_the_whole_library() -> None:
    assert ids(choose(Scope(), ALL)) == "abcd" and Scope().whole
    assert not Scope(source="door").whole


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (Scope(videos=("c" * 16, "a" * 16, "c" * 16)), "ca"),
        (Scope(folder="/films"), "abc"),
        (Scope(folder="/films/door/"), "ab"),
        (Scope(folder="/films/yard/../door"), "ab"),
        (Scope(source="DOOR"), "abd"),
        (Scope(videos=("a" * 16, "c" * 16), source="door"), "a"),
    ],
)
def test_all_that_is_given_holds(scope: Scope, found: str) -> None:
    assert ids(choose(scope, ALL)) == found


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (Scope(videos=("f" * 16,)), "no video f.*reelcue list"),
        (Scope(folder="/film"), "no video of the library lies in /film; add it"),
        (Scope(source="roof"), "no source 'roof' and no such folder; there are door, Yard"),
        (Scope(since="yesterday"), "'yesterday' is not a time; write it as"),
    ],
)
def test_what_is_not_there_is_named(scope: Scope, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        choose(scope, ALL)


def test_a_stretch_of_the_calendar_is_a_span_of_each_video() -> None:
    chosen = choose(Scope(since="2026-11-21T12:08:00+00:00", until="2026-11-21T13:12:00+01:00"), ALL)
    assert chosen.within == {A.id: Span(480, 600), B.id: Span(0, 120)}
    assert (ids(chosen), chosen.undated) == ("ab", 2)
    assert choose(Scope(since="2026-11-21T12:10:00+00:00"), ALL).within == {B.id: Span(0, 600)}
    assert choose(Scope(until=NOON), ALL).within == {}


def test_a_name_is_a_folder_where_there_is_one(tmp_path: Path) -> None:
    assert named(str(tmp_path)) == Scope(folder=str(tmp_path))
    assert named("door") == Scope(source="door")


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two hours of a camera, an hour each from 20:00 and from 21:00."""
    with Library(tmp_path / "reelcue-library", tools=()) as lib:
        for hour, said in ((20, "The gate opens."), (21, "The gate closes.")):
            file = timeline(tmp_path / f"{hour}.jsonl", said, "A car waits.", name=f"{hour}.mp4")
            lib.add([file], recorded_at=f"2026-11-24T{hour}:00:00+00:00", source="gate")
        lib.add([timeline(tmp_path / "other.jsonl", "The gate is old.", name="other.mp4")], source="talks")
    return tmp_path


def test_questions_keep_to_the_calendar_and_cite_its_time(recorded: Path) -> None:
    with Library(recorded / "reelcue-library", tools=()) as lib:
        scope = Scope(source="gate", since="2026-11-24T20:30:00+00:00")
        answer = Agent(lib).ask("What is said about the gate?", scope=scope)
        assert [(c.name, c.at and c.at[:16]) for c in answer.citations] == [("21.mp4", "2026-11-24T21:00")]
        assert answer.searched.videos == 1
        after = Agent(lib).ask("What is said about the gate after 1:00?", scope=scope)
        assert not after.found
        with pytest.raises(UsageError, match="no video was recorded then; of 0"):
            Agent(lib).ask("What is said about the gate?", scope=Scope(source="gate", until="2020-01-01"))


def test_commands_take_them(recorded: Path) -> None:
    said = run("search", "gate", "--in", "gate", "--until", "2026-11-24T20:30:00+00:00").stdout
    assert "20.mp4" in said and "21.mp4" not in said and "other.mp4" not in said
    found = document("ask", "What is said about the gate?", "--since", "2026-11-24T21:00:00+00:00")
    assert [citation["name"] for citation in found["citations"]] == ["21.mp4"]
    assert "1 videos are left out" in run("search", "gate", "--since", "2026-11-24T21:00:00+00:00").stderr
    assert "there are gate, talks" in run("search", "gate", "--in", "roof", code=2).stderr


def test_a_folder_goes_by_several_names_and_may_not_be_there(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    row = video("e", path=str(tmp_path / "link" / "e.mp4"))
    assert ids(choose(Scope(folder=str(tmp_path / "disk")), [row])) == "e"
    assert named("/films/door") == Scope(folder="/films/door") and named("door") == Scope(source="door")
    assert ids(choose(named("/films/door"), ALL)) == "ab"

"""Removing old videos: by which date they are old, that nothing is left of them, and what is asked and told."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from commands import document, run, timeline
from outside import clip

from reelcue.index import library
from reelcue.index.ingest import Cancelled, Event
from reelcue.index.library import Library
from reelcue.tools.errors import ToolUnavailable, UsageError


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """Four videos: two whose time of recording is known, and two of which one was added long ago."""

    def missing(name: str) -> None:
        raise ToolUnavailable("no sentence model")

    monkeypatch.setattr(library, "load", missing)
    with Library(tmp_path / "reelcue-library", tools=("scan", "subtitles")) as opened:
        folder = tmp_path / "films"
        for n, name in enumerate(("20200301_100000", "20270301_100000", "old", "new")):
            clip(folder / f"{name}.mp4", f"This is {name}.", fps=5 + n)
        opened.add([folder])
        row = opened.find("old")
        opened.store.select("UPDATE videos SET added_at = ? WHERE id = ?", ("2019-05-01T10:00:00+00:00", row.id))
        yield opened


def names(lib: Library) -> list[str]:
    return [row.name.removesuffix(".mp4") for row in lib.videos()]


class TestBefore:
    @pytest.mark.parametrize(
        ("before", "old"),
        [
            ("2019-01-01", []),
            ("2020-01-01", [("old", "added")]),
            ("2020-03-01T10:00:00", [("old", "added")]),
            ("2020-03-01T10:00:01", [("20200301_100000", "recorded"), ("old", "added")]),
            ("2027-02-28", [("20200301_100000", "recorded"), ("new", "added"), ("old", "added")]),
        ],
    )
    def test_goes_by_recording_where_that_is_known(self, lib: Library, before: str, old: list[Any]) -> None:
        assert sorted((one.row.name.removesuffix(".mp4"), one.by) for one in lib.before(before)) == old

    def test_is_a_time(self, lib: Library) -> None:
        with pytest.raises(UsageError, match="'last year' is not a time"):
            lib.before("last year")


class TestSeveral:
    def test_leave_nothing_behind(self, lib: Library) -> None:
        gone = [one.row.id for one in lib.before("2020-12-31")]
        events: list[Event] = []
        lib.remove(*gone, on_event=events.append)
        assert sorted(names(lib)) == ["20270301_100000", "new"]
        assert sorted(folder.name for folder in (lib.path / "media").iterdir()) == sorted(r.id for r in lib.videos())
        assert [event.fraction for event in events] == [0.5, 1.0]
        assert lib.store.counts() == {"shot": 2, "speech": 2}

    def test_are_all_known_or_none_is_removed(self, lib: Library) -> None:
        with pytest.raises(UsageError, match="no video '0000' in the library"):
            lib.remove(lib.videos()[0].id, "0000")
        assert len(lib.videos()) == 4

    def test_can_be_interrupted(self, lib: Library) -> None:
        flag = Flag()
        with pytest.raises(Cancelled):
            lib.remove(*(row.id for row in lib.videos()), cancel=flag, on_event=lambda event: flag.set())
        assert len(lib.videos()) == 3


class TestTheCommand:
    def test_lists_what_it_removes_and_by_which_date(self, lib: Library, tmp_path: Path) -> None:
        result = run("remove", "--before", "2020-12-31", "--yes")
        assert "20200301_100000.mp4" in result.stderr and "recorded 2020-03-01T10:00:00" in result.stderr
        assert "old.mp4" in result.stderr and "added 2019-05-01" in result.stderr
        assert "when recorded is not known" in result.stderr
        assert result.stdout == "removed 2 videos; their files were left alone\n"
        assert len(names(lib)) == 2 and len(list((tmp_path / "films").glob("*.mp4"))) == 4
        assert "no video was recorded, or else added, before 2019" in run("remove", "--before", "2019-01-01").stdout

    def test_says_the_same_in_a_document(self, lib: Library) -> None:
        row = lib.find("old")
        removed = document("remove", "--before", "2020-01-01", "--yes")["removed"]
        assert removed == [
            {
                "id": row.id, "name": "old.mp4", "path": row.path, "recorded_at": None,
                "added_at": "2019-05-01T10:00:00+00:00", "by": "added",
            }
        ]  # fmt: skip
        assert document("remove", "new", "--yes")["removed"][0]["by"] is None
        assert document("remove", "--before", "2019-01-01")["removed"] == []

    def test_asks_on_a_terminal(self, lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr("typer.confirm", lambda question, err: asked.append(question))
        monkeypatch.setattr("reelcue.ui.adding.sys", Terminal())
        assert "nothing was removed" in run("remove", "--before", "2020-12-31").stderr
        assert asked == ["Remove 2 videos from the library?"] and len(names(lib)) == 4

    def test_takes_one_video_or_a_date(self, tmp_path: Path) -> None:
        run("add", timeline(tmp_path / "a.jsonl", "Hello."))
        assert "either the video that is meant or --before DATE" in run("remove", code=2).stderr
        run("remove", "talk.mp4", "--before", "2020-01-01", code=2)
        assert "is not a time" in run("remove", "--before", "soon", code=2).stderr


class Terminal:
    """What `sys` is where somebody sits at a terminal."""

    class stdin:
        @staticmethod
        def isatty() -> bool:
            return True

"""A library: which video a file is, what becomes of good files and bad ones, names, removal, and other processes."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag
from typing import Any

import av
import pytest
from clips import Pictures, Sound, cut, every, write
from outside import SRT, Plates, clip

from reelcue.index import intake, library
from reelcue.index.files import digest, offline
from reelcue.index.ingest import Event
from reelcue.index.library import Library
from reelcue.index.rows import VideoRow
from reelcue.tools.errors import LibraryError, ToolUnavailable, UsageError
from reelcue.tools.video import Video

PROCESS = """
import sys
from pathlib import Path
from reelcue.index.library import Library
with Library(sys.argv[1], tools=("scan", "subtitles")) as lib:
    for added in lib.add([Path(p) for p in sys.argv[2:]]):
        print(added.state, added.rows.get("speech"), added.error)
"""


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """An empty library that reads subtitles, without the sentence model."""
    monkeypatch.setattr(library, "load", missing)
    with Library(tmp_path / "library", tools=("subtitles",)) as opened:
        yield opened


def missing(name: str) -> None:
    raise ToolUnavailable("no sentence model; run reelcue models get minilm")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the videos that were read from beginning to end."""
    names: list[str] = []

    def counting(path: Path, told: Callable[[float], None] | None = None) -> str:
        names.append(path.name)
        return digest(path, told)

    monkeypatch.setattr(intake, "digest", counting)
    return names


def rows(path: Path) -> dict[str, int]:
    """Rows of each table of a library on the disk."""
    with sqlite3.connect(path / "index.sqlite") as db:
        tables = "videos jobs observations segments vectors video_vectors".split()
        found = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
    db.close()
    return found


class TestAdding:
    def test_a_video(self, lib: Library, tmp_path: Path) -> None:
        path = clip(tmp_path / "talks" / "talk.mp4", "The budget is forty million.")
        events: list[Event] = []
        (added,) = lib.add([path], on_event=events.append)
        assert (added.path, added.state, added.name, added.error) == (path, "added", "talk.mp4", None)
        assert added.rows == {"speech": 1} and added.video
        (row,) = lib.videos()
        assert (row.id, row.path, row.source, row.size) == (added.video, str(path), "talks", path.stat().st_size)
        assert row.duration == pytest.approx(2) and row.id == row.digest[:16]
        assert (row.facts["width"], row.facts["height"], row.facts["streams"]) == (320, 192, {"video": 1})
        assert row.facts["problems"] == []
        assert lib.search("budget")[0].segment.text == "The budget is forty million."
        assert lib.kinds(added.video) == {"speech"} and lib.completed(added.video)
        assert [event.what for event in events if event.what != "progress"] == ["note", "hash", "start", "done"]

    def test_that_is_turned_has_the_size_it_is_shown_in(self, lib: Library, tmp_path: Path) -> None:
        write(tmp_path / "phone.mp4", Pictures(every(5, 1), fps=5, rotation=90))
        lib.add([tmp_path / "phone.mp4"])
        facts, frame = lib.videos()[0].facts, Video(tmp_path / "phone.mp4", tmp_path).image(0.0)
        assert (facts["width"], facts["height"]) == (frame.width, frame.height) == (320, 192)

    def test_may_be_one_path(self, lib: Library, tmp_path: Path) -> None:
        assert len(lib.add(str(clip(tmp_path / "talk.mp4")))) == len(lib.add(tmp_path / "talk.mp4")) == 1  # type: ignore[arg-type]

    def test_twice_reads_nothing_again(
        self, lib: Library, tmp_path: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = clip(tmp_path / "talk.mp4", "Good morning.")
        first, before = lib.add([path])[0], lib.store.changes()

        def opened(*_: object) -> None:
            raise AssertionError("the file is known and need not be opened")

        monkeypatch.setattr(Video, "__init__", opened)
        again = lib.add([path])[0]
        assert (again.state, again.video, again.rows, hashed) == ("known", first.video, {"speech": 1}, ["talk.mp4"])
        assert lib.store.changes() == before

    def test_a_touched_file_is_read_and_known(self, lib: Library, tmp_path: Path, hashed: list[str]) -> None:
        path = clip(tmp_path / "talk.mp4")
        lib.add([path])
        path.touch()
        assert [lib.add([path])[0].state for _ in range(2)] == ["known"] * 2
        assert hashed == ["talk.mp4"] * 2

    def test_folders(self, lib: Library, tmp_path: Path) -> None:
        for n, name in enumerate(["a.mp4", "deep/b.mp4", ".hidden/c.mp4", "library/media/d.mp4"]):
            clip(tmp_path / name, fps=5 + n)
        (tmp_path / "notes.txt").write_text("no video")
        assert [added.name for added in lib.add([tmp_path])] == ["a.mp4", "b.mp4"]

    def test_a_folder_without_videos_says_so(self, lib: Library, tmp_path: Path) -> None:
        (tmp_path / "papers").mkdir()
        (added,) = lib.add([tmp_path / "papers"])
        assert added.state == "failed" and added.error and "papers: is a folder without videos" in added.error

    def test_bad_files_cost_no_good_ones(self, lib: Library, tmp_path: Path) -> None:
        folder = tmp_path / "lectures"
        for n in (1, 2, 3):
            clip(folder / f"{n}.mp4", f"This is lecture {n}.", fps=4 + n)
        (folder / "0.mp4").write_text("this is no video")
        (folder / "4.mp4").touch()
        added = lib.add([folder, tmp_path / "gone.mp4"])
        assert [one.state for one in added] == ["failed", *["added"] * 3, *["failed"] * 2]
        assert [one.rows for one in added[1:4]] == [{"speech": 1}] * 3
        for one, remedy in zip(
            (added[0], *added[4:]), ("re-encode it", "copy it again", "check the name"), strict=True
        ):
            assert one.error and one.error.startswith(str(one.path)) and remedy in one.error
            assert (one.video, one.rows) == (None, {})
        assert len(lib.videos()) == 3

    def test_what_is_wrong_with_a_file_stays_known(self, lib: Library, tmp_path: Path) -> None:
        path = cut(clip(tmp_path / "talk.mkv", seconds=8), 0.6)
        path.with_suffix(".srt").write_bytes(b"no subtitles at all")
        first = lib.add([path])[0]
        assert first.notes and any("cut off" in note for note in first.notes)
        problems = lib.videos()[0].facts["problems"]
        assert any("cut off" in problem for problem in problems) and any("talk.srt" in p for p in problems)
        lib.add([path])
        assert lib.videos()[0].facts["problems"] == problems
        path.with_suffix(".srt").write_text(SRT.format("Now it is right."), "utf-8")
        assert lib.add([path])[0].state == "updated"
        assert lib.videos()[0].facts["problems"] == [p for p in problems if "talk.srt" not in p]

    @pytest.mark.parametrize("name", ["\udc80\udcff.mp4", "a\x1b[31m\u202eb\n.mp4", "x" * 200 + ".mp4", "#?%&'\".mp4"])
    def test_a_file_of_any_name(self, lib: Library, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        clip(tmp_path / "plain.mp4").rename(path)
        path.with_suffix(".srt").write_bytes(SRT.format("Caf\x1be \x00ole\u202e").encode())
        (added,) = lib.add([path])
        assert added.error is None and added.rows == {"speech": 1}
        assert not set(added.name) & set("\x1b\n\u202e\udc80\udcff")
        (row,) = lib.rows(added.video or "")
        assert row.text == "Cafe ole"
        assert lib.videos()[0].path == str(path) and not offline(lib.videos()[0])
        assert lib.find(str(path)).id == added.video
        assert lib.add([path])[0].state == "known"

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"recorded_at": "yesterday"}, "'yesterday' is not a time"),
            ({"refresh": ["nonsense"]}, "no tool nonsense to refresh; there are subtitles"),
            ({"subtitles": "a.srt"}, "--subtitles belongs to one video, not to 2 files"),
        ],
    )
    def test_wrong_options_do_nothing(
        self, lib: Library, tmp_path: Path, options: dict[str, Any], complaint: str
    ) -> None:
        with pytest.raises(UsageError, match=complaint):
            lib.add([clip(tmp_path / "a.mp4"), clip(tmp_path / "b.mp4", fps=6)], **options)
        assert lib.videos() == []

    def test_tools_of_one_name_are_refused(self, tmp_path: Path) -> None:
        tools: Any = ("subtitles", Plates("subtitles"))
        named = pytest.raises(UsageError, match="several tools of the name subtitles")
        with Library(tmp_path / "library", tools=tools) as lib, named:
            lib.add([])


class TestWhichVideo:
    def test_a_moved_file_is_the_same(self, lib: Library, tmp_path: Path) -> None:
        path = clip(tmp_path / "talk.mp4", "Good morning.")
        first = lib.add([path])[0]
        moved = path.rename(tmp_path / "renamed.mp4")
        path.with_suffix(".srt").rename(moved.with_suffix(".srt"))
        assert offline(lib.videos()[0])
        again = lib.add([moved])[0]
        assert (again.state, again.video) == ("known", first.video)
        assert again.notes == [f"moved here from {path}"]
        (row,) = lib.videos()
        assert (row.path, row.name, offline(row)) == (str(moved), "renamed.mp4", False)

    def test_a_copy_is_kept_once(self, lib: Library, tmp_path: Path) -> None:
        path = clip(tmp_path / "a.mp4", "Good morning.")
        shutil.copy(path, tmp_path / "b.mp4")
        for state in ("added", "known"):
            one, two = lib.add([tmp_path / "a.mp4", tmp_path / "b.mp4"])
            assert (one.state, two.state, one.video) == (state, "known", two.video)
            assert any(f"holds just what {path} holds" in note for note in two.notes)
        (row,) = lib.videos()
        assert row.path == str(path) and lib.store.counts() == {"speech": 1}

    def test_another_one_under_its_name_takes_nothing_away(self, lib: Library, tmp_path: Path) -> None:
        path = clip(tmp_path / "talk.mp4", "The old budget.")
        old = lib.add([path])[0]
        clip(path, "The new museum.", fps=8)
        new = lib.add([path])[0]
        assert new.state == "added" and new.video != old.video
        assert any(f"until reelcue remove {old.video}" in note for note in new.notes)
        before, now = lib.videos()
        assert (before.id, offline(before), now.id, offline(now)) == (old.video, True, new.video, False)
        assert lib.search("old budget")[0].segment.video == old.video
        assert lib.find(str(path)).id == new.video
        with pytest.raises(UsageError, match=f"{old.video}.*{new.video}"):
            lib.find("talk")
        assert lib.find("talk.mp4").id == new.video  # the file of that name in this folder
        assert lib.add([path])[0].notes == []

    def test_the_first_one_back_in_its_place_is_known(self, lib: Library, tmp_path: Path) -> None:
        path = clip(tmp_path / "talk.mp4")
        kept = path.read_bytes()
        old = lib.add([path])[0]
        lib.add([clip(path, fps=8)])
        path.write_bytes(kept)
        back = lib.add([path])[0]
        assert (back.state, back.video) == ("known", old.video)
        assert [offline(row) for row in lib.videos()] == [False, True]

    def test_a_replacement_that_is_no_video_leaves_the_first(self, lib: Library, tmp_path: Path) -> None:
        path = clip(tmp_path / "talk.mp4", "Good morning.")
        lib.add([path])
        path.write_text("something else")
        assert lib.add([path])[0].state == "failed"
        assert [offline(row) for row in lib.videos()] == [True] and lib.search("morning")

    def test_source_and_time_of_recording(self, lib: Library, tmp_path: Path) -> None:
        path = clip(tmp_path / "20261121_220507.mp4")
        lib.add([path])
        assert (lib.videos()[0].source, lib.videos()[0].recorded_from) == (tmp_path.name, "name")
        lib.add([path], recorded_at="2020-01-01T00:00:00+00:00", source="front\x1b door")
        for _ in range(2):
            (row,) = lib.videos()
            assert (row.source, row.recorded_from) == ("front door", "option")
            assert row.recorded_at and row.recorded_at.startswith(("2020-01-01", "2019-12-31"))
            lib.add([path])

    def test_the_container_tells_when_it_was_recorded(self, lib: Library, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "a.m4a"), "w") as container:
            container.metadata["creation_time"] = "2026-11-21T22:05:07Z"
            for packet in Sound([(0, 1)]).packets(container):
                container.mux(packet)
        lib.add([tmp_path / "a.m4a"])
        (row,) = lib.videos()
        assert row.recorded_at and datetime.fromisoformat(row.recorded_at) == datetime(
            2026, 11, 21, 22, 5, 7, tzinfo=UTC
        )
        assert row.recorded_from == "container"


class TestFinding:
    @pytest.fixture
    def two(self, lib: Library, tmp_path: Path) -> list[VideoRow]:
        """Two videos of one name in two folders."""
        lib.add([clip(tmp_path / "a" / "talk.mp4"), clip(tmp_path / "b" / "talk.mp4", fps=6)])
        return lib.videos()

    def test_by_id_its_beginning_path_and_name(
        self, lib: Library, two: list[VideoRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lib.add([clip(tmp_path / "Der Hafen.mp4", fps=7)])
        first = two[0]
        assert lib.find(first.id) == lib.find(first.id[:8]) == lib.find(first.path or "") == first
        names = ("Der Hafen.mp4", "Der Hafen", "der hafen.mp4", "DER_HAFEN.mp4")
        assert {lib.find(name).name for name in names} == {"Der Hafen.mp4"}
        monkeypatch.chdir(tmp_path / "b")
        assert lib.find("talk.mp4") == two[1]

    @pytest.mark.parametrize("name", ["talk.mp4", "talk", "TALK.mp4"])
    def test_an_ambiguous_name_names_both(self, lib: Library, two: list[VideoRow], name: str) -> None:
        with pytest.raises(UsageError, match=f"could be {two[0].id} .*{two[1].id} .*name one by its id"):
            lib.find(name)

    @pytest.mark.parametrize("name", ["", "lecture.mp4", "\x00", "\udc80", "../..", "x" * 10_000, "abc"])
    def test_an_unknown_name(self, lib: Library, two: list[VideoRow], name: str) -> None:
        with pytest.raises(UsageError, match="reelcue list shows them"):
            lib.find(name)


class TestRemoving:
    def test_leaves_nothing_behind(self, tmp_path: Path) -> None:
        path = clip(tmp_path / "talk.mp4", "Good morning.")
        with Library(tmp_path / "library", tools=("scan", "subtitles")) as lib:
            video = lib.add([path])[0].video or ""
            assert list(lib.folder(video).rglob("*.jpg"))
            lib.remove(video)
            assert lib.videos() == [] and lib.search("morning") == []
            assert list((lib.path / "media").iterdir()) == [] and path.exists()
            assert lib.add([path])[0].state == "added"
            lib.remove(video)
        assert set(rows(tmp_path / "library").values()) == {0}

    @pytest.mark.parametrize("name", ["", "..", "../..", "0" * 16, "\x00"])
    def test_an_unknown_one_touches_nothing(self, lib: Library, tmp_path: Path, name: str) -> None:
        lib.add([clip(tmp_path / "talk.mp4")])
        (lib.path / "media" / "kept").mkdir(parents=True)
        with pytest.raises(UsageError, match="no video"):
            lib.remove(name)
        assert (lib.path / "media" / "kept").is_dir() and len(lib.videos()) == 1


class TestOpening:
    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(LibraryError, match="make one with: reelcue add"):
            Library(tmp_path / "library", create=False)

    def test_one_made_by_a_newer_version(self, lib: Library, tmp_path: Path) -> None:
        lib.close()
        with sqlite3.connect(tmp_path / "library" / "index.sqlite") as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        with pytest.raises(LibraryError, match=r"index\.sqlite: made by a newer reelcue .*update reelcue"):
            Library(tmp_path / "library")

    def test_one_that_may_not_be_written(self, lib: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = clip(tmp_path / "talk.mp4", "Good morning.")
        video = lib.add([path])[0].video or ""
        lib.close()
        monkeypatch.setattr("os.access", lambda *_: False)
        with Library(tmp_path / "library", create=False) as kept:
            assert kept.search("morning") and kept.rows(video)
            for write_to in (lambda: kept.add([path]), lambda: kept.remove(video)):
                with pytest.raises(LibraryError, match="cannot be written; check the permissions"):
                    write_to()


class TestTheSentenceModel:
    def test_that_comes_later_makes_what_is_missing(
        self, lib: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, two = clip(tmp_path / "a.mp4", "The budget is large."), clip(tmp_path / "b.mp4", "Ice is cold.", fps=6)
        events: list[Event] = []
        lib.add([one, two], on_event=events.append)
        assert any("models get minilm" in event.message for event in events if event.what == "note")
        assert rows(lib.path)["vectors"] == 0 and lib.search("budget") and not lib.search("money")
        monkeypatch.undo()
        with Library(lib.path, tools=("subtitles",)) as later:
            if later.embedder is None:
                pytest.skip(later.problem or "")
            assert later.add([one])[0].state == "known"
            assert (rows(lib.path)["vectors"], rows(lib.path)["video_vectors"]) == (2, 2)
            assert "budget" in later.search("money")[0].segment.text
            later.remove(later.find("a.mp4").id)
        assert (rows(lib.path)["vectors"], rows(lib.path)["video_vectors"]) == (1, 1)


class TestProcesses:
    def test_that_add_at_once_both_end_well(self, tmp_path: Path) -> None:
        paths = [clip(tmp_path / f"{n}.mp4", f"Lecture {n}.", fps=5 + n) for n in range(3)]
        command = [sys.executable, "-W", "error", "-c", PROCESS, str(tmp_path / "library"), *map(str, paths)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"]
        with Library(tmp_path / "library", tools=()) as lib:  # made at the same time, and read meanwhile
            while any(one.poll() is None for one in running):
                assert all(hit.segment.text.startswith("Lecture") for hit in lib.search("lecture"))
            ends = [one.communicate() for one in running]
            assert [(one.returncode, end[1]) for one, end in zip(running, ends, strict=True)] == [(0, "")] * 2
            told = sorted(line for end in ends for line in end[0].splitlines())
            assert told == ["added 1 None"] * 3 + ["known 1 None"] * 3
            assert len(lib.videos()) == 3 and lib.store.counts()["speech"] == 3
            assert {job.state for job in lib.store.jobs()} == {"done"} and len(lib.store.jobs()) == 6

    def test_that_wait_say_so(self, lib: Library, tmp_path: Path) -> None:
        with Library(lib.path, tools=()) as other:
            events: list[Event] = []

            def add_too(event: Event) -> None:
                stop = Flag()
                stop.set()
                with pytest.raises(KeyboardInterrupt):
                    other.add([tmp_path / "talk.mp4"], on_event=events.append, cancel=stop)

            lib.add([clip(tmp_path / "talk.mp4")], on_event=lambda e: add_too(e) if e.what == "hash" else None)
            assert ["waiting until it is done" in event.message for event in events] == [True]

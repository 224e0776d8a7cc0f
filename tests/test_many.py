"""Many files: what a folder of known ones costs, odd things among them, drives that go and come, what is told first."""

import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from outside import Plates, clip

from reelcue.index import estimate, library
from reelcue.index.estimate import Estimate
from reelcue.index.files import Skipped, digest, expand, offline
from reelcue.index.ingest import Cancelled, Event
from reelcue.index.library import Library
from reelcue.tools.errors import LibraryError, ToolUnavailable
from reelcue.tools.registry import LEVELS, make

SRT = "1\n00:00:00,100 --> 00:00:00,900\nThis is number {}.\n"


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """An empty library that reads subtitles, without the sentence model."""

    def missing(name: str) -> None:
        raise ToolUnavailable("no sentence model")

    monkeypatch.setattr(library, "load", missing)
    with Library(tmp_path / "library", tools=("subtitles",)) as opened:
        yield opened


def many(folder: Path, count: int) -> Path:
    """Files of other content each: one clip with a number behind it, half of them with subtitles."""
    whole = clip(folder.parent / "one.mp4", fps=2).read_bytes()
    folder.mkdir()
    for n in range(count):
        number = b"%08d" % (1000 * count + n)
        (folder / f"clip {n:05}.mp4").write_bytes(whole + struct.pack(">I4s8s", 16, b"free", number))
        if n % 2:
            (folder / f"clip {n:05}.srt").write_text(SRT.format(n), "utf-8")
    os.utime(folder, (1, 1))  # long ago
    return folder


class Counted:
    """Counts while it lasts: calls of functions, lookups of whole folders, and statements."""

    def __init__(self, lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = self.listings = self.statements = 0
        select, listdir, scandir = lib.store.select, os.listdir, os.scandir

        def selecting(*arguments: Any) -> Any:
            self.statements += 1
            return select(*arguments)

        def listing(*arguments: Any) -> Any:
            self.listings += 1
            return listdir(*arguments)

        def scanning(*arguments: Any) -> Any:
            self.listings += 1
            return scandir(*arguments)

        monkeypatch.setattr(lib.store, "select", selecting)
        monkeypatch.setattr(os, "listdir", listing)
        monkeypatch.setattr(os, "scandir", scanning)

    def __enter__(self) -> "Counted":
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _count(self, frame: Any, event: str, argument: Any) -> None:
        self.calls += event in ("call", "c_call")


class TestAFolderOfKnownFiles:
    FEW, MANY = 30, 300

    def test_costs_in_proportion_to_their_number(
        self, lib: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        few, lots = many(tmp_path / "few", self.FEW), many(tmp_path / "lots", self.MANY)
        with Library(lib.path, tools=("scan", "subtitles", "ocr", "replay")) as whole:
            monkeypatch.setattr("reelcue.index.ingest.Ingest.run", lambda *_: None)
            whole.add([few, lots])
            monkeypatch.undo()
            known: list[Counted] = []
            for folder in (few, lots):
                with monkeypatch.context() as patched, Counted(whole, patched) as counted:
                    patched.setattr("reelcue.index.ingest.Ingest.run", lambda *_: None)
                    assert {added.state for added in whole.add([folder])} == {"known"}
                known.append(counted)
        assert known[1].calls < known[0].calls * 1.1 * self.MANY / self.FEW
        assert known[1].statements <= known[0].statements * self.MANY / self.FEW
        assert known[1].statements <= 4 * self.MANY
        assert known[1].listings == known[0].listings <= 4

    def test_is_not_read_again(self, lib: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = many(tmp_path / "few", 6)
        assert [added.rows for added in lib.add([folder])] == [{}, {"speech": 1}] * 3

        def read(*_: object) -> None:
            raise AssertionError("a known file is read")

        monkeypatch.setattr("reelcue.index.intake.digest", read)
        monkeypatch.setattr("reelcue.tools.video.Video.__init__", read)
        before = lib.store.changes()
        assert [added.state for added in lib.add([folder])] == ["known"] * 6
        assert lib.store.changes() == before


class TestOddThings:
    def test_are_named_once_and_cost_no_good_file(self, lib: Library, tmp_path: Path) -> None:
        folder = tmp_path / "recordings"
        names = (
            "a.mp4",
            "-v.mp4",
            "--help.mp4",
            "two\nlines.mp4",
            "\udcff\udc80.mp4",
            "#?%&'\" ü.mp4",
            "deep/er/b.mp4",
        )
        for n, name in enumerate(names):
            clip(folder / "x" / f"{n}.mp4", fps=5 + n)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "x" / f"{n}.mp4").rename(folder / name)
        (folder / "deep" / "circle").symlink_to(folder)
        (folder / "above").symlink_to(tmp_path)
        (folder / "broken.mp4").symlink_to(folder / "no-such.mp4")
        (folder / "itself.mp4").symlink_to(folder / "itself.mp4")
        os.mkfifo(folder / "pipe.mp4")
        with socket.socket(socket.AF_UNIX) as listening:
            os.chdir(folder)  # the path of a socket has to be short
            listening.bind("socket.mp4")
            events: list[Event] = []
            added = lib.add([folder], on_event=events.append)
        bad = {"broken.mp4": "there is no such file", "itself.mp4": "there is no such file"}
        bad |= {"pipe.mp4": "is no regular file", "socket.mp4": "is no regular file"}
        failed = {file.path.name: file.error or "" for file in added if file.state == "failed"}
        assert set(failed) == set(bad) and all(bad[name] in error for name, error in failed.items())
        assert len(added) == len(names) + len(bad)
        assert {row.path for row in lib.videos()} == {str(folder / name) for name in names}
        told = [event.path for event in events if event.what == "note" and "looked through already" in event.message]
        assert sorted(path.name for path in told if path) == ["above", "circle"]
        assert {file.state for file in lib.add([folder])} == {"known", "failed"}

    def test_a_link_to_another_folder_is_followed(self, tmp_path: Path) -> None:
        clip(tmp_path / "here" / "a.mp4")
        clip(tmp_path / "there" / "deep" / "b.mp4", fps=6)
        (tmp_path / "here" / "link").symlink_to(tmp_path / "there")
        (tmp_path / "here" / "more").symlink_to(tmp_path / "there" / "deep")
        (tmp_path / "there" / "back").symlink_to(tmp_path / "here")
        found = [*expand([tmp_path / "here"], tmp_path / "library")]
        assert found[:2] == [tmp_path / "here" / "a.mp4", tmp_path / "here" / "link" / "deep" / "b.mp4"]
        assert {one.path.name for one in found[2:] if isinstance(one, Skipped) and not one.lost} == {"more", "back"}

    def test_a_folder_that_may_not_be_read_fails_by_name(
        self, lib: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clip(tmp_path / "here" / "a.mp4")
        clip(tmp_path / "here" / "locked" / "b.mp4", fps=6)
        scandir = os.scandir

        def refuse(path: Any) -> Any:
            if Path(path).name == "locked":
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        good, bad = lib.add([tmp_path / "here"])
        assert (good.state, bad.state, bad.path) == ("added", "failed", tmp_path / "here" / "locked")
        assert bad.error == f"{bad.path}: cannot be read (Permission denied); check its permissions"
        (alone,) = lib.add([tmp_path / "here" / "locked"])
        assert alone.error == bad.error


class TestPlaces:
    def test_a_folder_that_was_renamed_is_known_again(self, lib: Library, tmp_path: Path) -> None:
        folder = many(tmp_path / "old", 4)
        lib.add([folder])
        new = folder.rename(tmp_path / "new")
        assert all(offline(row) for row in lib.videos())
        added = lib.add([new])
        assert [file.state for file in added] == ["known"] * 4 and len(lib.videos()) == 4
        assert all(row.path and Path(row.path).parent == new and not offline(row) for row in lib.videos())
        assert lib.store.counts() == {"speech": 2}

    @pytest.mark.parametrize("left", ["nothing", "an empty folder"])
    def test_a_drive_that_is_not_mounted_loses_nothing(self, lib: Library, tmp_path: Path, left: str) -> None:
        drive, away = tmp_path / "drive", tmp_path / "away"
        many(drive, 4)
        lib.add([drive])
        drive.rename(away)
        if left == "an empty folder":
            drive.mkdir()
        (failed,) = lib.add([drive])
        assert failed.state == "failed" and failed.error and failed.error.startswith(str(drive))
        assert "4 videos of the library were there: nothing is lost" in failed.error
        assert len(lib.videos()) == 4 and all(offline(row) for row in lib.videos()) and lib.search("number")
        shutil.rmtree(drive, ignore_errors=True)
        away.rename(drive)
        assert [file.state for file in lib.add([drive])] == ["known"] * 4
        assert not any(offline(row) for row in lib.videos())

    def test_names_that_move_on_by_one_keep_each_content_apart(self, lib: Library, tmp_path: Path) -> None:
        names = [clip(tmp_path / "in" / f"{n}.mp4", fps=5 + n) for n in range(3)]
        for n, path in enumerate(names):  # all of one size, as a camera writes them
            path.write_bytes(path.read_bytes() + bytes(100_000 - path.stat().st_size))
            os.utime(path, (n, n))
        ids = [added.video for added in lib.add([tmp_path / "in"])]
        names[0].unlink()
        for older, newer in pairwise(names):
            newer.rename(older)
        again = lib.add([tmp_path / "in"])
        assert [(added.video, added.name) for added in again] == [(ids[1], "0.mp4"), (ids[2], "1.mp4")]
        there = {row.id: row for row in lib.videos() if not offline(row)}
        assert set(there) == {ids[1], ids[2]}
        assert all(row.path and digest(Path(row.path)) == row.digest for row in there.values())

    def test_a_recording_that_has_grown_is_one_video(self, lib: Library, tmp_path: Path) -> None:
        whole = clip(tmp_path / "whole.ts", "It goes on.", seconds=8).read_bytes()
        path = tmp_path / "in" / "whole.ts"
        path.parent.mkdir()
        path.write_bytes(whole[: len(whole) * 2 // 3])
        shutil.copy(tmp_path / "whole.srt", path.with_suffix(".srt"))
        (first,) = lib.add([path])
        path.write_bytes(whole)
        (second,) = lib.add([path])
        assert second.state == "added" and second.video != first.video
        assert any("it has grown" in note for note in second.notes)
        assert [row.id for row in lib.videos()] == [second.video] and lib.store.counts() == {"speech": 1}

    def test_a_name_that_never_was_says_nothing_of_others(self, lib: Library, tmp_path: Path) -> None:
        lib.add([many(tmp_path / "few", 2)])
        (failed,) = lib.add([tmp_path / "fe"])
        assert failed.error and "videos of the library" not in failed.error


class TestQueue:
    def test_holds_the_jobs_of_all_files_from_the_start(self, lib: Library, tmp_path: Path) -> None:
        folder = many(tmp_path / "few", 3)
        seen: list[tuple[int, int]] = []
        tools: Any = ("scan", "subtitles", Plates(needs=("speech",)))

        def listen(event: Event) -> None:
            if event.what == "start":
                seen.append((reading.completed(), len(reading.store.jobs())))

        with Library(lib.path, tools=tools) as adding, Library(lib.path, tools=()) as reading:
            adding.add([folder], on_event=listen)
            assert seen[0] == (0, 9) and reading.completed() == 3
        assert [done for done, _ in seen] == sorted(done for done, _ in seen) and {jobs for _, jobs in seen} == {9}

    def test_is_what_an_interruption_leaves(self, lib: Library, tmp_path: Path) -> None:
        folder, flag = many(tmp_path / "few", 3), Flag()
        with pytest.raises(Cancelled):
            lib.add([folder], cancel=flag, on_event=lambda event: flag.set() if event.what == "done" else None)
        assert (len(lib.store.jobs(state="queued")), lib.completed()) == (2, 1)
        lib.add([folder])
        assert lib.completed() == 3

    def test_holds_what_is_to_be_done_again(self, lib: Library, tmp_path: Path) -> None:
        talk, flag = clip(tmp_path / "talk.mp4", "Good morning."), Flag()
        lib.add([talk])
        with pytest.raises(Cancelled):
            lib.add(
                [talk], refresh=["subtitles"], cancel=flag, on_event=lambda e: flag.set() if e.what == "start" else None
            )
        assert lib.completed() == 0 and lib.search("morning")
        assert lib.add([talk])[0].state == "updated" and lib.completed() == 1


class TestTheEstimate:
    def test_tells_of_several_files_before_they_are_looked_at(self, lib: Library, tmp_path: Path) -> None:
        folder, events = many(tmp_path / "few", 3), list[Event]()
        lib.add([folder], on_event=events.append, jobs=2)
        whats = [event.what for event in events]
        assert whats.count("plan") == 1 and whats.index("plan") < whats.index("start")
        (told,) = [event.message for event in events if event.what == "plan"]
        assert told.startswith("3 videos, 6 s long: about ") and "with 2 jobs" in told
        events.clear()
        lib.add([folder], on_event=events.append)
        assert "plan" not in {event.what for event in events}

    def test_sums_hours_and_costs(self) -> None:
        tools = [make(name) for name in ("scan", "ocr")]
        total = Estimate().plus(tools, 3600).plus(tools, 1800)
        cost = sum(tool.cost for tool in tools) * 90
        assert (total.videos, total.seconds) == (2, 5400) and total.cpu == pytest.approx(cost)
        room = estimate.BYTES_PER_HOUR["scan"] + estimate.BYTES_PER_HOUR["ocr"]
        assert total.room == pytest.approx(1.5 * room)
        assert total.matters and not Estimate().plus(tools, 1).matters
        fast = Estimate().plus([make("scan", LEVELS["fast"]["scan"]), make("ocr", LEVELS["fast"]["ocr"])], 5400)
        assert fast.cpu < total.cpu / 4 and fast.room < total.room
        said = Estimate(3, 9000, 8000, 2.5e9).told(1)
        assert said == "3 videos, 2.5 h long: about 2.2 h of CPU time, and 2.5 GB on the disk"

    def test_a_disk_that_is_too_small_is_told_before_anything_is_looked_at(
        self, lib: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder, events = many(tmp_path / "few", 3), list[Event]()
        with monkeypatch.context() as patched:
            patched.setattr(estimate, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6, 100))
            with pytest.raises(LibraryError, match=r"library: about 1 MB are needed and 1 MB are free; make room"):
                lib.add([folder], on_event=events.append)
            assert "start" not in {event.what for event in events}
        assert [file.state for file in lib.add([folder])] == ["updated"] * 3 and lib.completed() == 3


def test_two_processes_with_workers_both_end_well(tmp_path: Path) -> None:
    folder = many(tmp_path / "few", 6)
    command = [sys.executable, "-W", "error", "-m", "reelcue.ui.cli", "add", str(folder), "--jobs", "2", "--json"]
    command += ["--tools", "scan,subtitles", "--library", str(tmp_path / "library")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"]
    ends = [one.communicate(timeout=120) for one in running]
    assert [one.returncode for one in running] == [0, 0], ends
    with Library(tmp_path / "library", tools=()) as lib:
        assert len(lib.videos()) == lib.completed() == 6 and len(lib.store.jobs()) == 12
        assert lib.store.counts() == {"shot": 6, "speech": 3}

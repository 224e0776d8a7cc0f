"""Watching: what is taken when, what is waited for, what is not tried again. The clock stands until a test moves it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag

import pytest
from commands import RUN, SRT, document, until
from outside import clip

from reelcue.index import library
from reelcue.index.ingest import Event
from reelcue.index.library import Library
from reelcue.index.watch import EVERY, SETTLED, Watch
from reelcue.tools.errors import ToolUnavailable


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    def missing(name: str) -> None:
        raise ToolUnavailable("no sentence model")

    monkeypatch.setattr(library, "load", missing)
    with Library(tmp_path / "library", tools=("subtitles",)) as opened:
        yield opened


class Watched:
    """A watch over a folder that has a clock of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.now, self.said = 0.0, list[str]()
        self.watch = Watch([folder], folder / "library", {}, self.said.append)

    def after(self, seconds: float) -> list[str]:
        self.now += seconds
        return [path.name for path in self.watch.look(self.now)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


class TestWhatIsReady:
    def test_is_a_file_that_has_come_to_rest(self, folder: Path) -> None:
        watched = Watched(folder)
        assert watched.after(0) == []
        path = folder / "a.mp4"
        path.write_bytes(b"1")
        assert watched.after(1) == [] and watched.said == ["waiting until a.mp4 has not changed for 10 s"]
        for n in range(3):
            path.write_bytes(b"12" * (n + 1))
            assert watched.after(SETTLED - 1) == []
        assert watched.after(SETTLED - 1) == []
        assert watched.after(2) == ["a.mp4"] and watched.after(2 * SETTLED) == []
        assert len(watched.said) == 1

    def test_is_one_whose_time_of_change_alone_stands_still_too(self, folder: Path) -> None:
        watched = Watched(folder)
        path = folder / "a.mp4"
        path.write_bytes(b"12345")
        for n in range(3):  # room was taken at once, and is filled
            os.utime(path, (n, n))
            assert watched.after(SETTLED) == []
        assert watched.after(SETTLED) == ["a.mp4"]

    def test_comes_again_when_it_changed(self, folder: Path) -> None:
        watched = Watched(folder)
        path = folder / "a.mp4"
        path.write_bytes(b"1")
        assert watched.after(0) == [] and watched.after(SETTLED) == ["a.mp4"]
        path.write_bytes(b"22")
        assert watched.after(SETTLED) == [] and watched.after(SETTLED) == ["a.mp4"]
        path.unlink()
        assert watched.after(SETTLED) == []
        path.write_bytes(b"22")
        assert watched.after(SETTLED) == [] and watched.after(SETTLED) == ["a.mp4"]

    def test_is_not_an_empty_file_nor_one_that_cannot_be_opened(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        watched = Watched(folder)
        (folder / "empty.mp4").touch()
        (folder / "shut.mp4").write_bytes(b"1")

        def refuse(*_: object) -> None:
            raise PermissionError(13, "used by another process")

        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", refuse)
            assert watched.after(0) == watched.after(SETTLED) == watched.after(SETTLED) == []
        assert watched.said == ["waiting until empty.mp4 and 1 more have not changed for 10 s"]
        assert watched.after(1) == ["shut.mp4"]

    def test_is_what_is_no_regular_file_so_that_it_is_named(self, folder: Path) -> None:
        watched = Watched(folder)
        os.mkfifo(folder / "pipe.mp4")
        assert watched.after(0) == [] and watched.after(SETTLED) == ["pipe.mp4"]

    def test_may_be_named_before_it_is_there(self, tmp_path: Path) -> None:
        said: list[str] = []
        watch = Watch([tmp_path / "later.mp4", tmp_path / "empty"], tmp_path / "library", {}, said.append)
        (tmp_path / "empty").mkdir()
        assert watch.look(0) == watch.look(1) == []
        assert said == [f"waiting until {tmp_path / 'later.mp4'} is there"]
        (tmp_path / "later.mp4").write_bytes(b"1")
        assert watch.look(1) == [] and watch.look(1 + SETTLED) == [tmp_path / "later.mp4"]

    def test_again_when_subtitles_come(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_bytes(b"1")
        watch = Watch([tmp_path], tmp_path / "library", {}, lambda said: None)
        assert watch.look(0) == [] and watch.look(SETTLED) == [tmp_path / "a.mp4"] and watch.look(99) == []
        (tmp_path / "a.en.srt").write_text("1")
        assert watch.look(100) == [] and watch.look(100 + SETTLED) == [tmp_path / "a.mp4"]

    def test_a_circle_is_named_once(self, folder: Path) -> None:
        watched = Watched(folder)
        (folder / "circle").symlink_to(folder)
        assert watched.after(0) == watched.after(1) == []
        assert len(watched.said) == 1 and "circle leads to a folder" in watched.said[0]


class TestTheLibrary:
    @staticmethod
    def rounds(
        lib: Library, folder: Path, *acts: Callable[[], object], said: list[Event]
    ) -> list[list[tuple[str, str]]]:
        """What is added in each round; before each but the first one of `acts` happens."""
        flag, now, left = Flag(), [0.0], list(acts)

        def sleep(seconds: float) -> None:
            assert seconds == EVERY
            now[0] += SETTLED
            left.pop(0)() if left else flag.set()

        watching = lib.watch([folder], clock=lambda: now[0], sleep=sleep, cancel=flag, on_event=said.append)
        return [[(file.name, file.state) for file in added] for added in watching]

    def test_takes_what_comes_and_survives_what_fails(self, lib: Library, folder: Path) -> None:
        clip(folder / "a.mp4", "Good morning.")

        def bad() -> None:
            (folder / "bad.mp4").write_bytes(b"this is no video")
            clip(folder / "gone.mp4", fps=7)

        def gone() -> None:
            (folder / "gone.mp4").unlink()
            clip(folder / "b.mp4", "Good evening.", fps=6)

        def still() -> None: ...

        def mended() -> None:
            clip(folder / "bad.mp4", "Good night.", fps=8)

        said: list[Event] = []
        found = self.rounds(lib, folder, still, bad, gone, still, mended, still, still, said=said)
        assert found == [
            [("a.mp4", "added")], [("bad.mp4", "failed")], [("b.mp4", "added")], [("bad.mp4", "added")],
        ]  # fmt: skip
        assert lib.store.counts() == {"speech": 3}
        assert "waiting until a.mp4 has not changed for 10 s" in [event.message for event in said]

    def test_goes_on_at_once_with_what_is_known(self, lib: Library, folder: Path) -> None:
        lib.add([clip(folder / "a.mp4", "Good morning.")])
        clip(folder / "new.mp4", fps=6)
        assert self.rounds(lib, folder, lambda: None, said=[]) == [[("a.mp4", "known")], [("new.mp4", "added")]]

    def test_is_free_for_others_in_between(self, lib: Library, folder: Path, tmp_path: Path) -> None:
        clip(folder / "a.mp4", "Good morning.")
        other = clip(tmp_path / "other" / "b.mp4", "Good evening.", fps=6)

        def add_too() -> None:
            with Library(lib.path, tools=("subtitles",)) as second:
                second.add([other])

        assert self.rounds(lib, folder, add_too, lambda: None, said=[]) == [[("a.mp4", "added")]]
        assert lib.store.counts() == {"speech": 2}

    def test_ends_in_the_middle_of_adding_without_a_loss(self, lib: Library, folder: Path) -> None:
        lib.add([clip(folder / "a.mp4", "Good morning.")])
        flag = Flag()
        watching = lib.watch(
            [folder], refresh=["subtitles"], cancel=flag, on_event=lambda e: flag.set() if e.what == "start" else None
        )
        assert list(watching) == []
        assert lib.add([folder])[0].state == "updated" and lib.completed() == 1


def test_the_command_goes_on_until_it_is_interrupted(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    clip(folder / "a.mp4", "Good morning.")
    assert document("add", folder, "--tools", "subtitles")["files"][0]["state"] == "added"
    command = (*RUN, "add", str(folder), "--watch", "--json", "--tools", "subtitles")
    (folder / "a.srt").write_text(SRT, "utf-8")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as watching:  # type: ignore[call-overload]
        until(lambda: document("timeline", "a.mp4")["rows"][0]["text"].startswith("The budget"))
        time.sleep(0.5)  # it sleeps between two looks
        watching.send_signal(signal.SIGINT)
        told, said = watching.communicate(timeout=60)
    assert watching.returncode == 0 and "Traceback" not in said
    assert '"state": "updated"' in told

"""Jobs: in what order, once only, what a broken tool or an interruption costs, and what makes them run again."""

import _thread
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from clips import Pictures, Sound, every, write
from outside import SRT, Lights, Plates, clip

from reelcue.index import ingest as ingesting
from reelcue.index import library
from reelcue.index.ingest import Cancelled, Event
from reelcue.index.library import Library
from reelcue.tools.base import Span
from reelcue.tools.errors import SubtitleError, ToolUnavailable, UsageError
from reelcue.tools.frame import Frame
from reelcue.tools.video import Video


@pytest.fixture(autouse=True)
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ToolUnavailable("no sentence model")

    monkeypatch.setattr(library, "load", missing)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    return clip(tmp_path / "talk.mp4", "Good morning.")


def opened(tmp_path: Path, *tools: Any) -> Library:
    return Library(tmp_path / "library", tools=tools)


def spoken(lib: Library) -> list[str]:
    return [row.text for video in lib.videos() for row in lib.rows(video.id, ["speech"])]


def states(lib: Library) -> dict[str, str]:
    return {job.tool: job.state for job in lib.store.jobs()}


def contents(lib: Library) -> set[tuple[Any, ...]]:
    """What was found, without the numbers it got."""
    rows = {(r.video, r.tool, r.kind, r.span, r.text, str(r.data)) for v in lib.videos() for r in lib.rows(v.id)}
    return rows | {(s.id, s.text, s.span) for v in lib.videos() for s in lib.segments(v.id)}


def stop() -> None:
    raise KeyboardInterrupt


class TestAgain:
    def test_nothing_runs_twice(self, tmp_path: Path, talk: Path) -> None:
        plates = Plates()
        with opened(tmp_path, "scan", "subtitles", plates) as lib:
            assert [lib.add([talk])[0].state for _ in range(3)] == ["added", "known", "known"]
            assert plates.runs == 1

    def test_changed_subtitles_are_read_again(self, tmp_path: Path, talk: Path) -> None:
        with opened(tmp_path, "scan", "subtitles") as lib:
            lib.add([talk])
            scanned = [job for job in lib.store.jobs() if job.tool == "scan"]
            talk.with_suffix(".srt").write_text(SRT.format("Good evening."), "utf-8")
            assert lib.add([talk])[0].state == "updated"
            assert spoken(lib) == ["Good evening."] and not lib.search("morning")
            assert [job for job in lib.store.jobs() if job.tool == "scan"] == scanned
            talk.with_suffix(".srt").unlink()
            assert lib.add([talk])[0].state == "updated" and spoken(lib) == []

    def test_subtitles_that_were_named_go_on_being_used(self, tmp_path: Path, talk: Path) -> None:
        named = tmp_path / "elsewhere" / "mine.srt"
        named.parent.mkdir()
        named.write_text(SRT.format("Mine alone."), "utf-8")
        with opened(tmp_path, "subtitles") as lib:
            lib.add([talk])
            assert lib.add([talk], subtitles=named)[0].state == "updated" and spoken(lib) == ["Mine alone."]
            assert lib.add([talk])[0].state == "known" and spoken(lib) == ["Mine alone."]
            named.write_text(SRT.format("Mine, improved."), "utf-8")
            assert lib.add([tmp_path])[0].state == "updated" and spoken(lib) == ["Mine, improved."]
            named.unlink()
            (kept,) = lib.add([talk])
            assert kept.state == "known" and spoken(lib) == ["Mine, improved."]
            assert any(f"what was read from {named} stays" in note for note in kept.notes)
            assert lib.add([talk], refresh=["subtitles"])[0].state == "updated" and spoken(lib) == ["Good morning."]

    def test_named_subtitles_must_be_there_and_read(self, tmp_path: Path, talk: Path) -> None:
        with opened(tmp_path, "subtitles") as lib:
            (added,) = lib.add([talk], subtitles=tmp_path / "gone.srt")
            assert added.state == "failed" and added.error and "gone.srt" in added.error
            assert lib.add([talk])[0].rows == {"speech": 1}
        with opened(tmp_path, "scan") as lib, pytest.raises(UsageError, match="read by the tool subtitles"):
            lib.add([talk], subtitles=tmp_path / "gone.srt")

    def test_a_newer_tool_is_told_of_and_runs_when_asked(self, tmp_path: Path, talk: Path) -> None:
        with opened(tmp_path, Plates()) as lib:
            lib.add([talk])
        newer = Plates(version="2", text="plate XY 999")
        with opened(tmp_path, newer) as lib:
            events: list[Event] = []
            (told,) = lib.add([talk], on_event=events.append)
            assert (told.state, newer.runs, told.notes) == ("known", 0, [])
            notes = [event.message for event in events if event.what == "note"]
            assert "1 video was looked at by plates 1; to use its version 2 add --refresh plates" in notes
            (done,) = lib.add([talk], refresh=["plates"])
            assert (done.state, newer.runs, done.rows) == ("updated", 1, {"tag": 2})
            assert lib.search("XY") and not lib.search("AB")
            assert [(job.version, job.state) for job in lib.store.jobs()] == [("2", "done")]

    def test_a_broken_off_refresh_leaves_nothing_waiting(self, tmp_path: Path, talk: Path) -> None:
        flag = Flag()
        scene = Plates("scene", kinds=("shot",))
        with opened(tmp_path, scene, Plates(needs=("shot",))) as lib:
            lib.add([talk])
            scene.act = lambda video, seen: flag.set()
            with pytest.raises(Cancelled):
                lib.add([talk], refresh=["scene"], cancel=flag)
            scene.act = lambda video, seen: None
            assert lib.add([talk])[0].error is None and lib.add([talk])[0].state == "known"
            assert {job.state for job in lib.store.jobs()} == {"done"} and lib.completed() == 1

    def test_a_broken_off_refresh_by_a_newer_version_goes_on(self, tmp_path: Path, talk: Path) -> None:
        with opened(tmp_path, Plates()) as lib:
            lib.add([talk])
        flag = Flag()
        with opened(tmp_path, Plates(version="2", act=lambda video, seen: flag.set())) as lib:
            with pytest.raises(Cancelled):
                lib.add([talk], refresh=["plates"], cancel=flag)
            assert lib.completed() == 0 and lib.add([talk])[0].state == "updated"
            assert lib.completed() == 1 and lib.add([talk])[0].state == "known"
            assert [(job.version, job.state) for job in lib.store.jobs()] == [("2", "done")]

    def test_other_options_run_it(self, tmp_path: Path, talk: Path) -> None:
        for rate, seen in ((5.0, 10), (2.0, 4), (2.0, 4)):
            with opened(tmp_path, Lights(rate=rate)) as lib:
                assert lib.add([talk])[0].rows == {"motion": seen}


class TestOrder:
    def test_needs_come_first_then_the_cheapest_over_all_videos(self, tmp_path: Path, talk: Path) -> None:
        second = clip(tmp_path / "second.mp4", "Good evening.", fps=6)
        done: list[tuple[str | None, str | None]] = []

        def listen(event: Event) -> None:
            if event.what == "done":
                done.append((event.tool, event.path.name if event.path else None))

        heard: list[list[str]] = []
        counting = Plates("counting", needs=("speech",), act=lambda _, seen: heard.append([o.text for o in seen]))
        with opened(tmp_path, counting, Plates(), "subtitles", Lights()) as lib:
            lib.add([talk, second], on_event=listen)
        tools = ["subtitles", "plates", "lights", "counting"]
        assert done == [(tool, name) for tool in tools for name in ("talk.mp4", "second.mp4")]
        assert heard == [["Good morning."], ["Good evening."]]

    def test_tools_that_need_each_other_still_end(self, tmp_path: Path, talk: Path) -> None:
        one, two = Plates("one", kinds=("face",), needs=("pose",)), Plates("two", kinds=("pose",), needs=("face",))
        with opened(tmp_path, one, two) as lib:
            (added,) = lib.add([talk])
            assert states(lib) == {"one": "blocked", "two": "blocked"} and added.rows == {}
            assert added.notes == [
                "one was not run: it needs pose, which is not there",
                "two was not run: it needs face, which is not there",
            ]

    def test_of_its_own_kinds_a_tool_gets_what_others_saw_if_any(self, tmp_path: Path, talk: Path) -> None:
        heard: list[list[str]] = []
        listen = Plates(
            "listen", kinds=("speech",), needs=("speech",), act=lambda _, seen: heard.append([o.text for o in seen])
        )
        with opened(tmp_path, listen) as lib:
            assert lib.add([talk])[0].rows == {"speech": 2}
        for _ in range(2):  # its own rows are none of another's
            with opened(tmp_path, listen, "subtitles") as lib:
                assert lib.add([talk])[0].rows == {"speech": 3}
        assert heard == [[], ["Good morning."]]
        talk.with_suffix(".srt").write_text(SRT.format("Good evening."), "utf-8")
        with opened(tmp_path, listen, "subtitles") as lib:
            lib.add([talk])
        assert heard[2:] == [["Good evening."]]

    def test_one_pass_feeds_all_frame_tools_at_their_rates(
        self, tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        passes: list[float | None] = []
        frames = Video.frames

        def counting(
            self: Video, span: Span | None = None, rate: float | None = None, keys: bool = False
        ) -> Iterator[Frame]:
            passes.append(rate)
            return frames(self, span, rate, keys)

        monkeypatch.setattr(Video, "frames", counting)
        with opened(tmp_path, Lights(rate=5), Lights("slow", rate=1, kinds=("pose",)), "scan") as lib:
            assert lib.add([talk])[0].rows == {"motion": 10, "pose": 2, "shot": 1}
            assert passes == [10.0]

    def test_sound_alone_has_no_pictures_and_no_error(self, tmp_path: Path) -> None:
        with opened(tmp_path, "scan", Lights(), "ocr") as lib:
            (added,) = lib.add([write(tmp_path / "a.m4a", Sound([(0, 1)]))])
            assert (added.state, added.error, added.rows) == ("added", None, {})
            assert set(states(lib).values()) == {"done"}

    def test_long_work_is_announced(self, tmp_path: Path, talk: Path) -> None:
        slow = Plates()
        slow.cost = 3600.0
        events: list[Event] = []
        with opened(tmp_path, slow, "subtitles") as lib:
            lib.add([talk], on_event=events.append)
            assert [e.message for e in events if e.what == "plan"] == [
                "1 video, 2 s long: about 2 min of CPU time, and 1 MB on the disk"
            ]
            events.clear()
            lib.add([talk], on_event=events.append)
            assert not [event for event in events if event.what == "plan"]


class TestBrokenTools:
    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (ZeroDivisionError("by zero"), "plates: ZeroDivisionError: by zero"),
            (SubtitleError("talk.srt: bad; re-save it"), "talk.srt: bad; re-save it"),
            (ValueError("\x1b[31m\ud800"), "plates: ValueError: [31m"),
            (MemoryError(), "plates: MemoryError:"),
            (StopIteration(), "plates: RuntimeError: generator raised StopIteration"),
        ],
    )
    def test_cost_their_own_job_and_are_tried_again(
        self, error: Exception, message: str, tmp_path: Path, talk: Path
    ) -> None:
        def broken(*_: Any) -> None:
            raise error

        plates, events = Plates(act=broken), list[Event]()
        with opened(tmp_path, "scan", plates, "subtitles") as lib:
            (added,) = lib.add([talk], on_event=events.append)
            assert (added.state, added.error, added.rows) == ("failed", message, {"shot": 1, "speech": 1})
            assert states(lib) == {"scan": "done", "subtitles": "done", "plates": "failed"}
            assert [(e.tool, e.message) for e in events if e.what == "failed"] == [("plates", message)]
            assert [job.error for job in lib.store.jobs(state="failed")] == [message]
            assert not lib.completed(added.video or "")
            plates.act = lambda *_: None
            (again,) = lib.add([talk])
            assert (again.state, again.error, again.rows["tag"]) == ("updated", None, 2)
            assert lib.completed(again.video or "")

    def test_leave_what_an_earlier_run_found(self, tmp_path: Path, talk: Path) -> None:
        plates = Plates()
        with opened(tmp_path, plates) as lib:
            lib.add([talk])
            plates.act = lambda *_: 1 / 0
            assert lib.add([talk], refresh=["plates"])[0].rows == {"tag": 2}
            assert lib.search("AB")

    def test_of_one_pass_do_not_break_each_other(self, tmp_path: Path, talk: Path) -> None:
        def late(frame: Any) -> None:
            if frame.time > 1:
                raise ValueError("too late")

        with opened(tmp_path, Lights("bad", act=late, kinds=("pose",)), Lights(), "scan") as lib:
            (added,) = lib.add([talk])
            assert added.error == "bad: ValueError: too late"
            assert added.rows == {"motion": 10, "shot": 1}
            assert states(lib) == {"bad": "failed", "lights": "done", "scan": "done"}

    def test_that_break_before_they_run(self, tmp_path: Path, talk: Path) -> None:
        plates: Any = Plates()
        plates.sidecars = lambda video: 1 / 0
        opaque: Any = Plates("opaque")
        opaque.options = {"path": Path("x")}
        lights: Any = Lights()
        lights.start = lambda video, span: 1 / 0
        with opened(tmp_path, plates, opaque, lights, "subtitles") as lib:
            (added,) = lib.add([talk])
            assert added.rows == {"speech": 1} and added.error
            assert added.error.count("ZeroDivisionError") == 2 and "opaque: TypeError" in added.error

    def test_that_yield_what_cannot_be_kept(self, tmp_path: Path, talk: Path) -> None:
        numbers: Any = Plates("numbers")
        numbers.observe = lambda *_: [1]
        with opened(tmp_path, numbers, "subtitles") as lib:
            (added,) = lib.add([talk])
            assert added.error and added.error.startswith("numbers: AttributeError") and added.rows == {"speech": 1}

    def test_block_what_needs_them(self, tmp_path: Path, talk: Path) -> None:
        faces = Plates("faces", kinds=("face",), act=lambda *_: 1 / 0)
        with opened(tmp_path, faces, Plates(needs=("face",)), "subtitles") as lib:
            (added,) = lib.add([talk])
            assert states(lib) == {"subtitles": "done", "faces": "failed", "plates": "blocked"}
            assert "plates was not run: it needs face, which is not there" in added.notes
            faces.act = lambda *_: None
            assert lib.add([talk])[0].rows == {"face": 2, "speech": 1, "tag": 2}
            assert set(states(lib).values()) == {"done"}


class TestInterruptions:
    @pytest.fixture(autouse=True)
    def heeding(self) -> Iterator[None]:
        """Ctrl-C is heard, also where the tests run in the background of a shell, which has it ignored."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.fixture
    def undisturbed(self, tmp_path: Path, talk: Path) -> Iterator[set[tuple[Any, ...]]]:
        with Library(tmp_path / "undisturbed", tools=("scan", "subtitles", Lights())) as lib:  # type: ignore[arg-type]
            lib.add([talk])
            yield contents(lib)

    @pytest.mark.parametrize("how", ["flag", "ctrl-c"])
    def test_in_the_middle_of_decoding_keep_what_is_done(
        self, how: str, tmp_path: Path, talk: Path, undisturbed: set[tuple[Any, ...]]
    ) -> None:
        flag = Flag()

        def halfway(frame: Any) -> None:
            if frame.time >= 1:
                flag.set() if how == "flag" else _thread.interrupt_main()

        lights = Lights(act=halfway)
        with opened(tmp_path, "scan", "subtitles", lights) as lib:
            with pytest.raises(Cancelled if how == "flag" else KeyboardInterrupt):
                lib.add([talk], cancel=flag)
            assert states(lib) == {"scan": "queued", "subtitles": "done", "lights": "queued"}
            assert lib.search("morning") and contents(lib) < undisturbed
            lights.act = lambda _: None
            assert lib.add([talk])[0].state == "updated"
            assert contents(lib) == undisturbed and set(states(lib).values()) == {"done"}

    def test_before_the_first_job_do_nothing(self, tmp_path: Path, talk: Path) -> None:
        flag = Flag()
        flag.set()
        with opened(tmp_path, "subtitles") as lib:
            with pytest.raises(Cancelled):
                lib.add([talk], cancel=flag)
            assert lib.videos() == []

    def test_between_two_jobs(self, tmp_path: Path, talk: Path) -> None:
        flag, silent = Flag(), Plates("silent")
        silent.observe = lambda *_: []  # type: ignore[assignment, method-assign]
        with opened(tmp_path, "subtitles", silent, Plates()) as lib:
            with pytest.raises(Cancelled):
                lib.add([talk], cancel=flag, on_event=lambda e: flag.set() if e.tool == "silent" else None)
            assert states(lib) == {"subtitles": "done", "silent": "done", "plates": "queued"}

    def test_by_a_crash_are_made_good(self, tmp_path: Path, talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with opened(tmp_path, "subtitles") as lib:
            with monkeypatch.context() as patched:
                patched.setattr(ingesting, "gather", lambda *_, **__: stop())
                patched.setattr(lib.store, "requeue", lambda: 0)
                with pytest.raises(KeyboardInterrupt):
                    lib.add([talk])
            assert states(lib) == {"subtitles": "running"}
            assert lib.add([talk])[0].rows == {"speech": 1}


def test_keyframes_that_no_row_names_are_swept(tmp_path: Path) -> None:
    film = write(tmp_path / "a.mp4", Pictures(every(10, 4)))
    with Library(tmp_path / "lib", tools=["scan"]) as lib:
        id = lib.add([film])[0].video
        assert id is not None
        stray = lib.folder(id) / "k" / "99999999.jpg"
        stray.write_bytes(b"of an earlier run")
        assert lib.add([film])[0].state == "known"
        assert stray.exists()
        lib.add([film], refresh=["scan"])
        named = {path for row in lib.rows(id, ["shot"]) for _, path in row.data["keyframes"]}
        assert {f"k/{path.name}" for path in (lib.folder(id) / "k").iterdir()} == named

"""Worker processes: they find what one process finds, the end of one costs its task, and none outlives its parent."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from commands import until
from outside import Lights, Plates, Worker, clip, ends_at_once

from reelcue.index import library, workers
from reelcue.index.ingest import Cancelled, Event
from reelcue.index.library import Library
from reelcue.tools.errors import ToolUnavailable, UsageError


@pytest.fixture(autouse=True)
def words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ToolUnavailable("no sentence model")

    monkeypatch.setattr(library, "load", missing)


WORKER: Any = Worker()
TOOLS: Any = ("scan", "subtitles", WORKER)


def found(lib: Library) -> set[tuple[Any, ...]]:
    """What was found in which file, but for the process."""
    names = {row.id: row.name for row in lib.videos()}
    return {
        (names[row.video], row.tool, row.kind, row.span, row.text, str(row.data) if row.kind != "tag" else "")
        for video in names
        for row in lib.rows(video)
    }


def data(lib: Library) -> list[Mapping[str, Any]]:
    return [row.data for video in lib.videos() for row in lib.rows(video.id, ["tag"])]


def states(lib: Library) -> dict[tuple[str, str], str]:
    names = {row.id: row.name for row in lib.videos()}
    return {(names[job.video], job.tool): job.state for job in lib.store.jobs()}


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()


def test_find_what_one_process_finds(tmp_path: Path) -> None:
    clips = [clip(tmp_path / f"{n}.mp4", f"This is {n}.", fps=5 + n) for n in range(3)]
    clips.append(clip(tmp_path / "noted \udc80.mp4", "A strange name.", fps=9))
    with Library(tmp_path / "one", TOOLS) as one, Library(tmp_path / "two", TOOLS) as two:
        one.add(clips)
        events: list[Event] = []
        added = two.add(clips, jobs=2, on_event=events.append)
        assert [file.state for file in added] == ["added"] * 4 and found(two) == found(one)
        assert set(states(two).values()) == {"done"} and two.completed() == 4
        assert two.videos()[3].facts == one.videos()[3].facts and "it is a strange one" in added[3].notes
        assert {o["process"] for o in data(one)} == {os.getpid()}
        assert 1 <= len({o["process"] for o in data(two)}) <= 2 and os.getpid() not in {o["process"] for o in data(two)}
        share = max(1, (os.cpu_count() or 1) // 2)
        assert all((o["cores"], o["opencv"], o["deaf"]) == (share, share, True) for o in data(two))
        tools = {event.tool for event in events if event.what == "done"}
        assert tools == {"scan", "subtitles", "worker"}
        assert not any(alive(o["process"]) for o in data(two))


def test_copies_of_a_file_are_looked_at_once(tmp_path: Path) -> None:
    clips = [clip(tmp_path / "a.mp4", "Good morning.")]
    clips += [Path(shutil.copy(clips[0], tmp_path / f"{name}.mp4")) for name in "bc"]
    with Library(tmp_path / "library", TOOLS) as lib:
        assert [file.state for file in lib.add(clips, jobs=2)] == ["added", "known", "known"]
        assert set(states(lib)) == {("a.mp4", "scan"), ("a.mp4", "subtitles"), ("a.mp4", "worker")}
        assert lib.completed() == 1 and {file.state for file in lib.add(clips)} == {"known"}


def test_one_that_ends_costs_its_task_and_is_replaced(tmp_path: Path) -> None:
    names = ("killed", "crashed", "left", "opaque", "good")
    clips = [clip(tmp_path / f"{name}.mp4", "Good morning.", fps=5 + n) for n, name in enumerate(names)]
    with Library(tmp_path / "library", TOOLS) as lib:
        events: list[Event] = []
        errors = {file.path.stem: file.error or "" for file in lib.add(clips, jobs=2, on_event=events.append)}
        for name, why in (
            ("killed", "was killed (SIGKILL)"),
            ("crashed", "crashed (SIGSEGV)"),
            ("left", "exit code 3"),
        ):
            assert errors[name].startswith(str(tmp_path / f"{name}.mp4")) and why in errors[name]
            assert "worker" in errors[name] and "re-encode the file" in errors[name]
        assert errors["opaque"].startswith("worker: ") and errors["good"] == ""
        assert sorted(name for (name, tool), state in states(lib).items() if state == "failed") == [
            "crashed.mp4", "killed.mp4", "left.mp4", "opaque.mp4",
        ]  # fmt: skip
        assert {state for (_, tool), state in states(lib).items() if tool != "worker"} == {"done"}
        assert len([event for event in events if event.what == "failed"]) == 4
        assert lib.completed() == 1
        for path in clips:
            path.rename(tmp_path / f"mended {path.name}")
        assert {file.state for file in lib.add([tmp_path], jobs=2)} == {"updated"} and lib.completed() == 5


def test_tools_that_cannot_be_made_again_run_in_this_process(tmp_path: Path) -> None:
    ran: list[int] = []
    plates, lights = Plates(name="own", act=lambda *_: ran.append(os.getpid())), Lights()
    tools: Any = ("subtitles", WORKER, plates, lights)
    assert not workers.portable(plates) and workers.portable(WORKER)  # type: ignore[arg-type]
    with Library(tmp_path / "library", tools) as lib:
        (added,) = lib.add([clip(tmp_path / "talk.mp4", "Good morning.")], jobs=2)
        assert added.error is None and added.rows == {"motion": 10, "speech": 1, "tag": 3}
        assert ran == [os.getpid()]


def test_options_and_names_decide_whether_a_tool_can_be_made_again() -> None:
    class Local(Worker):
        pass

    class Forgetful(Worker):
        def __init__(self, mark: str = "") -> None:
            self.options = {}

    assert not workers.portable(Local()) and not workers.portable(Forgetful())
    assert workers.portable(Worker("x"))


SCRIPT = """
import sys
from reelcue.index.library import Library
with Library(sys.argv[1], tools=("subtitles", "replay")) as lib:
    print([file.state for file in lib.add(sys.argv[2:], jobs=2)])
"""


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    clips = [str(clip(tmp_path / f"{n}.mp4", "Good morning.", fps=5 + n)) for n in range(2)]
    command = [sys.executable, "-W", "error", "script.py", str(tmp_path / "library"), *clips]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "['added', 'added']\n", "")


def test_where_no_process_can_be_started_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_serve", ends_at_once)
    with Library(tmp_path / "library", tools=("subtitles",)) as lib:
        with pytest.raises(ToolUnavailable, match="use --jobs 1"):
            lib.add([clip(tmp_path / "talk.mp4")], jobs=2)
        assert set(states(lib).values()) == {"queued"}


def test_no_fewer_than_one_process(tmp_path: Path) -> None:
    with Library(tmp_path / "library") as lib, pytest.raises(UsageError, match="1 process or more, not by 0"):
        lib.add([], jobs=0)


class TestStopping:
    def test_by_the_flag_queues_again_what_was_not_done(self, tmp_path: Path) -> None:
        clips = [clip(tmp_path / f"{name}.mp4", "Good.", fps=5 + n) for n, name in enumerate(("slow 1", "slow 2", "x"))]
        with Library(tmp_path / "library", TOOLS) as lib:
            flag = Flag()

            def listen(event: Event) -> None:
                if event.what == "progress" and event.tool == "worker":
                    flag.set()

            with pytest.raises(Cancelled):
                lib.add(clips, jobs=2, cancel=flag, on_event=listen)
            assert {state for (_, tool), state in states(lib).items() if tool == "worker"} <= {"queued", "done"}
            assert "queued" in states(lib).values() and lib.completed() < 3
            assert not any(alive(int(mark.stem)) for mark in tmp_path.glob("*.started"))
            (tmp_path / "go on").touch()
            lib.add(clips, jobs=2)
            assert set(states(lib).values()) == {"done"} and lib.completed() == 3

    @pytest.mark.parametrize("how", ["ctrl-c", "ctrl-c twice", "kill -9"])
    def test_a_command_leaves_no_process_and_loses_nothing(self, how: str, tmp_path: Path) -> None:
        for n in range(3):
            clip(tmp_path / f"slow {n}.mp4", f"This is {n}.", fps=5 + n)
        environ = os.environ | {"REELCUE_TOOLS_WORKER": "outside:Worker", "PYTHONPATH": str(Path(__file__).parent)}
        command = [sys.executable, "-m", "reelcue.ui.cli", "add", str(tmp_path), "--jobs", "2"]
        options = {"env": environ, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
        with subprocess.Popen([*command, "--tools", "subtitles,worker"], **options) as adding:  # type: ignore[call-overload]
            until(lambda: len(list(tmp_path.glob("*.started"))) == 2 or adding.poll() is not None)
            if how == "kill -9":
                adding.kill()
            else:
                os.killpg(adding.pid, signal.SIGINT)  # as a terminal does: to all of them
                if how == "ctrl-c twice":
                    time.sleep(0.05)
                    adding.send_signal(signal.SIGINT)
            said = adding.communicate(timeout=60)[1]
        started = [int(mark.stem) for mark in tmp_path.glob("*.started")]
        until(lambda: not any(alive(process) for process in started))
        assert "Traceback" not in said and adding.returncode == (-9 if how == "kill -9" else 130), said
        (tmp_path / "go on").touch()
        with Library(tmp_path / "reelcue-library", TOOLS[1:]) as lib:
            assert lib.store.counts() == {"speech": 3} and lib.completed() == 0
            assert "failed" not in states(lib).values()
            lib.add([tmp_path])
            assert lib.completed() == 3

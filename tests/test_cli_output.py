"""What the commands print where text is hostile, terminals are poor, and something breaks."""

import io
import json
import os
import subprocess
from pathlib import Path

import pytest
from commands import RUN, SPOKEN, document, run, timeline
from rich.console import Console
from typer.testing import CliRunner

from reelcue.index.ingest import Event
from reelcue.index.library import Library
from reelcue.ui.cli import app
from reelcue.ui.progress import reporter

HOSTILE = "[red]the budget[/red] is \x1b[31m forty \u202emillion [bold]"


@pytest.fixture
def talk(tmp_path: Path) -> str:
    """The id of the one video of a library in the current folder."""
    run("add", timeline(tmp_path / "talk.jsonl", *SPOKEN))
    return str(document("list")["videos"][0]["id"])


class TestHostileText:
    def test_is_printed_as_it_is(self, tmp_path: Path) -> None:
        name = "[blink]talk\x1b]0;x\x07.mp4"
        run("add", timeline(tmp_path / "talk.jsonl", HOSTILE, name=name))
        video = document("list")["videos"][0]["id"]
        commands = [["list"], ["show", video], ["timeline", video], ["search", "budget"], ["ask", "Which budget?"]]
        for command in commands:
            for extra in ([], ["--json"]):
                said = run(*command, *extra).stdout
                assert not {"\x1b", "\x07", "\u202e"} & set(said)
        assert "[red]the budget[/red]" in run("timeline", video).stdout and "[blink]talk" in run("list").stdout

    def test_in_errors(self, talk: str) -> None:
        assert "\x1b" not in run("show", "a\x1b[31m[red]", code=2).stderr

    @pytest.mark.parametrize(
        "command", [["timeline", "talk"], ["search", "预算"], ["list"], ["timeline", "talk", "--json"]]
    )
    def test_a_terminal_without_unicode(self, tmp_path: Path, command: list[str]) -> None:
        run("add", timeline(tmp_path / "talk.jsonl", "今年的预算是四百万 é 😀。", name="talk 预算.mp4"))
        row = document("list")["videos"][0]["id"]
        environ = os.environ | {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
        wanted = [row if part == "talk" else part for part in command]
        done = subprocess.run([*RUN, *wanted], env=environ, capture_output=True, text=True, check=False)
        told = "by words only: Chinese" if "search" in command else ""
        assert done.returncode == 0 and done.stderr.startswith(told) and bool(done.stderr) == bool(told)
        assert done.stdout.isascii() and done.stderr.isascii()
        if "--json" in command:
            assert json.loads(done.stdout)["rows"][0]["text"] == "今年的预算是四百万 é 😀。"

    def test_a_closed_pipe_ends_quietly(self, tmp_path: Path) -> None:
        many = (f"Sentence {n} " + "and on " * 30 for n in range(2000))
        run("add", timeline(tmp_path / "talk.jsonl", *many, kind="shot"))
        for extra in ([], ["--json"]):
            command = [*RUN, "timeline", "talk.mp4", *extra]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading:
                assert reading.stdout and reading.stderr
                reading.stdout.read(10)
                reading.stdout.close()
                assert (reading.wait(60), reading.stderr.read()) == (0, b"")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    @pytest.mark.parametrize("command", ["--help", "list", "list --json"])
    def test_a_full_disk_is_told(self, talk: str, command: str) -> None:
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([*RUN, *command.split()], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and done.stderr.startswith("reelcue: output: ")

    @pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
    def test_a_closed_stdout_is_no_error(self, talk: str) -> None:
        done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *RUN, "list"], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")

    @pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
    def test_a_closed_stdin_asks_nothing(self, talk: str) -> None:
        asked = ["sh", "-c", 'exec "$@" <&-', "sh", *RUN, "remove", talk]
        done = subprocess.run(asked, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


class TestErrors:
    def test_broken_settings_are_wrong_use(self, talk: str, tmp_path: Path) -> None:
        (tmp_path / "reelcue-library" / "reelcue.toml").write_text("debgu = true\n")
        said = run("list", code=2).stderr
        assert "reelcue.toml, line 1: there is no setting 'debgu'" in said

    def test_debug_shows_the_traceback(self, talk: str, tmp_path: Path) -> None:
        (tmp_path / "reelcue-library" / "reelcue.toml").write_text("debug = true\n")
        result = CliRunner().invoke(app, ["show", "nothing"])
        assert result.exit_code == 2 and "Traceback" in result.stderr
        assert result.stderr.splitlines()[-1].startswith("reelcue: no video 'nothing'")

    def test_a_mistake_of_ours_is_one_line(self, talk: str, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(_: Library) -> None:
            raise KeyError("oh")

        monkeypatch.setattr(Library, "videos", broken)
        assert "internal error: KeyError: 'oh'" in run("list", code=1).stderr


def test_bars_on_a_terminal() -> None:
    out = io.StringIO()
    file = Path("[red]talk\x1b[31m.mp4")
    with reporter(Console(file=out, force_terminal=True, width=80, markup=False, highlight=False)) as on_event:
        on_event(Event("plan", message="2.0 h of video"))
        for fraction in (0.0, 0.5):
            on_event(Event("hash", file, fraction=fraction))
        on_event(Event("start", file, "id", "scan", 0.0))
        on_event(Event("progress", file, "id", "scan", 0.5))
        on_event(Event("done", file, "id", "scan", 1.0, "3 rows"))
        on_event(Event("failed", file, "id", "ocr", message="broken"))
    assert "2.0 h of video" in out.getvalue() and "[red]talk[31m.mp4" in out.getvalue()

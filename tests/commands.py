"""Running the commands in tests, and small things to run them on."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clips import Pictures, every, write
from typer.testing import CliRunner, Result

from reelcue.ui.cli import app

RUN = (sys.executable, "-m", "reelcue.ui.cli")
SPOKEN = ("Welcome to the harbour museum.", "The budget is forty million kroner.")
SRT = "1\n00:00:00,200 --> 00:00:01,800\nThe budget is forty million kroner.\n"


def run(*arguments: str | Path, code: int = 0) -> Result:
    """A command in this process; fails unless it ends with `code` and without a traceback."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result


def document(*arguments: str | Path, code: int = 0) -> Any:
    """The JSON document of a command: all of its stdout."""
    found = json.loads(run(*arguments, "--json", code=code).stdout)
    assert found["schema"] == 1
    return found


def timeline(path: Path, *texts: str, name: str = "talk.mp4", **more: Any) -> Path:
    """A timeline without media: a sentence every hundred seconds."""
    rows = (
        {"video": name, "kind": "speech", "start": 100 * n, "end": 100 * n + 5, "text": text, **more}
        for n, text in enumerate(texts)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def clip(path: Path, spoken: str = SRT, fps: int = 5) -> Path:
    """Two seconds of pictures with subtitles beside them."""
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".srt").write_text(spoken, "utf-8")
    return write(path, Pictures(every(fps, 2), fps=fps))


def until(true: Callable[[], object]) -> None:
    """Waits for something for a minute at most."""
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never happened")

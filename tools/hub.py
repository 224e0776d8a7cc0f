"""Models that were fetched from a hub (see `download`): their names, where they lie, and whether they are whole."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from .errors import UsageError
from .text import line

RECORD = "reelcue.json"  # in the folder of a model: what it is
_ID = re.compile(r"(?!.*(--|\.\.))\w[\w.-]*/\w[\w.-]*", re.ASCII)
_DIGESTS: dict[tuple[str, int, int], str] = {}  # by path, size and time of change


@dataclass(frozen=True, slots=True)
class Known:
    """A model that has a name of its own; `megabytes` is about what is fetched."""

    id: str
    megabytes: int


WHISPER = {
    "whisper-tiny": Known("Systran/faster-whisper-tiny", 78),
    "whisper-base": Known("Systran/faster-whisper-base", 148),
    "whisper-small": Known("Systran/faster-whisper-small", 486),
    "whisper-medium": Known("Systran/faster-whisper-medium", 1531),
    "whisper-large-v3": Known("Systran/faster-whisper-large-v3", 3091),
    "whisper-large-v3-turbo": Known("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1621),
}


@dataclass(frozen=True, slots=True)
class File:
    """`size` in bytes; the digest is that of its bytes or, for a small file, of its Git object."""

    size: int
    sha256: str | None
    sha1: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was fetched; `use` is "speech" or "sentences", `revision` the commit."""

    id: str
    revision: str
    use: str
    files: dict[str, File]
    folder: Path

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())

    def wrong(self, thorough: bool = True) -> list[str]:
        """Names of files that are not as they were fetched: by digest, else by size only."""
        intact = right if thorough else sized
        return [name for name, file in self.files.items() if not intact(self.folder / name, file)]


def fetched(name: str) -> Path | None:
    """The folder of a model that was fetched, by its name in WHISPER or ORG/NAME; None where it was not."""
    if name not in WHISPER and not _ID.fullmatch(name):
        return None
    there = read(folder_of(id_of(name)))
    return there.folder if there and not there.wrong(thorough=False) else None


def models() -> list[Model]:
    """All that were fetched, whole or not."""
    folders = sorted(place().iterdir()) if place().is_dir() else []
    return [model for folder in folders if not folder.name.startswith(".") and (model := read(folder))]


def digest(folder: Path, name: str) -> str:
    """sha256 of a file. For an unchanged one of a fetched model it is known; others are read once."""
    file = folder / name
    stat = file.stat()
    there = read(folder)
    known = there.files.get(name) if there else None
    if known and known.sha256 and sized(file, known) and stat.st_mtime <= (folder / RECORD).stat().st_mtime:
        return known.sha256
    stamp = (str(file), stat.st_size, stat.st_mtime_ns)
    if stamp not in _DIGESTS:
        _DIGESTS[stamp] = sha256(file)
    return _DIGESTS[stamp]


def place() -> Path:
    return user_cache_path("reelcue") / "models" / "hub"


def folder_of(id: str) -> Path:
    return place() / id.replace("/", "--")


def id_of(name: str) -> str:
    """ORG/NAME of a model. Raises UsageError for what is no name of one."""
    if name in WHISPER:
        return WHISPER[name].id
    if not _ID.fullmatch(name):
        raise UsageError(f"no model {line(name)!r}; there are minilm, {', '.join(WHISPER)}, and ORG/NAME of a hub")
    return name


def read(folder: Path) -> Model | None:
    """What the record in a folder says; None without one that makes sense."""
    try:
        told = json.loads((folder / RECORD).read_text("utf-8"))
        files = {name: checked(File(**file)) for name, file in told["files"].items()}
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
            return None
        return Model(str(told["id"]), str(told["revision"]), str(told["use"]), files, folder)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def checked(file: File) -> File:
    """The same. Raises ValueError for a size or a digest that is none."""
    digests = [digest for digest in (file.sha256, file.sha1) if digest is not None]
    if not isinstance(file.size, int) or file.size < 0 or not all(isinstance(d, str) for d in digests):
        raise ValueError("no size or no digest")
    return file


def sized(path: Path, file: File) -> bool:
    try:
        return path.stat().st_size == file.size
    except OSError:
        return False


def right(path: Path, file: File) -> bool:
    """Whether a file is there and has the digest it should have."""
    if not sized(path, file):
        return False
    if file.sha256:
        return sha256(path) == file.sha256
    git = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    git.update(path.read_bytes())
    return git.hexdigest() == file.sha1


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""The Chroma folder of a library: opened only when it is whole, and made anew beside the old one.

A folder that was closed in good order has a seal: sizes and times of its files, and a mark that the library knows too.
A folder whose seal fits is as it was left; one that another program has opened since is looked into first. One without
a seal is not trusted: a process that is killed while Chroma writes leaves files of two states, which may find all that
they held before and lose what is put later.
"""

import json
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from . import probe, vectors
from .store import Store

_SEAL = "reelcue.json"
_MARK = "vectors"  # key of the library's table meta
_CUT_SHORT = "it was not closed in good order"


class Folder:
    """`path` need not exist. For the holder of the ingest lock. Methods raise OSError and LibraryError."""

    shared = False

    def __init__(self, store: Store, path: Path) -> None:
        self.name = str(path)
        self._store, self._path = store, path
        self._new = path.with_name(path.name + ".new")

    def sealed(self) -> bool:
        """Whether it was closed in good order, after the library's last change of it, and is as it was then."""
        now = {"files": self._files(self._path), "chromadb": vectors.version(), "mark": self._store.meta(_MARK)}
        return self._seal() == now

    def damage(self, space: str, ended: Callable[[], bool]) -> str | None:
        """Why it cannot be used, None where it can."""
        seal = self._seal()
        if not seal:
            return _CUT_SHORT
        if seal.get("mark") != self._store.meta(_MARK):
            return "it is of another state of the library"
        if self.sealed():
            return None
        return probe.damage(self._store.path, self._path, space, self._store.vector_count(space), ended)

    def examine(self, space: str) -> str | None:
        """What is wrong with what it holds, None where nothing is; looks into it in any case."""
        if not self._seal():
            return _CUT_SHORT
        sealed = self.sealed()
        why = probe.damage(self._store.path, self._path, space, self._store.vector_count(space))
        if sealed and why is None:
            self.closed()  # to open it has touched its files
        return why

    def there(self) -> bool:
        return self._path.is_dir()

    def open(self, space: str) -> vectors.Vectors:
        """From here on it has no seal until `closed`."""
        self.drop()
        (self._path / _SEAL).unlink(missing_ok=True)
        return vectors.in_folder(self._path, space, self._store.identity())

    def closed(self) -> None:
        """What `open` gave was closed, and all went well."""
        self._put_seal(self._path)

    def fresh(self, space: str) -> vectors.Vectors:
        """An empty one beside it, instead of what an earlier call left there."""
        self.drop()
        return vectors.in_folder(self._new, space, self._store.identity())

    def swap(self) -> None:
        """The one beside it, closed by now, takes its place."""
        old = self._path.with_name(self._path.name + ".old")
        self._remove(old)
        with suppress(FileNotFoundError):
            self._path.rename(old)
        self._new.rename(self._path)
        self._put_seal(self._path)
        self._remove(old)

    def drop(self) -> None:
        """The one beside it is of no use."""
        self._remove(self._new)

    def discard(self) -> None:
        """It is of no use itself, and takes room."""
        self._remove(self._path)

    def _seal(self) -> dict[str, object]:
        try:
            found = json.loads((self._path / _SEAL).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _put_seal(self, folder: Path) -> None:
        """On disk before it says so: a power cut may leave files of the right size with nothing in them."""
        for file in _all(folder):
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        mark = secrets.token_hex(16)
        seal = {"mark": mark, "chromadb": vectors.version(), "files": self._files(folder)}
        self._store.set_meta(_MARK, mark)
        part = folder / f"{_SEAL}.part"
        part.write_text(json.dumps(seal), "utf-8")
        part.replace(folder / _SEAL)

    @staticmethod
    def _files(folder: Path) -> dict[str, list[int]]:
        stats = {file.relative_to(folder).as_posix(): file.stat() for file in _all(folder)}
        return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in sorted(stats.items())}

    @staticmethod
    def _remove(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _all(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(_SEAL)]

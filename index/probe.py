"""Whether a Chroma folder holds what the library says it holds, and finds it: looked into by a process of its own.

Chroma's files are not safe against crashes, and damaged ones can end the process that opens them.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..tools.errors import ReelcueError
from . import vectors
from .store import Store

SAMPLE = 2000  # vectors that are asked for by themselves; of a larger library they are spread over all of it
_NEAREST, _FARTHER = 10, 500  # a vector is to be among so many; an approximate index may need the second number
_EQUAL = 1e-4  # in cosine: passages of the same text crowd each other out
_WHOLE = "whole"
_TICK = 0.1  # seconds


def damage(
    database: Path, folder: Path, space: str, count: int, ended: Callable[[], bool] = lambda: False
) -> str | None:
    """What is wrong with the folder, None where nothing is. `count` vectors are expected, which bounds the time.

    `ended` is asked over and over; once it is true the answer is of no use.
    """
    last = time.monotonic() + 60 + count / 1000
    with subprocess.Popen(
        command(str(database), str(folder), space),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        try:
            while True:
                try:
                    told = child.communicate(timeout=_TICK)[0].decode(errors="replace").strip()
                    break
                except subprocess.TimeoutExpired:
                    if ended():
                        return "not looked into"
                    if time.monotonic() > last:
                        return "opening it takes too long"
        finally:
            child.kill()
    if child.returncode < 0:
        return f"opening it ends the program (signal {-child.returncode})"
    return None if child.returncode == 0 and told == _WHOLE else told or f"opening it fails ({child.returncode})"


def command(*names: str) -> list[str]:
    """What looks into a folder: its database, the folder and the space."""
    return [sys.executable, "-m", "reelcue.index.probe", *names]


def look(store: Store, index: vectors.Vectors, space: str) -> str | None:
    """What is wrong with a vector index that can be opened. Raises VectorsError."""
    held, pending = index.ids(), set(store.pending(space))
    lost, strange, alone = 0, held - set(store.tombstones()), []
    every = max(1, store.vector_count(space) // SAMPLE)
    for placed in store.all_indexable(space, vectors.BATCH):
        strange -= {segment.id for segment, _ in placed}
        settled = [(segment, vector) for segment, vector in placed if segment.n not in pending]
        lost += sum(segment.id not in held for segment, _ in settled)
        alone += [(s.id, v.copy()) for s, v in settled[::every] if v.any() and s.id in held]
    if lost or strange:
        return f"{lost} vectors are missing, {len(strange)} are of passages that are gone"
    unfound = [id for id, vector in alone if not _finds(index, id, vector)]
    return f"{len(unfound)} of {len(alone)} vectors are not found" if unfound else None


def _finds(index: vectors.Vectors, id: str, vector: Any) -> bool:
    """Whether a vector is found by itself, or nothing but its equals."""
    for k in (_NEAREST, _FARTHER):
        found = index.knn(vector, k)
        cosines = dict(found)
        if id in cosines:
            return abs(cosines[id] - 1) < _EQUAL
        if len(found) == k and found[-1][1] > 1 - _EQUAL:
            return True
    return False


def main(database: str, folder: str, space: str) -> int:
    with Store(Path(database)) as store:
        try:
            index = vectors.in_folder(Path(folder), space, store.meta("library") or "")
            told = look(store, index, space)
            index.close()
        except ReelcueError as error:
            told = str(error)
    sys.stdout.write(told or _WHOLE)
    return int(told is not None)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

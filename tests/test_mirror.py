"""The vector index follows the library, and is made anew where it is damaged: in real Chroma folders."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag

import numpy as np
import pytest
from stores import A, B, change, made, tell

from reelcue.index import probe
from reelcue.index.folder import Folder
from reelcue.index.ingest import Cancelled, Event
from reelcue.index.mirror import Mirror
from reelcue.index.rows import fingerprint
from reelcue.index.store import Store
from reelcue.tools.errors import VectorsError

SPACE, SIZE = "tiny", 8
TEXTS = [f"passage {n}" for n in range(60)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with made(tmp_path / "index.sqlite") as opened:
        yield opened


def vector(text: str) -> list[float]:
    return np.random.default_rng(int(fingerprint(text)[:8], 16)).normal(size=SIZE).tolist()  # type: ignore[no-any-return]


def put(store: Store, *texts: str, video: str = A) -> None:
    """Texts of a video, instead of those that it had, with a vector each."""
    tell(store, *texts, video=video)
    found = store.without_vector(SPACE, video, limit=10_000)
    store.put_vectors(SPACE, [s.n for s in found], [vector(s.text) for s in found])


def mirror(store: Store) -> Mirror:
    return Mirror(store, Folder(store, store.path.parent / "chroma"), SPACE)


def sync(store: Store) -> list[str]:
    """What a sync in a new process would say."""
    said: list[Event] = []
    mirror(store).sync(said.append)
    return [event.message for event in said if event.what == "note"]


def outside(folder: Path, name: str = "timeline-tiny") -> dict[str, dict[str, object]]:
    """What a plain Chroma client in a process of its own reads, by text."""
    script = """
import chromadb, json, sys
client = chromadb.PersistentClient(sys.argv[1])
found = client.get_collection(sys.argv[2]).get(include=["documents", "metadatas"])
print(json.dumps(dict(zip(found["documents"], found["metadatas"]))))
"""
    done = subprocess.run([sys.executable, "-c", script, str(folder), name], capture_output=True, text=True, check=True)
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found


def touch(store: Store) -> None:
    """As another program does that opens the folder."""
    (store.path.parent / "chroma" / "chroma.sqlite3").touch()


def whole(store: Store) -> None:
    """The index holds each vector, finds it by itself, and nothing else."""
    folder = Folder(store, store.path.parent / "chroma")
    index = folder.open(SPACE)
    try:
        assert probe.look(store, index, SPACE) is None
        assert index.count() == store.vector_count(SPACE) > 0
    finally:
        index.close()
    folder.closed()
    assert not store.owed(SPACE)


def files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file() and f.name != "reelcue.json")


class TestFollowing:
    def test_an_outside_client_reads_texts_and_metadata(self, store: Store) -> None:
        put(store, "first", "second")
        assert sync(store) == []
        about = {"video": A, "kind": "speech", "start": 1.0, "end": 2.0}
        found = outside(store.path.parent / "chroma")
        assert set(found) == {"first", "second"} and found["second"] == about
        assert sync(store) == []  # the client has touched the folder; it is whole all the same
        whole(store)

    def test_what_is_removed_and_what_comes_again(self, store: Store) -> None:
        put(store, "one", "two", "three")
        put(store, "four", video=B)
        sync(store)
        put(store, "two", "new")
        store.remove_video(B)
        assert store.owed(SPACE) and sync(store) == []
        assert set(outside(store.path.parent / "chroma")) == {"two", "new"}
        store.remove_video(A)
        sync(store)
        assert outside(store.path.parent / "chroma") == {}

    def test_a_vector_that_changes_while_it_is_put_stays_pending(self, store: Store) -> None:
        put(store, "one", "two")
        placed = store.indexable(SPACE, store.pending(SPACE))
        store.put_vectors(SPACE, [placed[0][0].n], [vector("other")])
        store.settle(SPACE, placed)
        assert store.pending(SPACE) == [placed[0][0].n]

    def test_nothing_is_opened_where_nothing_changed(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        assert sync(store) == [] and not (store.path.parent / "chroma").exists()
        put(store, "one")
        sync(store)
        monkeypatch.setattr("reelcue.index.vectors.in_folder", None)
        assert sync(store) == []

    def test_it_is_near_while_it_is_open(self, store: Store) -> None:
        put(store, *TEXTS)
        held = mirror(store)
        assert held.near() is None
        held.sync(lambda event: None, keep=True)
        near = held.near()
        assert near
        (best, _), cosine = near.knn(vector("passage 7"), 2), near.knn(vector("passage 7"), 1)[0][1]
        assert store.segments_by_n(store.numbers([best[0]])).popitem()[1].text == "passage 7"
        assert cosine == pytest.approx(1, abs=1e-5)
        put(store, "late", video=B)
        held.sync(lambda event: None, keep=True)
        assert near.knn(vector("late"), 1)[0][1] == pytest.approx(1, abs=1e-5)
        held.close()
        assert held.near() is None
        with pytest.raises(VectorsError, match="closed"):
            held.knn(vector("late"), 1)
        whole(store)

    def test_two_spaces_live_beside_each_other(self, store: Store) -> None:
        put(store, "one", "two")
        sync(store)
        numbers = [s.n for s in store.segments()]
        store.put_vectors("other/space", numbers, [[1, 0], [0, 1]])
        Mirror(store, Folder(store, store.path.parent / "chroma"), "other/space").sync(lambda event: None)
        store.remove_video(A)
        assert sync(store) == []
        assert outside(store.path.parent / "chroma") == {}


class TestRebuilding:
    def test_stops_in_the_middle_and_leaves_the_old_one(self, store: Store) -> None:
        put(store, *TEXTS)
        sync(store)
        flag = Flag()
        flag.set()
        before = {file: file.stat() for file in files(store.path.parent / "chroma")}
        with pytest.raises(Cancelled):
            mirror(store).rebuild(lambda event: None, flag)
        assert {file: file.stat() for file in files(store.path.parent / "chroma")} == before
        assert not (store.path.parent / "chroma.new").exists()
        assert sync(store) == []

    def test_takes_the_place_of_the_old_one(self, store: Store) -> None:
        put(store, *TEXTS)
        sync(store)
        (old,) = (f for f in (store.path.parent / "chroma").iterdir() if f.is_dir())
        assert mirror(store).rebuild(lambda event: None) == len(TEXTS)
        assert not old.exists() and sorted(p.name for p in store.path.parent.glob("chroma*")) == ["chroma"]
        assert sync(store) == []
        whole(store)

    def test_a_folder_that_was_deleted(self, store: Store) -> None:
        put(store, *TEXTS)
        sync(store)
        shutil.rmtree(store.path.parent / "chroma")
        (said,) = sync(store)
        assert "the vector index is gone; it is made anew" in said
        whole(store)

    def test_a_folder_of_another_state_of_the_library(self, store: Store) -> None:
        put(store, "old")
        sync(store)
        shutil.copytree(store.path.parent / "chroma", store.path.parent / "copy", copy_function=shutil.copy2)
        put(store, "new")
        sync(store)
        shutil.rmtree(store.path.parent / "chroma")
        (store.path.parent / "copy").rename(store.path.parent / "chroma")
        (said,) = sync(store)
        assert "another state of the library" in said
        whole(store)

    def test_a_folder_of_another_library(self, store: Store, tmp_path: Path) -> None:
        put(store, "ours")
        sync(store)
        (tmp_path / "other").mkdir()
        with made(tmp_path / "other" / "index.sqlite") as other:
            put(other, "theirs")
            sync(other)
            shutil.rmtree(tmp_path / "other" / "chroma")
            shutil.copytree(tmp_path / "chroma", tmp_path / "other" / "chroma")
            (said,) = sync(other)
            assert "another state of the library" in said
            whole(other)

    def test_a_folder_that_lacks_a_vector(self, store: Store) -> None:
        put(store, *TEXTS)
        sync(store)
        folder = Folder(store, store.path.parent / "chroma")
        index = folder.open(SPACE)
        index.delete([store.segments()[5].id])
        index.close()
        folder.closed()
        touch(store)
        (said,) = sync(store)
        assert "1 vectors are missing" in said
        whole(store)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda old: b"",
    "half": lambda old: old[: len(old) // 2],
    "zeros": lambda old: bytes(len(old)),
    "garbage": lambda old: np.random.default_rng(0).bytes(len(old)),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with files of all kinds in its index: more vectors than Chroma keeps in its log."""
    folder = tmp_path_factory.mktemp("kept")
    with made(folder / "index.sqlite") as store:
        put(store, *(f"passage {n}" for n in range(1100)))
        sync(store)
    assert len(files(folder / "chroma")) == 6
    return folder


class TestDamage:
    @pytest.mark.slow
    @pytest.mark.parametrize("how", DAMAGE)
    def test_of_any_file_is_seen_and_repaired(self, kept: Path, tmp_path: Path, how: str) -> None:
        for n, file in enumerate(files(kept / "chroma")):
            folder = tmp_path / str(n)
            shutil.copytree(kept, folder, copy_function=shutil.copy2)
            damaged = folder / file.relative_to(kept)
            damaged.write_bytes(DAMAGE[how](damaged.read_bytes()))
            with Store(folder / "index.sqlite") as store:
                sync(store)
                whole(store)

    def test_that_ends_the_process_ends_another_one(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        put(store, *TEXTS)
        sync(store)
        touch(store)
        killing = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
        with monkeypatch.context() as patched:
            patched.setattr(probe, "command", lambda *names: [sys.executable, "-c", killing])
            (said,) = sync(store)
        assert "opening it ends the program (signal 11)" in said
        whole(store)

    def test_of_a_newer_format(self, store: Store) -> None:
        put(store, *TEXTS)
        sync(store)
        change(
            store.path.parent / "chroma" / "chroma.sqlite3",
            "INSERT INTO migrations VALUES ('sysdb', 99, '00099-future.sqlite.sql', 'x', 'y')",
            "ALTER TABLE collections RENAME COLUMN name TO title",
        )
        (said,) = sync(store)
        assert "made anew" in said
        whole(store)

    def test_a_file_in_its_place(self, store: Store) -> None:
        put(store, *TEXTS)
        (store.path.parent / "chroma").write_text("no folder")
        sync(store)
        whole(store)


class TestFullDisk:
    @pytest.mark.parametrize("limit", [50_000, 200_000, 600_000])
    def test_is_told_and_costs_nothing(self, tmp_path: Path, limit: int) -> None:
        with made(tmp_path / "index.sqlite") as store:
            put(store, *(f"passage {n}" for n in range(3000)))
        script = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_mirror import *
with Store(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
    print(*sync(store))
"""
        done = subprocess.run([sys.executable, "-c", script, str(store.path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "nothing is lost" in done.stdout
        with Store(store.path) as store:
            assert len(store.pending(SPACE)) == 3000
            sync(store)
            whole(store)


@pytest.mark.slow
class TestKills:
    def test_in_the_middle_of_writing(self, store: Store) -> None:
        """Passages of two videos change over and over; each time the process is killed while Chroma takes them."""
        script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_mirror import *
from reelcue.index.vectors import Vectors
upsert, n = Vectors.upsert, int(sys.argv[2])
def told(self, placed):
    print("write", flush=True)
    upsert(self, placed)
    print("written", flush=True)
Vectors.upsert = told
with Store(Path(sys.argv[1])) as store:
    put(store, *(f"passage {{n}} {{i}}" for i in range(800)), video=[A, B][n % 2])
    sync(store)
"""
        random, inside, n = np.random.default_rng(4), 0, 0
        while inside < 20 and n < 60:
            command = [sys.executable, "-c", script, str(store.path), str(n)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
                assert child.stdout and child.stdout.readline() == b"write\n"
                with suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=random.uniform(0, 0.2))
                child.kill()
                inside += child.stdout.read() == b""
            said = sync(store)
            assert not said or "not closed in good order" in said[0]
            whole(store)
            n += 1
        assert inside == 20

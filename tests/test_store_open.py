"""Opening a library: new, old, newer, damaged, not ours to write, and shared by threads and processes."""

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import stores
from stores import A, B, change, found, running, said, spec, tell

from reelcue.index import schema
from reelcue.index.store import Store
from reelcue.tools.errors import LibraryError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library" / "index.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with stores.made(path) as opened:
        yield opened


def script(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_library_is_made_only_when_asked(path: Path) -> None:
    with pytest.raises(LibraryError, match="reelcue add"):
        Store(path)
    assert not path.parent.exists()
    path.parent.write_text("a file")
    with pytest.raises(LibraryError, match="--library"):
        Store(path, create=True)


def test_a_library_kept_open_by_nobody_is_one_file(store: Store, path: Path) -> None:
    tell(store, "hello")
    store.close()
    store.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with pytest.raises(LibraryError, match="closed"):
        store.videos()
    with Store(path) as again:
        assert found(again, "hello") == ["hello"]


def test_a_newer_library_is_left_alone(store: Store, path: Path) -> None:
    store.close()
    change(path, f"PRAGMA user_version = {schema.SCHEMA + 6}")
    before = path.read_bytes()
    with pytest.raises(
        LibraryError,
        match=rf"newer reelcue \(schema {schema.SCHEMA + 6}, this one knows {schema.SCHEMA}\).*nothing was changed",
    ) as error:
        Store(path, create=True)
    assert str(path) in str(error.value)
    assert path.read_bytes() == before


def test_files_that_are_no_library_are_named_and_kept(path: Path) -> None:
    path.parent.mkdir()
    for garbage in (b"not a database at all " * 100, b"x"):
        path.write_bytes(garbage)
        with pytest.raises(LibraryError, match=r"index\.sqlite: it is no library .*--library"):
            Store(path, create=True)
        assert path.read_bytes() == garbage
    path.unlink()
    change(path, "CREATE TABLE photos (name)", "PRAGMA user_version = 9")
    with pytest.raises(LibraryError, match="no library of reelcue"):
        Store(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(LibraryError, match=r"index\.sqlite: it "):
        Store(path)


def test_a_cut_off_library_is_called_damaged(store: Store, path: Path) -> None:
    tell(store, *(f"word{i} " * 200 for i in range(200)))
    store.close()
    whole = path.read_bytes()
    for share in (2, 10):
        path.write_bytes(whole[: len(whole) // share])
        with pytest.raises(LibraryError, match="damaged; restore a copy"), Store(path) as cut:
            cut.segments()
    path.write_bytes(b"")  # as a process leaves it that was killed while it made the library
    with Store(path) as fresh:
        assert fresh.videos() == []


def test_an_older_library_is_migrated_after_a_copy(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(store, "hello")
    store.close()
    rebuilt = (
        "CREATE TABLE turns2 (n INTEGER PRIMARY KEY, conversation TEXT)",
        "DROP TABLE turns",
        "ALTER TABLE turns2 RENAME TO turns",
    )
    now = schema.SCHEMA
    added = ("ALTER TABLE videos ADD COLUMN mood TEXT",)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, rebuilt, added))
    monkeypatch.setattr(schema, "SCHEMA", now + 2)
    with Store(path) as migrated:
        assert found(migrated, "hello") == ["hello"]
        assert migrated.select("SELECT mood FROM videos") == [(None,), (None,)]
        assert migrated.select("PRAGMA user_version") == [(now + 2,)]
        assert migrated.select("PRAGMA foreign_keys") == [(1,)]
    monkeypatch.undo()
    with Store(path.with_name(f"index.sqlite.v{now}")) as copy:
        assert found(copy, "hello") == ["hello"]


@pytest.mark.parametrize("step", ["CREATE TABLE videos (again)", "DELETE FROM jobs"])
def test_a_migration_that_fails_changes_nothing(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    tell(store, "hello")
    store.close()
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("ALTER TABLE videos ADD COLUMN mood TEXT", step)))
        patch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)
        with pytest.raises(LibraryError, match=r"index\.sqlite: .*nothing was changed"):
            Store(path)
    assert path.read_bytes() == before
    with Store(path) as kept:
        assert found(kept, "hello") == ["hello"]


def test_a_library_that_cannot_be_written_is_read(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(store, "hello")
    store.close()
    monkeypatch.setattr("os.access", lambda *_: False)
    with Store(path) as kept:
        assert kept.readonly and found(kept, "hello") == ["hello"]
        for write in (lambda: kept.remove_video(A), lambda: kept.queue(spec()), lambda: kept.add_turn("c", "q", {})):
            with pytest.raises(LibraryError, match="cannot be written; check its permissions"):
                write()
        assert [file.name for file in path.parent.iterdir()] == [path.name]
    path.write_bytes(b"")
    with pytest.raises(LibraryError, match="still empty"):
        Store(path, create=True)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no POSIX permissions here")
def test_another_user_reads_a_library_that_is_not_theirs(store: Store, path: Path) -> None:
    tell(store, "hello")
    store.close()
    code = """
        import os, sys
        from pathlib import Path
        from reelcue.index.store import Store
        folder = Path(sys.argv[1])
        folder.chmod(0o555)
        for parent in folder.parents[:3]:
            parent.chmod(0o755)
        folder.as_uri()  # loads what another user could not
        if os.geteuid() == 0:
            try:
                os.setuid(65534)
            except OSError:  # a namespace that maps no other user
                sys.exit("no other user here")
        with Store(folder / "index.sqlite") as store:
            print(store.readonly, len(store.holding("hello")))
    """
    ran = script(code, str(path.parent))
    path.parent.chmod(0o755)
    if ran.stderr.strip() == "no other user here":
        pytest.skip("this namespace has no other user")
    assert ran.stdout.split() == ["True", "1"], ran.stderr


def test_a_full_disk_is_named(store: Store, path: Path) -> None:
    tell(store, "hello")
    job = running(store, spec(version="2"))
    pages = store.select("PRAGMA page_count")[0][0]
    store.select(f"PRAGMA max_page_count = {pages}")  # of the one connection that is idle and serves next
    with pytest.raises(LibraryError, match=r"index\.sqlite: the disk is full; free some space"):
        store.commit(job, said("x" * 1_000_000))
    assert found(store, "hello") == ["hello"]


def test_a_library_locked_for_long_is_named(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelcue.index.store._PATIENCE", 0.01)
    other = sqlite3.connect(path, isolation_level=None)
    with Store(path) as hurried:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryError, match="another process has been writing"):
            hurried.remove_video(A)
        assert len(hurried.videos()) == 2
    other.close()


def test_threads_read_while_one_writes(store: Store) -> None:
    tell(store, "hello 0")
    stop, broken = threading.Event(), list[Exception]()

    def read() -> None:
        try:
            while not stop.is_set():
                assert len(found(store, "hello", [A])) <= 1  # a hit may be gone before its text is asked for
                assert len(store.segments([A])) == len(store.rows(A)) == 1  # each run replaces the last at once
        except Exception as error:
            broken.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for i in range(1, 30):
        tell(store, f"hello {i}", wanted=spec(version=str(i)))
    stop.set()
    for reader in readers:
        reader.join()
    assert not broken


def test_another_process_reads_while_this_one_writes(store: Store, path: Path) -> None:
    tell(store, "hello")
    code = """
        import sys
        from pathlib import Path
        from reelcue.index.store import Store
        with Store(Path(sys.argv[1])) as store:
            print(len(store.holding("hello")), len(store.holding("later")), flush=True)
            sys.stdin.readline()
            print(len(store.holding("later")), flush=True)
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin and reader.stdout
        assert reader.stdout.readline().split() == ["1", "0"]
        tell(store, "later", video=B)
        reader.stdin.write("\n")
        reader.stdin.flush()
        assert reader.stdout.readline().split() == ["1"]
    assert reader.returncode == 0


def test_processes_that_make_a_library_at_once_share_it(path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from reelcue.index.rows import VideoRow
        from reelcue.index.store import Store
        sys.stdin.readline()
        with Store(Path(sys.argv[1]), create=True) as store:
            for i in range(5):
                id = f"{sys.argv[2]}{i}".rjust(16, "0")
                store.put_video(VideoRow(id, id, "v", None, 0, 0, 1.0))
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), str(path)]
    makers = [subprocess.Popen([*command, str(i)], stdin=subprocess.PIPE, text=True) for i in range(3)]
    for maker in makers:
        maker.communicate("\n")
    assert [maker.returncode for maker in makers] == [0, 0, 0]
    with Store(path) as made:
        assert len(made.videos()) == 15


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_use_after_a_fork_is_refused(store: Store, path: Path) -> None:
    code = """
        import json, os, sys
        from pathlib import Path
        from reelcue.index.store import Store
        from reelcue.tools.errors import LibraryError
        store = Store(Path(sys.argv[1]))
        child = os.fork()
        if child == 0:
            try:
                store.videos()
            except LibraryError as error:
                print(json.dumps(str(error)), flush=True)
            store.close()
            os._exit(0)
        os.waitpid(child, 0)
        print(len(store.videos()))
        store.close()
    """
    ran = script(code, str(path))
    message, count = ran.stdout.splitlines()
    assert "before a fork" in json.loads(message), ran.stderr
    assert count == "2"

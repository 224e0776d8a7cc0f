"""Chroma by itself, on a server, and under a library that adds, removes, searches and is looked over."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import RUN, document, run, timeline, until
from stores import A, B, made
from test_mirror import SPACE, TEXTS, outside, put, vector

from reelcue.index import Event, Library, search
from reelcue.index.mirror import Mirror
from reelcue.index.server import Server
from reelcue.index.store import Store
from reelcue.index.vectors import collection, in_folder
from reelcue.tools.embed import load_minilm
from reelcue.tools.errors import ToolUnavailable, VectorsError


@pytest.fixture
def model() -> None:
    try:
        load_minilm()
    except ToolUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chroma = Path(sys.executable).with_name("chroma")
    folder = tmp_path_factory.mktemp("server")
    command = [str(chroma), "run", "--path", str(folder / "data"), "--port", str(port), "--host", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as server:
        try:
            until(lambda: _listens(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def _listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def notes(mirror: Mirror) -> list[str]:
    said: list[Event] = []
    mirror.sync(said.append)
    return [event.message for event in said if event.what == "note"]


class TestVectors:
    def test_are_put_found_and_deleted(self, tmp_path: Path) -> None:
        with made(tmp_path / "index.sqlite") as store:
            put(store, *TEXTS)
            placed = store.indexable(SPACE, store.pending(SPACE))
            index = in_folder(tmp_path / "chroma", SPACE, "library")
            index.upsert(placed)
            index.upsert(placed[:10])
            assert index.count() == len(TEXTS) and index.ids() == {segment.id for segment, _ in placed}
            found = index.knn(vector("passage 3"), 100)
            exact = sorted((-float(np.dot(v, placed[3][1])), s.id) for s, v in placed)
            assert [id for id, _ in found] == [id for _, id in exact]
            assert [cosine for _, cosine in found] == pytest.approx([-c for c, _ in exact], abs=1e-5)
            index.delete([placed[3][0].id, "never there"])
            assert index.count() == len(TEXTS) - 1
            index.close()
            with pytest.raises(VectorsError, match="cannot be used"):
                index.count()

    def test_of_odd_spaces_have_names_that_chroma_takes(self) -> None:
        assert collection("minilm-l6-v2") == "timeline-minilm-l6-v2"
        names = {collection(space) for space in ("a/b", "a b", "é", "x" * 500, "-", "")}
        assert len(names) == 6 and all(name.isascii() and " " not in name and len(name) < 100 for name in names)

    def test_a_file_of_settings_in_the_current_folder_is_not_read(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("CHROMA_API_IMPL=chromadb.api.fastapi.FastAPI\nIS_PERSISTENT=false\n")
        index = in_folder(tmp_path / "chroma", SPACE, "library")
        assert index.count() == 0
        index.close()


class TestServer:
    def test_keeps_the_vectors_of_several_libraries(self, tmp_path: Path, url: str) -> None:
        mirrors = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            store = made(tmp_path / name / "index.sqlite")
            put(store, *(f"{name} {n}" for n in range(30)))
            mirrors.append((name, store, Mirror(store, Server(store, url, name), SPACE)))
        for name, store, mirror in mirrors:
            assert notes(mirror) == [] and not store.owed(SPACE)
            reader = Mirror(store, Server(store, url, name), SPACE)
            assert reader.near() is None and reader.join() is None
            near = reader.near()
            assert near
            text = store.segments([A])[4].text
            assert store.numbers([near.knn(vector(text), 1)[0][0]]) == [store.segments([A])[4].n]
            reader.close()
            store.remove_video(A)
            assert notes(mirror) == [] and mirror.examine() is None
            store.close()

    def test_that_another_library_uses_is_refused(self, tmp_path: Path, url: str) -> None:
        for name, said in (("mine", 0), ("theirs", 1)):
            (tmp_path / name).mkdir()
            with made(tmp_path / name / "index.sqlite") as store:
                put(store, "a")
                found = notes(Mirror(store, Server(store, url, "shared"), SPACE))
                assert len(found) == said and all("set chroma.database" in message for message in found)

    def test_that_has_lost_its_data_gets_them_again(self, tmp_path: Path, url: str) -> None:
        with made(tmp_path / "index.sqlite") as store:
            put(store, *TEXTS)
            mirror = Mirror(store, Server(store, url, "lost"), SPACE)
            mirror.sync(lambda event: None)
            index = Server(store, url, "lost").open(SPACE)
            index.clear()
            index.close()
            assert mirror.examine() == "60 vectors are missing, 0 are of passages that are gone"
            put(store, "one more", video=B)
            (said,) = notes(mirror)
            assert "instead of 61" in said and mirror.examine() is None

    def test_that_is_not_there_is_named_and_costs_nothing(self, tmp_path: Path) -> None:
        with made(tmp_path / "index.sqlite") as store:
            put(store, "a")
            (said,) = notes(Mirror(store, Server(store, "http://127.0.0.1:9"), SPACE))
            assert "http://127.0.0.1:9" in said and "remove chroma.url" in said and "nothing is lost" in said


@pytest.mark.usefixtures("model")
class TestLibrary:
    def test_two_that_add_at_once_lose_nothing(self, tmp_path: Path) -> None:
        said = {name: [f"Boat {name} {n}." for n in range(40)] for name in "ab"}
        files = [timeline(tmp_path / f"{name}.jsonl", *said[name], name=f"{name}.mp4") for name in said]
        adding = [subprocess.Popen([*RUN, "add", file, "--library", "lib"]) for file in files]
        assert [process.wait() for process in adding] == [0, 0]
        assert len(outside(tmp_path / "lib" / "chroma", "timeline-minilm-l6-v2")) == 80
        (found,) = [f for f in document("doctor", "--library", "lib")["findings"] if "vector index" in f["what"]]
        assert (found["level"], "80 of 80" in found["what"]) == ("ok", True)

    def test_the_holder_searches_with_it_and_adds(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search, "LARGE", 1)
        with Library("lib", tools=()) as lib, Library("lib", tools=()) as other:
            lib.add([timeline(tmp_path / "a.jsonl", "The goat eats grass.", "A piano is sold.", name="a.mp4")])
            assert lib.hold() and not other.hold()
            asked: list[int] = []
            knn = Mirror.knn

            def counted(self: Mirror, vector: Any, k: int) -> list[tuple[str, float]]:
                asked.append(k)
                return knn(self, vector, k)

            monkeypatch.setattr(Mirror, "knn", counted)
            exact = [(hit.segment.n, hit.score) for hit in other.search("an animal on a meadow")]
            assert not asked
            assert [(hit.segment.n, hit.score) for hit in lib.search("an animal on a meadow")] == exact != []
            assert asked
            lib.add([timeline(tmp_path / "b.jsonl", "Sheep graze on the meadow.", name="b.mp4")])
            best = lib.search("an animal on a meadow")[0].segment
            assert best.text == "Sheep graze on the meadow."
            lib.remove(best.video)
            assert [(hit.segment.n, hit.score) for hit in lib.search("an animal on a meadow")] == exact
            lib.close()
            assert other.hold()

    def test_it_fails_and_search_looks_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(search, "LARGE", 1)
        with Library("lib", tools=()) as lib:
            lib.add([timeline(tmp_path / "a.jsonl", "The goat eats grass.", name="a.mp4")])
            assert lib.hold() and lib.mirror and lib.mirror.near()
            vectors: Any = lib.mirror._vectors
            vectors._client.close()
            assert lib.search("goat") != [] and lib.mirror.near() is None

    def test_reindex_and_doctor(self, tmp_path: Path) -> None:
        run("add", timeline(tmp_path / "a.jsonl", "The goat eats grass.", name="a.mp4"), "--library", "lib")
        with Store(tmp_path / "lib" / "index.sqlite") as store:
            index = in_folder(tmp_path / "lib" / "chroma", "minilm-l6-v2", store.identity())
            index.delete(index.ids())
            index.close()
        result = document("doctor", "--library", "lib", code=1)["findings"]
        (found,) = [f for f in result if "vector index" in f["what"]]
        assert (found["level"], found["remedy"]) == ("error", "run reelcue reindex")
        assert document("reindex", "--library", "lib")["passages"] == 1
        result = document("doctor", "--library", "lib")["findings"]
        assert [f["level"] for f in result if "vector index" in f["what"]] == ["ok"]

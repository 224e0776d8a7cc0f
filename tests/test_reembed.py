"""A library and another sentence model: search across languages, vectors made anew, and what is said of both."""

import json
from pathlib import Path
from threading import Event as Flag

import pytest
from commands import document, run, timeline
from sentences import sentence_model

from reelcue.agent.agent import Agent
from reelcue.index import doctor, embedding
from reelcue.index.ingest import Cancelled, Event
from reelcue.index.library import Library
from reelcue.tools.errors import ToolUnavailable

ENGLISH = ("The harbour is old and the ships lie in the ice.", "The baker bakes bread every morning.")
GERMAN = ("Der Hafen ist alt und die Schiffe liegen im Eis.", "Der Bäcker backt jeden Morgen das Brot.")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def english(tmp_path: Path) -> str:
    return str(sentence_model(tmp_path / "english", "en"))


@pytest.fixture
def both(tmp_path: Path) -> str:
    return str(sentence_model(tmp_path / "both", ["en", "de"]))


def made(tmp_path: Path, model: str) -> Path:
    """A library with a talk in each language."""
    with Library(tmp_path / "library", tools=(), embedder=model) as lib:
        lib.add([timeline(tmp_path / "en.jsonl", *ENGLISH, name="talk.mp4")])
        lib.add([timeline(tmp_path / "de.jsonl", *GERMAN, name="vortrag.mp4", data={"language": "de"})])
    return tmp_path / "library"


def spaces(lib: Library) -> dict[str, int]:
    found = lib.store.select("SELECT space, count(*) FROM vectors GROUP BY space")
    videos = dict(lib.store.select("SELECT space, count(*) FROM video_vectors GROUP BY space"))
    assert set(videos.values()) <= {2} and set(videos) == {space for space, _ in found}
    assert {space for (space,) in lib.store.select("SELECT DISTINCT space FROM pending")} <= set(videos)
    return dict(found)


class TestAcrossLanguages:
    def test_a_question_finds_what_was_said_in_another(self, tmp_path: Path, both: str) -> None:
        with Library(made(tmp_path, both), create=False, embedder=both) as lib:
            (english, german) = lib.search("Wo liegen die Schiffe im Eis?", k=2)
            assert {english.segment.text, german.segment.text} == {ENGLISH[0], GERMAN[0]}
            assert {hit.segment.language for hit in (english, german)} == {"en", "de"}
            assert "meaning" in english.why and "meaning" in german.why
            assert lib.words_only("Wo liegen die Schiffe im Eis?") == ()

    def test_only_words_count_in_one_that_the_model_does_not_know(self, tmp_path: Path, english: str) -> None:
        with Library(made(tmp_path, english), create=False, embedder=english) as lib:
            hits = {hit.segment.text: hit.why for hit in lib.search("harbour ships ice Hafen")}
            assert "meaning" in hits[ENGLISH[0]] and "meaning" not in hits[GERMAN[0]]
            assert all("meaning" not in hit.why for hit in lib.search("Wo liegen die Schiffe im Eis?"))
            assert lib.words_only("harbour") == ("de",) == lib.words_only("Wo liegen die Schiffe im Eis?")

    def test_answers_say_so(self, tmp_path: Path, english: str) -> None:
        with Library(made(tmp_path, english), create=False, embedder=english) as lib:
            found = Agent(lib).ask("Where do the ships lie?")
            assert found.citations[0].language == "en"
            assert found.to_dict()["searched"]["words_only"] == ["de"]
            none = Agent(lib).ask("What colour is the car?")
            assert not none.found and "What is in German was searched by its words only" in none.answer

    def test_commands_say_so(self, tmp_path: Path, english: str) -> None:
        library = made(tmp_path, english)
        (library / "reelcue.toml").write_text(f"embedder = {json.dumps(english)}\n", "utf-8")
        found = document("search", "harbour", "--library", library)
        assert found["searched"] == {"words_only": ["de"]} and found["hits"][0]["language"] == "en"
        told = "by words only: German (not known to the sentence model; see the setting embedder)"
        assert run("search", "harbour", "--library", library).stderr == f"{told}\n"
        assert told in run("ask", "Where do the ships lie?", "--library", library).stdout


class TestReembedding:
    def test_makes_new_vectors_and_then_drops_the_old(self, tmp_path: Path, english: str, both: str) -> None:
        library, events = made(tmp_path, english), list[Event]()
        with Library(library, create=False, embedder=both) as lib:
            old = dict(spaces(lib))
            assert lib.search("Wo liegen die Schiffe im Eis?")[0].segment.text == GERMAN[0]
            assert lib.problem == embedding.STALE
            assert any("reelcue reindex" in one.remedy for one in doctor.library(lib))
            assert lib.reindex(events.append) == 4 == sum(spaces(lib).values())
            assert lib.embedder and set(spaces(lib)) == {lib.embedder.space} != set(old)
            assert [one.fraction for one in events if one.what == "progress"][-1] == 1.0
            assert not any("reelcue reindex" in one.remedy for one in doctor.library(lib))
            assert lib.reindex() == 0
        with Library(library, create=False, embedder=both) as lib:
            assert {hit.segment.text for hit in lib.search("Wo liegen die Schiffe im Eis?", k=2)} == {
                ENGLISH[0],
                GERMAN[0],
            }
            assert lib.problem is None

    def test_goes_on_where_it_was_stopped(
        self, tmp_path: Path, english: str, both: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(embedding, "_BATCH", 1)
        stop = Flag()

        def after_two(event: Event) -> None:
            if event.fraction == 0.5:
                stop.set()

        with Library(made(tmp_path, english), create=False, embedder=both) as lib:
            with pytest.raises(Cancelled):
                lib.reindex(after_two, stop)
            found = lib.store.select("SELECT space, count(*) FROM vectors GROUP BY space ORDER BY count(*)")
            assert [count for _, count in found] == [2, 4]  # the old ones are all there
            assert lib.reindex() == 2 and list(spaces(lib).values()) == [4]

    def test_adding_with_another_model_leaves_the_old_ones_and_says_so(
        self, tmp_path: Path, english: str, both: str
    ) -> None:
        events: list[Event] = []
        with Library(made(tmp_path, english), tools=(), embedder=both) as lib:
            lib.add(
                [timeline(tmp_path / "new.jsonl", "The baker bakes bread.", name="new.mp4")], on_event=events.append
            )
            assert [event.message for event in events if event.what == "note"] == [embedding.STALE]
            assert lib.embedder and len(lib.store.without_vector(lib.embedder.space)) == 4
            assert lib.search("harbour")[0].segment.text == ENGLISH[0]  # by words

    def test_without_the_model_changes_nothing(self, tmp_path: Path, english: str) -> None:
        with Library(made(tmp_path, english), create=False, embedder=str(tmp_path / "gone")) as lib:
            before = spaces(lib)
            with pytest.raises(ToolUnavailable, match="gone: no such sentence model"):
                lib.reindex()
            assert spaces(lib) == before
            assert lib.search("harbour") and "gone: no such sentence model" in (lib.problem or "")


class TestTheCommand:
    def test_names_the_line_of_the_settings(self, tmp_path: Path, english: str, both: str) -> None:
        library = made(tmp_path, english)
        (library / "reelcue.toml").write_text(f"embedder = {json.dumps(english)}\n", "utf-8")
        out = run("reindex", "--library", library, "--embedder", both).stdout
        assert "4 vectors made; 4 passages have one in both-" in out
        assert f'put this line into reelcue.toml: embedder = "{both}"' in out
        assert "run reelcue reindex" in run("search", "harbour", "--library", library).stderr
        (library / "reelcue.toml").write_text(f"embedder = {json.dumps(both)}\n", "utf-8")
        found = document("reindex", "--library", library)
        assert (found["passages"], found["made"], found["setting"]) == (4, 0, True)
        assert run("search", "harbour", "--library", library).stderr == ""

    def test_fails_without_the_model(self, tmp_path: Path, english: str) -> None:
        library = made(tmp_path, english)
        failed = run("reindex", "--library", library, "--embedder", tmp_path / "gone", code=1)
        assert "no such sentence model" in failed.stderr

    def test_doctor_names_the_model(self, tmp_path: Path, both: str) -> None:
        library = made(tmp_path, both)
        (library / "reelcue.toml").write_text(f"embedder = {json.dumps(both)}\n", "utf-8")
        whats = [one["what"] for one in document("doctor", "--library", library)["findings"]]
        assert any(what.startswith(f"sentence model: {both}, space both-") and "de, en" in what for what in whats)

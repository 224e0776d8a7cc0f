"""Search: by meaning and by words, in one score that tells something from nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clips import Pictures, every, write

from reelcue.index import library as libraries
from reelcue.index.library import Library
from reelcue.index.scope import Scope
from reelcue.index.search import CUT_OFF, Hit
from reelcue.tools.base import Span
from reelcue.tools.embed import load_minilm
from reelcue.tools.errors import ToolUnavailable, UsageError

TALK = (
    "Welcome to the harbour museum.",
    "The budget is forty million kroner.",
    "Fishing boats were built of oak.",
    "In winter the whole bay freezes over.",
)
LECTURE = ("A matrix has rows and columns.", "The budget of the university grows.", "A vector has a direction.")
HOSTILE = (
    "", " ", "?!", '"', "AND", "NEAR(", "budget* OR", "terms: x", "a" * 2000, "budget " * 280, "\ud800budget",
    "\x00\x1b[31m budget", "'; DROP TABLE segments; --", "the of and", "\U0001f6a2", "\u202ebudget", "budget\n\tgrows",
)  # fmt: skip


def timeline(path: Path, name: str, *texts: str, kind: str = "speech", **more: Any) -> Path:
    """A sentence every hundred seconds."""
    lines = (
        {"video": name, "kind": kind, "start": 100 * n, "end": 100 * n + 5, "text": text, **more}
        for n, text in enumerate(texts)
    )
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return path


@pytest.fixture
def lib(tmp_path: Path) -> Iterator[Library]:
    """A talk and a lecture, with the sentence model."""
    try:
        load_minilm()
    except ToolUnavailable as error:
        pytest.skip(str(error))
    with Library(tmp_path / "library", tools=()) as opened:
        opened.add([timeline(tmp_path / "a.jsonl", "talk.mp4", *TALK)])
        opened.add([timeline(tmp_path / "b.jsonl", "lecture.mp4", *LECTURE)])
        yield opened


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """An empty library on a machine without the sentence model."""

    def missing(name: str) -> None:
        raise ToolUnavailable("there is no sentence model; run reelcue models get minilm")

    monkeypatch.setattr(libraries, "load", missing)
    with Library(tmp_path / "plain", tools=("subtitles",)) as opened:
        yield opened


def texts(hits: list[Hit]) -> list[str]:
    return [hit.segment.text for hit in hits]


class TestHybrid:
    def test_finds_by_words(self, lib: Library) -> None:
        assert texts(lib.search("forty million kroner"))[0] == TALK[1]

    def test_finds_by_meaning(self, lib: Library) -> None:
        assert texts(lib.search("how much money is there?"))[0] == TALK[1]
        assert texts(lib.search("ice on the sea in the cold season"))[0] == TALK[3]

    def test_scores_fall_and_lie_between_the_cut_off_and_one(self, lib: Library) -> None:
        for query in ("the budget", TALK[1], "boats", "museum harbour budget winter"):
            scores = [hit.score for hit in lib.search(query)]
            assert scores and scores == sorted(scores, reverse=True)
            assert all(CUT_OFF <= score <= 1 for score in scores)
        assert lib.search(TALK[1])[0].score > 0.9

    def test_finds_nothing_where_there_is_nothing(self, lib: Library) -> None:
        assert lib.search("enzyme kinetics of mitochondria") == []

    def test_returns_at_most_k(self, lib: Library) -> None:
        assert len(lib.search("the budget", k=1)) == 1
        assert lib.search("the budget", k=0) == lib.search("the budget", k=-3) == []

    def test_a_hit_says_why(self, lib: Library) -> None:
        assert lib.search("budget")[0].why.startswith("words 1.00, meaning 0.")


class TestLimits:
    def test_of_videos(self, lib: Library) -> None:
        for name, text in (("talk.mp4", TALK[1]), ("lecture.mp4", LECTURE[1])):
            hits = lib.search("budget", scope=Scope(videos=(lib.find(name).id,)))
            assert texts(hits)[0] == text and {hit.segment.video for hit in hits} == {lib.find(name).id}
        assert {hit.segment.video for hit in lib.search("budget", scope=Scope())} == {v.id for v in lib.videos()}
        assert lib.search("budget", scope=Scope(videos=("f" * 16,))) == []

    def test_of_time_hold_for_the_videos_they_name(self, lib: Library) -> None:
        talk = lib.find("talk.mp4").id
        assert TALK[1] in texts(lib.search("budget", within={talk: Span(100, 101)}))
        for span in (Span(0, 100), Span(105, 400)):
            found = texts(lib.search("budget", within={talk: span}))
            assert TALK[1] not in found and LECTURE[1] in found

    def test_of_kinds(self, lib: Library, tmp_path: Path) -> None:
        lib.add([timeline(tmp_path / "c.jsonl", "slides.mp4", "Budget for the year", kind="text")])
        assert {hit.segment.kind for hit in lib.search("budget")} == {"speech", "text"}
        assert texts(lib.search("budget", kinds=["text"])) == ["Budget for the year"]
        assert lib.search("budget", kinds=["caption"]) == lib.search("budget", kinds=[]) == []


class TestWordsAlone:
    def test_find_and_say_what_is_missing(self, plain: Library, tmp_path: Path) -> None:
        plain.add([timeline(tmp_path / "a.jsonl", "talk.mp4", *TALK)])
        (hit,) = plain.search("the budget in kroner")
        assert (hit.segment.text, hit.why) == (TALK[1], "words 1.00")
        assert hit.score == pytest.approx(1)
        assert plain.problem and "reelcue models get minilm" in plain.problem
        assert plain.search("money") == []

    @pytest.mark.parametrize("query", ["港口", "港", "口", "古老的港口", "这个港口在哪里？", "古"])
    def test_find_chinese_cues_by_two_characters_and_by_one(self, plain: Library, tmp_path: Path, query: str) -> None:
        path = write(tmp_path / "film.mp4", Pictures(every(5, 4), fps=5))
        cues = (
            "1\n00:00:00,500 --> 00:00:01,500\n这是一个古老的港口\n\n2\n00:00:02,000 --> 00:00:03,000\nGood morning.\n"
        )
        path.with_suffix(".zh.srt").write_text(cues, "utf-8")
        assert plain.add([path])[0].error is None
        assert "古老的港口" in plain.search(query)[0].segment.text
        assert plain.search("飞机") == []

    def test_chinese_is_found_with_the_english_model_too(self, lib: Library, tmp_path: Path) -> None:
        lib.add([timeline(tmp_path / "c.jsonl", "中文.mp4", "今天我们谈谈预算的问题", language="zh")])
        (hit,) = lib.search("预算")
        assert hit.segment.text == "今天我们谈谈预算的问题" and hit.score == pytest.approx(1)


class TestAnyQuery:
    def test_an_endless_query_is_refused(self, lib: Library) -> None:
        with pytest.raises(UsageError, match="140000 characters, at most 2000 are read"):
            lib.search("budget " * 20_000)

    @pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
    def test_is_harmless(self, lib: Library, query: str) -> None:
        hits = lib.search(query)
        assert all(CUT_OFF <= hit.score <= 1 for hit in hits)
        assert bool(hits) or "budget" not in query

    @pytest.mark.parametrize("query", ["", "?!", " \n"])
    def test_without_a_word_finds_nothing(self, lib: Library, query: str) -> None:
        assert lib.search(query) == []

    def test_of_an_empty_library_finds_nothing(self, plain: Library) -> None:
        assert plain.search("anything") == []


class TestCache:
    def test_is_read_anew_after_another_process_added(self, lib: Library, tmp_path: Path) -> None:
        assert lib.search("giraffes and elephants") == []
        with Library(lib.path, tools=()) as other:
            other.add([timeline(tmp_path / "c.jsonl", "zoo.mp4", "Giraffes and elephants live here.")])
        assert texts(lib.search("giraffes and elephants"))[0] == "Giraffes and elephants live here."

    def test_is_read_anew_after_a_video_was_removed(self, lib: Library) -> None:
        assert TALK[1] in texts(lib.search("budget"))
        lib.remove(lib.find("talk.mp4").id)
        assert TALK[1] not in texts(lib.search("budget"))

    def test_segments_without_a_vector_are_found_by_words(self, lib: Library, tmp_path: Path) -> None:
        with Library(lib.path, tools=()) as other:
            other.__dict__["embedder"] = None
            other.add([timeline(tmp_path / "c.jsonl", "zoo.mp4", "Giraffes live here.")])
        (hit,) = lib.search("giraffes")
        assert hit.why == "words 1.00"

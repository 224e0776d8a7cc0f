"""Every moment that holds the words of a query, counted."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import document, run, timeline

from reelcue.agent import Agent
from reelcue.index import Library, Scope
from reelcue.tools.base import Span

TALK = ("The budget is forty million.", "Nobody likes budgets.", "The bridge, says the budget, is closed.", "Fish.")
PLAN = ("A bridge is planned.", "Its budget is unknown.")


@pytest.fixture
def lib(tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "reelcue-library", tools=()) as opened:
        opened.add([timeline(tmp_path / "a.jsonl", *TALK, name="talk.mp4")])
        opened.add([timeline(tmp_path / "b.jsonl", *PLAN, name="plan.mp4")])
        rows = [
            {"video": "=slides.mp4", "kind": "text", "start": 3, "end": 9, "text": 'Budget, "2026"\nand 今年的预算'}
        ]
        (tmp_path / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        opened.add([tmp_path / "c.jsonl"])
        yield opened


def found(lib: Library, query: str, **limits: object) -> list[tuple[str, float]]:
    names = {row.id: row.name for row in lib.videos()}
    return [(names[m.segment.video], m.span.start) for m in lib.mentions(query, **limits)]  # type: ignore[arg-type]


class TestMentions:
    @pytest.mark.parametrize(
        ("query", "texts"),
        [
            ("café", ("The cafe is closed.", "A café at the harbour.", "Tea.")),
            ("cafe", ("The CAFÉ is closed.", "A cafe at the harbour.", "Tea.")),
            ("organize", ("They organize it.", "The organization is big.", "Tea.")),
            ("茶", ("我们喝茶。", "茶很好喝。", "Tea.")),
        ],
    )
    def test_are_found_in_rows_as_in_passages(self, tmp_path: Path, query: str, texts: tuple[str, ...]) -> None:
        with Library(tmp_path / "other", tools=()) as lib:
            rows = (
                {"video": "a", "kind": "speech", "start": n, "end": n + 1, "text": text} for n, text in enumerate(texts)
            )
            (tmp_path / "near.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
            lib.add([tmp_path / "near.jsonl"])
            assert found(lib, query) == [("a", 0), ("a", 1)]

    def test_are_all_there_are_by_video_and_time(self, lib: Library) -> None:
        talk = [("talk.mp4", 0), ("talk.mp4", 100), ("talk.mp4", 200)]
        assert found(lib, "budget") == [*talk, ("plan.mp4", 100), ("=slides.mp4", 3)]
        assert found(lib, "the BUDGETS") == found(lib, "budget")
        assert found(lib, "预算") == [("=slides.mp4", 3)]
        assert found(lib, "预") == [("=slides.mp4", 3)]
        assert found(lib, "zebra") == found(lib, "") == found(lib, "?!") == []

    def test_of_several_words_hold_them_all(self, lib: Library) -> None:
        assert found(lib, "bridge budget") == [("talk.mp4", 200)]
        assert found(lib, "budget zebra") == []

    def test_that_need_several_rows_take_as_few_as_hold_a_word(self, lib: Library, tmp_path: Path) -> None:
        rows = [
            {"video": "short.mp4", "kind": "speech", "start": n, "end": n + 1, "text": text}
            for n, text in enumerate(("Well,", "the ferry", "and, hm,", "the lighthouse,", "yes."))
        ]
        (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        lib.add([tmp_path / "d.jsonl"])
        (mention,) = lib.mentions("ferry lighthouse")
        assert (mention.span, mention.text) == (Span(1, 4), "the ferry the lighthouse,")

    def test_keep_to_scope_kind_and_time(self, lib: Library) -> None:
        talk = lib.find("talk.mp4").id
        assert found(lib, "budget", kinds=["text"]) == [("=slides.mp4", 3)]
        assert len(found(lib, "budget", scope=Scope((talk,)))) == 3
        assert found(lib, "budget", scope=Scope((talk,)), within={talk: Span(90, 150)}) == [("talk.mp4", 100)]


class TestQuestions:
    def test_which_videos_names_every_one_and_counts_them(self, lib: Library) -> None:
        answer = Agent(lib).ask("Which videos mention the budget?")
        assert answer.sentences[0].text == "3 of 3 videos hold all of these words: budget."
        assert answer.sentences[0].citations == (1, 2, 3) and answer.band == "strong"
        assert [c.name for c in answer.citations] == ["talk.mp4", "plan.mp4", "=slides.mp4"]
        assert answer.steps[0].action == "count" and answer.steps[0].rows == 5

    def test_which_videos_goes_by_meaning_where_no_word_is_the_same(self, lib: Library) -> None:
        answer = Agent(lib).ask("Which videos are about money and finances?")
        assert not answer.found or "hold all" not in answer.answer

    def test_which_videos_that_do_not_exist(self, lib: Library) -> None:
        answer = Agent(lib).ask("Which videos mention volcanoes?")
        assert not answer.found and answer.searched.videos == 3

    def test_how_often_counts_moments(self, lib: Library) -> None:
        answer = Agent(lib).ask("How many times is the budget mentioned?")
        assert answer.answer.startswith("5 moments hold all of these words: budget. The first 3 of them follow.")
        assert len(answer.citations) == 3

    def test_in_chinese(self, lib: Library) -> None:
        answer = Agent(lib).ask("哪些视频提到预算？")
        assert answer.sentences[0].text.startswith("3 个视频中有 1 个包含：")
        assert [c.name for c in answer.citations] == ["=slides.mp4"]


class TestCommand:
    def test_prints_all_and_counts(self, lib: Library) -> None:
        said = run("search", "budget", "--all").stdout
        assert said.count("talk.mp4") == 3 and said.endswith("5 moments in 3 of 3 videos\n")
        assert "0 moments in 0 of 3 videos" in run("search", "zebra", "--all").stdout

    def test_as_json(self, lib: Library) -> None:
        found = document("search", "budget", "--all")
        assert (found["total"], found["searched"], len(found["hits"])) == (5, 3, 5)
        assert {v["name"]: v["hits"] for v in found["videos"]} == {"talk.mp4": 3, "plan.mp4": 1, "=slides.mp4": 1}

    def test_as_comma_separated_values(self, lib: Library) -> None:
        rows = list(csv.DictReader(io.StringIO(run("search", "budget", "--all", "--csv").stdout)))
        assert [row["start"] for row in rows] == ["0.0", "100.0", "200.0", "100.0", "3.0"]
        assert rows[-1]["text"] == 'Budget, "2026"\nand 今年的预算'
        for wrong in (["--csv"], ["--all", "--csv", "--json"]):
            assert "--csv goes with --all" in run("search", "budget", *wrong, code=2).stderr

"""Questions are read by rules, then by the nearest description."""

import pytest

from reelcue.agent.question import read, rules
from reelcue.index.terms import stem
from reelcue.tools.errors import UsageError


@pytest.mark.parametrize(
    ("question", "type"),
    [
        ("What is this video about?", "summary"),
        ("Summarise the talk", "summary"),
        ("TL;DR", "summary"),
        ("When was the picture created?", "count"),
        ("What is the slide number of the last slide?", "written"),
        ("What is sung in the first verse?", "said"),
        ("这个应用叫什么名字？", "title"),
        ("机器人回复了什么？", "written"),
        ("List all slide titles", "list"),
        ("When does the part about budgets begin?", "when"),
        ("List all videos that mention Bergen.", "which"),
        ("Show me the recordings about tax", "which"),
        ("In which part of the video is a slide shown?", "when"),
        ("What colour is the car?", "look"),
        ("How many people are in the room?", "look"),
        ("How many seats were sold?", "count"),
        ("How much did it cost?", "count"),
        ("What does the sign on the door say?", "written"),
        ("Which word is printed on the shirt?", "written"),
        ("What is the title of the second slide?", "title"),
        ("What is the name of the app?", "title"),
        ("What does Mary say about the budget?", "said"),
        ("According to the voice, which number do you find?", "said"),
        ("Who leads the project?", "who"),
        ("What is the name of the technician?", "who"),
        ("Where is the cleanroom?", "where"),
        ("Why did the test fail?", "what"),
        ("视频主要内容是什么？", "summary"),
        ("第二张幻灯片的标题是什么？", "title"),
        ("老师说了什么？", "said"),
        ("什么时候提到预算？", "when"),
        ("招牌上写着什么？", "written"),
        ("预算是多少？", "count"),
        ("谁负责这个项目？", "who"),
        ("会议在哪里举行？", "where"),
        ("车是什么颜色？", "look"),
    ],
)
def test_the_type_of_a_question(question: str, type: str) -> None:
    assert read(question, None).type == type


def test_what_carries_the_meaning() -> None:
    found = read("What does the narrator say about the Webb telescope after 1:20?", None)
    assert found.terms == ("webb", "telescope")
    assert found.window is not None
    assert read("预算是多少？", None).terms == ("预算",)


def test_places_order_and_colours() -> None:
    found = read("Which word is printed in red in the upper right corner of the last slide?", None)
    assert found.places == {"right", "upper"}
    assert found.ordinal == -1
    assert found.colours == {"red"}
    assert read("第二张幻灯片左上角写着什么", None).ordinal == 2
    assert read("What is the title of the third part?", None).ordinal == 0
    assert read("第三部分的标题是什么", None).ordinal == 0


def test_language_follows_the_question() -> None:
    assert read("What is said?", None).rules.language == "en"
    assert read("说了什么？", None).rules.language == "zh"


@pytest.mark.parametrize("question", ["", "   ", "?!", "\x00\x1b", "\ud800"])
def test_an_empty_question_is_refused(question: str) -> None:
    with pytest.raises(UsageError, match="question is empty"):
        read(question, None)


def test_an_endless_question_is_refused() -> None:
    with pytest.raises(UsageError, match=r"140000 characters, at most 2000 are read; ask a shorter one"):
        read("budget " * 20_000, None)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_rules_files_are_whole(language: str) -> None:
    book, english = rules(language), rules("en")
    assert {kind["name"] for kind in book.types} == {kind["name"] for kind in english.types}
    assert set(book.frames) == set(english.frames)
    assert set(book.kinds) == set(english.kinds)
    assert set(book.places) == set(english.places)
    assert set(book.colours) == set(english.colours)


@pytest.mark.parametrize(
    ("one", "other"),
    [("cleanrooms", "cleanroom"), ("running", "run"), ("stories", "story"), ("tested", "test"), ("Webb's", "webb")],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)

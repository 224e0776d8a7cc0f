"""Scores of single answers and of many, against numbers worked out by hand."""

from typing import Any

import pytest

from reelcue.evals.base import Question
from reelcue.evals.scorers import Mean, Ratio, Score, Scores, says, score, spans
from reelcue.tools.base import Span
from reelcue.ui import show

VIDEO = "0123456789abcdef"


GOLD = Span(10, 20)


def asked(answer: str = "Goddard", type: str = "what", span: Span | None = GOLD, **more: Any) -> Question:
    return Question("a.mp4", "Where is it?", answer, type, span=span, **more)


def told(text: str, *cited: tuple[float, float], video: str = VIDEO, choice: str | None = None) -> dict[str, Any]:
    """The parts of an answer that count; without a citation it declines."""
    return {
        "answer": text,
        "found": bool(cited),
        "citations": [{"video": video, "start": start, "end": end} for start, end in cited],
        "choice": choice and {"index": 0, "text": choice},
        "usage": {"seconds": 0.5},
    }


@pytest.mark.parametrize(
    ("text", "accepted", "expected"),
    [
        ("It is at the GODDARD, Space-Flight Centre.", "goddard space flight", True),
        ("12 people", "2", False),
        ("2 people", "2", True),
        ("There are (2).", "2", True),
        ("a café", "CAFE", True),
        ("cats", "cat", False),
        ("the cat's tail", "cat", True),
        ("“ask what you can do”", "Ask what you can do", True),
        ("ＦＵＬＬ　ＷＩＤＴＨ", "full width", True),
        ("标题是「路径表达式」。", "路径 表达式", True),
        ("标题是路径", "路径表达式", False),
        ("第12页", "2页", False),
        ("第 2 页", "第2页", True),
        ("서울에서", "서울", True),
        ("anything", "…", False),
        ("", "a", False),
    ],
)
def test_an_accepted_string_stands_in_the_answer_as_whole_words(text: str, accepted: str, expected: bool) -> None:
    assert says(text, accepted) is expected


def test_any_accepted_string_or_the_answer_itself_is_right() -> None:
    question = asked(accept=("greenbelt",))
    assert score(question, told("In Greenbelt.", (0, 1)), VIDEO).right
    assert score(question, told("At Goddard.", (0, 1)), VIDEO).right
    assert not score(question, told("In Houston.", (0, 1)), VIDEO).right


def test_an_answer_that_declines_is_right_only_where_there_is_none() -> None:
    nothing = asked("unanswerable", "unanswerable", None)
    assert not score(asked(), told("Goddard was not found"), VIDEO).right
    assert score(nothing, told("not found"), VIDEO).right
    assert not score(nothing, told("unanswerable", (0, 1)), VIDEO).right
    assert score(nothing, told("x", (0, 1)), VIDEO).hit is None


@pytest.mark.parametrize(
    ("start", "expected"),
    [(8.0, True), (7.999, False), (15, True), (22.0, True), (22.001, False), (10 - 2.0000001, True)],
)
def test_when_is_right_within_two_seconds_of_the_gold_span(start: float, expected: bool) -> None:
    given = told("whenever", (start, start + 1), (15, 16))
    assert score(asked("at 0:10", "when"), given, VIDEO).right is expected


def test_when_is_not_right_for_its_words() -> None:
    assert not score(asked("at 0:10", "when"), told("at 0:10", (100, 101)), VIDEO).right


def test_with_options_the_choice_counts_else_the_text() -> None:
    question = asked("red", options=("red", "blue"))
    assert score(question, told("It is blue and not red", (0, 1), choice="red"), VIDEO).right
    assert not score(question, told("It is red", (0, 1), choice="blue"), VIDEO).right
    assert score(question, told("It is red", (0, 1)), VIDEO).right


def test_touching_the_gold_span_is_no_hit() -> None:
    assert score(asked(), told("x", (20, 30)), VIDEO).hit is False
    assert score(asked(), told("x", (0, 10)), VIDEO).hit is False
    assert score(asked(), told("x", (19.999, 30)), VIDEO).hit is True


def test_any_citation_may_hit_but_the_first_one_gives_the_iou() -> None:
    late = score(asked(), told("x", (30, 40), (12, 14)), VIDEO)
    assert (late.hit, late.iou) == (True, 0.0)
    assert score(asked(), told("x", (15, 25), (10, 20)), VIDEO).iou == pytest.approx(5 / 15)


def test_declined_and_other_videos_neither_hit_nor_overlap() -> None:
    for answer in (told("nothing"), told("x", (10, 20), video="f" * 16), None):
        assert (score(asked(), answer, VIDEO).hit, score(asked(), answer, VIDEO).iou) == (False, 0.0)


def test_a_question_without_a_gold_span_is_not_counted_for_citations() -> None:
    found = score(asked(span=None), told("Goddard", (1, 2)), VIDEO)
    assert (found.right, found.hit, found.iou) == (True, None, None)


def test_a_citation_shorter_than_a_millisecond_still_is_a_moment() -> None:
    assert spans(told("x", (4.0, 4.0)), VIDEO) == [Span(4.0, 4.001)]


def test_many_scores_by_hand() -> None:
    """Four answerable (right and hit, wrong and missed, declined, failed), three unanswerable (two declined)."""
    scores = [
        Score(True, True, True, True, 0.5, 1.0),
        Score(True, True, False, False, 0.1, 3.0),
        Score(True, False, False, False, 0.0, 2.0),
        Score(True, None, False, False, 0.0, None),
        Score(False, False, True, None, None, 1.0),
        Score(False, False, True, None, None, 1.0),
        Score(False, True, False, None, None, 4.0),
    ]
    all_of = Scores.over(scores)
    assert (all_of.questions, all_of.errors) == (7, 1)
    assert all_of.accuracy == Ratio(3, 7)
    assert all_of.citation_hit == Ratio(1, 4)
    assert all_of.citation_hit_answered == Ratio(1, 2)
    assert all_of.iou.mean == pytest.approx(0.15)
    assert all_of.declining_precision == Ratio(2, 3)
    assert all_of.declining_recall == Ratio(2, 3)
    assert all_of.found_precision == Ratio(1, 3)
    assert all_of.seconds == Mean(2.0, 1.5, 6)


def test_scores_of_nothing_are_none_and_not_zero() -> None:
    found = Scores.over([Score(True, True, True, None, None, 0.1)]).to_dict()
    for name in ("declining_precision", "declining_recall", "citation_hit"):
        assert found[name] == {"n": 0, "of": 0, "value": None}
    assert found["iou"] == {"mean": None, "median": None, "of": 0}
    assert str(Ratio(0, 0)) == "0/0" and str(Ratio(2, 3)) == "2/3 (67 %)"
    assert Scores.over([]).accuracy.value is None


def test_the_document_holds_what_is_shown() -> None:
    assert set(Scores.over([]).to_dict()) == {"questions", "errors", *show._SCORES.values()}

"""Times in questions, in English and Chinese, become windows of the video."""

import pytest

from reelcue.agent.times import seconds, window
from reelcue.tools.base import Span

LENGTH = 100.0


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What is said after 1:20?", 80, 100),
        ("What is said from 1:02 onwards?", 62, 100),
        ("What happens before 0:48.5?", 0, 48.5),
        ("What is shown between 16 and 24 seconds?", 16, 24),
        ("What happens from about 1 min 5 s to 1:20?", 65, 80),
        ("Who speaks in the first minute?", 0, 60),
        ("Who speaks in the first 10 seconds?", 0, 10),
        ("What is said after the first minute?", 60, 100),
        ("What is written in the last 20 seconds?", 80, 100),
        ("What is written at the end of the video?", 85, 100),
        ("What stands there at the start?", 0, 15),
        ("What happens in the second half?", 50, 100),
        ("How many people are there at 48 seconds?", 46.5, 49.5),
        ("Which number is on the screen at 5.04 s?", 3.54, 6.54),
        ("What is shown at the 48 second mark?", 46.5, 49.5),
        ("What moves at about 1 to 2 seconds?", 1, 2),
        ("0:48, what is shown?", 46.5, 49.5),
        ("48秒画面上有什么", 46.5, 49.5),
        ("1分20秒之后说了什么？", 80, 100),
        ("前10秒讲了什么", 0, 10),
        ("最后20秒讲了什么", 80, 100),
        ("10秒到20秒之间写着什么", 10, 20),
        ("结尾说了什么", 85, 100),
        ("What is said after one minute?", 60, 100),
        ("What is said at the ten second mark?", 8.5, 11.5),
        ("What is said during the first 30s?", 0, 30),
        ("What is said in the final 20 secs?", 80, 100),
        ("What is said from the start to 0:20?", 0, 20),
        ("What is said up to the 20 second mark?", 0, 20),
        ("What is said from 1 to 1.5 minutes?", 60, 90),
        ("What does she say at minute 1:20?", 78.5, 81.5),
        ("一分钟后说了什么？", 60, 100),
        ("前二十秒写着什么", 0, 20),
        ("最后十五秒讲了什么", 85, 100),
        ("第2分钟说了什么", 60, 100),
        ("第一分钟说了什么", 0, 60),
        ("视频最后说了什么", 85, 100),
    ],
)
def test_a_time_in_a_question_is_a_window(question: str, start: float, end: float) -> None:
    found, rest = window(question)
    assert found is not None
    span = found.span(LENGTH)
    assert span is not None
    assert (span.start, span.end) == pytest.approx((start, end))
    assert len(rest) < len(question)


@pytest.mark.parametrize(
    "question",
    [
        "When is the first person in the room?",
        "What is the price of 20 apples?",
        "Who won the 100 m race?",
        "What is the 30 second rule?",
        "第二张幻灯片的标题是什么",
        "他跑完用了30秒吗？",
        "Who works two hours a day?",
        "Who ends it?",
    ],
)
def test_no_time_no_window(question: str) -> None:
    assert window(question) == (None, question)


def test_a_moment_that_the_video_does_not_have() -> None:
    found, _ = window("What is said after 5:00?")
    assert found is not None
    assert found.span(LENGTH) is None


def test_edges_of_a_short_video_last_at_least_five_seconds() -> None:
    found, _ = window("What is said at the end?")
    assert found is not None
    assert found.span(10.0) == Span(5.0, 10.0)
    assert found.span(3.0) == Span(0.0, 3.0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:20", 80),
        ("1:02:03.5", 3723.5),
        ("2 min 5 s", 125),
        ("48 seconds", 48),
        ("1分20秒", 80),
        ("2小时", 7200),
        ("7", 7),
    ],
)
def test_seconds(text: str, value: float) -> None:
    assert seconds(text) == value

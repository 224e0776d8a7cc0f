"""The evidence check releases a sentence only if its quotes, numbers, names and times stand in the cited rows."""

import pytest

from reelcue.agent.answer import Evidence
from reelcue.agent.verify import faults, marks
from reelcue.index.rows import Segment
from reelcue.tools.base import Span

TEXT = "And so, my fellow Americans, we shall go to the Moon in 1969 at a cost of 3.5 billion."
SEGMENT = Segment("v", "speech", "subtitles", Span(80.0, 95.0), TEXT, speaker="John F. Kennedy")
EVIDENCE = {17: Evidence(17, SEGMENT, Span(82.4, 91.0), TEXT)}


@pytest.mark.parametrize(
    "text",
    [
        "At 1:22, John F. Kennedy says: “we shall go to the Moon in 1969”",
        "The cost is 3.5 billion.",
        "In the speech Kennedy wants to go to the Moon.",
        "This is said between 1:23 and 1:31.",
        "At 1:22 one hears: “And so, my fellow Americans, we shall go to the Moon”",
    ],
)
def test_what_stands_in_the_rows_is_released(text: str) -> None:
    assert faults(text, [17], EVIDENCE) == []


@pytest.mark.parametrize(
    ("text", "cited", "why"),
    [
        ("He wants to go to the Moon.", [], "cites nothing"),
        ("He wants to go to the Moon.", [18], "no evidence e18"),
        ("They go in 1968.", [17], "number 1968"),
        ("It costs four billion.", [17], "number four"),
        ("In it, Nixon speaks.", [17], "name Nixon"),
        ("It is said at 2:40.", [17], "time 2:40"),
        ("He says: “we shall go to Mars”", [17], "quote “we shall go to Mars”"),
    ],
)
def test_what_does_not_is_held_back(text: str, cited: list[int], why: str) -> None:
    assert any(why in fault for fault in faults(text, cited, EVIDENCE))


def test_marks_are_cut_out_of_a_sentence() -> None:
    assert marks("They go to the Moon [e17][e3], in 1969 [e17].") == ("They go to the Moon, in 1969.", (17, 3))

"""Observations gathered into passages: where they are cut, and what they keep."""

from typing import Any

import pytest

from reelcue.index.rows import Row, Segment
from reelcue.index.segments import PAUSE, WORDS, gather
from reelcue.tools.base import Span

VIDEO = "a" * 16


def rows(kind: str, *texts: str, seconds: float = 3.0, gap: float = 0.0, **data: Any) -> list[Row]:
    """One row after another."""
    step = seconds + gap
    return [
        Row(n, VIDEO, "tool", kind, Span(n * step, n * step + seconds), text, None, data)
        for n, text in enumerate(texts)
    ]


def screen(*lines: tuple[str, float, float, float], tool: str = "ocr") -> list[Row]:
    """Lines of text on a screen: (text, start, end, top)."""
    return [
        Row(n, VIDEO, tool, "text", Span(start, end), text, 0.9, {"boxes": [[10, top, 100, 20]]})
        for n, (text, start, end, top) in enumerate(lines)
    ]


def words(count: int, end: str = ".") -> str:
    return " ".join(["word"] * count) + end


def texts(segments: list[Segment]) -> list[str]:
    return [segment.text for segment in segments]


class TestSpeech:
    def test_short_cues_become_one_passage(self) -> None:
        (passage,) = gather(rows("speech", "Good morning.", "The harbour is old.", language="en"))
        assert passage.text == "Good morning. The harbour is old."
        assert (passage.span, passage.language, passage.observations) == (Span(0, 6), "en", (0, 1))

    def test_is_cut_at_the_end_of_a_sentence_near_a_hundred_words(self) -> None:
        made = gather(rows("speech", words(40), words(40), words(40, ""), words(40), words(10)))
        assert [len(passage.text.split()) for passage in made] == [80, 90]

    def test_is_cut_anywhere_before_it_is_far_too_long(self) -> None:
        made = gather(rows("speech", *[words(30, "")] * 10))
        assert all(len(passage.text.split()) <= WORDS * 1.5 for passage in made)
        assert sum(len(passage.observations) for passage in made) == 10

    def test_is_cut_at_a_long_pause(self) -> None:
        assert len(gather(rows("speech", "One.", "Two.", gap=PAUSE - 1))) == 1
        assert len(gather(rows("speech", "One.", "Two.", gap=PAUSE + 1))) == 2
        assert len(gather(rows("speech", "One.", "Two.", gap=PAUSE + 1), timed=False)) == 1

    def test_names_each_speaker_once_a_turn(self) -> None:
        said = [
            *rows("speech", "Good morning.", "How are you?", speaker="Anna"),
            Row(2, VIDEO, "tool", "speech", Span(6, 9), "Fine.", None, {"speaker": "Bo"}),
            Row(3, VIDEO, "tool", "speech", Span(9, 12), "Music.", None, {}),
        ]
        (passage,) = gather(said)
        assert passage.text == "Anna: Good morning. How are you?\nBo: Fine.\nMusic."
        assert passage.speaker is None
        assert gather(said[:2])[0].speaker == "Anna"

    def test_keeps_languages_apart(self) -> None:
        made = gather([*rows("speech", "Good morning.", language="en"), *rows("speech", "早上好。", language="zh")])
        assert [(passage.language, passage.text) for passage in made] == [("en", "Good morning."), ("zh", "早上好。")]

    def test_counts_characters_where_words_are_not_spaced(self) -> None:
        made = gather(rows("speech", *["今天我们来谈一谈港口的历史。" * 5] * 8))
        assert 2 <= len(made) <= 4

    def test_keeps_the_times_of_words(self) -> None:
        timed = [[0.0, 0.5, "Good", 0.9], [0.5, 1.0, "morning.", None], [1.0, 1.5, "All."]]
        (passage,) = gather(rows("speech", "Good morning. All.", words=timed))
        assert passage.words == ((0.0, 0.5, "Good", 0.9), (0.5, 1.0, "morning.", None), (1.0, 1.5, "All.", None))

    def test_overlapping_and_backward_cues_keep_their_extent(self) -> None:
        said = [
            Row(0, VIDEO, "tool", "speech", Span(5, 9), "Second.", None, {}),
            Row(1, VIDEO, "tool", "speech", Span(0, 20), "First.", None, {}),
        ]
        (passage,) = gather(said)
        assert (passage.text, passage.span) == ("First. Second.", Span(0, 20))


class TestScreens:
    def test_lines_are_read_from_the_top(self) -> None:
        (slide,) = gather(screen(("second", 0, 9, 60), ("first", 0, 9, 10), ("right", 0, 9, 61)))
        assert slide.text == "first\nsecond\nright"

    def test_a_line_that_is_added_belongs_to_its_slide(self) -> None:
        made = gather(screen(("title", 0, 9, 10), ("one", 0, 9, 40), ("two", 4, 9, 70)))
        assert texts(made) == ["title\none\ntwo"] and made[0].span == Span(0, 9)

    def test_a_header_does_not_join_two_slides(self) -> None:
        made = gather(
            screen(("logo", 0, 20, 5), ("a", 0, 10, 40), ("b", 0, 10, 60), ("c", 10, 20, 40), ("d", 10, 20, 60))
        )
        assert texts(made) == ["logo\na\nb", "c\nd"]

    def test_a_shot_begins_a_screen(self) -> None:
        lines = screen(("a", 0, 9, 10), ("b", 5, 9, 40))
        assert len(gather(lines)) == 1
        assert texts(gather(lines, [Span(0, 5), Span(5, 9)])) == ["a", "b"]

    def test_a_full_screen_is_divided(self) -> None:
        made = gather(screen(*((f"{n} {words(29, '')}", 0, 9, 20 * n) for n in range(8))))
        assert [len(slide.text.split()) for slide in made] == [90, 90, 60]


class TestOthers:
    @pytest.mark.parametrize("kind", ["caption", "object", "sound", "tag"])
    def test_stand_alone(self, kind: str) -> None:
        assert texts(gather(rows(kind, "a red boat", "two boats"))) == ["a red boat", "two boats"]

    @pytest.mark.parametrize("kind", ["shot", "quality"])
    def test_are_not_searched(self, kind: str) -> None:
        assert gather(rows(kind, "shot 1")) == []

    def test_kinds_and_tools_are_kept_apart(self) -> None:
        mixed = rows("caption", "a boat") + screen(("HARBOUR", 0, 3, 10)) + screen(("HAFEN", 0, 3, 10), tool="other")
        assert {(segment.kind, segment.tool) for segment in gather(mixed)} == {
            ("caption", "tool"), ("text", "ocr"), ("text", "other"),
        }  # fmt: skip

    def test_nothing_comes_of_nothing(self) -> None:
        assert gather([]) == gather(rows("speech", "", " \n")) == gather(rows("caption", "  ")) == []

    def test_equal_ones_are_one(self) -> None:
        assert len(gather([*rows("tag", "boat"), *rows("tag", "boat")])) == 1

    def test_ids_follow_from_the_content(self) -> None:
        one, two = (gather(rows("tag", text))[0] for text in ("boat", "ship"))
        assert one.id == gather(rows("tag", "boat"))[0].id != two.id and len(one.id) == 32

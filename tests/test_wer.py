"""Word error rate against cases counted by hand."""

import pytest

from reelcue.evals.wer import wer


@pytest.mark.parametrize(
    ("said", "heard", "rate"),
    [
        ("And so, my fellow Americans!", "and so my fellow americans", 0.0),
        ("one two three four", "one too three", 0.5),  # a substitution, a deletion
        ("one two", "one two three four", 1.0),  # two insertions
        ("don't stop", "don’t stop", 0.0),
        ("one", "", 1.0),
    ],
)
def test_counts(said: str, heard: str, rate: float) -> None:
    assert wer([said], [heard]) == pytest.approx(rate)


def test_is_over_all_words_not_over_texts() -> None:
    assert wer(["a b c d e f g h i", "x"], ["a b c d e f g h i", "y"]) == pytest.approx(0.1)


def test_words_where_nothing_was_said_are_errors() -> None:
    assert wer(["a b", ""], ["a b", "oh"]) == pytest.approx(0.5)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        wer(["a"], [])
    with pytest.raises(ValueError, match="no word"):
        wer(["..."], ["a"])

"""What a text is written in, and what of it stands with passages and citations."""

from typing import Any

import pytest

from reelcue.index.rows import Row
from reelcue.index.segments import gather
from reelcue.tools import languages
from reelcue.tools.base import Span
from reelcue.tools.languages import guess, identify, language_name

A = "a" * 16


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ask not what your country can do for you", "en"),
        ("the harbour is old", "en"),
        ("Der Hafen ist alt und im Winter voller Eis", "de"),
        ("Le port est vieux et plein de glace en hiver", "fr"),
        ("El puerto es viejo y está lleno de hielo", "es"),
        ("Hamnen är gammal och full av is", "sv"),
        ("Гавань старая и зимой покрыта льдом", "ru"),
        ("الميناء قديم ومليء بالجليد في الشتاء", "ar"),
        ("Μαζί με το παλιό λιμάνι", "el"),
        ("第一章 数据结构", "zh"),
        ("この港は古くて冬は氷でいっぱいです", "ja"),
        ("항구는 오래되었고 얼음으로 가득하다", "ko"),
        ("ท่าเรือเก่า", "th"),
    ],
)
def test_sentences_are_identified(text: str, language: str) -> None:
    assert identify(text) == language == guess(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "12:30 14:45 16:00", "Hafen", "alter Hafen", "出口", "rn l1 0O vv qu3 zx7 kk", "ISO 400 f/2.8 1/250 s",
        "John Smith Jane Doe Peter Jones", "www.example.com/docs/index.html", "Sector 7 Gate B12 Exit",
        "ln [3]: df.head() Out[3]:", "Speed 45 km/h Battery 80 %", "File Edit View Insert Format Tools",
    ],
)  # fmt: skip
def test_noise_names_and_few_words_are_of_no_language(text: str) -> None:
    assert identify(text) is None


@pytest.mark.parametrize(
    ("query", "language"),
    [
        ("出口", "zh"),
        ("什么是 gradient descent", "zh"),
        ("でぐち", "ja"),
        ("порт", "Cyrl"),
        ("port", None),
        ("?", None),
    ],
)
def test_a_script_tells_of_a_short_query(query: str, language: str | None) -> None:
    assert guess(query) == language or (language == "Cyrl" and guess(query) in ("be", "bg", "mk", "ru", "sr", "uk"))


def test_english_needs_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise AssertionError("the model is not needed")

    monkeypatch.setattr(languages, "_model", missing)
    assert identify("How much did the telescope cost?") == "en"
    assert identify("telescope") is None


def test_languages_have_names() -> None:
    assert [language_name(tag) for tag in ("de", "zh-Hans", "ja", "yo")] == ["German", "Chinese", "Japanese", "yo"]


def rows(*texts: str, kind: str = "text", **data: Any) -> list[Row]:
    return [Row(n, A, "ocr", kind, Span(9.0 * n, 9.0 * n + 1), text, 0.9, data) for n, text in enumerate(texts)]


class TestPassages:
    def test_keep_the_language_of_their_rows(self) -> None:
        assert [s.language for s in gather(rows("the harbour is old", kind="speech", language="nl"))] == ["nl"]

    def test_without_one_are_identified(self) -> None:
        found = gather(rows("Der Hafen ist alt und voller Eis", "The harbour is old", "zx7 kk"))
        assert [segment.language for segment in found] == ["de", "en", None]

    def test_too_short_to_tell_take_that_of_nearly_all_others_in_their_script(self) -> None:
        german = (
            "Der Hafen ist alt und voller Eis",
            "Im Winter liegen die Schiffe im Eis",
            "Wir warten auf den Sommer",
        )
        found = gather(rows(*german, "Hafen", "港"))
        assert [segment.language for segment in found] == ["de", "de", "de", "de", None]
        mixed = gather(rows(*german, "The ships are in the harbour", "Hafen"))
        assert mixed[-1].language is None

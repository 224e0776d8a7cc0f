"""Words for full-text search: what is stored and what is asked for. That both meet is shown in test_store.py."""

import pytest

from reelcue.index.terms import MAX_PHRASES, phrases, terms


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("The quick, brown fox!", "the quick, brown fox!"),
        ("机器学习", "机器 器学 学习 习"),
        ("iPhone手机很好", "iphone 手机 机很 很好 好"),
        ("人", "人"),
        ("カメラ・レンズ", "カメ メラ ラ ・ レン ンズ ズ"),
        ("한국어 자막", "한국 국어 어 자막 막"),
        ("ＡＢＣ ｶﾞ", "abc ガ"),
        ("Straße\x00\ud800", "strasse"),
        ("  \n ", ""),
    ],
)
def test_words_and_pairs_are_stored(text: str, stored: str) -> None:
    assert terms(text) == stored


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("What is the speaker's name?", ['"speaker"', '"name"']),
        ("Why don't cats rust at 3.5 or 1:20?", ['"cats"', '"rust"', '"3.5"', '"1:20"']),
        ("O’Brien", ['"o\'brien"']),
        ("real-time C++ a_b", ['"real"', '"time"', '"c"', '"b"']),
        ("机器学习", ['"机器"', '"器学"', '"学习"']),
        ("谁在讲机器？", ['"在讲"', '"讲机"', '"机器"']),
        ("猫", ['"猫" *']),
        ("to be or not to be", ['"to be or not to be"']),
        ("who is it", ['"who is it"']),
        ("什么", ['"什么"']),
        ("हिन्दी", ['"हिन्दी"']),
        ("cat cat CAT", ['"cat"']),
        ("", []),
        ("?! ... -- 🎬 '", []),
        ("\u0301", []),
        ("\ud800\x00", []),
    ],
)
def test_phrases_of_a_question(query: str, asked: list[str]) -> None:
    assert phrases(query) == asked


@pytest.mark.parametrize(
    "query", ['a" OR b', "NEAR(cat dog, 3)", "terms: cat", "cat* AND NOT (dog)", "^cat + {x y}: z"]
)
def test_operators_are_words(query: str) -> None:
    assert all(phrase.startswith('"') and phrase.endswith('"') and phrase.count('"') == 2 for phrase in phrases(query))


def test_a_question_of_any_length_asks_a_limited_number() -> None:
    assert len(phrases(" ".join(f"word{i}" for i in range(20_000)))) == MAX_PHRASES
    assert len(phrases("学习机器" * 25_000)) <= MAX_PHRASES

"""Full text: any question is safe, and words are found in the scripts of the world."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stores
from stores import A, B, change, found, tell

from reelcue.index.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library" / "index.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with stores.made(path) as opened:
        yield opened


def test_words_are_found_by_stem_and_without_accents(store: Store) -> None:
    tell(store, "She was running to the café", "A bird sings", "Nothing here")
    assert found(store, "who runs?") == found(store, "CAFE") == ["She was running to the café"]
    assert found(store, "the of and") == found(store, "?!") == found(store, "") == []


def test_chinese_japanese_and_korean_are_found_by_two_characters_and_by_one(store: Store) -> None:
    tell(store, "今天讲机器学习的基础", "カメラの設定", "한국어 자막", "only English")
    assert found(store, "学习") == found(store, "习") == found(store, "机") == ["今天讲机器学习的基础"]
    assert found(store, "什么是学习？") == found(store, "础") == ["今天讲机器学习的基础"]
    assert found(store, "设定") == []
    assert found(store, "設定") == found(store, "ｶﾒﾗ") == ["カメラの設定"]
    assert found(store, "자막") == ["한국어 자막"]


HOSTILE = (
    *('"', '""', "'", "*", "a AND", "(cat", "cat)", "cat*", "^cat", "-cat", "cat + ", "{a b}: c"),
    *("NEAR(cat, 2)", "terms:cat", "terms MATCH cat"),
    *("\x00cat", "\ud800cat", "cat\ufffe", "; DROP TABLE segments; --"),
    *("cat " * 25_000, "c" * 100_000, "学" * 100_000),
)


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_no_question_is_refused(store: Store, query: str) -> None:
    tell(store, "the cat sleeps")
    hits = found(store, query)
    assert hits == (["the cat sleeps"] if "cat" in query else [])


def test_words_are_looked_up_in_all_videos_in_some_or_in_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(store, "a red door", "red red red")
    tell(store, "a red car", video=B)
    assert found(store, "red", [B]) == ["a red car"]
    assert len(found(store, "red", [A, B])) == len(found(store, "red")) == 3
    assert found(store, "red", []) == found(store, "red", ["c" * 16]) == []
    assert len(store.holding('"red"', limit=2)) == 2
    monkeypatch.setattr("reelcue.index.reads._RANGES", 0)
    assert found(store, "red", [B]) == ["a red car"]


def test_triggers_follow_updates_and_deletions(store: Store, path: Path) -> None:
    tell(store, "apple", "pear")
    change(path, "UPDATE segments SET terms = 'plum' WHERE text = 'apple'", "UPDATE segments SET speaker = 'x'")
    assert (found(store, "apple"), found(store, "plum")) == ([], ["apple"])
    change(
        path,
        "DELETE FROM segments WHERE text = 'pear'",
        "INSERT INTO segments_fts (segments_fts) VALUES ('integrity-check')",
    )
    assert found(store, "pear") == []

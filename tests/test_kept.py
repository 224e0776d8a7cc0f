"""Libraries kept from earlier schemas open, are brought up to date, and work.

`data/library-v1.sqlite` was made by the first version: a clip of four seconds with subtitles, and a meeting in turns.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import stores
from commands import timeline

from reelcue.agent.agent import Agent
from reelcue.index import schema
from reelcue.index.library import Library

KEPT = sorted((Path(__file__).parent / "data").glob("library-v*.sqlite"))


@pytest.fixture(params=KEPT, ids=lambda path: path.stem)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of such a library."""
    folder = tmp_path / "library"
    folder.mkdir()
    shutil.copyfile(request.param, folder / "index.sqlite")
    return folder


def columns(path: Path) -> dict[str, Any]:
    """What every table looks like."""
    with closing(sqlite3.connect(path)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')")]
        indexes = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")]
        tables = {name: sorted(row[1:] for row in db.execute(f"PRAGMA table_info({name})")) for name in names}
        return {**tables, "indexes": sorted(indexes)}


def test_there_is_one_of_each_schema_before_this_one() -> None:
    assert [path.name for path in KEPT] == [f"library-v{n}.sqlite" for n in range(1, schema.SCHEMA)]


def test_it_becomes_what_a_new_one_is(kept: Path, tmp_path: Path) -> None:
    with Library(kept) as lib:
        assert lib.store.select("PRAGMA foreign_key_check") == []
        lib.store.select(stores.CHECK)
    stores.made(tmp_path / "new" / "index.sqlite").close()
    assert columns(kept / "index.sqlite") == columns(tmp_path / "new" / "index.sqlite")
    assert len(list(kept.glob("index.sqlite.v*"))) == 1


def test_it_answers_and_grows(kept: Path, tmp_path: Path) -> None:
    with Library(kept) as lib:
        assert [(row.name, row.unit) for row in lib.videos()] == [("harbour.mp4", "seconds"), ("meeting", "index")]
        assert [hit.segment.video for hit in lib.search("the harbour", kinds=["speech"])] == [lib.videos()[0].id]
        assert Agent(lib).ask("What does the bridge cost?").citations[0].text == "The bridge costs four million crowns."
        assert [hit.segment.text for hit in lib.search("结束")] == [lib.segments(lib.videos()[1].id)[-1].text]
        lib.add([timeline(tmp_path / "more.jsonl", "A ferry crosses the bay.")])
        assert lib.search("ferry")[0].segment.text == "A ferry crosses the bay."
        vectors = lib.store.select("SELECT count(*) FROM vectors")
        assert lib.store.select("SELECT count(*) FROM segments") == vectors
        lib.remove(lib.videos()[0].id)
        assert len(lib.videos()) == 2

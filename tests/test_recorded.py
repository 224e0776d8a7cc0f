"""When a video was recorded: from the option, its file name, or its container, and never from a guess."""

import time
from collections.abc import Iterator

import pytest

from reelcue.index.recorded import learn, parse
from reelcue.tools.errors import UsageError


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is one hour ahead of UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC-1")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("2026-11-21 22.05.07.mp4", "2026-11-21T22:05:07+01:00"),
        ("VID_20261121_220507.mp4", "2026-11-21T22:05:07+01:00"),
        ("PXL_20261121_220507123.mp4", "2026-11-21T22:05:07+01:00"),
        ("cam3-20261121T2205.mkv", "2026-11-21T22:05:00+01:00"),
        ("2026-11-21T22-05-07Z_front.mp4", "2026-11-21T23:05:07+01:00"),
        ("GMT20261121-220507_Recording_1920x1080.mp4", "2026-11-21T23:05:07+01:00"),
        ("Screen Recording 2026-11-21 at 10.05.07\u202fPM.mov", "2026-11-21T22:05:07+01:00"),
        ("Bildschirmaufnahme 2026-11-21 at 9.05.07.mov", "2026-11-21T09:05:07+01:00"),
        ("WhatsApp Video 2026-11-21 at 12.05.07 AM.mp4", "2026-11-21T00:05:07+01:00"),
    ],
)
def test_a_file_name_tells_it(name: str, at: str) -> None:
    assert learn(None, name, {"creation_time": "2001-01-01T00:00:00Z"}) == (at, "name")


@pytest.mark.parametrize(
    "name",
    [
        "talk.mp4", "2026-11-21.mp4", "20261121.mp4", "20260231_120000.mp4", "20261121_250000.mp4",
        "120261121_220507.mp4", "20261121_2205071.mp4", "1080p 2026.mp4", "report 2026-11-21 100.mp4", "\udc80.mp4", "",
    ],
)  # fmt: skip
def test_other_file_names_tell_nothing(name: str) -> None:
    assert learn(None, name, {}) is None


@pytest.mark.parametrize(
    ("tags", "at"),
    [
        ({"creation_time": "2026-11-21T21:05:07.000000Z"}, "2026-11-21T22:05:07+01:00"),
        ({"creation_time": "2026-11-21 22:05:07"}, "2026-11-21T22:05:07+01:00"),
        (
            {
                "creation_time": "2026-11-21T21:05:07Z",
                "com.apple.quicktime.creationdate": "2026-11-21T16:05:07-05:00",
            },
            "2026-11-21T22:05:07+01:00",
        ),
        ({"date": "2026-11-21T22:05:07"}, "2026-11-21T22:05:07+01:00"),
        ({"date": "tomorrow at T", "creation_time": "1904-01-01T00:00:00Z"}, None),
        ({"creation_time": "1970-01-01T00:00:00Z"}, None),
        ({"creation_time": "9999-12-31T23:59:59Z"}, None),
        ({"date": "2026-11-21"}, None),
        ({"date": "2026"}, None),
        ({"title": "2026-11-21T22:05:07"}, None),
    ],
)
def test_a_container_tells_it(tags: dict[str, str], at: str | None) -> None:
    assert learn(None, "talk.mp4", tags) == (at and (at, "container"))


def test_the_option_wins() -> None:
    found = learn("2020-02-03T04:05:06+02:00", "20261121_220507.mp4", {"creation_time": "2026-11-21T21:05:07Z"})
    assert found == ("2020-02-03T03:05:06+01:00", "option")


@pytest.mark.parametrize("text", ["2026-11-21T22:05:00", " 2026-11-21 22:05 ", "2026-11-21T21:05:00Z"])
def test_an_option_without_a_zone_is_local(text: str) -> None:
    assert parse(text) == "2026-11-21T22:05:00+01:00"


@pytest.mark.parametrize("text", ["", "yesterday", "22:05", "2026-13-01", "0001-01-01T00:00+14:00", "\ud800"])
def test_an_option_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time; write it as"):
        parse(text)

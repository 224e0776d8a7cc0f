"""Hostile and broken subtitle files, old encodings, and the public ones."""

import random
from pathlib import Path

import pytest
from clips import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st

from reelcue.tools.cues import MAX_BYTES, Line, Script, parse, read
from reelcue.tools.errors import SubtitleError
from reelcue.tools.languages import language_tag, script_language

ASS = b"[Events]\nFormat: Start, End, Name, Text\nDialogue: 0:00:01.00,0:00:02.00,Ann,Hello\n"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\x1b[31mred\x1b[0m \x07bell", "red bell"),
        ("he\x00llo", "hello"),
        ("&#xD800;x", "\ufffdx"),
        ("lone \ud83d surrogate", "lone surrogate"),
        ("abc \u202etxt.exe", "abc txt.exe"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("&lt;img src=x&gt;", "<img src=x>"),
        ("I <3 you", "I <3 you"),
        ("♪ la la ♪", "♪ la la ♪"),
    ],
)
def test_hostile_text_is_made_harmless(raw: str, text: str) -> None:
    assert parse(f"00:00:01,000 --> 00:00:02,000\n{raw}\n").lines == (Line(1.0, 2.0, text),)


TEXTS = {
    "de": "Das Gerät läuft ständig, und es heißt „Größe“.",
    "fr": "Ça marche très bien, même à l’étranger.",
    "pl": "Najpierw musimy podzielić nagranie na części, źdźbło.",
    "ru": "Сегодня мы поговорим о поиске в видео.",
    "zh": "首先,我们需要把视频分成很多片段。",
    "zh-TW": "首先,我們需要把影片分成很多片段。",
    "ja": "まず、映像を分割して、文字を読み取ります。",
    "ko": "먼저 영상을 여러 조각으로 나눕니다.",
    "en": "It’s a “simple” test – isn’t it?",
}
ENCODINGS = [
    *(
        (text, encoding)
        for text in TEXTS.values()
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
    ),
    *((TEXTS[language], "cp1252") for language in ("de", "fr", "en")),
    *((TEXTS["pl"], encoding) for encoding in ("cp1250", "iso8859-2")),
    *((TEXTS["ru"], encoding) for encoding in ("cp1251", "koi8-r")),
    (TEXTS["zh"], "gb18030"),
    (TEXTS["zh-TW"], "big5"),
    *((TEXTS["ja"], encoding) for encoding in ("shift_jis", "euc_jp")),
    (TEXTS["ko"], "cp949"),
]


@pytest.mark.parametrize(("text", "encoding"), ENCODINGS)
def test_encodings(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "talk.srt"
    path.write_bytes(f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n".encode(encoding))
    assert read(path) == Script((Line(1.0, 2.0, text),))


def test_the_language_decides_where_a_short_text_fits_many_encodings(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt"
    path.write_bytes("00:00:01,000 --> 00:00:02,000\n你好\n".encode("gb18030"))
    assert read(path, "zh-CN").lines[0].text == "你好"


def test_one_damaged_byte_does_not_make_utf8_something_else(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt"
    path.write_bytes(f"00:00:01,000 --> 00:00:02,000\n{TEXTS['zh']}\n".encode() + b"\xff\n")
    script = read(path)
    assert script.lines[0].text.startswith(TEXTS["zh"])
    assert script.notes == ("read as utf-8, not all of it fits; re-save it as UTF-8",)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (bytes(range(256)) * 40, "holds no text"),
        (b"\x1a\x45\xdf\xa3" + random.Random(1).randbytes(5000), "holds no text"),
        (b"just some words\nwithout times\n", "no line with a time"),
        (b"<html><body>404 Not Found</body></html>", "no line with a time"),
    ],
)
def test_files_that_are_no_subtitles(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "talk.srt"
    path.write_bytes(data)
    with pytest.raises(SubtitleError, match=says) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "SubRip" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\n \n", b"WEBVTT\n", b"[Script Info]\n[Events]\n"])
def test_empty_files_hold_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "talk.vtt"
    path.write_bytes(data)
    assert read(path) == Script((), notes=("holds no subtitles",))


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.srt", tmp_path / "nul\0.srt", Path("/dev/null")):
        with pytest.raises(SubtitleError, match="check the name"):
            read(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + (36 << 20))
    with pytest.raises(SubtitleError, match="100 MB is too big"):
        read(path)


UNITS = [
    "a",
    "<",
    "<a",
    "{",
    "{\\p1",
    "1",
    "1:",
    "00:00:01,000",
    "&lt",
    "-->",
    "A: ",
    ">> ",
    "<v" + " " * 9999,
    " ",
    "\n",
]


@pytest.mark.parametrize("unit", UNITS)
def test_a_line_of_a_million_characters(unit: str) -> None:
    long = unit * (1_000_000 // len(unit))
    for text in (
        f"00:00:01,000 --> 00:00:02,000\n{long}\n",
        long,
        f"00:00:01,000{long}",
        f"Dialogue: 0,0:00:01.00,0:00:02.00,D,,0,0,0,,{long}",
    ):
        assert len(parse(text).lines) <= 1


PIECES = [" --> ", "\n", "\r", "\0", "NAME: ", *"00:00:01,000 00:02.5 - 1 <v A> <00:00:01.5> {\\p1} &#0; ：".split()]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from(["WEBVTT\n\n", "[Events]\n", "Dialogue: 0,0:00:01.00,", *PIECES]) | st.text(max_size=5))
)
def test_any_text_gives_ordered_lines(pieces: list[str]) -> None:
    lines = parse("".join(pieces)).lines
    assert all(0 <= line.start < line.end and line.text for line in lines)
    assert [line.start for line in lines] == sorted(line.start for line in lines)
    assert all(line.start <= a <= b for line in lines for a, b, _ in line.words)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.sampled_from([b"", b"1\n00:00:01,000 --> 00:00:02,000\n", b"WEBVTT\n\n00:01.000 --> 00:02.000\n", ASS]),
    st.binary(max_size=200),
    st.sampled_from([".srt", ".vtt", ".ass"]),
)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"fuzz{suffix}"
    path.write_bytes(head + data)
    try:
        read(path)
    except SubtitleError as error:
        assert str(path) in str(error)


def test_scripts_that_leave_no_doubt() -> None:
    assert [script_language(TEXTS[t]) for t in ("zh", "ja", "ko", "en")] == ["zh", "ja", "ko", None]
    assert script_language("") is None


def test_language_tags() -> None:
    tags = {"en": "en", "EN_us": "en-US", "zh-hans-cn": "zh-Hans-CN", "ger": "de", "English": "en", "en-orig": "en"}
    assert {tag: language_tag(tag) for tag in tags} == tags
    assert not any(map(language_tag, ["und", "cut", "part2", "x", "", None, "2024", "forced"]))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public files are not here")
@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        (
            "chrome_descriptions.vtt",
            9,
            "Man sitting on a tree branch, using a laptop.",
            "Man using laptop in hammock. ",
        ),
        ("developerStories-subtitles-en.vtt", 22, "The Web is always changing", ""),
        ("itaccess_captions_en.vtt", 94, "We are committed to the notion that everyone should have an opportunity", ""),
        ("paulallen_en.vtt", 38, "I put in 15 hours of work today", "It's three minutes long."),
        ("s1.srt", 7, "A", "This is multiple line test. "),
        ("sintel-en.vtt", 14, "[Test]", "We're almost done. Shhh..."),
        ("subtitles-unicode.srt", 1, "ÁÉíöÙ", "ÁÉíöÙ"),
        ("wwa_captions_en.vtt", 15, "[ music ]", ""),
    ],
)
def test_public_files(name: str, count: int, first: str, last: str) -> None:
    script = read(SHARED / "subs" / name)
    assert (len(script.lines), script.lines[0].text, script.notes) == (count, first, ())
    assert script.lines[-1].text.startswith(last)

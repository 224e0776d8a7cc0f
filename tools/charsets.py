"""Bytes of a text file to text: byte order marks, UTF-8, UTF-16, and a guess among the older encodings.

The guess decodes a sample in each candidate and asks which share of its letters belongs to an alphabet that is written
in that encoding. Statistical detectors need more text than a short subtitle file has: on one German line they answer
with a code page of DOS.
"""

import codecs
import re
import unicodedata
from functools import cache
from itertools import pairwise

SAMPLE = 8192  # bytes of lines beyond ASCII that the guess looks at
DOUBTFUL = 0.9  # share of fitting characters below which the guess is mentioned
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# (language, encoding, letters beyond ASCII); where several fit equally well the first is taken. Hebrew stands before
# Russian because its letters are a part of the Russian ones, byte for byte, and not the other way round.
LATIN = (
    ("de", "cp1252", "äöüß"),
    ("es", "cp1252", "áéíóúüñºª"),
    ("fr", "cp1252", "àâçèéêëîïôùûüÿ"),
    ("pt", "cp1252", "àáâãçéêíóôõúºª"),
    ("it", "cp1252", "àèéìíîòóù"),
    ("sv", "cp1252", "åäöé"),
    ("da", "cp1252", "æøåé"),
    ("nl", "cp1252", "áéèëïóöü"),
    ("is", "cp1252", "áðéíóúýþæö"),
    ("pl", "cp1250", "ąćęłńóśźż"),
    ("cs", "cp1250", "áčďéěíňóřšťúůýž"),
    ("sk", "cp1250", "áäčďéíĺľňóôŕšťúýž"),
    ("hu", "cp1250", "áéíóöőúüű"),
    ("hr", "cp1250", "čćđšž"),
    ("ro", "cp1250", "ăâîșțşţ"),
    ("pl", "iso8859_2", "ąćęłńóśźż"),
    ("cs", "iso8859_2", "áčďéěíňóřšťúůýž"),
    ("hu", "iso8859_2", "áéíóöőúüű"),
    ("tr", "cp1254", "çğıi̇öşüâîû"),
    ("lt", "cp1257", "ąčęėįšųūž"),
    ("lv", "cp1257", "āčēģīķļņšūž"),
    ("et", "cp1257", "äöõüšž"),
)
OTHERS = (
    ("he", "cp1255", "אבגדהוזחטיךכלםמןנסעףפץצקרשת"),
    ("ru", "cp1251", "абвгдежзийклмнопрстуфхцчшщъыьэюяё"),
    ("uk", "cp1251", "абвгдежзийклмнопрстуфхцчшщьюяґєії"),
    ("sr", "cp1251", "абвгдежзиклмнопрстуфхцчшђјљњћџ"),
    ("ru", "koi8_r", "абвгдежзийклмнопрстуфхцчшщъыьэюяё"),
    ("el", "cp1253", "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ"),
    ("ar", "cp1256", "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهويىپچژگ"),
)
MIXED = re.compile(r"[a-z](?=[^\W\d_])(?=[^\x00-\x7f])|(?<=[^\x00-\x7f])(?<=[^\W\d_])[a-z]", re.IGNORECASE)


def decode(data: bytes, language: str | None = None) -> tuple[str, str | None]:
    """The text, and the name of the encoding where it had to be guessed and does not fit everywhere.

    `language` (BCP 47), where it is known, decides between encodings that fit equally well.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").removeprefix("\ufeff"), None
    if wide := _utf16(data[:SAMPLE]):
        return data.decode(wide, "replace"), None
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        encoding, share = _guess(data, (language or "").partition("-")[0])
    return data.decode(encoding, "replace"), encoding if share < DOUBTFUL or encoding == "utf-8" else None


def _utf16(head: bytes) -> str | None:
    """UTF-16 without a mark: digits, spaces and line ends put zeros into every other byte."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 8 < len(head) or min(even, odd) * 4 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _guess(data: bytes, language: str) -> tuple[str, float]:
    """The best encoding for data that is not valid UTF-8, and the share 0..1 of its characters that fit."""
    lines = (line for line in data.splitlines() if not line.isascii())
    sample = b"\n".join(lines)[:SAMPLE]
    best, most = "cp1252", 0.0
    for _, encoding, letters, alone in sorted(_candidates(), key=lambda row: row[0] != language):
        share = _share(sample.decode(encoding, "replace"), letters, alone)
        if share > most + 1e-9:
            best, most = encoding, share
    return best, most


def _share(text: str, letters: frozenset[str], alone: bool) -> float:
    """Share of the characters beyond ASCII that fit; punctuation always does.

    `alone`: they never share a word with a to z, and capitals within a word are rare.
    """
    strange = [c for c in text if c > "\x7f"]
    wrong = float(
        sum(c.lower() not in letters and (unicodedata.category(c)[0] not in "PZ" or c == "¶") for c in strange)
    )
    if alone:
        wrong += len(MIXED.findall(text))
        for a, b in pairwise(text):
            if a > "\x7f" and b.isupper():
                wrong += 1.0 if a.islower() else 0.3
    return 1 - wrong / max(1, len(strange))


@cache
def _candidates() -> tuple[tuple[str, str, frozenset[str], bool], ...]:
    """(language, encoding, letters, whether its words hold no Latin letters), the likeliest of equals first."""
    everything = frozenset(chr(n) for n in range(0x80, 0x30000) if n != 0xFFFD)
    japanese = _rows("euc_jp", 0xB0, 0xCF) | {chr(n) for n in range(0x3041, 0x30FF)}
    return (
        ("", "utf-8", everything, False),
        *((language, encoding, frozenset(letters), False) for language, encoding, letters in LATIN),
        *((language, encoding, frozenset(letters), True) for language, encoding, letters in OTHERS),
        ("ko", "cp949", _rows("euc_kr", 0xB0, 0xC8), False),  # the Hangul syllables of KS X 1001
        ("zh", "gb18030", _rows("gb2312", 0xB0, 0xD7), False),  # the commoner half of the characters, as in the rest
        ("zh", "big5", _rows("big5", 0xA4, 0xC6), False),
        ("ja", "cp932", japanese, False),
        ("ja", "euc_jp", japanese, False),
    )


def _rows(encoding: str, first: int, last: int) -> frozenset[str]:
    """Characters whose first byte lies in first..last."""
    pairs = (bytes((a, b)) for a in range(first, last + 1) for b in (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
    return frozenset(c for pair in pairs for c in pair.decode(encoding, "ignore") if c > "\x7f")

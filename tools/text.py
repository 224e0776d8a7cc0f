"""Text from outside, made harmless: what is stored and printed holds no control characters and no broken Unicode."""

import re
import unicodedata
from typing import Any

# Letters of Chinese, Japanese and Korean for a class of a regular expression; the middle dots of katakana are none.
CJK = (
    "\u3005\u3007\u3040-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af"
)
_CJK = re.compile(f"[{CJK}]")
# C0 and C1 controls but tab and newline, lone surrogates, bidi overrides and isolates, BOM, noncharacters.
HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff]"
)


def clean(text: str) -> str:
    """NFC, without control characters, escapes, lone surrogates and direction overrides; tabs and newlines stay."""
    return unicodedata.normalize("NFC", HARMFUL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def line(text: str) -> str:
    """`clean`, on one line with single spaces."""
    return " ".join(clean(text).split())


def clean_data(value: Any) -> Any:
    """`clean` on every string of a JSON value, keys included."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(k)): clean_data(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean_data(v) for v in value]
    return value


def fold(text: str) -> str:
    """For comparing: compatibility form, no case, no accents, no punctuation, single spaces."""
    flat = unicodedata.normalize("NFKD", text.casefold())
    kept = (" " if unicodedata.category(c)[0] in "PSZC" else c for c in flat if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def has_cjk(text: str) -> bool:
    return _CJK.search(text) is not None

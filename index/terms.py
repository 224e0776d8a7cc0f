"""Words for full-text search: what is stored of a passage, and what is asked for a question.

English is stemmed and accents are dropped by FTS5 itself. Chinese, Japanese and Korean are written without spaces that
help: their runs become overlapping pairs of characters, and the last character alone, so that pairs find any word of
two or more and a prefix finds any single character.
"""

import re
import unicodedata
from collections.abc import Iterable

from ..tools.text import CJK, clean

MAX_PHRASES = 64  # of one question; a longer one adds time and no precision

_STOP_WORDS = """
a about all also am an and any are as at be been being but by can could did do does doing for from get gets got had has
have having he her here hers him his how i if in into is it its itself just let like me my not of on or our ours please
she should so some such tell than that the their theirs them then there these they this those to too us was we were what
when where which while who whom whose why will with would you your yours
aren't can't couldn't didn't doesn't don't hadn't hasn't haven't i'd i'll i'm i've isn't they're wasn't we're weren't
won't wouldn't you're
的 了 是 在 有 和 与 或 也 都 就 这 那 吧 啊 は が を に へ と で の も か 은 는 이 가 을 를 의 에
"""
_STOP = frozenset(_STOP_WORDS.split())
_ASKING = re.compile(
    "为什么|什么时候|什么|怎么样|怎么|怎样|哪里|哪儿|哪个|哪些|多少|几个|谁|吗|呢"
    "|為什麼|什麼時候|什麼|怎麼樣|怎麼|怎樣|哪裡|哪個|幾個|誰|嗎|何ですか|でしょうか|ですか|ますか"
)
_RUN = re.compile(f"[{CJK}]+")
_PIECE = re.compile(rf"[{CJK}]+|\d+(?:[.,:]\d+)+(?!\w)|[^\s.,:{CJK}]+")


def terms(text: str) -> str:
    """The words of a passage as they go into the column `terms`, separated by single spaces."""
    return " ".join(_RUN.sub(lambda run: f" {' '.join([*_pairs(run[0]), run[0][-1]])} ", _fold(text)).split())


def phrases(query: str) -> list[str]:
    """The FTS5 phrases of a question, to be joined by OR: each quoted, none a stop word, at most MAX_PHRASES.

    A question of nothing but stop words becomes one phrase of them all ("to be or not to be"); one without a letter or
    digit becomes none.
    """
    folded = _fold(query)
    telling = [piece for piece in _pieces(_ASKING.sub(" ", folded)) if piece not in _STOP]
    if telling:
        return list(dict.fromkeys(phrase for piece in telling for phrase in _quoted(piece)))[:MAX_PHRASES]
    words = [word for piece in _pieces(folded) for word in (_pairs(piece) or [piece])][:MAX_PHRASES]
    return [f'"{" ".join(words)}"'] if words else []


def words(text: str) -> list[str]:
    """The words of a text, folded; runs of Chinese, Japanese or Korean as overlapping pairs of characters."""
    return [word for piece in _pieces(_fold(text)) for word in (_pairs(piece) or [piece])]


def stems(terms: Iterable[str]) -> frozenset[str]:
    return frozenset(stem(term) for term in terms)


def stem(word: str) -> str:
    """A light English stemmer (after Harman 1991, the S stemmer, with -ed and -ing): enough to compare two words."""
    w = word.casefold().removesuffix("'s").removesuffix("’s")
    if len(w) > 4 and w.endswith("ies"):
        return w[:-3] + "y"
    for ending, least in (("ing", 6), ("ed", 5), ("es", 5), ("s", 4)):
        if len(w) >= least and w.endswith(ending) and not w.endswith("ss"):
            cut = w[: -len(ending)]
            if ending in ("ing", "ed") and len(cut) > 3 and cut[-1] == cut[-2]:
                cut = cut[:-1]
            return cut.removesuffix("e")
    return w.removesuffix("e") if len(w) > 4 else w


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", clean(text)).casefold()


def _pairs(run: str) -> list[str]:
    """Overlapping pairs of a run of CJK characters; none for one character or another script."""
    return [run[i : i + 2] for i in range(len(run) - 1)] if _RUN.match(run) else []


def _pieces(folded: str) -> list[str]:
    """Words, numbers with their separators (3.5, 1:20) and CJK runs; no quote or operator is left in them."""
    # Marks belong to words (Hindi vowel signs); the `re` module has no class for them.
    spaced = "".join(c if c in "'.,:" or unicodedata.category(c)[0] in "LMN" else " " for c in folded.replace("’", "'"))
    pieces = (piece.strip("'").removesuffix("'s") for piece in _PIECE.findall(spaced))
    return [piece for piece in pieces if any(c.isalnum() for c in piece)]


def _quoted(piece: str) -> list[str]:
    """The FTS5 phrases of one piece. FTS5 splits inside quotes as it did in the text: "don't" asks for don, then t."""
    if not _RUN.match(piece):
        return [f'"{piece}"']
    return [f'"{pair}"' for pair in _pairs(piece)] or [f'"{piece}" *']

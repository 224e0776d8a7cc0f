"""Languages as BCP 47: what file names and containers write, and what a text is written in.

Texts are identified by their script where it is one language's own, by words that only English has, else by py3langid
(Lui and Baldwin 2012, retrained), whose model comes in its wheel and is loaded when the first text needs it.
"""

import re
from functools import cache, lru_cache
from typing import Any

from .text import CJK, has_cjk

# ISO 639-1.
_TWO = frozenset(
    re.findall(
        "..",
        "aaabaeafakamanarasavayazbabebgbhbibmbnbobrbscacechcocrcscucvcydadedvdzeeeleneoeseteufafffifjfofrfygagdglgngugvhahe"
        "hihohrhthuhyhziaidieigiiikioisitiujajvkakgkikjkkklkmknkokrkskukvkwkylalblgliln"
        "loltlulvmgmhmimkmlmnmrmsmtmynanbndnengnlnnnonrnvnyocojomorospapiplpsptqurmrnroru"
        "rwsascsdsesgsiskslsmsnsosqsrssstsusvswtatetgthtitktltntotrtstttwtyugukuruzvevivowawoxhyiyozazhzu",
    )
)
# ISO 639-2 and 639-3 of the languages that are common in containers, both forms where there are two.
_THREE = {
    "afr": "af", "alb": "sq", "ara": "ar", "arm": "hy", "aze": "az", "baq": "eu", "bel": "be", "ben": "bn", "bos": "bs",
    "bul": "bg", "cat": "ca", "ces": "cs", "chi": "zh", "cmn": "zh", "cym": "cy", "cze": "cs", "dan": "da", "deu": "de",
    "dut": "nl", "ell": "el", "eng": "en", "est": "et", "eus": "eu", "fas": "fa", "fin": "fi", "fra": "fr", "fre": "fr",
    "geo": "ka", "ger": "de", "gle": "ga", "glg": "gl", "gre": "el", "guj": "gu", "heb": "he", "hin": "hi", "hrv": "hr",
    "hun": "hu", "hye": "hy", "ice": "is", "ind": "id", "isl": "is", "ita": "it", "jpn": "ja", "kan": "kn", "kat": "ka",
    "kaz": "kk", "khm": "km", "kor": "ko", "lat": "la", "lav": "lv", "lit": "lt", "mac": "mk", "mal": "ml", "mar": "mr",
    "may": "ms", "mkd": "mk", "mon": "mn", "msa": "ms", "mya": "my", "nep": "ne", "nld": "nl", "nno": "nn", "nob": "nb",
    "nor": "no", "pan": "pa", "per": "fa", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro", "rus": "ru", "sin": "si",
    "slk": "sk", "slo": "sk", "slv": "sl", "som": "so", "spa": "es", "sqi": "sq", "srp": "sr", "swa": "sw", "swe": "sv",
    "tam": "ta", "tel": "te", "tgl": "tl", "tha": "th", "tur": "tr", "ukr": "uk", "urd": "ur", "uzb": "uz", "vie": "vi",
    "wel": "cy", "zho": "zh", "zul": "zu", "ast": "ast", "fil": "fil", "gsw": "gsw", "yue": "yue",
}  # fmt: skip
_NAMES = {
    "arabic": "ar", "chinese": "zh", "danish": "da", "dutch": "nl", "english": "en", "french": "fr", "german": "de",
    "greek": "el", "hebrew": "he", "hindi": "hi", "italian": "it", "japanese": "ja", "korean": "ko", "polish": "pl",
    "portuguese": "pt", "russian": "ru", "spanish": "es", "swedish": "sv", "turkish": "tr", "ukrainian": "uk",
    "chs": "zh-Hans", "cht": "zh-Hant", "中文": "zh", "简体": "zh-Hans", "繁體": "zh-Hant", "繁体": "zh-Hant",
}  # fmt: skip
_MACRO = {"nb": "no", "nn": "no", "fil": "tl", "yue": "zh", "cmn": "zh"}
_NAMED = {tag: name.title() for name, tag in _NAMES.items() if name.isascii() and tag.isalpha()}
# Scripts that one language alone, or by far most of what is written in them, is written in.
_OWN = {
    "el": "\u0370-\u03ff", "hy": "\u0531-\u0587", "he": "\u05d0-\u05ea", "bn": "\u0980-\u09ff", "pa": "\u0a00-\u0a7f",
    "gu": "\u0a80-\u0aff", "ta": "\u0b80-\u0bff", "te": "\u0c00-\u0c7f", "kn": "\u0c80-\u0cff", "ml": "\u0d00-\u0d7f",
    "si": "\u0d80-\u0dff", "th": "\u0e00-\u0e7f", "lo": "\u0e80-\u0eff", "my": "\u1000-\u109f", "ka": "\u10a0-\u10ff",
    "km": "\u1780-\u17ff",
}  # fmt: skip
# Scripts that several languages share, and those that are told apart in each.
_SHARED = {
    "Latn": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "Cyrl": "\u0400-\u052f",
    "Arab": "\u0600-\u06ff\u0750-\u077f",
    "Deva": "\u0900-\u097f",
    "Hani": CJK,
}
_IN = {
    "Latn": "af ca cs cy da de en es et eu fi fr ga gl hr hu id is it lt lv ms mt nl no pl pt ro sk sl sq sv sw tr vi",
    "Cyrl": "be bg kk mk mn ru sr uk",
    "Arab": "ar fa ur",
    "Deva": "hi mr ne",
}
_LETTERS = {name: re.compile(f"[{letters}]") for name, letters in {**_OWN, **_SHARED}.items()}
_ENOUGH = 4  # words, or letters of a script that is one language's own: fewer say nothing sure
_SURE = 0.8  # probability from which a text is called a language; noise stays far below
# py3langid tells varieties apart that are written alike.
_ALIKE = {"pcm": "en", "nn": "no", "ary": "ar", "arz": "ar", "ext": "es", "lb": "de", "lij": "it", "vec": "it"}
# English words that say little: those that no other language has, and the others.
_ONLY = frozenset(
    "the what which why does this these those with from their there they would could should about because your".split()
)
_ENGLISH = _ONLY | frozenset("who when where how did that you and of is are was were has been not it its".split())
_TAG = re.compile(r"([a-z]{2,3})(?:[-_](?!orig)([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?(?:-orig)?", re.IGNORECASE)


def language_tag(text: str | None) -> str | None:
    """BCP 47 of "en", "en_us", "zh-Hans-CN", "eng" or "English"; None for what is no language ("und" too)."""
    if not text:
        return None
    if name := _NAMES.get(text.casefold()):
        return name
    match = _TAG.fullmatch(text.strip())
    first = match[1].lower() if match else ""
    language = first if first in _TWO else _THREE.get(first)
    if not match or not language:
        return None
    script, region = match[2] and match[2].title(), match[3] and match[3].upper()
    return "-".join(part for part in (language, script, region) if part)


def primary(tag: str) -> str:
    """The language of a tag without its script and region; a macrolanguage for those that are mostly taken for one."""
    first = tag.partition("-")[0]
    return _MACRO.get(first, first)


def language_name(tag: str) -> str:
    """English name of a language for people; the tag itself where none is known."""
    return _NAMED.get(tag.partition("-")[0], tag)


def identify(text: str) -> str | None:
    """The language that a text is written in, None where that is not sure: of a few words, of names and noise."""
    return _language(text, _ENOUGH)


@lru_cache(maxsize=256)
def guess(query: str) -> str | None:
    """The language of a query: like `identify`, but a script tells however short it is. None for two Latin words."""
    if found := identify(query):
        return found
    if has_cjk(query):
        return script_language("".join(_LETTERS["Hani"].findall(query)))
    return _language(query, 1) if script(query) != "Latn" else None


def script(text: str) -> str | None:
    """What most letters are of: a language whose own it is, else Latn, Cyrl, Arab, Deva or Hani (kana, hangul)."""
    counts = {name: len(letters.findall(text)) for name, letters in _LETTERS.items()}
    most = max(counts, key=lambda name: counts[name])
    return most if counts[most] else None


def script_language(text: str) -> str | None:
    """zh, ja or ko where the script of the text leaves no doubt."""
    letters = sum(c.isalpha() for c in text)
    kana, hangul, han = (len(re.findall(f"[{r}]", text)) for r in ("\u3041-\u30fa", "\uac00-\ud7a3", "\u4e00-\u9fff"))
    if (kana + hangul + han) * 2 < max(1, letters):
        return None
    if kana * 10 > kana + han:
        return "ja"
    return "ko" if hangul > han else "zh"


def _language(text: str, enough: int) -> str | None:
    written = script(text)
    if written is None:
        return None
    letters = len(_LETTERS[written].findall(text))
    if written in _OWN or written == "Hani":
        own = script_language(text) if written == "Hani" else written
        return own if letters >= enough else None
    words = text.casefold().split()
    if len(words) < enough:
        return None
    if written == "Latn" and _is_english(words):
        return "en"
    return _likeliest(text, written, _SURE if enough > 1 else 0.0)


def _is_english(words: list[str]) -> bool:
    """Whether two words or more, and a fifth of all, are English ones that say little. It saves the model."""
    plain = [word.strip(".,;:!?\"'()“”’") for word in words]
    common = sum(word in _ENGLISH for word in plain)
    return common > 1 and common * 5 >= len(plain) and not _ONLY.isdisjoint(plain)


def _likeliest(text: str, written: str, sure: float) -> str | None:
    """The likeliest of the languages of a script, if it is as probable as that among all there are."""
    chances: dict[str, float] = {}
    for language, chance in _model().rank(text):
        tag = _ALIKE.get(language, language)
        chances[tag] = chances.get(tag, 0.0) + chance
    best = max(chances if sure else _IN[written].split(), key=lambda tag: chances.get(tag, 0.0))
    return best if chances.get(best, 0.0) >= sure and best in _IN[written].split() else None


@cache
def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

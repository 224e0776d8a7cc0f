"""Language tags: what file names and containers write, as BCP 47."""

import re

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

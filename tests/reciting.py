"""Writes a Whisper of half a megabyte that recites one sentence, whatever it hears: no weights need be fetched.

It is a true Whisper in the layout of CTranslate2. The decoder's feed-forward layer is an associative memory from one
token to the next, so the text is known; the times of its words are not, as its attention is random.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import whisper_spec
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

Array = NDArray[np.float32]
SENTENCE = "the quick brown fox jumps over a lazy dog."
_WIDTH = 48
_MELS = 80


def build(folder: Path, sentence: str = SENTENCE, languages: tuple[str, ...] = ("en", "de")) -> Path:
    """A model that recites `sentence`: distinct lower-case words, perhaps with a full stop at the end.

    It speaks the first of `languages`; one alone makes a model that knows no other. Returns `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stop = sentence.endswith(".")
    words = [f"Ġ{word}" for word in sentence.rstrip(".").split()] + ["."] * stop
    assert len(set(words)) == len(words), "the memory is keyed by word"
    tokenizer = _tokenizer(words, languages)
    spec = _spec(_Memory(tokenizer, _chain(tokenizer, words, languages[0])))
    spec.register_vocabulary([token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])])
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokenizer.token_to_id("<|endoftext|>")]
    spec.config.lang_ids = [tokenizer.token_to_id(f"<|{language}|>") for language in languages]
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))
    sound = {"feature_size": _MELS, "sampling_rate": 16000, "hop_length": 160, "chunk_length": 30, "n_fft": 400}
    (folder / "preprocessor_config.json").write_text(json.dumps(sound), "utf-8")
    return folder


def _tokenizer(words: list[str], languages: tuple[str, ...]) -> Any:
    """Bytes, the words as merges of them, and Whisper's marks."""
    vocabulary = {character: n for n, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges: list[tuple[str, str]] = []
    for word in words:
        parts = list(word)
        while len(parts) > 1:
            if (parts[0], parts[1]) not in merges:
                merges.append((parts[0], parts[1]))
            parts = [parts[0] + parts[1], *parts[2:]]
            vocabulary.setdefault(parts[0], len(vocabulary))
    if len(languages) > 1:
        vocabulary[""] = len(vocabulary)  # by which CTranslate2 knows a model of many languages
    tokenizer: Any = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    marks = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")
    tokenizer.add_special_tokens([f"<|{m}|>" for m in ("endoftext", "startoftranscript", *languages, *marks)])
    tokenizer.add_tokens([f"<|{n * 0.02:.2f}|>" for n in range(1501)])
    return tokenizer


def _chain(tokenizer: Any, words: list[str], language: str) -> dict[int, list[tuple[int, float]]]:
    """What follows each token, and how strongly."""

    def id(mark: str) -> int:
        found: int = tokenizer.token_to_id(f"<|{mark}|>")
        return found

    first, *_, last = (tokenizer.token_to_id(word) for word in words)
    begin, end = id("0.00"), id("2.00")
    chain = {tokenizer.token_to_id(a): [(tokenizer.token_to_id(b), 1.0)] for a, b in pairwise(words)}
    chain[id("startoftranscript")] = [(begin, 1.0), (id(language), 0.9)]
    chain[id("transcribe")] = chain[id("translate")] = [(begin, 1.0)]
    chain[begin] = chain[id("notimestamps")] = [(first, 1.0)]
    chain[last] = [(end, 1.0), (id("endoftext"), 0.8)]
    chain[end] = [(id("endoftext"), 1.0)]
    return chain


class _Memory:
    """The weights of a decoder that answers each token of `chain` with those that follow it."""

    def __init__(self, tokenizer: Any, chain: dict[int, list[tuple[int, float]]]) -> None:
        self.random = np.random.default_rng(0)
        self.size = len(chain)
        drawn = self.noise(tokenizer.get_vocab_size(), _WIDTH, scale=1)
        self.embeddings: Array = drawn / np.linalg.norm(drawn, axis=1, keepdims=True) * 3
        mean, spread = self.embeddings.mean(1, keepdims=True), self.embeddings.std(1, keepdims=True)
        normed = (self.embeddings - mean) / spread
        self.keys, self.values = zeros(self.size, _WIDTH), zeros(_WIDTH, self.size)
        for n, (token, following) in enumerate(chain.items()):
            self.keys[n] = normed[token] / (normed[token] @ normed[token]) * 80
            for answer, strength in following:
                self.values[:, n] += self.embeddings[answer] * strength * 1.5

    def noise(self, *shape: int, scale: float = 0.02) -> Array:
        return (self.random.standard_normal(shape) * scale).astype(np.float32)

    def linear(self, spec: Any, out: int, into: int, scale: float = 0.02) -> None:
        spec.weight, spec.bias = self.noise(out, into, scale=scale), zeros(out)


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def _spec(memory: _Memory) -> Any:
    """One layer of encoder, all noise, and one of decoder, whose attention adds nothing to what it remembers."""
    spec: Any = whisper_spec.WhisperSpec(1, 2, 1, 2)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = memory.noise(_WIDTH, _MELS, 3), zeros(_WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = memory.noise(_WIDTH, _WIDTH, 3), zeros(_WIDTH)
    encoder.position_encodings.encodings = memory.noise(1500, _WIDTH)
    heard = encoder.layer[0]
    _attention(memory, heard.self_attention, 0.02)
    memory.linear(heard.ffn.linear_0, memory.size, _WIDTH)
    memory.linear(heard.ffn.linear_1, _WIDTH, memory.size)
    decoder.embeddings.weight = decoder.projection.weight = memory.embeddings
    decoder.projection.bias = zeros(len(memory.embeddings))
    decoder.position_encodings.encodings = zeros(448, _WIDTH)
    said = decoder.layer[0]
    _attention(memory, said.self_attention, 0)
    memory.linear(said.attention.linear[0], _WIDTH, _WIDTH)
    memory.linear(said.attention.linear[1], 2 * _WIDTH, _WIDTH)
    memory.linear(said.attention.linear[2], _WIDTH, _WIDTH, 0)
    said.ffn.linear_0.weight, said.ffn.linear_0.bias = memory.keys, np.full(memory.size, -60, np.float32)
    said.ffn.linear_1.weight, said.ffn.linear_1.bias = memory.values, zeros(_WIDTH)
    norms = (encoder.layer_norm, decoder.layer_norm, heard.self_attention.layer_norm, heard.ffn.layer_norm)
    for norm in (*norms, said.self_attention.layer_norm, said.attention.layer_norm, said.ffn.layer_norm):
        norm.gamma, norm.beta = np.ones(_WIDTH, np.float32), zeros(_WIDTH)
    return spec


def _attention(memory: _Memory, spec: Any, scale: float) -> None:
    memory.linear(spec.linear[0], 3 * _WIDTH, _WIDTH)
    memory.linear(spec.linear[1], _WIDTH, _WIDTH, scale)

"""The way through faster-whisper, with a Whisper that recites one sentence whatever it hears."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from clips import Pictures, Sound, every, opened, write
from numpy.typing import NDArray

from reelcue.tools import whisper
from reelcue.tools.base import Span
from reelcue.tools.errors import ToolUnavailable
from reelcue.tools.transcript import Passage
from reelcue.tools.video import Video
from reelcue.tools.whisper import Whisper, model_folder

pytest.importorskip("faster_whisper")
from reciting import SENTENCE, build

pytestmark = pytest.mark.extras
SAMPLE = Path(__file__).parents[1] / "evals" / "sample" / "sample.mp4"
SPOKEN = ((2.6, 15.0), (32.6, 43.6))  # and something between them


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Video:
    return Video(SAMPLE, tmp_path_factory.mktemp("media"))


def in_order(passages: list[Passage]) -> None:
    words = [word for passage in passages for word in passage.words]
    assert all(word.start < word.end and 0 <= (word.score or 0) <= 1 for word in words)
    assert all(a.start <= b.start for a, b in pairwise(words))
    for passage in passages:
        assert " ".join(word.text for word in passage.words) == passage.text


class TestHear:
    def test_the_voices_of_a_video(self, folder: Path, sample: Video) -> None:
        passages = list(Whisper(folder).hear(sample))
        in_order(passages)
        assert " ".join(p.text for p in passages).count(SENTENCE) == 3
        assert {p.language for p in passages} == {"en"} and not any(p.rough for p in passages)
        times = [(p.words[0].start, p.words[-1].end) for p in passages]
        for start, end in SPOKEN:
            assert any(start - 0.5 <= a < b <= end + 0.5 for a, b in times)
        assert all(b < 45 for _, b in times)  # the rest is music

    def test_a_span(self, folder: Path, sample: Video) -> None:
        passages = list(Whisper(folder).hear(sample, Span(30, 50)))
        assert passages[0].words[0].start >= 30 and passages[-1].words[-1].end <= 50
        assert " ".join(p.text for p in passages) == SENTENCE

    def test_a_little_at_a_time(self, folder: Path, sample: Video, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(whisper, "STRETCH", 20.0)
        found = list(whisper._stretches(sample.sound()))
        assert all(len(samples) < 41 * whisper.RATE for _, samples, _ in found)
        heard = [(start + clip.start, start + clip.end) for start, _, clips in found for clip in clips]
        assert len(heard) == 3 and abs(heard[2][0] - 32.6) < 0.5 and abs(heard[2][1] - 43.5) < 0.5
        passages = list(Whisper(folder).hear(sample))
        in_order(passages)
        assert " ".join(p.text for p in passages).count(SENTENCE) == 3

    def test_gaps_of_the_sound_are_silence(self) -> None:
        def piece(time: float) -> tuple[float, NDArray[np.float32]]:
            return time, np.zeros((whisper.RATE, 1), np.float32)

        times = [(s, len(samples)) for s, samples, _ in whisper._stretches(map(piece, (1, 2, 13, 100, 101)))]
        assert times == [(1, 13 * whisper.RATE), (100, 2 * whisper.RATE)]

    def test_nothing_where_nobody_speaks(self, folder: Path, tmp_path: Path) -> None:
        noise = np.random.default_rng(0)
        quiet = write(tmp_path / "quiet.wav", Sound([(0, 5)], lambda t: 0 * t, "pcm_s16le", 16000))
        hiss = write(tmp_path / "hiss.wav", Sound([(0, 5)], lambda t: noise.normal(0, 0.1, len(t)), "pcm_s16le", 16000))
        tone = write(tmp_path / "tone.wav", Sound([(0, 5)], codec="pcm_s16le", rate=16000))
        heard = Whisper(folder)
        assert [list(heard.hear(opened(path))) for path in (quiet, hiss, tone)] == [[], [], []]

    def test_a_file_without_sound(self, folder: Path, tmp_path: Path) -> None:
        assert list(Whisper(folder).hear(opened(write(tmp_path / "a.mkv", Pictures(every(5, 1), fps=5))))) == []

    def test_loads_no_torch(self, folder: Path) -> None:
        script = f"""
import sys
from pathlib import Path
from reelcue.tools.video import Video
from reelcue.tools.whisper import Whisper
heard = list(Whisper(Path({str(folder)!r})).hear(Video(Path({str(SAMPLE)!r}), Path("media"))))
assert heard and "torch" not in sys.modules
"""
        subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


class TestLanguage:
    @pytest.mark.parametrize(("set_to", "told"), [(None, "en"), ("de-AT", "de"), ("en", "en")])
    def test_is_found_out_or_set(self, folder: Path, sample: Video, set_to: str | None, told: str) -> None:
        passages = list(Whisper(folder, set_to).hear(sample, Span(30, 50)))
        assert {p.language for p in passages} == {told}

    def test_of_a_model_that_knows_english_alone(self, tmp_path: Path, sample: Video) -> None:
        folder = build(tmp_path / "english", languages=("en",))
        assert {p.language for p in Whisper(folder).hear(sample, Span(30, 50))} == {"en"}
        with pytest.raises(ToolUnavailable, match=r"knows only English; set another speech\.language"):
            list(Whisper(folder, "de").hear(sample, Span(30, 50)))

    def test_that_no_whisper_knows(self, folder: Path, sample: Video) -> None:
        with pytest.raises(ToolUnavailable, match="it knows no tlh"):
            list(Whisper(folder, "tlh").hear(sample, Span(30, 50)))


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def text(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content, "utf-8")


def cut(folder: Path) -> None:
    weights = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(weights[: len(weights) // 2])


class TestFolders:
    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (remove("model.bin"), r"model\.bin is missing"),
            (remove("tokenizer.json"), r"tokenizer\.json is missing"),
            (remove("config.json"), r"config\.json is missing"),
            (remove("vocabulary.json"), "can be loaded"),
            (cut, "can be loaded"),
            (text("model.bin", "PK\x03\x04 a checkpoint of another kind"), "can be loaded"),
            (text("tokenizer.json", "{}"), "can be loaded"),
            (text("preprocessor_config.json", '{"feature_size": 128}'), "80 bands"),
        ],
    )
    def test_of_another_kind_or_damaged(
        self, folder: Path, sample: Video, tmp_path: Path, spoil: Callable[[Path], object], told: str
    ) -> None:
        shutil.copytree(folder, tmp_path / "other")
        spoil(tmp_path / "other")
        with pytest.raises(ToolUnavailable, match=rf"other: .*({told}).*speech\.model") as raised:
            list(Whisper(tmp_path / "other").hear(sample, Span(30, 50)))
        assert "\n" not in str(raised.value)

    def test_digest_is_of_the_weights(self, folder: Path, tmp_path: Path) -> None:
        copy = shutil.copytree(folder, tmp_path / "copy")
        first = Whisper(folder).digest
        assert len(first) == 16 and Whisper(copy).digest == first
        with (copy / "model.bin").open("ab") as file:
            file.write(b"x")
        assert Whisper(copy).digest != first

    def test_by_name(self, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        assert model_folder(str(folder)) == folder
        with pytest.raises(ToolUnavailable, match=r"run reelcue models get whisper-small \(486 MB\)"):
            model_folder("whisper-small")
        with pytest.raises(ToolUnavailable, match="neither a folder nor a fetched model"):
            model_folder("whisper-gigantic")


def said(words: str) -> list[SimpleNamespace]:
    parts = enumerate(words.split())
    return [SimpleNamespace(word=f" {word}", start=n, end=n + 1, probability=0.5) for n, word in parts]


class TestGuards:
    @pytest.mark.parametrize(
        ("heard", "kept"),
        [
            ("so it goes " * 5, "so it goes"),
            ("well thanks thanks thanks thanks bye", "well thanks bye"),
            ("no no that is it", "no no that is it"),
            ("", ""),
        ],
    )
    def test_what_is_said_again_and_again_is_kept_once(self, heard: str, kept: str) -> None:
        assert " ".join(word.word.strip() for word in whisper._once(said(heard))) == kept

    def test_words_stay_in_their_clip_and_in_order(self) -> None:
        words = said("a b c d")
        words[1].start, words[3].start, words[3].end = 0.0, 9.0, 12.0
        groups = list(whisper._groups(words, Span(0.5, 6)))
        assert ["".join(w.text for w in group) for group in groups] == [" a b c", " d"]
        flat = [(w.start, w.end) for group in groups for w in group]
        assert flat[0][0] == 0.5 and flat[-1][1] == 6 and all(a < b for a, b in flat) and flat == sorted(flat)

"""How much a recogniser is spared: CPU beside bare pocketsphinx, and music and noise that never reach it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np

from ..tools import voice
from ..tools.base import Span
from ..tools.sphinx import Sphinx
from ..tools.video import Video
from . import sounds
from .measure import OnEvent, Result, Size, in_turns, short


def sound(folder: Path, size: Size, on_event: OnEvent) -> Iterator[Result]:
    speech = sounds.spoken(folder)
    yield _cost(folder, speech, size, on_event)
    yield from _shares(folder, speech, size, on_event)


def _cost(folder: Path, speech: list[sounds.Sound], size: Size, on_event: OnEvent) -> Result:
    """All of what we do with a file of speech against decoding the same speech, cut by hand, with pocketsphinx."""
    pause = np.zeros(voice.RATE)
    file = sounds.write(folder / "speech.wav", np.concatenate([part for said in speech for part in (said, pause)]))
    whole = [voice.Stretch(0.0, (np.clip(said, -1, 1) * 32767).astype(np.int16)) for said in speech]
    ours, bare = Sphinx(), Sphinx()
    works: dict[str, Callable[[], object]] = {
        "bare": lambda: [bare.words(stretch) for stretch in whole],
        "ours": lambda: list(ours.hear(Video(file, folder), None)),
    }
    for work in works.values():
        work()  # loads the models
    rounds = max(2, size.rounds)
    spent = in_turns(works, rounds, lambda n: on_event(f"sound: round {n} of {rounds}"))
    return Result.of(
        "sound.cost",
        "recognising a file of speech, against pocketsphinx alone, in CPU time",
        "x",
        [mine / theirs for mine, theirs in zip(spent["ours"], spent["bare"], strict=True)],
        at_most=1.2,
        seconds=short(sum(stretch.end for stretch in whole)),
        cpu_seconds={name: short(median(values)) for name, values in spent.items()},
    )


def _shares(folder: Path, speech: list[sounds.Sound], size: Size, on_event: OnEvent) -> Iterator[Result]:
    """What is decoded of music and noise, and of speech with each of them before and behind it."""
    rng, seconds = np.random.default_rng(4), 30.0
    spared, kept = dict[str, list[float]](), list[float]()
    for name, make in sounds.KINDS.items():
        on_event(f"sound: {name}")
        for said in speech * max(1, size.rounds // 2):
            between = [make(seconds, rng) for _ in range(2)]
            mixed = np.concatenate([between[0], said, between[1]])
            file = sounds.write(folder / "mixed.wav", mixed)
            decoded = [Span(s.start, s.end) for s in voice.stretches(Video(file, folder).sound(None, voice.RATE))]
            spoken = Span(seconds, seconds + len(said) / voice.RATE)
            heard = sum(spoken.overlap(span) for span in decoded)
            kept.append(heard / spoken.seconds)
            spared.setdefault(name, []).append(1 - (sum(s.seconds for s in decoded) - heard) / (2 * seconds))
    by_kind = {name: short(float(np.mean(shares))) for name, shares in spared.items()}
    yield Result.of(
        "sound.spared", "share of the seconds of music and noise that are never decoded", "",
        [float(np.mean(list(by_kind.values())))], at_least=0.8, kinds=by_kind,
    )  # fmt: skip
    yield Result.of(
        "sound.kept", "share of the seconds of speech among them that are decoded", "",
        [float(np.mean(kept))], at_least=0.95, least=short(min(kept)),
    )  # fmt: skip

"""How fast questions are: warm searches and answers in small libraries, searches in large ones, and embedding."""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from ..agent.agent import Agent
from ..index.library import Library
from ..index.scope import Scope
from ..tools.embed import load_minilm
from . import material
from .measure import Call, OnEvent, Result, Size, latency, short, timed

LIMITS = {10_000: 20.0, 100_000: 60.0, 500_000: 250.0}  # milliseconds of a search, by segments of the library
TEXTS = 200  # embedded in a round


def search(folder: Path, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """Searches and answers without a model, in a library of one video and in one of several."""
    for videos in dict.fromkeys((1, size.videos)):
        on_event(f"search: making a library of {videos} videos with {size.segments} segments each")
        with Library(folder / str(videos), tools=("replay",)) as lib:
            for n in range(videos):
                lib.add([material.timeline(folder / f"{n}.jsonl", f"talk {n}.mp4", size.segments, n)])
            yield from _searched(lib, size, on_event)


def _searched(lib: Library, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """Milliseconds of a search and of an answer over all videos of the library; both bars are for one video."""
    videos = lib.videos()
    random, scope, agent = Random(1), Scope(videos=tuple(video.id for video in videos)), Agent(lib)
    searches: list[list[Call]] = []
    answers: list[list[Call]] = []
    lib.search("warm up", scope=scope)
    for n in range(size.rounds):
        on_event(f"search: {len(videos)} videos, round {n + 1} of {size.rounds}")
        queries = [material.phrase(random) for _ in range(size.queries)]
        asked = material.questions(random, size.questions)
        searches.append([timed(partial(lib.search, query, scope=scope)) for query in queries])
        answers.append([timed(partial(agent.ask, question, scope=scope)) for _, question in asked])
    one = len(videos) == 1
    where = "one video" if one else f"{len(videos)} videos"
    about = {
        "videos": len(videos),
        "segments": sum(len(lib.segments(video.id)) for video in videos),
        "space": lib.embedder.space if lib.embedder else None,
    }
    types = [type for type, _ in asked]
    yield latency(f"search.{len(videos)}", f"warm search in {where}, median", searches, 5 if one else None, about)
    yield latency(
        f"answer.{len(videos)}", f"warm answer from {where}, median", answers, 100 if one else None,
        about | {"median_by_type": _by_type(types, answers)},
    )  # fmt: skip


def _by_type(types: Sequence[str], rounds: Sequence[Sequence[Call]]) -> dict[str, float]:
    return {
        type: short(median(calls[i][0] for calls in rounds for i in range(len(types)) if types[i] == type))
        for type in dict.fromkeys(types)
    }


def library(folder: Path, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """Searches over all of large libraries, with words as frequent as in a language and vectors made up."""
    for segments in size.libraries:
        on_event(f"library: making one of {segments} segments")
        place = material.library(folder / str(segments), segments)
        with Library(place, tools=()) as lib:
            began = time.perf_counter()
            lib.search("warm up")
            about = {"segments": segments, "first_search_seconds": short(time.perf_counter() - began)}
            random, rounds = Random(1), list[list[Call]]()
            for n in range(size.rounds):
                on_event(f"library: {segments} segments, round {n + 1} of {size.rounds}")
                queries = [material.query(random) for _ in range(size.queries)]
                rounds.append([timed(partial(lib.search, query)) for query in queries])
        what = f"warm search in a library of {segments} segments, median"
        yield latency(f"library.{segments}", what, rounds, LIMITS.get(segments), about)


def embed(folder: Path, size: Size, on_event: OnEvent) -> Iterator[Result]:
    """How many passages the sentence model embeds in a second of CPU."""
    embedder, random = load_minilm(), Random(0)
    texts = [" ".join(material.sentence(random) for _ in range(11)) for _ in range(TEXTS)]  # of about 100 words
    embedder(texts[:16])
    rounds = []
    for n in range(size.rounds):
        on_event(f"embed: round {n + 1} of {size.rounds}")
        _, cpu = timed(lambda: embedder(texts))
        rounds.append(1000 * TEXTS / cpu)
    about: dict[str, Any] = {
        "texts": TEXTS,
        "words": sum(len(text.split()) for text in texts) / TEXTS,
        "space": embedder.space,
    }
    yield Result.of("embed", "texts of about 100 words embedded", "per CPU s", rounds, at_least=40, **about)

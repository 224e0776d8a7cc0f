"""Looks a machine and a library over: what is there, what is wrong, and what to do about it. Changes nothing."""

import platform
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Literal

from ..tools import embed, hub, registry
from ..tools.errors import LibraryError, ReelcueError, ToolUnavailable
from ..tools.text import line
from .files import offline
from .schema import SCHEMA
from .scope import Scope
from .terms import phrases

if TYPE_CHECKING:
    from .library import Library
    from .rows import Segment

_SAMPLE = 20  # segments asked for by their own text
_WORDS = 12  # of them, words that are asked for
_ROOM = 1 << 30  # bytes of free disk below which adding videos may fail
_REQUIREMENT = re.compile(r"([\w.-]+)(?:[^;]*;.*extra == ['\"]([\w.-]+)['\"])?")


@dataclass(frozen=True, slots=True)
class Finding:
    """`remedy` is empty where there is nothing to do."""

    level: Literal["ok", "warning", "error"]
    what: str
    remedy: str = ""


def machine(embedder: str = embed.MINILM) -> Iterator[Finding]:
    """Findings about Python, the packages, the tools, the sentence model of the settings and all that were fetched."""
    python = f"Python {platform.python_version()}"
    yield Finding("ok", f"reelcue {metadata.version('reelcue')}, {python}, {platform.platform()}")
    yield from _packages()
    for name in registry.TOOLS:
        yield _tool(name)
    yield _minilm() if embedder == embed.MINILM else _embedder(embedder)
    yield from map(_fetched, hub.models())


def library(lib: "Library") -> Iterator[Finding]:
    """Findings about a library, from what it holds to whether its own words are found in it."""
    yield _holdings(lib)
    yield from _videos(lib)
    yield from _jobs(lib)
    yield from _folders(lib)
    yield from _vectors(lib)
    yield from _index(lib)
    yield _queries(lib)


def _packages() -> Iterator[Finding]:
    """One finding for the core, one for each extra."""
    groups: dict[str, dict[str, str | None]] = {"": {}}
    for requirement in metadata.requires("reelcue") or ():
        if found := _REQUIREMENT.match(requirement):
            groups.setdefault(found[2] or "", {})[found[1]] = _version(found[1])
    for extra, versions in groups.items():
        missing = [name for name, version in versions.items() if version is None]
        there = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        if not extra and missing:
            yield Finding("error", f"packages missing: {', '.join(missing)}", "install reelcue again with its packages")
        elif not extra:
            yield Finding("ok", f"packages: {there}")
        elif missing:
            yield Finding("ok", f"extra {extra}: not installed ({', '.join(missing)} missing)")
        else:
            yield Finding("ok", f"extra {extra}: {there}")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _tool(name: str) -> Finding:
    try:
        return Finding("ok", f"tool {name} {registry.make(name).version}")
    except ToolUnavailable as error:
        return Finding("error", f"tool {name} cannot be used", str(error))


def _minilm() -> Finding:
    built = (embed.built_folder() / "model.int8.onnx").is_file()
    try:
        embed.check(embed.pack_folder())
    except (ToolUnavailable, OSError) as error:
        if built:
            return Finding("ok", f"sentence model: built in {embed.built_folder()}; its pack is no longer needed")
        return Finding("warning", "sentence model: none, search is by words only", str(error))
    state = f"built in {embed.built_folder()}" if built else "built on first use"
    return Finding("ok", f"sentence model: pack installed, digests right, {state}")


def _embedder(name: str) -> Finding:
    try:
        found = embed.load(name)
    except ToolUnavailable as error:
        return Finding("warning", "sentence model: none, search is by words only", str(error))
    known = "all languages" if found.languages is None else ", ".join(sorted(found.languages))
    return Finding("ok", f"sentence model: {line(name)}, space {found.space}, knows {known}")


def _fetched(model: hub.Model) -> Finding:
    what = f"model {line(model.id)}, {model.size / 1e6:.0f} MB, in {line(str(model.folder))}"
    if wrong := model.wrong(thorough=False):
        files = ", ".join(map(line, wrong))
        return Finding("warning", f"{what}: not as it was fetched: {files}", f"reelcue models get {line(model.id)}")
    return Finding("ok", what)


def _holdings(lib: "Library") -> Finding:
    videos, jobs = lib.videos(), lib.store.jobs()
    segments = len(lib.store.outline())
    rows = sum(lib.store.counts().values())
    size = sum(file.stat().st_size for file in lib.path.rglob("*") if file.is_file())
    return Finding(
        "ok",
        f"library {line(str(lib.path))}: schema {SCHEMA}, {len(videos)} videos, {len(jobs)} jobs, {rows} rows,"
        f" {segments} segments, {size / 1e6:.1f} MB" + (", read-only" if lib.store.readonly else ""),
    )


def _videos(lib: "Library") -> Iterator[Finding]:
    for row in lib.videos():
        name = f"{line(row.name)} ({row.id})"
        if offline(row):
            remedy = "put it back, or add it from where it is now: it is recognised by its content"
            yield Finding("warning", f"{name}: the file is not at {line(row.path or '')}", remedy)
        for problem in row.facts.get("problems") or ():
            yield Finding("warning", f"{name}: {line(problem)}")


def _jobs(lib: "Library") -> Iterator[Finding]:
    names = {row.id: line(row.name) for row in lib.videos()}
    jobs = lib.store.jobs()
    for job in jobs:
        if job.state in ("failed", "blocked"):
            what = f"{names.get(job.video, job.video)}: {job.tool} {job.state}: {line(job.error or '')}"
            yield Finding("warning", what, "see to it, then add the video again: only what is missing is done")
    waiting = Counter(job.state for job in jobs if job.state in ("queued", "running"))
    if waiting:
        told = ", ".join(f"{n} {state}" for state, n in waiting.items())
        remedy = "wait for the process that adds, or add the videos again"
        yield Finding("warning", f"jobs not finished: {told}", remedy)


def _folders(lib: "Library") -> Iterator[Finding]:
    """Folders of videos that are gone, and room on the disk."""
    known = {row.id for row in lib.videos()}
    media = lib.path / "media"
    orphans = sorted(f.name for f in media.iterdir() if f.name not in known) if media.is_dir() else []
    if orphans:
        what = f"{len(orphans)} folders in {line(str(media))} belong to no video: {line(', '.join(orphans[:5]))}"
        yield Finding("warning", what, "delete them")
    free = shutil.disk_usage(lib.path).free
    remedy = "make room before adding videos" if free < _ROOM else ""
    yield Finding("warning" if remedy else "ok", f"disk: {free / 1e9:.1f} GB free", remedy)


def _vectors(lib: "Library") -> Iterator[Finding]:
    if lib.embedder is None:
        return
    if missing := lib.store.unvectored(lib.embedder.space):
        others = ", ".join(sorted(lib.store.spaces() - {lib.embedder.space}))
        told = f" of this sentence model ({lib.embedder.space}) but of {line(others)}" if others else ""
        remedy = "run reelcue reindex: that makes them, without reading the videos"
        yield Finding("warning", f"{missing} segments have no vector{told} and are found by words only", remedy)


def _index(lib: "Library") -> Iterator[Finding]:
    """Whether the vector index has all vectors and finds them; opened only where no other process has it."""
    if lib.mirror is None or lib.embedder is None or lib.store.readonly:
        return
    space = lib.embedder.space
    waiting, gone = len(lib.store.pending(space)), len(lib.store.tombstones())
    about = f"vector index (chromadb {_version('chromadb')})"
    if waiting or gone:
        what = f"{about}: {waiting} vectors are not in it yet, {gone} passages that are gone are not out of it yet"
        yield Finding("warning", what, "add any of the videos again, or run reelcue reindex")
    with lib.lock.tried() as free:
        if not free:
            yield Finding("ok", f"{about}: another process has it open; it was not looked into")
            return
        try:
            wrong = lib.mirror.examine()
        except (LibraryError, OSError) as error:
            wrong = line(str(error))
    total = lib.store.vector_count(space)
    if wrong:
        yield Finding("error", f"{about}: {wrong}; search does without it", "run reelcue reindex")
    elif not waiting:
        yield Finding("ok", f"{about}: {total} of {total} vectors, and sampled ones are found by themselves")


def _queries(lib: "Library") -> Finding:
    """Whether segments are found by their own words, which tells of a damaged index."""
    found = [segment for segment in _sampled(lib) if phrases(segment.text)]
    lost = [segment for segment in found if not _finds(lib, segment)]
    if not lost:
        return Finding("ok", f"search: {len(found)} of {len(found)} sampled passages are found by their own words")
    first = f"{lost[0].video} at {lost[0].span.start:.1f} s"
    sampled = f"{len(lost)} of {len(found)} sampled passages"
    return Finding(
        "error",
        f"search: {sampled} are not found by their own words, the first is in {first}",
        "remove that video and add it again; restore a copy of the library if that does not help",
    )


def _sampled(lib: "Library") -> "list[Segment]":
    numbers = [n for n, *_ in lib.store.outline()]
    every = max(1, len(numbers) // _SAMPLE)
    return list(lib.store.segments_by_n(numbers[::every][:_SAMPLE]).values())


def _finds(lib: "Library", segment: "Segment") -> bool:
    words = " ".join(segment.text.split()[:_WORDS])[:200]
    try:
        hits = lib.search(words, scope=Scope(videos=(segment.video,)), kinds=(segment.kind,), k=20)
    except ReelcueError:
        return False
    return any(hit.segment.n == segment.n or words in " ".join(hit.segment.text.split()) for hit in hits)

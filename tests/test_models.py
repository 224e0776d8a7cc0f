"""Models come from a hub whole and right, or not at all."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request

import numpy as np
import pytest
from commands import RUN, document, run
from hubs import COMMIT, Hub, serving

from reelcue.agent import settings
from reelcue.index import doctor
from reelcue.tools import download, hub
from reelcue.tools.errors import ToolUnavailable, UsageError

SMALL = "Systran/faster-whisper-small"
WEIGHTS = np.random.default_rng(0).bytes(3 << 20)
WHISPER = {
    "config.json": b"{}", "model.bin": WEIGHTS, "tokenizer.json": b"t" * 20_000, "vocabulary.json": b"[]",
    "README.md": b"# not wanted", "pytorch_model.bin": b"not wanted either",
}  # fmt: skip
SENTENCES = {
    "config.json": b'{"model_type": "bert"}', "model.safetensors": WEIGHTS[:50_000], "tokenizer.json": b"{}",
    "1_Pooling/config.json": b"{}", "modules.json": b"[]",
    "README.md": b"---\nlanguage: de\n---\n", "onnx/model.onnx": b"not wanted",
}  # fmt: skip
PICKLED = {"config.json": b"{}", "pytorch_model.bin": WEIGHTS[:20_000], "tokenizer.json": b"{}"}


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with three models; the cache is empty."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving(Hub({SMALL: WHISPER, "acme/german": SENTENCES, "acme/pickled": PICKLED})) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def fetch(server: Hub, name: str = "whisper-small", **more: Any) -> hub.Model:
    return download.Hub(server.url, **more).fetch(name)


def whole(model: hub.Model, files: dict[str, bytes]) -> None:
    """Holds just the files that are wanted, byte for byte, and nothing lies beside."""
    found = {f.relative_to(model.folder).as_posix(): f for f in model.folder.rglob("*") if f.is_file()}
    assert set(found) == set(model.files) | {hub.RECORD}
    assert all(found[name].read_bytes() == files[name] for name in model.files)
    assert [f.name for f in hub.place().iterdir() if not f.name.endswith(".lock")] == [model.folder.name]


class TestFetch:
    def test_a_whisper(self, there: Hub) -> None:
        steps: list[tuple[int, int]] = []
        model = download.Hub(there.url).fetch("whisper-small", lambda done, total: steps.append((done, total)))
        assert set(model.files) == {"config.json", "model.bin", "tokenizer.json", "vocabulary.json"}
        whole(model, WHISPER)
        assert (model.id, model.revision, model.use) == (SMALL, COMMIT, "speech")
        assert steps[0] == (0, model.size) and steps[-1] == (model.size, model.size) and steps == sorted(steps)
        assert hub.fetched("whisper-small") == hub.fetched(SMALL) == model.folder
        assert [(found.level, SMALL in found.what) for found in doctor.machine()][-1] == ("ok", True)
        assert all("Authorization" not in headers for _, headers in there.asked)

    def test_a_sentence_model(self, there: Hub) -> None:
        model = fetch(there, "acme/german")
        assert set(model.files) == set(SENTENCES) - {"onnx/model.onnx"} and model.use == "sentences"
        whole(model, SENTENCES)

    @pytest.mark.parametrize(
        "changed",
        [{"size": "x"}, {"size": -1}, {"sha256": 4}, {"more": 1}, []],
    )
    def test_a_record_that_makes_no_sense_is_none(self, there: Hub, changed: Any) -> None:
        model = fetch(there)
        record = json.loads((model.folder / hub.RECORD).read_text())
        record["files"]["model.bin"] = {**record["files"]["model.bin"], **changed} if changed else changed
        (model.folder / hub.RECORD).write_text(json.dumps(record))
        assert hub.models() == [] and hub.fetched("whisper-small") is None
        record["files"] = {"../../secret": {"size": 1, "sha256": None}}
        (model.folder / hub.RECORD).write_text(json.dumps(record))
        assert hub.read(model.folder) is None

    def test_again_asks_nobody(self, there: Hub) -> None:
        first = fetch(there)
        asked = len(there.asked)
        assert fetch(there) == first and len(there.asked) == asked

    def test_anew_where_it_was_changed(self, there: Hub) -> None:
        first = fetch(there)
        (first.folder / "model.bin").write_bytes(bytes(len(WEIGHTS)))
        assert first.wrong() == ["model.bin"] and first.wrong(thorough=False) == []
        (first.folder / "model.bin").write_bytes(b"")
        *_, found = doctor.machine()
        assert found.level == "warning" and "model.bin" in found.what and f"models get {SMALL}" in found.remedy
        whole(fetch(there), WHISPER)

    @pytest.mark.parametrize("deaf", [False, True])
    def test_goes_on_where_it_was_interrupted(self, there: Hub, deaf: bool) -> None:
        there.breaks["model.bin"], there.deaf = 2 << 20, deaf
        with pytest.raises(ToolUnavailable, match=r"cannot be reached \(.*\); check the network, then run the same"):
            fetch(there)
        assert hub.fetched("whisper-small") is None and hub.models() == []
        there.asked.clear()
        whole(fetch(there), WHISPER)
        assert there.downloads() == [("model.bin", f"bytes={2 << 20}-")]

    def test_starts_anew_for_another_commit(self, there: Hub) -> None:
        old = hub.folder_of(SMALL).with_name(f".{hub.folder_of(SMALL).name}-0000000")
        old.mkdir(parents=True)
        (old / "model.bin.part").write_bytes(b"of another")
        whole(fetch(there), WHISPER)

    @pytest.mark.parametrize("name", ["model.bin", "config.json"])
    def test_refuses_bytes_that_are_not_those_promised(self, there: Hub, name: str) -> None:
        there.spoilt.add(name)
        with pytest.raises(ToolUnavailable, match=rf"{name} is not what .* digest is another.*HF_ENDPOINT"):
            fetch(there)
        assert hub.fetched("whisper-small") is None
        there.spoilt.clear()
        whole(fetch(there), WHISPER)

    def test_from_another_server_without_the_token(self, there: Hub) -> None:
        with serving(Hub(there.files)) as other:
            there.elsewhere = other.url
            whole(fetch(there, token="secret"), WHISPER)
            assert all(headers["Authorization"] == "Bearer secret" for _, headers in there.asked)
            assert other.downloads() and all("Authorization" not in headers for _, headers in other.asked)

    def test_two_at_once(self, there: Hub) -> None:
        with (
            download._alone(hub.folder_of(SMALL)),
            pytest.raises(ToolUnavailable, match="another process is fetching it"),
        ):
            fetch(there)
        whole(fetch(there), WHISPER)


class TestRefused:
    def test_pickled_weights(self, there: Hub) -> None:
        with pytest.raises(ToolUnavailable, match=r"a pickle \(pytorch_model\.bin\), which may run code; choose"):
            fetch(there, "acme/pickled")
        assert there.downloads() == []

    @pytest.mark.parametrize(
        ("code", "told"),
        [
            (401, r"accept its terms on http://127.* and set HF_TOKEN"),
            (403, r"HF_TOKEN"),
            (404, r"has no such model; check the name"),
            (429, r"answers 429; try again later"),
            (503, r"answers 503; try again later"),
        ],
    )
    def test_by_the_hub(self, there: Hub, code: int, told: str) -> None:
        there.codes = {SMALL: code}
        with pytest.raises(ToolUnavailable, match=told):
            fetch(there)
        assert hub.models() == []

    def test_where_nobody_listens(self, there: Hub) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with pytest.raises(ToolUnavailable, match=r"cannot be reached \(.*refused\); check the network"):
            download.Hub(f"http://127.0.0.1:{port}").fetch("whisper-small")

    def test_what_is_no_hub(self, there: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Hub, "told", lambda self, id: {"sha": "../..", "siblings": []})
        with pytest.raises(ToolUnavailable, match="tells no commit"):
            fetch(there)
        monkeypatch.setattr(Hub, "told", lambda self, id: [1])
        with pytest.raises(ToolUnavailable, match="does not answer as a hub"):
            fetch(there)

    @pytest.mark.parametrize("name", ["gpt", "../..", "a/../b", "a/b/c", "a/b--c", "http://a/b", "acme/x?y", ""])
    def test_names_that_are_none(self, there: Hub, name: str) -> None:
        with pytest.raises(UsageError, match=r"no model .*whisper-small.*ORG/NAME"):
            fetch(there, name)
        assert hub.fetched(name) is None and there.asked == []

    def test_a_disk_that_is_full(self, there: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = type("Usage", (), {"free": 1000})()
        monkeypatch.setattr(shutil, "disk_usage", lambda place: usage)
        with pytest.raises(ToolUnavailable, match=r"needs 3 MB, 0 MB are free; make room"):
            fetch(there)

    def test_leaving_https(self) -> None:
        request = Request("https://example.org/a")
        for there in ("http://example.org/b", "ftp://example.org/b", "file:///etc/passwd"):
            with pytest.raises(URLError, match="leads from https to"):
                download._Redirects().redirect_request(request, None, 302, "", {}, there)


class TestDigest:
    def test_is_known_of_what_was_fetched(self, there: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        model = fetch(there)
        right = model.files["model.bin"].sha256
        (own := Path("own")).mkdir()
        (own / "model.bin").write_bytes(WEIGHTS)
        assert hub.digest(own, "model.bin") == right
        monkeypatch.setattr(hub, "sha256", None)  # neither is read any more
        assert hub.digest(model.folder, "model.bin") == hub.digest(own, "model.bin") == right

    def test_of_changed_files(self, there: Hub) -> None:
        model = fetch(there)
        weights = model.folder / "model.bin"
        weights.write_bytes(WEIGHTS[::-1])
        later = (model.folder / hub.RECORD).stat().st_mtime_ns + 1_000_000
        os.utime(weights, ns=(later, later))
        assert hub.digest(model.folder, "model.bin") != model.files["model.bin"].sha256


class TestCommands:
    def test_get(self, there: Hub) -> None:
        said = run("models", "get", "whisper-small")
        assert "whisper-small is ready in " in said.stdout and 'speech.model = "whisper-small"' in said.stdout
        assert "fetching whisper-small, 3 MB" in said.stderr
        again = run("models", "get", "whisper-small")
        assert again.stdout == said.stdout and "fetching" not in again.stderr
        assert 'embedder = "acme/german"' in run("models", "get", "acme/german").stdout

    def test_list(self, there: Hub) -> None:
        run("models", "get", "whisper-small")
        run("models", "get", "acme/german")
        found = {one["name"]: one for one in document("models", "list", "--check")["models"]}
        assert found["whisper-small"]["state"] == found["acme/german"]["state"] == "here"
        assert found["whisper-small"]["revision"] == COMMIT and found["whisper-tiny"]["state"] == "absent"
        assert {"minilm", "whisper-large-v3-turbo"} <= set(found)
        weights = hub.folder_of(SMALL) / "model.bin"
        weights.write_bytes(bytes(len(WEIGHTS)))
        assert "whisper-small\t3\there" in run("models", "list").stdout
        assert "damaged (model.bin): reelcue models get whisper-small" in run("models", "list", "--check").stdout
        weights.unlink()
        assert "damaged (model.bin)" in run("models", "list").stdout and hub.fetched("whisper-small") is None

    def test_errors(self, there: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "has no such model" in run("models", "get", "acme/nothing", code=1).stderr
        assert "ORG/NAME" in run("models", "get", "gpt", code=2).stderr
        monkeypatch.setenv("HF_ENDPOINT", "huggingface.co")
        assert "HF_ENDPOINT is the address" in run("models", "get", "whisper-small", code=2).stderr

    def test_interrupted(self, there: Hub) -> None:
        waits, go_on = threading.Event(), threading.Event()
        real = there.told

        def slow(id: str) -> dict[str, Any]:
            waits.set()
            go_on.wait(30)
            return real(id)

        there.told = slow  # type: ignore[method-assign]
        process = subprocess.Popen([*RUN, "models", "get", "whisper-small"], stderr=subprocess.PIPE, text=True)
        assert waits.wait(60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        go_on.set()
        assert process.returncode == 130 and "run the same command again to go on" in said and "Traceback" not in said
        assert hub.models() == []


def test_the_hub_of_the_environment() -> None:
    assert settings.hub({}) == {}
    both = {"HF_ENDPOINT": "https://mirror.example/hf", "HF_TOKEN": "hf_x\n"}
    assert settings.hub(both) == {"url": "https://mirror.example/hf", "token": "hf_x"}
    for wrong in ({"HF_ENDPOINT": "ftp://x"}, {"HF_ENDPOINT": "https://me:pw@x"}, {"HF_TOKEN": "a b"}):
        with pytest.raises(UsageError, match="HF_"):
            settings.hub(wrong)


def test_the_bar_moves(there: Hub) -> None:
    from rich.console import Console

    from reelcue.ui.progress import bytes_of

    console = Console(force_terminal=True, width=100, record=True, file=Path("out").open("w"))  # noqa: SIM115
    with bytes_of(console, "[red]x") as told:
        told(0, 2_000_000)
        told(1_000_000, 2_000_000)
    console.file.close()
    assert "[red]x" in Path("out").read_text() and "1.0/2.0 MB" in Path("out").read_text()

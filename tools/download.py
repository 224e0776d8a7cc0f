"""Fetches models from a hub that speaks the protocol of Hugging Face: over HTTPS, checked by digest, all or nothing.

A model is one commit of a repository. Its files gather in a folder of their own, which takes its place among the models
when all of them are there and right; what an interrupted run has fetched is not fetched again.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from ssl import SSLError
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from .errors import ToolUnavailable
from .hub import RECORD, File, Model, checked, folder_of, id_of, read, right, sha256
from .text import line

HUB = "https://huggingface.co"
_SECONDS = 30  # without an answer
_PIECE = 1 << 20  # bytes
_MOST = 1 << 24  # bytes of a listing
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_AGAIN = "run the same command again to go on"
# What a model for a use must have, and what else of it is fetched. A Whisper is one in the layout of CTranslate2.
_USES = {
    "speech": (
        ("config.json", "model.bin", "tokenizer.json"),
        ("preprocessor_config.json", "vocabulary.json", "vocabulary.txt"),
    ),
    "sentences": (
        ("config.json", "model.safetensors", "tokenizer.json"),
        ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "README.md"),
    ),
}

Told = Callable[[int, int], None]  # bytes so far, bytes in all


class Hub:
    """A server of models. `token` is sent to it alone, and only where one is given."""

    def __init__(self, url: str = HUB, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._opener = build_opener(_Redirects)

    def fetch(self, name: str, told: Told = lambda done, total: None) -> Model:
        """The model of a name in WHISPER, or of ORG/NAME; all of it or nothing. One that is there and right is kept.

        Raises UsageError for no such name, ToolUnavailable where it cannot be had.
        """
        id = id_of(name)
        folder = folder_of(id)
        with _alone(folder):
            there = read(folder)
            if there and not there.wrong():
                return there
            revision, use, files = self._listing(id)
            work = folder.with_name(f".{folder.name}-{revision[:12]}")
            for old in folder.parent.glob(f".{folder.name}-*"):
                if old != work:
                    shutil.rmtree(old, ignore_errors=True)
            try:
                self._gather(id, revision, files, work, told)
                return _keep(Model(id, revision, use, files, folder), work)
            except (URLError, HTTPException, TimeoutError, ConnectionError, SSLError) as error:
                raise self._failed(id, error) from error
            except OSError as error:
                raise ToolUnavailable(_unwritable(work, error)) from error

    def _listing(self, id: str) -> tuple[str, str, dict[str, File]]:
        """Commit, use and wanted files of a repository."""
        try:
            with self._open(f"api/models/{id}/revision/main?blobs=true") as answer:
                told = json.loads(answer.read(_MOST))
            revision = str(told["sha"])
            files = {one["rfilename"]: _file(one) for one in told["siblings"]}
        except (HTTPException, OSError) as error:
            raise self._failed(id, error) from error
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError, AttributeError) as error:
            raise ToolUnavailable(f"{self.url} does not answer as a hub of models does; check HF_ENDPOINT") from error
        if not _COMMIT.fullmatch(revision):
            raise ToolUnavailable(f"{self.url} tells no commit of {id}; check HF_ENDPOINT")
        for use, (needed, more) in _USES.items():
            if all(name in files for name in needed):
                chosen = sorted((name for name in needed + more if name in files), key=lambda name: files[name].size)
                return revision, use, {name: files[name] for name in chosen}
        pickled = next((name for name in files if name.startswith("pytorch_model")), None)
        why = f"its weights are a pickle ({pickled}), which may run code" if pickled else "it has other files"
        raise ToolUnavailable(
            f"{id}: neither a sentence model with model.safetensors nor a Whisper for faster-whisper: {why}; "
            "choose another model"
        )

    def _gather(self, id: str, revision: str, files: dict[str, File], work: Path, told: Told) -> None:
        """All files in `work`, each right."""
        total = sum(file.size for file in files.values())
        there = {name for name, file in files.items() if right(work / name, file)}
        done = sum(files[name].size for name in there)

        def moved(size: int) -> None:
            told(done + size, total)

        work.mkdir(parents=True, exist_ok=True)
        started = sum(file.stat().st_size for file in work.rglob("*.part"))
        if (free := shutil.disk_usage(work).free) < total - done - started:
            raise ToolUnavailable(
                f"{work}: {id} needs {(total - done - started) / 1e6:.0f} MB, {free / 1e6:.0f} MB are free; make room"
            )
        moved(0)
        for name, file in files.items():
            if name not in there:
                part = work / f"{name}.part"
                part.parent.mkdir(exist_ok=True)
                self._download(f"{id}/resolve/{revision}/{quote(name)}", part, file, moved)
                if not right(part, file):
                    part.unlink()
                    raise ToolUnavailable(
                        f"{id}: {name} is not what {self.url} says it is (its digest is another); run the same command "
                        "again, and if it stays so, check HF_ENDPOINT"
                    )
                part.replace(work / name)
                done += file.size

    def _download(self, path: str, part: Path, file: File, told: Callable[[int], None]) -> None:
        """The bytes of a file, going on after those in `part` where the server can."""
        size = part.stat().st_size if part.exists() else 0
        if size > file.size:
            part.unlink()
            size = 0
        if size == file.size and size:
            return
        with self._open(path, size) as answer, part.open("ab") as out:
            if answer.status != 206:
                out.truncate(0)
                size = 0
            while piece := answer.read(_PIECE):
                size += len(piece)
                if size > file.size:
                    break
                out.write(piece)
                told(size)
        if size < file.size:
            raise ConnectionError("the connection broke off")

    def _open(self, path: str, start: int = 0) -> HTTPResponse:
        request = Request(f"{self.url}/{path}", headers={"User-Agent": "reelcue", "Accept-Encoding": "identity"})
        if start:
            request.add_header("Range", f"bytes={start}-")
        if self._token:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        answer: HTTPResponse = self._opener.open(request, timeout=_SECONDS)
        return answer

    def _failed(self, id: str, error: Exception) -> ToolUnavailable:
        """What a failure of the network means."""
        code = 0
        if isinstance(error, HTTPError):
            code = error.code
            error.close()
        if code in (401, 403):
            return ToolUnavailable(
                f"{id}: there is no such model, or it is not open to all; check the name, or accept its terms on "
                f"{self.url}/{id} and set HF_TOKEN"
            )
        if code == 404:
            return ToolUnavailable(f"{id}: {self.url} has no such model; check the name")
        if code:
            return ToolUnavailable(f"{id}: {self.url} answers {code}; try again later")
        why = line(str(getattr(error, "reason", None) or error) or type(error).__name__)
        return ToolUnavailable(f"{id}: {self.url} cannot be reached ({why}); check the network, then {_AGAIN}")


class _Redirects(HTTPRedirectHandler):
    """Follows to other servers, as large files lie elsewhere, but never from HTTPS to anything else."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise URLError(f"it leads from https to {urlsplit(newurl).scheme}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _file(told: dict[str, Any]) -> File:
    """What a hub tells of a file. Raises ValueError, TypeError or KeyError for nonsense."""
    large = told.get("lfs")
    return checked(File(int(told["size"]), large["sha256"] if large else None, None if large else told["blobId"]))


def _keep(model: Model, work: Path) -> Model:
    """Gives a gathered model its record and its place."""
    model.files.update({name: File(file.size, sha256(work / name)) for name, file in model.files.items()})
    told = {"id": model.id, "revision": model.revision, "use": model.use}
    files = {name: asdict(file) for name, file in model.files.items()}
    (work / RECORD).write_text(json.dumps({**told, "files": files}, indent=2) + "\n", "utf-8")
    if model.folder.exists():
        shutil.rmtree(model.folder)
    work.replace(model.folder)
    return model


def _unwritable(folder: Path, error: OSError) -> str:
    return f"{folder}: cannot be written ({error.strerror}); make room or check its permissions, then {_AGAIN}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Raises ToolUnavailable while another process fetches the same model."""
    from filelock import FileLock, Timeout

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(f".{folder.name}.lock"))
        lock.acquire(timeout=0)
    except Timeout:
        raise ToolUnavailable(f"{folder.name}: another process is fetching it; wait for that") from None
    except OSError as error:
        raise ToolUnavailable(_unwritable(folder, error)) from error
    try:
        yield
    finally:
        lock.release()

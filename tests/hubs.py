"""A hub of models on this machine, with repositories made of bytes, and with faults."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "5c0ffee5" * 5
LARGE = 10_000  # bytes from which a file is kept apart, with its sha256


@dataclass
class Hub:
    """`files` by repository and name. Faults: `spoilt` files come with other bytes; `breaks` files end after so many
    bytes, once each; `codes` answers for repositories; `deaf` to ranges; `elsewhere` is where large files lie."""

    files: Mapping[str, Mapping[str, bytes]]
    spoilt: set[str] = field(default_factory=set)
    breaks: dict[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    deaf: bool = False
    elsewhere: str = ""
    url: str = ""
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)  # path and headers

    def told(self, id: str) -> dict[str, Any]:
        """What a hub tells of a repository."""
        siblings = [_told(name, content) for name, content in self.files[id].items()]
        return {"id": id, "sha": COMMIT, "siblings": siblings}

    def downloads(self) -> list[tuple[str, str | None]]:
        """Names of the files that were asked for, with the range wanted."""
        asked = [(path.partition(f"/{COMMIT}/")[2], headers.get("Range")) for path, headers in self.asked]
        return [one for one in asked if one[0]]


def _told(name: str, content: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    told: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": blob}
    if len(content) >= LARGE:
        told["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return told


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub at its `url` on the loopback device."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append((path, dict(self.headers)))
            about = re.fullmatch(r"/api/models/(.+)/revision/main", path)
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/(\w+)/(.+)", path)
            id = about[1] if about else file[1] if file else ""
            code = hub.codes.get(id, 200 if id in hub.files else 404)
            if code != 200:
                self.answer(code, b"")
            elif about:
                self.answer(200, json.dumps(hub.told(id)).encode())
            elif file:
                self.file(file[3], hub.files[id][file[3]])

        def file(self, name: str, content: bytes) -> None:
            if hub.elsewhere and len(content) >= LARGE:
                self.answer(302, b"", {"Location": f"{hub.elsewhere}{self.path}"})
                return
            sent = bytes(len(content)) if name in hub.spoilt else content
            start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            partly = start > 0 and not hub.deaf
            sent = sent[start:] if partly else sent
            self.answer(206 if partly else 200, sent, {"X-Repo-Commit": COMMIT}, hub.breaks.pop(name, None))

        def answer(
            self, code: int, content: bytes, headers: Mapping[str, str] | None = None, most: int | None = None
        ) -> None:
            self.send_response(code)
            for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            with suppress(ConnectionError):  # whoever asked has gone
                self.end_headers()
                self.wfile.write(content[:most])

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler

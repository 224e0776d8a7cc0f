"""Chroma: the vectors of segments with their texts, which finds the nearest ones of many. Derived from the library.

No embedding function is ever given to it or taken from it, nothing is filtered in it, and nothing is sent by it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from ..tools.errors import ReelcueError, VectorsError
from ..tools.text import line
from .rows import Segment

BATCH = 1000  # vectors of one call; Chroma takes 5461
_PREFIX = "timeline-"
_TIMEOUT = 60.0  # seconds for an answer of a server
_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,400}[a-zA-Z0-9])?")
_RACE = "Nothing found on disk"  # what a server says to the first question while it takes its first vectors


class Vectors:
    """The vectors of one space, of the library `owner`, in a collection that is made where there is none.

    `where` is for people. All methods raise VectorsError. Thread-safe; in a folder, one process at a time.
    """

    def __init__(self, client: Any, space: str, owner: str, where: str) -> None:
        self._client, self._space, self._owner, self._where = client, space, owner, where
        with self._translated():
            self._collection = self._made()
            if not self._mine(self._collection):
                remedy = "set chroma.database in reelcue.toml to one of its own"
                raise VectorsError(f"{where}: {collection(space)} there belongs to another library; {remedy}")

    def upsert(self, placed: Sequence[tuple[Segment, Any]]) -> None:
        """Segments and the vector of each, new or instead of older ones."""
        with self._translated():
            for batch in (placed[at : at + BATCH] for at in range(0, len(placed), BATCH)):
                self._collection.upsert(
                    ids=[segment.id for segment, _ in batch],
                    embeddings=np.array([vector for _, vector in batch], np.float32),
                    documents=[segment.text for segment, _ in batch],
                    metadatas=[_described(segment) for segment, _ in batch],
                )

    def delete(self, ids: Iterable[str]) -> None:
        """Forgets segments, in all spaces of this library; those that are not there are passed over."""
        gone = list(ids)
        with self._translated():
            for one in filter(self._mine, self._client.list_collections()):
                for at in range(0, len(gone), BATCH):
                    one.delete(ids=gone[at : at + BATCH])

    def knn(self, vector: Any, k: int) -> list[tuple[str, float]]:
        """Ids of the k segments whose vectors are nearest, best first, each with its cosine."""
        asked = {"query_embeddings": np.asarray(vector, np.float32)[None], "n_results": k, "include": ["distances"]}
        with self._translated():
            try:
                found = self._collection.query(**asked)
            except Exception as error:
                if _RACE not in str(error):
                    raise
                found = self._collection.query(**asked)
        return [(id, 1 - float(far)) for id, far in zip(found["ids"][0], found["distances"][0], strict=True)]

    def count(self) -> int:
        with self._translated():
            return int(self._collection.count())

    def ids(self) -> set[str]:
        with self._translated():
            return set(self._collection.get(include=[])["ids"])

    def clear(self) -> None:
        """Forgets all of this space."""
        with self._translated():
            self._client.delete_collection(self._collection.name)
            self._collection = self._made()

    def close(self) -> None:
        with suppress(VectorsError), self._translated():
            _close(self._client)

    def _made(self) -> Any:
        return self._client.get_or_create_collection(
            collection(self._space),
            embedding_function=None,
            configuration={"hnsw": {"space": "cosine"}},
            metadata={"library": self._owner, "space": self._space},
        )

    def _mine(self, one: Any) -> bool:
        return bool((one.metadata or {}).get("library") == self._owner)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with _translated(self._where):
            yield


def collection(space: str) -> str:
    """The name of a space's collection: Chroma takes letters, digits and . _ - in it."""
    fits = _NAME.fullmatch(space)
    return _PREFIX + (space if fits else blake2b(space.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest())


def in_folder(folder: Path, space: str, owner: str) -> Vectors:
    """Opens a Chroma folder, made where there is none. A damaged one may end this process: see `probe.py`.

    Raises VectorsError.
    """
    where = line(str(folder))
    with _translated(where):
        import chromadb

        client = chromadb.PersistentClient(str(folder), _settings())
        try:
            return Vectors(client, space, owner, where)
        except BaseException:
            _close(client)
            raise


def on_server(url: str, database: str | None, space: str, owner: str) -> Vectors:
    """Reaches a Chroma server, such as `chroma run` is one; makes the database that is named. Raises VectorsError."""
    at = urlsplit(url)
    with _translated(url, f"start it (chroma run) or remove chroma.url from reelcue.toml, which says {url}"):
        import chromadb
        from chromadb.errors import NotFoundError

        host, port, secure = at.hostname or "", at.port or (443 if at.scheme == "https" else 80), at.scheme == "https"
        server = {"chroma_server_host": host, "chroma_server_http_port": port, "chroma_server_ssl_enabled": secure}
        client: Any = chromadb.HttpClient(host, port, secure, settings=_settings(**server))
        client._server._session.timeout = _TIMEOUT  # without one by default
        try:
            if database:
                try:
                    client.set_database(database)
                except NotFoundError:
                    client._admin_client.create_database(database)
                    client.set_database(database)
            return Vectors(client, space, owner, url)
        except BaseException:
            _close(client)
            raise


def version() -> str:
    """That of the Chroma that is installed. Raises VectorsError where there is none."""
    try:
        return metadata.version("chromadb")
    except metadata.PackageNotFoundError as error:
        raise VectorsError("chromadb is not installed; install reelcue again with its packages") from error


def _close(client: Any) -> None:
    """With the connections to a server, which Chroma leaves open; each client has its own."""
    client.close()
    for one in (client, client._admin_client):
        if session := getattr(one._server, "_session", None):
            session.close()


def _settings(**more: Any) -> Any:
    """Of neither a file .env in the current folder nor a telemetry endpoint in the environment."""
    from chromadb.config import Settings

    make: Any = Settings
    return make(_env_file=None, anonymized_telemetry=False, chroma_otel_collection_endpoint="", **more)


def _described(segment: Segment) -> Mapping[str, Any]:
    """What an outside program reads beside the text; start and end in the unit of the video."""
    about = {"video": segment.video, "kind": segment.kind, "start": segment.span.start, "end": segment.span.end}
    return {**about, **({"language": segment.language} if segment.language else {})}


@contextmanager
def _translated(where: str, remedy: str = "") -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit, ReelcueError):
        raise
    except BaseException as error:  # a panic in Chroma's Rust is no Exception
        told = line(str(error))[:200] or type(error).__name__
        raise VectorsError(f"{where}: the vector index cannot be used ({told}){remedy and '; ' + remedy}") from error

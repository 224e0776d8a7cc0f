"""Every test runs in a folder of its own, without settings from outside and without a network."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

LOCAL = ("127.", "::1", "localhost", "0.0.0.0")


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """A shell has what it starts in the background ignore Ctrl-C, which is handed on to all that this starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty, so that no library lies in it or above it. HOME stays, as models are kept there."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("REELCUE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    return tmp_path


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections and names that are not of this machine are refused."""

    def guarded(real: Any, host: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            target = host(arguments)
            if target is not None and not str(target).startswith(LOCAL):
                raise ConnectionRefusedError(f"a test may not reach {target}")
            return real(*arguments, **named)

        return call

    def address(arguments: Any) -> Any:  # (socket, ..., address); the address of a Unix socket is a path
        place = arguments[-1]
        return place[0] if isinstance(place, tuple) and len(arguments) > 1 else None

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name), address))
    monkeypatch.setattr(socket, "getaddrinfo", guarded(socket.getaddrinfo, lambda arguments: arguments[0]))

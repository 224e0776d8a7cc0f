"""The way through faster-whisper, with a Whisper that recites one sentence whatever it hears."""


import pytest

pytest.importorskip("faster_whisper")


pytestmark = pytest.mark.extras

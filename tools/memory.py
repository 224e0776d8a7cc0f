"""How this process asks the system for memory."""

import ctypes
import sys
from contextlib import suppress

_MMAP, _TRIM = -3, -1  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of glibc's malloc.h
_LARGE = 4 << 20  # bytes
_FREE = 16 << 20


def frugal() -> None:
    """Large blocks go back to the system when they are freed, and little free memory is kept.

    glibc raises both limits by itself while a process runs; the pictures of a video then leave ever more holes between
    what stays. Elsewhere nothing changes.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(_MMAP, _LARGE)
            libc.mallopt(_TRIM, _FREE)

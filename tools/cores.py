"""How many threads the libraries of this process may use: as many as there are cores, or the share of a worker."""

_share = 0


def limit(threads: int) -> None:
    """From now on the decoders and OpenCV use at most so many threads each; 0: as many as there are cores."""
    import cv2

    global _share
    _share = threads
    cv2.setNumThreads(threads or -1)


def threads() -> int:
    """What `limit` was told, 0 for no limit."""
    return _share

if not __name__.startswith("reelcue."):
    raise ImportError("import this folder as reelcue.ui; run pip install -e . once")

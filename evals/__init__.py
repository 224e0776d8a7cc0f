if not __name__.startswith("reelcue."):
    raise ImportError("import this folder as reelcue.evals; run pip install -e . once")

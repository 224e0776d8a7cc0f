"""What a library's `index.sqlite` looks like, and how an older one becomes this one.

A new schema version appends one entry to MIGRATIONS: the statements that lead from the version before. They run in
one transaction, with foreign keys off until the end and checked before the commit, after a copy has been made.
"""

APPLICATION = 0x7265656C  # "reel": tells a library from any other SQLite file

# A segment's number is its video's number shifted by BLOCK bits, plus a count. All segments of one video therefore lie
# in one range of numbers, whenever they were written, and FTS5 searches one video by that range alone, without a join.
TOKENS = "tokenize = 'porter unicode61 remove_diacritics 2'"  # how words are told apart in full-text search
BLOCK = 24

_VIDEOS = """
CREATE TABLE videos (
    n INTEGER PRIMARY KEY AUTOINCREMENT,     -- never given again, so neither are the numbers of segments
    id TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT,                               -- null: a timeline without media; a BLOB where the name is not UTF-8
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    duration REAL NOT NULL,
    unit TEXT NOT NULL CHECK (unit IN ('seconds', 'index')),
    source TEXT,
    recorded_at TEXT,
    recorded_from TEXT CHECK (recorded_from IN ('option', 'name', 'container')),
    added_at TEXT NOT NULL,
    facts TEXT NOT NULL
)"""

_JOBS = """
CREATE TABLE jobs (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    video TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    tool TEXT NOT NULL,
    version TEXT NOT NULL,
    options TEXT NOT NULL,
    digest TEXT,
    sidecars TEXT NOT NULL,
    needs TEXT NOT NULL,
    start REAL,
    end REAL,
    question TEXT,
    kinds TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'blocked')),
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    rows INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    created TEXT NOT NULL,
    started TEXT,
    finished TEXT
)"""

_OBSERVATIONS = """
CREATE TABLE observations (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES jobs (n) ON DELETE CASCADE,
    video TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    tool TEXT NOT NULL,
    kind TEXT NOT NULL,
    start REAL NOT NULL,
    end REAL NOT NULL,
    text TEXT NOT NULL,
    score REAL,
    data TEXT NOT NULL,
    vector BLOB,
    space TEXT
)"""

_SEGMENTS = """
CREATE TABLE segments (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    job INTEGER NOT NULL REFERENCES jobs (n) ON DELETE CASCADE,
    video TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    tool TEXT NOT NULL,
    start REAL NOT NULL,
    end REAL NOT NULL,
    language TEXT,
    speaker TEXT,
    text TEXT NOT NULL,
    words TEXT NOT NULL,
    observations TEXT NOT NULL,
    terms TEXT NOT NULL,
    score REAL,
    rough INTEGER NOT NULL DEFAULT 0
)"""

# Covers `Reads.outline`: all that a search needs of a segment before it is among the best.
_OUTLINE = "CREATE INDEX segments_time ON segments (video, kind, start, end, language, score, rough)"

_VECTORS = """
CREATE TABLE vectors (
    n INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL REFERENCES segments (n) ON DELETE CASCADE,
    space TEXT NOT NULL,
    blob BLOB NOT NULL,
    UNIQUE (segment, space)
)"""

# Vectors that the vector index does not hold yet. A table of its own: to mark a row of `vectors` writes its blob again.
# No OR IGNORE in the triggers: within an upsert, its ON CONFLICT would overrule that.
_PENDING = """
CREATE TABLE pending (
    segment INTEGER NOT NULL REFERENCES segments (n) ON DELETE CASCADE,
    space TEXT NOT NULL,
    PRIMARY KEY (segment, space)
) WITHOUT ROWID"""

_VECTOR_INSERTED = """
CREATE TRIGGER vectors_inserted AFTER INSERT ON vectors BEGIN
    INSERT INTO pending (segment, space) SELECT new.segment, new.space
    WHERE NOT EXISTS (SELECT 1 FROM pending p WHERE p.segment = new.segment AND p.space = new.space);
END"""

_VECTOR_UPDATED = """
CREATE TRIGGER vectors_updated AFTER UPDATE OF blob ON vectors BEGIN
    INSERT INTO pending (segment, space) SELECT new.segment, new.space
    WHERE NOT EXISTS (SELECT 1 FROM pending p WHERE p.segment = new.segment AND p.space = new.space);
END"""

_VIDEO_VECTORS = """
CREATE TABLE video_vectors (
    video TEXT NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    space TEXT NOT NULL,
    blob BLOB NOT NULL,
    PRIMARY KEY (video, space)
)"""

_TURNS = """
CREATE TABLE turns (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    created TEXT NOT NULL
)"""

_SEARCH = f"""
CREATE VIRTUAL TABLE segments_fts USING fts5 (
    terms, content = 'segments', content_rowid = 'n', {TOKENS}
)"""

# A deleted segment leaves a tombstone until the vector index has forgotten it; the same segment written again lifts it.
# Cascades fire these triggers, INSERT OR REPLACE would not: it is never used.
_INSERTED = """
CREATE TRIGGER segments_inserted AFTER INSERT ON segments BEGIN
    INSERT INTO segments_fts (rowid, terms) VALUES (new.n, new.terms);
    DELETE FROM tombstones WHERE id = new.id;
END"""

_DELETED = """
CREATE TRIGGER segments_deleted AFTER DELETE ON segments BEGIN
    INSERT INTO segments_fts (segments_fts, rowid, terms) VALUES ('delete', old.n, old.terms);
    INSERT INTO tombstones (id) VALUES (old.id);
END"""

_UPDATED = """
CREATE TRIGGER segments_updated AFTER UPDATE OF terms ON segments BEGIN
    INSERT INTO segments_fts (segments_fts, rowid, terms) VALUES ('delete', old.n, old.terms);
    INSERT INTO segments_fts (rowid, terms) VALUES (new.n, new.terms);
END"""

DDL = (
    _VIDEOS,
    "CREATE INDEX videos_path ON videos (path)",
    _JOBS,
    "CREATE INDEX jobs_live ON jobs (video, tool)",
    _OBSERVATIONS,
    "CREATE INDEX observations_time ON observations (video, kind, start)",
    "CREATE INDEX observations_job ON observations (job)",
    _SEGMENTS,
    _OUTLINE,
    "CREATE INDEX segments_job ON segments (job)",
    _VECTORS,
    _PENDING,
    _VECTOR_INSERTED,
    _VECTOR_UPDATED,
    _VIDEO_VECTORS,
    "CREATE TABLE tombstones (id TEXT PRIMARY KEY) WITHOUT ROWID",
    _TURNS,
    "CREATE INDEX turns_conversation ON turns (conversation, n)",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    _SEARCH,
    _INSERTED,
    _DELETED,
    _UPDATED,
    "INSERT INTO meta (key, value) VALUES ('changes', 0)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (  # 1 to 2: what a recogniser thinks of its words; what the vector index lacks, in a table of its own
        "ALTER TABLE segments ADD COLUMN score REAL",
        "ALTER TABLE segments ADD COLUMN rough INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX segments_time",
        _OUTLINE,
        _PENDING,
        "INSERT INTO pending (segment, space) SELECT segment, space FROM vectors",
        "DROP INDEX vectors_pending",
        "ALTER TABLE vectors DROP COLUMN indexed",
        _VECTOR_INSERTED,
        _VECTOR_UPDATED,
        "DELETE FROM tombstones",
    ),
)
SCHEMA = 1 + len(MIGRATIONS)

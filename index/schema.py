"""What a library's `index.sqlite` looks like, and how an older one becomes this one.

A new schema version appends one entry to MIGRATIONS: the statements that lead from the version before. They run in
one transaction, with foreign keys off until the end and checked before the commit, after a copy has been made.
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = ()  # the first entry leads from 1 to 2
SCHEMA = 1 + len(MIGRATIONS)
APPLICATION = 0x7265656C  # "reel": tells a library from any other SQLite file

# A segment's number is its video's number shifted by BLOCK bits, plus a count. All segments of one video therefore lie
# in one range of numbers, whenever they were written, and FTS5 searches one video by that range alone, without a join.
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
    terms TEXT NOT NULL
)"""

# `indexed` stands here, not with the segment: each vector space has a collection of its own to bring up to date.
_VECTORS = """
CREATE TABLE vectors (
    n INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL REFERENCES segments (n) ON DELETE CASCADE,
    space TEXT NOT NULL,
    blob BLOB NOT NULL,
    indexed INTEGER NOT NULL DEFAULT 0 CHECK (indexed IN (0, 1)),
    UNIQUE (segment, space)
)"""

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

_SEARCH = """
CREATE VIRTUAL TABLE segments_fts USING fts5 (
    terms, content = 'segments', content_rowid = 'n', tokenize = 'porter unicode61 remove_diacritics 2'
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
    "CREATE INDEX segments_time ON segments (video, kind, start, end)",  # covers `Store.outline`
    "CREATE INDEX segments_job ON segments (job)",
    _VECTORS,
    "CREATE INDEX vectors_pending ON vectors (space, segment) WHERE indexed = 0",
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

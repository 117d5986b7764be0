-- Times are microseconds since 1970. Payloads are JSON as text, or compressed by zstd as a blob.

CREATE TABLE sessions (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

-- AUTOINCREMENT: no version is ever used again, also of turns that are gone.
CREATE TABLE turns (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    begins_run INTEGER NOT NULL,
    messages ANY,
    context ANY,
    calls ANY,
    state ANY,
    run ANY
) STRICT;

CREATE INDEX turns_of_session ON turns (session, version);

CREATE TABLE tool_calls (
    version INTEGER NOT NULL REFERENCES turns (version) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    session INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    starts INTEGER NOT NULL,
    failure TEXT,
    PRIMARY KEY (version, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX tool_calls_of_session ON tool_calls (session, id, version);

CREATE TABLE snapshots (
    session INTEGER NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version INTEGER NOT NULL REFERENCES turns (version) ON DELETE CASCADE,
    PRIMARY KEY (session, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX snapshots_of_version ON snapshots (version);

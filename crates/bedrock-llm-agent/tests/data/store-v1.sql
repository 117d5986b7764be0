-- A database as the first version of the schema had it. Frozen: it is not to change when the schema does.
PRAGMA application_id = 1651272813;
PRAGMA user_version = 1;
CREATE TABLE sessions (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
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
INSERT INTO sessions VALUES (1, 'Gespräch 🦀', 1795559571005678, 1795559571014243);
INSERT INTO turns VALUES (1, 1, 1795559571005678, 1, '[{"role":"user","content":[{"text":"How is the weather?"}]}]', NULL, NULL, NULL, '{"limits":{"maxIterations":25,"maxRepeats":3,"stopOn":[],"budget":{"tokens":null,"cost":null,"time":null},"onMaxTokens":"stop"},"phase":"model","calls":[],"repeats":{"counts":{},"looping":null},"iterations":0,"grown":0,"usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"cost":"0","time":{"secs":0,"nanos":0},"message":null}');
INSERT INTO turns VALUES (2, 1, 1795559571014243, 0, '[{"role":"assistant","content":[{"text":"I look."}]}]', NULL, '[{"toolUseId":"call_1","name":"weather","input":{"city":"Paris"},"state":"running","starts":1}]', X'28B52FFD604B1EA50000687B226C6F6E67223A226C61227D01003B5FEFBC', '{"limits":{"maxIterations":25,"maxRepeats":3,"stopOn":[],"budget":{"tokens":null,"cost":null,"time":null},"onMaxTokens":"stop"},"phase":"model","calls":[],"repeats":{"counts":{},"looping":null},"iterations":0,"grown":0,"usage":{"inputTokens":0,"outputTokens":0,"totalTokens":0},"cost":"0","time":{"secs":0,"nanos":0},"message":null}');
INSERT INTO tool_calls VALUES (2, 0, 1, 'call_1', 'weather', 'running', 1, NULL);
INSERT INTO snapshots VALUES (1, 'start', 1);

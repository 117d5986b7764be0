-- Payloads are JSON, or JSON compressed by zstd.

CREATE TABLE bedrock_llm_sessions (
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    created TIMESTAMPTZ NOT NULL,
    updated TIMESTAMPTZ NOT NULL
);

-- The identity: no version is ever used again, also of turns that are gone.
CREATE TABLE bedrock_llm_turns (
    version BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session BIGINT NOT NULL REFERENCES bedrock_llm_sessions (key) ON DELETE CASCADE,
    at TIMESTAMPTZ NOT NULL,
    begins_run BOOLEAN NOT NULL,
    messages BYTEA,
    context BYTEA,
    calls BYTEA,
    state BYTEA,
    run BYTEA
);

CREATE INDEX bedrock_llm_turns_of_session ON bedrock_llm_turns (session, version);

CREATE TABLE bedrock_llm_tool_calls (
    version BIGINT NOT NULL REFERENCES bedrock_llm_turns (version) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    session BIGINT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    starts BIGINT NOT NULL,
    failure TEXT,
    PRIMARY KEY (version, place)
);

CREATE INDEX bedrock_llm_tool_calls_of_session ON bedrock_llm_tool_calls (session, version);

CREATE TABLE bedrock_llm_snapshots (
    session BIGINT NOT NULL REFERENCES bedrock_llm_sessions (key) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version BIGINT NOT NULL REFERENCES bedrock_llm_turns (version) ON DELETE CASCADE,
    PRIMARY KEY (session, name)
);

CREATE INDEX bedrock_llm_snapshots_of_version ON bedrock_llm_snapshots (version);

-- What is newest is found without looking at the turns in between.

CREATE INDEX bedrock_llm_turns_with_context ON bedrock_llm_turns (session, version) WHERE context IS NOT NULL;
CREATE INDEX bedrock_llm_turns_with_state ON bedrock_llm_turns (session, version) WHERE state IS NOT NULL;
CREATE INDEX bedrock_llm_turns_that_begin_runs ON bedrock_llm_turns (session, version) WHERE begins_run;

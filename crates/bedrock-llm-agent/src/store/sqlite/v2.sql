-- What is newest is found without looking at the turns in between.

CREATE INDEX turns_with_context ON turns (session, version) WHERE context IS NOT NULL;
CREATE INDEX turns_with_state ON turns (session, version) WHERE state IS NOT NULL;
CREATE INDEX turns_that_begin_runs ON turns (session, version) WHERE begins_run;

-- Why each call went where it went: the decisions about it while it was in a queue, with their reasons. `index` counts together
-- with the steps of call_steps, so that both in the order of (journal, seq, index) are the whole story. Written by the store alone.
CREATE TABLE call_decisions (
    journal integer NOT NULL REFERENCES journals,
    seq bigint NOT NULL,
    index integer NOT NULL,
    call text NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    queue text,
    agent text,
    payload jsonb NOT NULL,
    PRIMARY KEY (journal, seq, index)
);
CREATE INDEX call_decisions_call ON call_decisions (call, at);

-- A plan or roster that was in force at an event is the last one before it.
CREATE INDEX journal_events_documents ON journal_events (journal, kind, seq) WHERE kind IN ('PlanChanged', 'RosterChanged');

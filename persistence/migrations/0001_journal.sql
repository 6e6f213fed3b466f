-- The core's journal as it was shipped, the story that came out of it, and the calls and recordings read from both.
-- All of this is written by the store process alone; everybody else reads.

-- One journal is one folder of a core. `shipped_*` moves in the transaction that stores the events, so each event
-- is stored once: the last event that is here, and whether its story is here too.
CREATE TABLE journals (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL UNIQUE,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    shipped_seq bigint NOT NULL DEFAULT 0,
    shipped_story boolean NOT NULL DEFAULT true
);

-- Every input event of the domain, in the order in which it was applied. `stream` and `number` are the link's identity
-- of it; `digest` is the running digest of all decisions before it. `payload` is the event under its field names.
CREATE TABLE journal_events (
    journal integer NOT NULL REFERENCES journals,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    call text,
    agent text,
    stream text,
    number bigint NOT NULL,
    digest bigint NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (journal, seq)
);
CREATE INDEX journal_events_call ON journal_events (call, at) WHERE call IS NOT NULL;
CREATE INDEX journal_events_at ON journal_events USING brin (at);

-- The story of calls, step by step; `index` counts the steps of one event.
CREATE TABLE call_steps (
    journal integer NOT NULL REFERENCES journals,
    seq bigint NOT NULL,
    index integer NOT NULL,
    call text NOT NULL,
    step text NOT NULL,
    at timestamptz NOT NULL,
    queue text,
    agent text,
    detail text,
    PRIMARY KEY (journal, seq, index)
);
CREATE INDEX call_steps_call ON call_steps (call, at);
CREATE INDEX call_steps_agent ON call_steps (agent, at) WHERE agent IS NOT NULL;

-- The states of agents: each holds from `at` until the agent's next.
CREATE TABLE agent_states (
    journal integer NOT NULL REFERENCES journals,
    seq bigint NOT NULL,
    index integer NOT NULL,
    agent text NOT NULL,
    state text NOT NULL,
    at timestamptz NOT NULL,
    reason text,
    PRIMARY KEY (journal, seq, index)
);
CREATE INDEX agent_states_agent ON agent_states (agent, at);

-- One row a call, from arrival to end. `picked_up_at`: the flow answered the caller's leg; `answered_at`: the first
-- operator was connected; `queue` and `agent` are the last ones. `outcome` and `cause` are set when the call has ended.
CREATE TABLE calls (
    call text PRIMARY KEY,
    caller text,
    caller_name text,
    dialled text,
    via text,
    edge text,
    queue text,
    agent text,
    arrived_at timestamptz NOT NULL,
    picked_up_at timestamptz,
    queued_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    outcome text,
    cause text
);
CREATE INDEX calls_arrived_at ON calls (arrived_at);
CREATE INDEX calls_caller ON calls (caller, arrived_at);
CREATE INDEX calls_agent ON calls (agent, arrived_at) WHERE agent IS NOT NULL;
CREATE INDEX calls_live ON calls (call) WHERE ended_at IS NULL;

-- Recorded conversations: the left channel is the caller, the right one the operator. `path` is relative to the
-- folder of recordings. A part has a second file when the audio engine died and began anew in mid-call.
CREATE TABLE recordings (
    call text NOT NULL,
    part integer NOT NULL,
    agent text,
    path text NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms bigint NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    PRIMARY KEY (call, part, path)
);
CREATE INDEX recordings_started_at ON recordings (started_at);

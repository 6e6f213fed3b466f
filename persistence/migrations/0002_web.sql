-- What the web process keeps: users and their sessions, categories, work orders.

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_name text NOT NULL UNIQUE CHECK (user_name = lower(user_name)),
    name text NOT NULL,
    password_hash text NOT NULL,
    agent text UNIQUE,  -- of the roster
    disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);

CREATE TABLE user_roles (
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('operator', 'supervisor', 'admin')),
    PRIMARY KEY (user_id, role)
);

-- The browser holds a random token, here is its SHA-256.
CREATE TABLE web_sessions (
    token_hash bytea PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    source text NOT NULL
);
CREATE INDEX web_sessions_user ON web_sessions (user_id);

CREATE TABLE login_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    user_name text NOT NULL,  -- as typed; need not exist
    source text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('logged_in', 'wrong_password', 'logged_out'))
);
CREATE INDEX login_audit_at ON login_audit (at);
CREATE INDEX login_audit_user ON login_audit (user_name, at);

CREATE TABLE categories (
    id text PRIMARY KEY,
    names jsonb NOT NULL,  -- by language
    kind text NOT NULL,
    deadline_h integer NOT NULL CHECK (deadline_h >= 0),  -- 0: none
    position integer NOT NULL  -- in lists
);

-- The last tracking number given in each year.
CREATE TABLE order_numbers (
    year integer PRIMARY KEY,
    last integer NOT NULL
);

-- `search` holds the words of an order without accents and case, so that "sisli" finds "Şişli" in any locale.
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tracking_number text NOT NULL UNIQUE,
    call text UNIQUE,
    category text NOT NULL REFERENCES categories,
    caller_phone text NOT NULL,
    citizen_name text NOT NULL,
    address text NOT NULL,
    district text NOT NULL,
    description text NOT NULL,
    priority text NOT NULL CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    status text NOT NULL CHECK (status IN ('new', 'assigned', 'in_progress', 'waiting', 'done', 'cancelled')),
    created_by bigint NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deadline_at timestamptz,
    version integer NOT NULL,
    form_key text NOT NULL,
    form_digest bytea NOT NULL,  -- of what was sent under the key
    search text NOT NULL,
    UNIQUE (created_by, form_key)
);
CREATE INDEX orders_status ON orders (status, id);
CREATE INDEX orders_category ON orders (category, id);
CREATE INDEX orders_search ON orders USING gin (to_tsvector('simple', search));

CREATE TABLE order_history (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    version integer NOT NULL,
    field text NOT NULL,  -- created, status, description
    before text NOT NULL,
    after text NOT NULL,
    changed_by bigint NOT NULL REFERENCES users,
    at timestamptz NOT NULL,
    PRIMARY KEY (order_id, version, field)
);

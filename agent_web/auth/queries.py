"""The SQL of users, sessions and the log-in audit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

FIND_USER = """
SELECT id, user_name, name, password_hash, agent,
       ARRAY(SELECT role FROM user_roles WHERE user_id = users.id ORDER BY role) AS roles
  FROM users WHERE user_name = $1 AND NOT disabled
"""

ADD_SESSION = """
INSERT INTO web_sessions (token_hash, user_id, created_at, last_used_at, expires_at, source)
VALUES ($1, $2, $3, $3, $4, $5)
"""

FIND_SESSION = """
SELECT s.expires_at, s.last_used_at, u.id, u.user_name, u.name, u.agent,
       ARRAY(SELECT role FROM user_roles WHERE user_id = u.id ORDER BY role) AS roles
  FROM web_sessions s JOIN users u ON u.id = s.user_id
 WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.last_used_at > $3 AND NOT u.disabled
"""

USE_SESSIONS = """
UPDATE web_sessions s SET last_used_at = greatest(last_used_at, $2)
  FROM users u
 WHERE token_hash = ANY($1::bytea[]) AND expires_at > $2 AND u.id = s.user_id AND NOT u.disabled
RETURNING token_hash
"""

END_SESSIONS = "DELETE FROM web_sessions WHERE token_hash = ANY($1::bytea[])"

ADD_AUDIT = "INSERT INTO login_audit (at, user_name, source, outcome) VALUES ($1, $2, $3, $4)"

LOGGED_IN_FROM = """
SELECT DISTINCT source FROM login_audit WHERE user_name = $1 AND at > $2 AND outcome = 'logged_in'
"""

CLEAN_SESSIONS = "DELETE FROM web_sessions WHERE expires_at <= $1 OR last_used_at <= $2"

CLEAN_AUDIT = "DELETE FROM login_audit WHERE at < $1"

USER_NAMES = "SELECT user_name FROM users"

HAS_ADMIN = "SELECT EXISTS (SELECT FROM user_roles WHERE role = 'admin')"

ADD_USER = """
INSERT INTO users (user_name, name, password_hash, agent, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id
"""

ADD_ROLE = "INSERT INTO user_roles (user_id, role) VALUES ($1, $2)"


async def add_user(
    connection: Any,
    *,
    user: str,
    name: str,
    password_hash: str,
    agent: str | None,
    roles: tuple[str, ...],
    now: datetime,
) -> None:
    """A new user with roles; call within a transaction."""
    user_id = await connection.fetchval(ADD_USER, user, name, password_hash, agent, now)
    await connection.executemany(ADD_ROLE, [(user_id, role) for role in roles])

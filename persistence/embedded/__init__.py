"""The embedded PostgreSQL: programs from a wheel, a launcher of our own."""

from persistence.embedded.client import running_dsn
from persistence.embedded.errors import EmbeddedPostgresError
from persistence.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "running_dsn"]

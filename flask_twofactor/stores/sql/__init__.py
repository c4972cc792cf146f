"""The store and the counters on SQLAlchemy Core: SQLite, PostgreSQL, MySQL and MariaDB."""

from .counters import SqlCounters
from .database import Database
from .store import SqlStore

__all__ = ["Database", "SqlCounters", "SqlStore"]

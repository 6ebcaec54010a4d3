"""Engines, transactions and migrations, the same for SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select

from .settings import Settings

LOCK_SECONDS = 10
"""How long a transaction waits for another one before it gives up."""

WRITERS_LOCK = 0x70_6C_78
"""Key of the PostgreSQL advisory lock that lets one transaction write at a time."""

MIGRATIONS = Path(__file__).parent / "migrations"

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA trusted_schema=OFF",
)


def create_engine_for(settings: Settings) -> Engine:
    """Engine for the database of an installation.

    On SQLite a commit is on the disk before it returns and deleted content is
    overwritten. Errors and logs never show the values of a statement.
    """
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        assert url.database is not None
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = create_engine(
            url, hide_parameters=True, connect_args={"timeout": LOCK_SECONDS}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = f"-c lock_timeout={LOCK_SECONDS}s -c synchronous_commit=on"
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"connect_timeout": LOCK_SECONDS, "options": options},
    )


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that may write; there is one at a time in all processes.

    So whatever it reads stays true until it commits, and no two can deadlock. Every
    change to the database goes through here; reading needs no more than
    ``engine.connect()``.
    """
    connection = engine.connect().execution_options(writing=True)
    with connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(WRITERS_LOCK)))
        yield connection


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Undo, when it fails, what the block did and nothing else of its transaction.

    ``Connection.begin_nested`` does the same and takes six times as long.
    """
    connection.exec_driver_sql("SAVEPOINT block")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT block")
        raise
    connection.exec_driver_sql("RELEASE SAVEPOINT block")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the tables of a database to a revision, the newest by default."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        if revision == "base":
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)


def revision_of(connection: Connection) -> str:
    """Return the revision of the tables; empty where there are none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def newest_revision() -> str:
    """Return the revision that this version of Parallax works with."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""


def _prepare_sqlite(dbapi_connection: Any, _: object) -> None:
    dbapi_connection.isolation_level = None  # the driver begins no transactions
    for pragma in SQLITE_PRAGMAS:
        dbapi_connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

"""The migrations make the tables that the models describe."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlmodel import SQLModel

from api.database import create_engine_for, migrate
from api.settings import Settings


def test_migrated_tables_are_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_downgrading_leaves_nothing_and_upgrading_starts_again(engine: Engine) -> None:
    migrate(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine)
    migrate(engine)  # nothing left to do
    assert set(inspect(engine).get_table_names()) - {"alembic_version"} == set(
        SQLModel.metadata.tables
    )


def test_checks_and_row_order_are_the_models_too(tmp_path: Path) -> None:
    """Alembic compares neither; on SQLite the whole definition is one text."""
    definitions = []
    for name, create in (("a", migrate), ("b", SQLModel.metadata.create_all)):
        engine = create_engine_for(Settings(data_dir=tmp_path / name))
        create(engine)
        with engine.connect() as connection:
            query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
            rows = dict(map(tuple, connection.execute(text(query))))
        definitions.append({name: sql.split() for name, sql in rows.items()})
        engine.dispose()
    migrated, declared = definitions
    del migrated["alembic_version"]
    assert migrated == declared

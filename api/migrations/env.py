"""Alembic's environment: migrates the database of a connection or of the settings."""

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

from api import models as models  # declares the tables
from api.database import create_engine_for, writing
from api.settings import Settings


def migrate(connection: Connection) -> None:
    """Run the migrations in the transaction of a connection."""
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        transactional_ddl=True,
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with writing(create_engine_for(Settings())) as connection:
        migrate(connection)

"""A host that takes our revisions into its own history of Alembic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from digistore import Store
from digistore.database.migrations import HEAD
from digistore.database.types import metadata
from digistore.errors import ConfigError
from digistore.testing import check_invariants
from tests.conftest import SECRET
from tests.postgres import made_database

INI = """
    [alembic]
    script_location = %(here)s
    path_separator = newline
    version_locations =
        %(here)s/versions
        digistore.database.migrations:versions
"""
ENV = """
    import sqlalchemy as sa
    from alembic import context

    from digistore.database.migrations import include_name

    metadata = sa.MetaData()
    sa.Table("readers", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "favourites",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("product_id", sa.Text),
    )
    engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"))
    with engine.connect() as connection:
        context.configure(
            connection=connection, target_metadata=metadata, include_name=include_name
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()
"""
READERS = """
    import sqlalchemy as sa
    from alembic import op

    revision, down_revision, branch_labels, depends_on = "h0001", None, ("host",), None

    def upgrade():
        op.create_table("readers", sa.Column("id", sa.Integer, primary_key=True))

    def downgrade():
        op.drop_table("readers")
"""
FAVOURITES = f"""
    import sqlalchemy as sa
    from alembic import op

    revision, down_revision, branch_labels, depends_on = "h0002", "h0001", None, ("{HEAD}",)

    def upgrade():
        op.create_table(
            "favourites",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("product_id", sa.Text),
        )

    def downgrade():
        op.drop_table("favourites")
"""


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it."""
    if request.param == "SQLite":
        yield f"sqlite:///{tmp_path}/host.db"
        return
    with made_database() as made:
        yield made


@pytest.fixture
def host(url: str, tmp_path: Path) -> Config:
    """The host's own migrations."""
    (tmp_path / "versions").mkdir()
    for name, content in {
        "alembic.ini": INI,
        "env.py": ENV,
        "versions/h0001_readers.py": READERS,
        "versions/h0002_favourites.py": FAVOURITES,
    }.items():
        (tmp_path / name).write_text(dedent(content))
    config = Config(tmp_path / "alembic.ini")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def tables(url: str) -> set[str]:
    engine = create_engine(url, poolclass=NullPool)
    return set(inspect(engine).get_table_names())


def opened(url: str) -> Store:
    return Store.open(url, files="memory://", gateways=[], secret=SECRET)


def test_one_history_brings_both(host: Config, url: str) -> None:
    command.upgrade(host, "heads")
    assert tables(url) == {*metadata.tables, "readers", "favourites", "alembic_version"}
    command.check(host)  # nothing of ours is seen by its autogenerate
    with opened(url) as store:
        store.check_schema()
        store.migrate()
        store.users.register("ada@example.com")
        check_invariants(store)
    assert "digistore_version" not in tables(url)


def test_what_depends_on_a_revision_of_ours_brings_it(host: Config, url: str) -> None:
    command.upgrade(host, "h0001")
    assert not tables(url) & set(metadata.tables)
    with opened(url) as store, pytest.raises(ConfigError, match="revision none"):
        store.check_schema()
    command.upgrade(host, "h0002")
    with opened(url) as store:
        store.check_schema()


def test_both_can_be_taken_back(host: Config, url: str) -> None:
    command.upgrade(host, "heads")
    command.downgrade(host, "base")
    assert tables(url) == {"alembic_version"}


def test_tables_that_are_behind_in_the_hosts_history_are_the_hosts_to_upgrade(
    host: Config, url: str
) -> None:
    command.upgrade(host, "heads")
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text("ALTER TABLE digistore_rounds DROP COLUMN runs"))
    with opened(url) as store:
        for call in (store.check_schema, store.migrate):
            with pytest.raises(ConfigError, match=r"digistore_rounds.runs .* upgrade heads"):
                call()

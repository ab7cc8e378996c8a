"""Alembic's entry: it runs a migration on the connection that `include.clients.ledger` hands over."""

from typing import Any, Literal

from alembic import context

from include.clients.ledger.tables import Utc, metadata


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Migrations stay as they were written: they name the database's types, not this package's."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, Utc) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=_render,
    version_table="labelcycle_version",
)
with context.begin_transaction():
    context.run_migrations()

"""The column types of the product as migrations write them: plain database types that no change of a model moves."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)

ALIVE = sa.text("deleted_at IS NULL")


def when(condition: sa.TextClause) -> dict[str, sa.TextClause]:
    """Options of a partial index, for both databases."""
    return {"sqlite_where": condition, "postgresql_where": condition}

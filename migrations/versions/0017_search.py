"""Search over more kinds of records, and past typing errors: indexes, and functions behind row security."""

from alembic import op

from migrations.searching import drop_index, find_ids, find_near, index, past_row_security

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BEFORE = {"contact": ("name", "email", "phone", "company"), "deal": ("title",), "task": ("title",)}
ADDED = {"note": ("body",), "activity": ("title",), "stored_file": ("name",), "message": ("subject", "recipient")}
SEARCHED = BEFORE | {"deal": ("title", "property_address")} | ADDED
IDS, NEAR = "search_ids(text, text, integer)", "search_near(text, text, text, text, bigint, bigint, integer)"


def upgrade() -> None:
    drop_index("deal")
    for table in ("deal", *ADDED):
        index(table, SEARCHED[table])
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {IDS}")
        op.execute(find_ids(SEARCHED))
        op.execute(find_near(SEARCHED))
        op.execute(past_row_security((IDS, NEAR), tuple(ADDED)))


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {NEAR}")
        op.execute(f"DROP FUNCTION {IDS}")
        for table in ADDED:
            op.execute(f"DROP POLICY IF EXISTS searcher ON {table}")
        op.execute(find_ids(BEFORE))
        op.execute(past_row_security((IDS,), ()))
    for table in ("deal", *ADDED):
        drop_index(table)
    index("deal", BEFORE["deal"])

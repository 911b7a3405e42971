"""Appointments that the public books: pages, hosts, hours, bookings, and the time that these take of people."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import ALIVE, JSON, KEY, MOMENT, when
from migrations.rights import EVERY_ACTION, give
from migrations.walled import own, wall

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TABLES = ("booking_page", "booking_host", "working_hours", "booking", "booking_block")
WORK = {
    "owner": EVERY_ACTION,
    "admin": EVERY_ACTION,
    "broker": EVERY_ACTION,
    "compliance": ("read", "export"),
    "read_only": ("read",),
}
SETUP = {**dict.fromkeys(("owner", "admin", "broker"), EVERY_ACTION), **dict.fromkeys(
    ("agent", "assistant", "compliance", "read_only"), ("read",)
)}  # fmt: skip
_OVERLAPS = (
    "EXISTS (SELECT 1 FROM booking_block o WHERE o.workspace_id = NEW.workspace_id "
    "AND o.membership_id = NEW.membership_id AND o.live AND o.id <> NEW.id "
    "AND o.starts_at < NEW.ends_at AND o.ends_at > NEW.starts_at)"
)


def upgrade() -> None:
    _pages()
    _hours()
    _bookings()
    _blocks()
    wall(*TABLES)
    _never_two()
    give("booking_page", SETUP)
    for entity in ("working_hours", "booking"):
        give(entity, WORK)
        give(entity, {"agent": ("read", "write", "delete"), "assistant": ("delete",)}, reach="own")
        give(entity, {"assistant": ("read", "write")}, reach="team")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _record() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("custom", JSON, nullable=True),
    )


def _owned(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("owner_id", KEY, nullable=True),
        sa.Column("team_id", KEY, nullable=True),
        _refers(table, "owner_id", "membership"),
        _refers(table, "team_id", "team"),
        *_record(),
        *own(table),
    )


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    there = [f"{target}.workspace_id", f"{target}.id"]
    return sa.ForeignKeyConstraint(["workspace_id", column], there, name=f"fk_{table}_{column}")


def _pages() -> None:
    needed = ("minutes", "step", "before", "after", "notice", "horizon", "late", "remind")
    op.create_table(
        "booking_page",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("address", sa.String(length=60), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("place_details", sa.String(length=300), nullable=True),
        sa.Column("strategy", sa.String(length=40), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in needed),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("approval", sa.Boolean(), nullable=False),
        *_record(),
        *own("booking_page"),
    )
    op.create_index("uq_booking_page_address", "booking_page", ["workspace_id", "address"], unique=True, **when(ALIVE))
    op.create_table(
        "booking_host",
        sa.Column("booking_page_id", KEY, nullable=False),
        sa.Column("membership_id", KEY, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        _refers("booking_host", "booking_page_id", "booking_page"),
        _refers("booking_host", "membership_id", "membership"),
        *_record(),
        *own("booking_host"),
    )
    columns = ["workspace_id", "booking_page_id", "membership_id"]
    op.create_index("uq_booking_host", "booking_host", columns, unique=True, **when(ALIVE))


def _hours() -> None:
    op.create_table(
        "working_hours",
        sa.Column("name", sa.String(length=120), nullable=True),
        sa.Column("weekday", sa.String(length=40), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("begins", sa.String(length=40), nullable=True),
        sa.Column("ends", sa.String(length=40), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        *_owned("working_hours"),
    )
    op.create_index("ix_working_hours_owner", "working_hours", ["workspace_id", "owner_id"], **when(ALIVE))


def _bookings() -> None:
    op.create_table(
        "booking",
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("booking_page_id", KEY, nullable=True),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("place", sa.String(length=400), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("zone", sa.String(length=60), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=100), nullable=True),
        _refers("booking", "booking_page_id", "booking_page"),
        _refers("booking", "contact_id", "contact"),
        *_owned("booking"),
    )
    here = "workspace_id"
    op.create_index("ix_booking_starts", "booking", [here, "starts_at", "id"], **when(ALIVE))
    op.create_index("ix_booking_contact", "booking", [here, "contact_id", sa.text("id DESC")], **when(ALIVE))
    op.create_index("ix_booking_page", "booking", [here, "booking_page_id", "owner_id", "created_at"], **when(ALIVE))
    op.create_index("uq_booking_form", "booking", [here, "source", "source_ref"], unique=True)


def _blocks() -> None:
    op.create_table(
        "booking_block",
        sa.Column("booking_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=True),
        sa.Column("membership_id", KEY, nullable=False),
        sa.Column("starts_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "booking_id"], ["booking.workspace_id", "booking.id"], name="fk_booking_block_booking",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "membership_id"], ["membership.workspace_id", "membership.id"],
            name="fk_booking_block_membership",
        ),
        *own("booking_block"),
    )  # fmt: skip
    columns = ["workspace_id", "membership_id", "starts_at", "ends_at"]
    op.create_index("ix_booking_block_time", "booking_block", columns)
    op.create_index("ix_booking_block_booking", "booking_block", ["workspace_id", "booking_id"])


def _never_two() -> None:
    """No two live blocks of a host overlap, whoever writes them."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        op.execute(
            "ALTER TABLE booking_block ADD CONSTRAINT booking_block_never_two EXCLUDE USING gist "
            "(workspace_id WITH =, membership_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (live)"
        )
        return
    # One writes at a time on SQLite, so what a trigger sees is all there is.
    for verb in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER booking_block_never_two_{verb.lower()} AFTER {verb} ON booking_block "
            f"WHEN NEW.live AND {_OVERLAPS} BEGIN SELECT RAISE(ABORT, 'this host is taken then'); END"
        )

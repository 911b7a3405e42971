"""Contacts with what hangs on them."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import ALIVE, KEY, MOMENT, when

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")

    _tag()
    _contact()
    _contact_address()
    _contact_email()
    _contact_phone()
    _contact_tag()


def downgrade() -> None:
    op.drop_table("contact_tag")
    op.drop_table("contact_phone")
    op.drop_table("contact_email")
    op.drop_table("contact_address")
    op.drop_table("contact")
    op.drop_table("tag")


def _tag() -> None:
    op.create_table(
        "tag",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_tag_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_tag_workspace_id_id"),
    )
    op.create_index("uq_tag_name", "tag", ["workspace_id", "name"], unique=True, **when(ALIVE))


def _contact() -> None:
    op.create_table(
        "contact",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("goes_by", sa.String(length=80), nullable=True),
        sa.Column("company", sa.String(length=200), nullable=True),
        sa.Column("job_title", sa.String(length=120), nullable=True),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("next_step", sa.String(length=200), nullable=True),
        sa.Column("budget_min", sa.BigInteger(), nullable=True),
        sa.Column("budget_max", sa.BigInteger(), nullable=True),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("website", sa.String(length=2000), nullable=True),
        sa.Column("lawful_basis", sa.String(length=40), nullable=False),
        sa.Column("minor", sa.Boolean(), nullable=False),
        sa.Column("minor_authority", sa.String(length=300), nullable=True),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("last_activity", MOMENT, nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("owner_id", KEY, nullable=True),
        sa.Column("team_id", KEY, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "owner_id"], ["membership.workspace_id", "membership.id"], name="fk_contact_owner_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "team_id"], ["team.workspace_id", "team.id"], name="fk_contact_team_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_contact_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_contact_workspace_id_id"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.create_index(
            "gin_contact_search",
            "contact",
            ["workspace_id", "name", "email", "phone", "company"],
            postgresql_using="gin",
            postgresql_ops={
                "name": "gin_trgm_ops",
                "email": "gin_trgm_ops",
                "phone": "gin_trgm_ops",
                "company": "gin_trgm_ops",
            },
            postgresql_with={"gin_pending_list_limit": 1024},
            **when(ALIVE),
        )
    op.create_index("ix_contact_alive", "contact", ["workspace_id", sa.literal_column("id DESC")], **when(ALIVE))
    op.create_index(
        "ix_contact_last_activity",
        "contact",
        ["workspace_id", sa.literal_column("last_activity DESC"), sa.literal_column("id DESC")],
        **when(ALIVE),
    )
    op.create_index("ix_contact_name", "contact", ["workspace_id", "name", "id"], **when(ALIVE))
    op.create_index("ix_contact_name_key", "contact", ["workspace_id", "name_key"], **when(ALIVE))
    op.create_index(
        "ix_contact_owner",
        "contact",
        ["workspace_id", "owner_id", sa.literal_column("last_activity DESC"), sa.literal_column("id DESC")],
        **when(ALIVE),
    )
    op.create_index("ix_contact_phone", "contact", ["workspace_id", "phone"], **when(ALIVE))
    if op.get_context().dialect.name == "sqlite":
        op.create_index(
            "ix_contact_search", "contact", ["workspace_id", "deleted_at", "name", "email", "phone", "company"]
        )
    op.create_index(
        "ix_contact_stage",
        "contact",
        ["workspace_id", "stage", sa.literal_column("last_activity DESC"), sa.literal_column("id DESC")],
        **when(ALIVE),
    )
    op.create_index("uq_contact_email", "contact", ["workspace_id", "email"], unique=True, **when(ALIVE))


def _contact_address() -> None:
    op.create_table(
        "contact_address",
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("street", sa.String(length=300), nullable=False),
        sa.Column("city", sa.String(length=120), nullable=True),
        sa.Column("state", sa.String(length=120), nullable=True),
        sa.Column("postal_code", sa.String(length=20), nullable=True),
        sa.Column("country", sa.String(length=80), nullable=True),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_contact_address_contact_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_contact_address_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_address")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_contact_address_workspace_id_id"),
    )
    op.create_index("ix_contact_address_contact", "contact_address", ["workspace_id", "contact_id"])


def _contact_email() -> None:
    op.create_table(
        "contact_email",
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_contact_email_contact_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_contact_email_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_email")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_contact_email_workspace_id_id"),
    )
    op.create_index("ix_contact_email_contact", "contact_email", ["workspace_id", "contact_id"])
    op.create_index(
        "uq_contact_email_address", "contact_email", ["workspace_id", "address"], unique=True, **when(ALIVE)
    )


def _contact_phone() -> None:
    op.create_table(
        "contact_phone",
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_contact_phone_contact_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_contact_phone_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_phone")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_contact_phone_workspace_id_id"),
    )
    op.create_index("ix_contact_phone_contact", "contact_phone", ["workspace_id", "contact_id"])
    op.create_index("ix_contact_phone_number", "contact_phone", ["workspace_id", "number"], **when(ALIVE))


def _contact_tag() -> None:
    op.create_table(
        "contact_tag",
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("tag_id", KEY, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "contact_id"], ["contact.workspace_id", "contact.id"], name="fk_contact_tag_contact_id"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "tag_id"], ["tag.workspace_id", "tag.id"], name="fk_contact_tag_tag_id"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f("fk_contact_tag_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_tag")),
        sa.UniqueConstraint("workspace_id", "id", name="uq_contact_tag_workspace_id_id"),
    )
    op.create_index("ix_contact_tag_tag", "contact_tag", ["workspace_id", "tag_id", "contact_id"], **when(ALIVE))
    op.create_index(
        "uq_contact_tag", "contact_tag", ["workspace_id", "contact_id", "tag_id"], unique=True, **when(ALIVE)
    )

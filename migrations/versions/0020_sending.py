"""A workspace's own mail server, and the domains it sends for."""

import sqlalchemy as sa
from alembic import op

from migrations.kinds import KEY, MOMENT
from migrations.walled import wall

revision = "0020"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLES = ("mail_server", "sending_domain")


def upgrade() -> None:
    op.create_table(
        "mail_server",
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", sa.String(length=20), nullable=False),
        sa.Column("username", sa.String(length=320), nullable=False),
        sa.Column("password", sa.LargeBinary(), nullable=True),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("tested_at", MOMENT, nullable=True),
        sa.Column("tested_ok", sa.Boolean(), nullable=True),
        sa.Column("tested_note", sa.String(length=300), nullable=True),
        sa.Column("test_job_id", KEY, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        *_owned("mail_server"),
        sa.UniqueConstraint("workspace_id", name="uq_mail_server_workspace"),
    )
    op.create_table(
        "sending_domain",
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("selector", sa.String(length=63), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("record", sa.String(length=500), nullable=False),
        sa.Column("verified_at", MOMENT, nullable=True),
        sa.Column("checked_at", MOMENT, nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=True),
        sa.Column("check_job_id", KEY, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        *_owned("sending_domain"),
        sa.UniqueConstraint("workspace_id", "name", name="uq_sending_domain_name"),
    )
    wall(*TABLES)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _owned(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("workspace_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspace.id"], name=op.f(f"fk_{table}_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("workspace_id", "id", name=f"uq_{table}_workspace_id_id"),
    )

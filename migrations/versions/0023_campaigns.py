"""E-mails to many: campaigns, the blocks they are made of, and which campaign an e-mail belongs to."""

import sqlalchemy as sa
from alembic import op

from migrations.adding import add_reference, drop_reference
from migrations.kinds import ALIVE, JSON, KEY, MOMENT, when
from migrations.rights import EVERY_ACTION, give
from migrations.walled import own, wall

revision = "0023"
down_revision = "0020"
branch_labels = None
depends_on = None

GRANTS = {
    "owner": EVERY_ACTION,
    "admin": EVERY_ACTION,
    "broker": EVERY_ACTION,
    "compliance": ("read", "export"),
    "read_only": ("read",),
}
# As every kind of work: agents have their own, assistants their team's.
NEAR = (("agent", "own", ("read", "write", "delete")), ("assistant", "team", ("read", "write")))


def upgrade() -> None:
    _campaign()
    _design()
    add_reference("message", "campaign_id", "campaign")
    op.add_column("message", sa.Column("variant", sa.String(length=40), nullable=True))
    op.add_column("message", sa.Column("due_at", MOMENT, nullable=True))
    op.create_index("ix_message_campaign", "message", ["workspace_id", "campaign_id", "state", "id"])
    wall("campaign", "mail_design")
    give("campaign", GRANTS)
    for role, reach, actions in NEAR:
        give("campaign", {role: actions}, reach=reach)
    give("campaign", {"assistant": ("delete",)}, reach="own")
    give("approval", dict.fromkeys(("owner", "admin", "broker"), ("write",)))


def downgrade() -> None:
    op.drop_index("ix_message_campaign", table_name="message")
    op.drop_column("message", "due_at")
    op.drop_column("message", "variant")
    drop_reference("message", "campaign_id")
    op.drop_table("mail_design")
    op.drop_table("campaign")


def _campaign() -> None:
    near = {"starter_id": "membership", "owner_id": "membership", "team_id": "team"}
    op.create_table(
        "campaign",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("preheader", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("sender", sa.String(length=40), nullable=False),
        sa.Column("audience", sa.String(length=4000), nullable=True),
        sa.Column("audience_name", sa.String(length=120), nullable=True),
        sa.Column("send_at", MOMENT, nullable=True),
        sa.Column("zoned", sa.Boolean(), nullable=False),
        sa.Column("per_hour", sa.Integer(), nullable=True),
        sa.Column("other_subject", sa.String(length=200), nullable=True),
        sa.Column("test_share", sa.Integer(), nullable=True),
        sa.Column("test_hours", sa.Integer(), nullable=True),
        sa.Column("winner", sa.String(length=40), nullable=True),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("starter_id", KEY, nullable=True),
        sa.Column("remark", sa.String(length=300), nullable=True),
        sa.Column("owner_id", KEY, nullable=True),
        sa.Column("team_id", KEY, nullable=True),
        *_record("campaign"),
        *(
            sa.ForeignKeyConstraint(
                ["workspace_id", name], [f"{target}.workspace_id", f"{target}.id"], name=f"fk_campaign_{name}"
            )
            for name, target in near.items()
        ),
    )
    op.create_index("ix_campaign_alive", "campaign", ["workspace_id", sa.text("id DESC")], **when(ALIVE))


def _design() -> None:
    op.create_table(
        "mail_design",
        sa.Column("campaign_id", KEY, nullable=True),
        sa.Column("template_id", KEY, nullable=True),
        sa.Column("blocks", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("frozen", JSON, nullable=True),
        sa.Column("left_out", JSON, nullable=True),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        *own("mail_design"),
        *(
            sa.ForeignKeyConstraint(
                ["workspace_id", f"{target}_id"],
                [f"{target}.workspace_id", f"{target}.id"],
                name=f"fk_mail_design_{target}",
                ondelete="CASCADE",
            )
            for target in ("campaign", "template")
        ),
        sa.UniqueConstraint("workspace_id", "campaign_id", name="uq_mail_design_campaign"),
        sa.UniqueConstraint("workspace_id", "template_id", name="uq_mail_design_template"),
    )


def _record(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("source_ref", sa.String(length=200), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("custom", JSON, nullable=True),
        *own(table),
    )

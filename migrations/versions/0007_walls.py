"""What the database itself refuses: other workspaces' rows (PostgreSQL row security) and changes of what must stand.

Here is also the search function that keeps trigram indexes usable behind row security, see docs/decisions/001. A later
migration that rebuilds one of `STANDING` in SQLite's batch mode must make its triggers again: they go with the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STANDING = ("audit", "audit_seal", "consent", "attestation")
WALLED = (
    "activity", "ai_call", "api_key", "attestation", "audit", "change", "consent", "contact", "contact_address",
    "contact_email", "contact_phone", "contact_tag", "deal", "import_batch", "invitation", "job", "membership",
    "message", "note", "pipeline", "stage", "stored_file", "subject_key", "suppression", "tag", "task", "team",
    "template",
)  # fmt: skip
# Rows outside any workspace: failed sign-ins, the product's own jobs. Reached where no workspace is chosen (-1).
ALSO_OUTSIDE = ("audit", "job")
SEARCHED = {"contact": ("name", "email", "phone", "company"), "deal": ("title",), "task": ("title",)}
SEARCHER = "crm_search"

TOLD = "(select current_setting('app.workspace_id', true))"


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for table in STANDING:
            refuse_changes(table)
        return
    op.execute(REFUSAL)
    for table in STANDING:
        refuse = "EXECUTE FUNCTION refuse_change()"
        op.execute(f"CREATE TRIGGER {table}_stands BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}")
        op.execute(f"CREATE TRIGGER {table}_stays BEFORE TRUNCATE ON {table} {refuse}")
    for table in WALLED:
        wall(table)
    # A failed sign-in knows the workspace that it was for, and has chosen none.
    op.execute(f"CREATE POLICY outside ON audit FOR INSERT WITH CHECK ({TOLD} = '-1')")
    op.execute(search_function())
    op.execute(SEARCHER_ROLE)
    op.execute(APPLICATION_ROLE)


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for table in STANDING:
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(f"DROP TRIGGER {table}_no_delete")
        return
    for function in ("application_role(name)", "search_ids(text, text, integer)"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute(f"DO $$ BEGIN EXECUTE 'DROP OWNED BY {SEARCHER}'; EXCEPTION WHEN undefined_object THEN NULL; END $$")
    op.execute("DROP POLICY outside ON audit")
    for table in WALLED:
        op.execute(f"DROP POLICY wall ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION refuse_change() CASCADE")


def refuse_changes(table: str) -> None:
    """SQLite: triggers that refuse UPDATE and DELETE."""
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} keeps what it holds: rows are only added'); END"
        )


def wall(table: str) -> None:
    """PostgreSQL: rows of the workspace in `app.workspace_id` only; also for the table's owner (FORCE)."""
    mine = "coalesce(workspace_id, -1)" if table in ALSO_OUTSIDE else "workspace_id"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # As a CASE the planner takes it to keep half of the rows; as an OR it expects a handful, and sorts where it could
    # walk.
    rule = f"CASE WHEN {TOLD} = '*' THEN true ELSE cast({mine} as text) = {TOLD} END"
    op.execute(f"CREATE POLICY wall ON {table} USING ({rule})")


def search_function() -> sa.TextClause:
    """`search_ids(entity, pattern, cap)`: up to `cap` ids of living records of this workspace that match (ILIKE)."""
    branches = "\n".join(
        f"""WHEN '{table}' THEN RETURN QUERY EXECUTE
            'SELECT id FROM {table} WHERE workspace_id = $1 AND deleted_at IS NULL
             AND ({" OR ".join(f"{c} ILIKE $2" for c in columns)}) LIMIT $3'
            USING told, pattern, cap;"""
        for table, columns in SEARCHED.items()
    )
    return sa.text(
        f"""CREATE FUNCTION search_ids(entity text, pattern text, cap integer) RETURNS SETOF bigint
        LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public AS $body$
        DECLARE told bigint := substring(current_setting('app.workspace_id', true) from '^[0-9]+$');
        BEGIN
            CASE entity
            {branches}
            END CASE;
        END $body$"""
    )


REFUSAL = """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '% keeps what it holds: rows are only added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $body$"""

# The function runs as a role without login that row security does not bind: on the searched tables, for reading.
# Where the owner may not make roles, the function runs as its caller: the same answers, without the trigram indexes.
SEARCHER_ROLE = f"""DO $body$
DECLARE searched text;
BEGIN
    BEGIN
        CREATE ROLE {SEARCHER} NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    EXECUTE format('GRANT {SEARCHER} TO %I', current_user);
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO {SEARCHER}', current_schema());
    FOREACH searched IN ARRAY ARRAY[{", ".join(f"'{table}'" for table in SEARCHED)}] LOOP
        EXECUTE format('GRANT SELECT ON %I TO {SEARCHER}', searched);
        EXECUTE format('CREATE POLICY searcher ON %I FOR SELECT TO {SEARCHER} USING (true)', searched);
    END LOOP;
    ALTER FUNCTION search_ids(text, text, integer) SECURITY DEFINER;
    ALTER FUNCTION search_ids(text, text, integer) OWNER TO {SEARCHER};
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM {SEARCHER}', current_schema());
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'The role {SEARCHER} could not be made: search will not use its trigram indexes.';
END $body$"""

# `select application_role('crm_app')` makes the role that the application connects as, or brings its grants up to date.
APPLICATION_ROLE = f"""CREATE FUNCTION application_role(role name) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE standing text; here name := current_schema();
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
        EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', role);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', here, role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I', here, role);
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I', here, role);
    EXECUTE format(
        'ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', here, role
    );
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE, SELECT ON SEQUENCES TO %I', here, role);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM %I', role);
    FOREACH standing IN ARRAY ARRAY[{", ".join(f"'{table}'" for table in STANDING)}] LOOP
        EXECUTE format('REVOKE UPDATE, DELETE ON %I FROM %I', standing, role);
    END LOOP;
END $body$"""

"""What quick search is made of on both databases: its indexes, and the functions that keep trigram indexes usable
behind PostgreSQL's row security (docs/decisions/001, 011).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alembic import op

from migrations.kinds import ALIVE, when

Searched = Mapping[str, Sequence[str]]
SEARCHER = "crm_search"


def index(table: str, columns: Sequence[str]) -> None:
    """The index that search reads; see `models.base.searched`."""
    if op.get_context().dialect.name == "postgresql":
        op.create_index(
            f"gin_{table}_search",
            table,
            ["workspace_id", *columns],
            postgresql_using="gin",
            postgresql_ops=dict.fromkeys(columns, "gin_trgm_ops"),
            postgresql_with={"gin_pending_list_limit": 1024},
            **when(ALIVE),
        )
    else:
        op.create_index(f"ix_{table}_search", table, ["workspace_id", "deleted_at", "owner_id", "team_id", *columns])


def drop_index(table: str) -> None:
    start = "gin" if op.get_context().dialect.name == "postgresql" else "ix"
    op.drop_index(f"{start}_{table}_search", table_name=table)


def find_ids(searched: Searched) -> str:
    """`search_ids(entity, pattern, cap)`: up to `cap` ids of living records of this workspace that match (ILIKE)."""
    branches = "\n".join(
        f"""WHEN '{table}' THEN RETURN QUERY EXECUTE
            'SELECT id FROM {table} WHERE workspace_id = $1 AND deleted_at IS NULL
             AND ({" OR ".join(f"{c} ILIKE $2" for c in columns)}) LIMIT $3'
            USING told, pattern, cap;"""
        for table, columns in searched.items()
    )
    return f"""CREATE FUNCTION search_ids(entity text, pattern text, cap integer) RETURNS SETOF bigint
        LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public AS $body$
        DECLARE told bigint := substring(current_setting('app.workspace_id', true) from '^[0-9]+$');
        BEGIN
            CASE entity
            {branches}
            END CASE;
        END $body$"""


def find_near(searched: Searched) -> str:
    """`search_near(entity, fields, rare, short, owner, team, cap)`: up to `cap` ids of living records of this
    workspace, of this owner or team where one is named, where each word has a pattern that fits (ILIKE). `fields`,
    `rare` and `short` are JSON: names; for each rare word its patterns, of which one fits some field; and for each
    short word those of which one fits all fields together, their words between spaces.

    ILIKE costs more than the planner takes it for: left to itself it would read the workspace and not the index.
    """
    known = "\n".join(
        f"WHEN '{table}' THEN string_to_array('{' '.join(columns)}', ' ')" for table, columns in searched.items()
    )
    return f"""CREATE FUNCTION search_near(
            entity text, fields text, rare text, short text, owner bigint, team bigint, cap integer
        ) RETURNS SETOF bigint LANGUAGE plpgsql STABLE
        SET search_path = pg_catalog, public SET cpu_operator_cost = 0.05 AS $body$
        DECLARE
            told bigint := substring(current_setting('app.workspace_id', true) from '^[0-9]+$');
            known text[] := CASE entity {known} END;
            wanted text[] := ARRAY(SELECT json_array_elements_text(fields::json));
            word json;
            asked text := '';
            together text;
        BEGIN
            IF known IS NULL OR wanted = '{{}}' OR NOT wanted <@ known THEN
                RAISE EXCEPTION 'search_near does not search these fields of %', entity;
            END IF;
            FOR word IN SELECT json_array_elements(rare::json) LOOP
                asked := asked || ' AND (' || (
                    SELECT string_agg(format('%I ILIKE %L', name, pattern), ' OR ')
                    FROM unnest(wanted) AS name, json_array_elements_text(word) AS pattern
                ) || ')';
            END LOOP;
            SELECT string_agg(format('%I', name), ', ') INTO together FROM unnest(wanted) AS name;
            together := format('translate(concat_ws(%L, %L, %s, %L), %L, %L)', ' ', '', together, '', '-.,@', '    ');
            FOR word IN SELECT json_array_elements(short::json) LOOP
                asked := asked || format(
                    ' AND %s COLLATE "C" ILIKE ANY (%L::text[])',
                    together, ARRAY(SELECT json_array_elements_text(word))
                );
            END LOOP;
            IF told IS NULL OR asked = '' THEN RETURN; END IF;
            IF owner IS NOT NULL THEN
                asked := asked || format(' AND (owner_id = %s OR team_id = %s)', owner, coalesce(team, -1));
            END IF;
            RETURN QUERY EXECUTE format(
                'SELECT id FROM %I WHERE workspace_id = %s AND deleted_at IS NULL %s LIMIT %s',
                entity, told, asked, cap
            );
        END $body$"""


def past_row_security(functions: Sequence[str], tables: Sequence[str]) -> str:
    """Have functions run as the role that row security does not bind, and let it read further tables. Where the owner
    may not, they run as their caller: the same answers, without the trigram indexes.
    """
    own = "\n".join(
        f"ALTER FUNCTION {name} SECURITY DEFINER; ALTER FUNCTION {name} OWNER TO {SEARCHER};" for name in functions
    )
    listed = ", ".join(f"'{table}'" for table in tables)
    return f"""DO $body$
DECLARE searched text;
BEGIN
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO {SEARCHER}', current_schema());
    FOREACH searched IN ARRAY ARRAY[{listed}]::text[] LOOP
        EXECUTE format('GRANT SELECT ON %I TO {SEARCHER}', searched);
        EXECUTE format('CREATE POLICY searcher ON %I FOR SELECT TO {SEARCHER} USING (true)', searched);
    END LOOP;
    {own}
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM {SEARCHER}', current_schema());
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'The role {SEARCHER} could not be used: search will not use its trigram indexes.';
END $body$"""

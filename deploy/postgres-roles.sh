#!/bin/sh
# Makes the application's role at the first start of the database; its rights come with `python -m app.database_role`.
# postgres.env names its password as CRM_APP_PASSWORD.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$CRM_APP_PASSWORD" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
create role crm_app login nosuperuser nocreatedb nocreaterole nobypassrls password :'password';
SQL

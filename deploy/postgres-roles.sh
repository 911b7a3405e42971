#!/bin/sh
# Makes the application's role at the first start of the database. It owns nothing: row security holds for it.
# postgres.env names its password as CRM_APP_PASSWORD.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$CRM_APP_PASSWORD" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
create role crm_app login nosuperuser nocreatedb nocreaterole nobypassrls password :'password';
revoke create on schema public from public;
grant usage on schema public to crm_app;
alter default privileges in schema public grant select, insert, update, delete on tables to crm_app;
alter default privileges in schema public grant usage, select on sequences to crm_app;
SQL

#!/bin/sh
# Run once by PostgreSQL's container, while its volume is empty: one role owns the tables, another
# works on them, so that no trigger and no row-level security can be switched off at run time.
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname giftline \
    --set owner="${OWNER_PASSWORD:?}" --set runtime="${RUNTIME_PASSWORD:?}" <<'SQL'
CREATE ROLE giftline_owner LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'owner';
CREATE ROLE giftline_app LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'runtime';
ALTER DATABASE giftline OWNER TO giftline_owner;
SQL

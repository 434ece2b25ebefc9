#!/bin/sh
# What a new PostgreSQL needs for Promptwell, run once by its superuser: a plain role that owns the database, the extensions
# that only a superuser may create, a template with them (backups are tried in databases made from it), the role that
# row-level security binds, which the first becomes for the work of a project, and a role that sees statistics and nothing
# else. Safe to run again.
#
# The image of PostgreSQL runs it on an empty volume. Elsewhere: set the two passwords, and PGHOST, PGUSER, PGPASSWORD as
# psql wants them. Passwords are handed to psql in its environment, so that they stand on no command line.
set -eu

export DATABASE_NAME="${DATABASE_NAME:-promptwell}" DATABASE_ROLE="${DATABASE_ROLE:-promptwell}"
export MONITOR_ROLE="${MONITOR_ROLE:-promptwell_monitor}"
: "${DATABASE_PASSWORD:?the password of the role that the service signs in as}"
: "${MONITOR_PASSWORD:?the password of the role that the exporter signs in as}"

as_superuser() { psql -X -q -v ON_ERROR_STOP=1 --no-password --username "${PGUSER:-${POSTGRES_USER:-postgres}}" "$@"; }

as_superuser --dbname postgres <<'SQL'
SET client_min_messages = warning;
\getenv database DATABASE_NAME
\getenv role DATABASE_ROLE
\getenv password DATABASE_PASSWORD
\getenv monitor MONITOR_ROLE
\getenv monitor_password MONITOR_PASSWORD
-- Statements of this session hold passwords: neither the log nor pg_stat_statements may keep them.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track_utility = off;
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('CREATE ROLE %I', :'monitor') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'monitor') \gexec
-- CREATEDB: a backup is restored into a scratch database and compared before anything is migrated.
ALTER ROLE :"role" LOGIN NOSUPERUSER CREATEDB NOCREATEROLE PASSWORD :'password';
ALTER ROLE :"monitor" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 5 PASSWORD :'monitor_password';
GRANT pg_monitor TO :"monitor";
-- Its name is the service's, and its grants are made at each start. Nobody signs in as it.
SELECT 'CREATE ROLE promptwell_project NOLOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'promptwell_project') \gexec
GRANT promptwell_project TO :"role";
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SELECT format('CREATE DATABASE %I', :'database' || '_template')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database' || '_template') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"monitor";
SQL

for database in "$DATABASE_NAME" "${DATABASE_NAME}_template"; do
  as_superuser --dbname "$database" <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
-- Read by the exporter; it counts only where shared_preload_libraries names it.
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
SQL
done

as_superuser --dbname postgres <<'SQL'
\getenv database DATABASE_NAME
SELECT format('ALTER DATABASE %I IS_TEMPLATE true', :'database' || '_template') \gexec
SQL

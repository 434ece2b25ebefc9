#!/bin/sh
# Prints a new secret for each that docker-compose.yml asks for, as lines of a .env file:
#   umask 077; sh deploy/secrets.sh >> .env
# Letters and digits only: some of them stand in URLs. Keep the file: a second run makes other secrets, and the database
# keeps the passwords of its first start.
set -eu
for name in JWT_SECRET POSTGRES_PASSWORD DATABASE_PASSWORD MONITOR_PASSWORD GRAFANA_PASSWORD PGADMIN_PASSWORD; do
  printf '%s=%s\n' "$name" "$(openssl rand -hex 32)"
done

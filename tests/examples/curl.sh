#!/bin/sh
# The same with nothing but curl: the wire is plain JSON.
set -eu
url=${PROMPTWELL_URL:-http://127.0.0.1:3000}
username=${PROMPTWELL_USERNAME:-ada}
password=${PROMPTWELL_PASSWORD:-a long enough secret}

token=$(curl -sS "$url/trpc/auth.login" -H 'content-type: application/json' \
  -d "{\"username\":\"$username\",\"password\":\"$password\"}" | sed 's/.*"accessToken":"\([^"]*\)".*/\1/')

curl -sS "$url/trpc/prompts.create" -H "authorization: Bearer $token" -H 'content-type: application/json' \
  -d '{"text":"Explain tides to a child","generate":false}'
echo
curl -sS -G "$url/trpc/prompts.similar" -H "authorization: Bearer $token" \
  --data-urlencode 'input={"query":"how do the tides work","limit":1}'
echo

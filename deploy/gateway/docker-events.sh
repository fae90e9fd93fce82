#!/bin/sh
# Posts the events of this host's containers to `floodmark gateway`, one a request, in their order.
#
#   FLOODMARK_URL=https://floodmark.example.org/docker FLOODMARK_TOKEN_FILE=/run/secrets/floodmark docker-events.sh
#
# Needs docker (or podman: ENGINE=podman) and curl. An event is posted until it is taken; while the gateway is away the
# engine keeps the next ones. After a restart it goes on with the last second that was posted, if STATE names a file
# that outlives it: an event may then come twice, and is one all the same. A refusal for good (4xx) is said and passed.
set -eu
: "${FLOODMARK_URL:?where to post: https://…/docker}" "${FLOODMARK_TOKEN_FILE:?a file with the token}"
state=${STATE:-}
since=$(date +%s)
if [ -n "$state" ] && [ -s "$state" ]; then since=$(cat "$state"); fi

post() { # the token is read each time, and given to curl by a pipe: not on its command line, where everybody sees it
  printf 'header = "Authorization: Bearer %s"\n' "$(cat "$FLOODMARK_TOKEN_FILE")" |
    curl --config - --silent --show-error --max-time 20 --output /dev/null --write-out '%{http_code}' \
      --header 'Content-Type: application/json' --data-binary "$1" "$FLOODMARK_URL" || true
}

${ENGINE:-docker} events --since "$since" --filter type=container --format '{{json .}}' | while IFS= read -r event; do
  case $event in *'"exec_'* | *'"top"'* | *'"attach"'*) continue ;; esac
  wait=1
  while :; do
    code=$(post "$event")
    case $code in
      2*) break ;;
      4[0-9][0-9]) [ "$code" != 429 ] && [ "$code" != 401 ] && echo "passed over: $code" >&2 && break ;;
    esac
    echo "not taken (${code:-no answer}): again in $wait s" >&2
    sleep "$wait"
    [ "$wait" -ge 60 ] || wait=$((wait * 2))
  done
  if [ -n "$state" ]; then date +%s >"$state.new" && mv "$state.new" "$state"; fi
done

#!/usr/bin/env bash
# scripts/openapi.sh: a running service is asked whatever its OpenAPI document allows, and some of what it forbids; no answer
# may be of another shape, and none a bug. The engine is fake: every tag is made up.
#
#   OPENAPI_EXAMPLES=10   cases for each operation
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=2
made="$cache/openapi"
wanted=scripts/openapi/requirements.txt
log=''

finish() {
    stop tagfleet
    rm -f "$log"
}

main() {
    local port
    make_environment "$made/python" "$wanted" schemathesis "schemathesis (25 MB)"
    log=$(mktemp)
    trap finish EXIT
    step "A service with a fake engine"
    port=$(free_ports 1)
    start tagfleet "$log" env TAGFLEET_STORE_URL=memory: TAGFLEET_LISTEN="127.0.0.1:$port" \
        "$tagfleet" serve --engine fake:service_ms=1 --captioner template
    await tagfleet "$log" 60 is_ready "$port" /readyz
    step "Its answers against its document"
    # Progress of a batch is a stream that ends with the batch.
    "$made/python/bin/schemathesis" run "http://127.0.0.1:$port/openapi.json" --url "http://127.0.0.1:$port" \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
        --exclude-path '/v1/batches/{id}/events' --max-examples "${OPENAPI_EXAMPLES:-10}" --seed 1 --request-timeout 10 --no-color
}

main "$@"

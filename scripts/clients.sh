#!/usr/bin/env bash
# scripts/clients.sh [build|test|bench]: builds the clients into dist/, tests them, or measures the Python client at a service's limit.
#
#   build   a wheel; and, where npm and its registry can be had, a package with the API's types for TypeScript
#   test    both clients against services that the tests start; wants a built tagfleet and the models
#   bench   5,000 images at the limit: once with a fake engine, once with the real tagger (LIMIT_IMAGES)
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/node.sh"
steps=3
made="$cache/clients"
python="$made/python/bin/python"
log=''

finish() {
    stop tagfleet >/dev/null
    rm -f "$log"
}

make_client_python() {
    make_environment "$made/python" clients/python/requirements-test.txt standardwebhooks "what builds and tests the Python client (30 MB)"
}

build_wheel() {
    rm -f dist/tagfleet-*.whl
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist clients/python
    say "$(ls dist/tagfleet-*.whl): pip install dist/*.whl"
}

# The document is the running code's own, so that the types cannot be those of another version.
take_document() {
    local port
    port=$(free_ports 1)
    start tagfleet "$log" env TAGFLEET_STORE_URL=memory: TAGFLEET_LISTEN="127.0.0.1:$port" \
        "$tagfleet" serve --engine fake:service_ms=1 --captioner template
    await tagfleet "$log" 60 is_ready "$port" /readyz
    mkdir -p target/clients
    python3 -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' \
        "http://127.0.0.1:$port/openapi.json" >target/clients/openapi.json
    stop tagfleet
}

build_types() {
    local folder=clients/typescript
    rm -rf $folder/dist dist/tagfleet-client-*.tgz
    # From the folder that npm made: nothing is fetched that the lock does not name.
    $folder/node_modules/.bin/openapi-typescript target/clients/openapi.json --output $folder/src/api.ts >/dev/null
    $folder/node_modules/.bin/tsc --project $folder
    (cd $folder && npm pack --silent --pack-destination ../../dist >/dev/null)
    say "$(ls dist/tagfleet-client-*.tgz): npm install dist/tagfleet-client-*.tgz"
}

build() {
    step "Python"
    mkdir -p dist
    make_client_python
    build_wheel
    step "The API's document"
    [[ -x $tagfleet ]] || die "$tagfleet is not there: make demo builds it"
    log=$(mktemp)
    trap finish EXIT
    take_document
    step "TypeScript"
    if ! command -v npm >/dev/null; then
        say "npm is not installed, left out"
    elif ! (cd clients/typescript && npm ci --silent --ignore-scripts --no-audit --no-fund); then
        say "npm could not install what clients/typescript/package-lock.json names, left out"
    else
        build_types
    fi
}

run_tests() {
    make_client_python
    find_node
    TAGFLEET_BINARY=$tagfleet PYTHONPATH=$PWD/clients/python/src "$python" -B -m unittest discover -s clients/python/tests
}

bench() {
    make_client_python
    local engine limit=("$python" -B clients/python/benches/limit.py --images "${LIMIT_IMAGES:-5000}")
    for engine in '--engine fake:service_ms=40 --timeout-ms 1000' ''; do
        # shellcheck disable=SC2086 # several words
        TAGFLEET_BINARY=$tagfleet "${limit[@]}" $engine
    done
}

case ${1:-build} in
build) build ;;
test) run_tests ;;
bench) bench ;;
*) die "there is no '$1': build, test, bench" ;;
esac

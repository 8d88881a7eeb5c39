#!/usr/bin/env bash
# scripts/console.sh: the console as a user meets it, in Chromium: each page's main job, by keyboard alone, in both themes, on a
# phone and on a wide screen, without a finding of axe. The engine is fake: every tag is made up.
#
#   CONSOLE_SHOTS=FOLDER   keeps pictures of the pages there (target/console)
#   CONSOLE_TESTS=try      only those tests
set -euo pipefail
. "$(dirname "$0")/lib.sh"
steps=3
made="$cache/console"
wanted=scripts/console
folder=''

finish() {
    stop keyed
    stop open
    stop samples
    rm -rf "$folder"
}

# What drives the browser: by version and hash, from npm's registry as this machine is set to use it.
fetch_modules() {
    if cmp -s "$wanted/package-lock.json" "$made/package-lock.json" && [[ -d $made/node_modules/playwright-core ]]; then return; fi
    say "installing playwright-core and axe-core (18 MB)"
    mkdir -p "$made"
    cp "$wanted/package.json" "$wanted/package-lock.json" "$made/"
    (cd "$made" && npm ci --silent --ignore-scripts --no-audit --no-fund) || { rm -f "$made/package-lock.json" && die "npm could not install what $wanted names"; }
}

# start_console NAME PORT OPTIONS…
start_console() {
    local name=$1 port=$2
    shift 2
    start "$name" "$folder/$name.log" env TAGFLEET_STORE_URL=memory: TAGFLEET_LISTEN="127.0.0.1:$port" \
        TAGFLEET_FETCH_ALLOW_ORIGINS="http://127.0.0.1:$origin" TAGFLEET_SAMPLES="$TAGFLEET_MODELS_DIR/samples" \
        "$tagfleet" serve --engine fake:service_ms=5 --captioner template "$@"
    await "$name" "$folder/$name.log" 60 is_ready "$port" /readyz
}

# Every file of tests is a process with a browser of its own, side by side; what each says is shown when it has ended.
run_tests() {
    local file name failed=0 running=()
    for file in "$wanted/"*"${CONSOLE_TESTS:-}"*.test.mjs; do
        name=$(basename "$file" .test.mjs)
        node --test --test-reporter=tap "$file" >"$folder/$name.tap" 2>&1 &
        running+=("$name:$!")
    done
    for name in "${running[@]}"; do
        wait "${name#*:}" || failed=1
        grep -Ev '^ *(---|\.\.\.|duration_ms:|type:)|^# (Subtest|suites|cancelled|todo)|^TAP|^1\.\.' "$folder/${name%:*}.tap" || true
    done
    return "$failed"
}

main() {
    local ports open keyed origin key
    step "What drives the browser"
    fetch_modules
    [[ -x $tagfleet ]] || die "there is no $tagfleet yet: make test-console builds it"
    folder=$(mktemp -d)
    trap finish EXIT
    step "Two services with a fake engine, one of them with keys"
    ports=$(free_ports 3)
    read -r open keyed origin <<<"$ports"
    serve_samples "$folder/samples.log" "$origin"
    "$tagfleet" keys new --tenant shop --requests-per-second 50 >"$folder/keys.toml" 2>"$folder/key"
    key=$(grep -o 'tf_[A-Za-z0-9_]*' "$folder/key" | head -n 1)
    start_console open "$open"
    start_console keyed "$keyed" --api-keys "$folder/keys.toml"
    step "A browser"
    export CONSOLE_MODULES="$made/node_modules" CONSOLE_KEY="$key" CONSOLE_SHOTS="${CONSOLE_SHOTS:-}"
    export CONSOLE_OPEN="http://127.0.0.1:$open" CONSOLE_KEYED="http://127.0.0.1:$keyed" CONSOLE_ORIGIN="http://127.0.0.1:$origin"
    run_tests
}

main "$@"

# shellcheck shell=bash
# What the scripts share. To be sourced by a script that has `set -euo pipefail`.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
# Debian keeps servers in sbin and rustup keeps cargo in the home folder; a user's PATH may lack both.
export PATH="$PATH:$HOME/.cargo/bin:/usr/sbin:/sbin"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/tagfleet"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
export TAGFLEET_MODELS_DIR="${TAGFLEET_MODELS_DIR:-$cache/models}"
# TAGFLEET_BINARIES: a folder with ready ones, such as came out of an image, in place of building them.
# Cargo.toml says what the profiles are. Benchmarks set `profile=release` before they source this.
profile=${profile:-quick}
binaries=${TAGFLEET_BINARIES:-$CARGO_TARGET_DIR/$profile}
# shellcheck disable=SC2034 # for the scripts that source this one
tagfleet=$binaries/tagfleet loadtest=$binaries/loadtest

step_count=0
# step WORDS…: announces the next of $steps steps with the seconds since the start.
step() {
    step_count=$((step_count + 1))
    printf '\n[%d/%d, %d s] %s\n' "$step_count" "${steps:?}" "$SECONDS" "$*"
}

say() { printf '  %s\n' "$*"; }

die() {
    printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

now_ms() { echo "$((${EPOCHREALTIME/[.,]/} / 1000))"; }

# took START_MS: seconds since then, as 1.2
took() {
    local ms=$(($(now_ms) - $1))
    printf '%d.%d' "$((ms / 1000))" "$((ms % 1000 / 100))"
}

# Clones share compiled dependencies. Their own crates cargo tells apart by file times alone, so after another clone has
# built here it may take that clone's code for ours: forget the few crates of the workspace, keep the hundreds below them.
claim_target() {
    local mark="$CARGO_TARGET_DIR/.built-for-$profile" members
    [[ -f $mark && $(<"$mark") == "$PWD" ]] && return
    if [[ -d $CARGO_TARGET_DIR/$profile ]]; then
        members=$(sed -n 's/^members = \[\(.*\)\]$/\1/p' Cargo.toml | tr -d '",' | sed 's#crates/##g')
        # shellcheck disable=SC2046,SC2086
        cargo clean --quiet --profile "$profile" $(printf -- '-p %s ' $members)
    fi
    mkdir -p "$CARGO_TARGET_DIR"
    printf '%s\n' "$PWD" >"$mark"
}

# free_ports COUNT [PREFERRED]: that many free ports in one line; the first is PREFERRED or the next free one above it.
# The others lie below the range that the kernel takes for outgoing connections, so none is gone by the time it is used.
free_ports() {
    python3 -S - "$1" "${2:-}" <<'EOP'
import random, socket, sys
count, preferred = int(sys.argv[1]), sys.argv[2]
held = []
def take(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
    else:
        held.append(listener)
if preferred:
    port = int(preferred)
    while not held:
        take(port)
        port += 1
while len(held) < count:
    take(random.randrange(12000, 32000))
print(*(listener.getsockname()[1] for listener in held))
EOP
}

declare -A pids=()
# start NAME LOG COMMAND…: runs it in the background, in a session of its own: Ctrl-C reaches this script alone, which then
# stops everything in order. Should this script be killed, the kernel passes a SIGTERM on.
start() {
    local name=$1 log=$2
    shift 2
    setsid setpriv --pdeathsig TERM "$@" >>"$log" 2>&1 </dev/null &
    pids[$name]=$!
}

running() { kill -0 "${pids[$1]}" 2>/dev/null; }

# stop NAME [SIGNAL] [GRACE_S]: ends what `start` started, waits, says how it ended, and leaves the exit code in $ended.
ended=0
stop() {
    local name=$1 signal=${2:-TERM} grace=${3:-35} pid=${pids[$1]:-} since how
    ended=0
    [[ -n $pid ]] || return 0
    since=$(now_ms)
    kill -s "$signal" "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null && (($(now_ms) - since < grace * 1000)); do sleep 0.05; done
    if kill -s KILL "$pid" 2>/dev/null; then say "$name did not end within $grace s and was killed"; fi
    wait "$pid" || ended=$?
    unset "pids[$name]"
    how="exit code $ended"
    # Python's file server and Erlang's port mapper know no other end.
    if ((ended > 128)); then how="ended by SIG$(kill -l "$ended")"; fi
    say "$(printf '%-12s %s, after %s s' "$name" "$how" "$(took "$since")")"
}

# http PORT PATH: one GET to this machine, the whole answer. No curl: a fresh machine has none.
http() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1"
        printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
        timeout 2 cat <&3
    ) 2>/dev/null
}

is_ready() { [[ $(http "$1" "$2") == HTTP/1.?\ 200* ]]; }

# await NAME LOG LIMIT_S CHECK…: until the check succeeds; fails with the log's end when NAME ends first or is too slow.
await() {
    local name=$1 log=$2 limit=$3 since
    shift 3
    since=$(now_ms)
    until "$@"; do
        running "$name" || show_log "$log" "$name ended before it was ready"
        (($(now_ms) - since < limit * 1000)) || show_log "$log" "$name was not ready within $limit s"
        sleep 0.05
    done
    say "$(printf '%-12s ready after %s s' "$name" "$(took "$since")")"
}

show_log() {
    printf '\nThe last lines of %s:\n' "$1" >&2
    tail -n 20 "$1" >&2
    die "$2"
}

# listens PORT: something takes connections there.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# serve_samples LOG PORT: an origin for the photos, so that what is shown goes the whole way from a URL.
serve_samples() {
    start samples "$1" python3 -u -m http.server --bind 127.0.0.1 --directory "$TAGFLEET_MODELS_DIR/samples" "$2"
    await samples "$1" 10 listens "$2"
}

# sample_urls PORT: fills the array $samples.
sample_urls() {
    local file
    samples=()
    for file in "$TAGFLEET_MODELS_DIR"/samples/*.[jp][pn]g; do
        samples+=("http://127.0.0.1:$1/$(basename "$file")")
    done
}

# make_environment FOLDER REQUIREMENTS MODULE WHAT: a Python environment with what is named there, and nothing where it is there
# already: nothing is installed into the machine's own Python. One whose Python was upgraded away lacks the module.
make_environment() {
    local folder=$1 wanted=$2 module=$3 what=$4
    if cmp -s "$wanted" "$folder/requirements.txt" && "$folder/bin/python" -c "import $module" 2>/dev/null; then return; fi
    say "installing $what"
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
        --requirement "$wanted" || die "pip could not install what $wanted names for $(python3 --version)"
    cp "$wanted" "$folder/requirements.txt"
}

# What tags need, and what is seen beside them. Captions need more, and may come later.
tagging=(onnxruntime efficientnet-lite0 samples coco-ssd blazeface ppocr-text)

# Which models are served: $TAGFLEET_MODEL, or those that are there, since without the npm registry some are not. Leaves them in
# $served, and what they tell beside tags in $told.
find_models() {
    local pair name
    served=${TAGFLEET_MODEL:-} told=colors,exif
    if [[ -z $served ]]; then
        served=efficientnet-lite0
        for name in coco-ssd blazeface ppocr-text; do
            if [[ -f $TAGFLEET_MODELS_DIR/$name/manifest.toml ]]; then served+=",$name"; fi
        done
    fi
    for pair in coco-ssd:people ppocr-text:text; do
        if [[ ",$served," == *",${pair%:*},"* ]]; then told="${pair#*:},$told"; fi
    done
}

# prepare CARGO_COMMAND ARGUMENTS…: models and binary side by side, since one waits for the network and the other for the
# processor. Each has a session of its own, so that Ctrl-C ends both through the script's exit trap.
prepare() {
    prepare_models --strict "$@"
}

# prepare_tagging CARGO_COMMAND ARGUMENTS…: the same, and returns as soon as tags can be had; what captions need is fetched on.
prepare_tagging() {
    prepare_models "--only ${tagging[*]}" "$@"
    setsid python3 models/build.py > >(over_progress) 2>&1 &
    pids[captions]=$!
}

# prepare_models OPTIONS CARGO_COMMAND ARGUMENTS…: what models/build.py is told, in one word.
prepare_models() {
    local options=()
    read -ra options <<<"$1"
    shift
    if [[ -n ${TAGFLEET_BINARIES:-} ]]; then
        say "binaries of $binaries"
        python3 models/build.py "${options[@]}"
        return
    fi
    claim_target
    setsid python3 models/build.py "${options[@]}" > >(over_progress) 2>&1 &
    pids[models]=$!
    setsid scripts/cargo.py "$@" --profile "$profile" --locked &
    pids[cargo]=$!
    while [[ -n ${pids[models]:-}${pids[cargo]:-} ]]; do prepared_one; done
}

# The one that fails is told at once, not after the other's ten minutes.
prepared_one() {
    local ended_pid name status=0
    wait -n -p ended_pid ${pids[models]:+"${pids[models]}"} ${pids[cargo]:+"${pids[cargo]}"} || status=$?
    for name in models cargo; do
        [[ ${pids[$name]:-} == "${ended_pid:-}" ]] || continue
        unset "pids[$name]"
        ((status == 0)) || die "$name failed, see above"
    done
}

# Lines from elsewhere take the place of cargo's progress bar, which cargo then draws anew below.
over_progress() {
    local line start=''
    [[ -t 1 ]] && start=$'\r\e[K'
    while IFS= read -r line; do printf '%s  %s\n' "$start" "$line"; done
}

# Ends models and cargo with all that they started, where one failed or Ctrl-C came.
abandon_prepare() {
    local name
    for name in models captions cargo; do
        if [[ -n ${pids[$name]:-} ]]; then
            kill -s TERM -- "-${pids[$name]}" 2>/dev/null || true
            wait "${pids[$name]}" 2>/dev/null || true
            unset "pids[$name]"
        fi
    done
}

# shellcheck shell=bash
# The images of deploy/Dockerfile. To be sourced after scripts/lib.sh and deploy/check/engine.sh.
largest_mb=150 # the image for processors, without models

# What a build takes ready-made from this machine, where it makes none itself.
give() {
    rm -rf target/given
    if [[ ${CHECK_BUILD:-} == 1 ]]; then return; fi
    mkdir -p target/given/bin
    cp -R "$TAGFLEET_MODELS_DIR" target/given/models
    rm -rf target/given/models/.build
    cp "${tagfleet:?}" "${loadtest:?}" target/given/bin/
    strip --strip-debug target/given/bin/*
    export BINARY=given MODELS_FROM=given
}

# secret ID FILES…: the first one that is there, for the length of the build.
secret() {
    local id=$1 file
    shift
    for file in "$@"; do
        if [[ -r $file ]]; then
            arguments+=(--secret "id=$id,src=$file")
            return
        fi
    done
}

# build TARGET IMAGE
build() {
    local name arguments=() since log="${cache:?}/compose-check/build.log"
    since=$(now_ms)
    for name in RUST_IMAGE PYTHON_IMAGE RUNTIME_IMAGE CUDA_IMAGE SHELL_IMAGE BINARY MODELS_FROM CARGO_BUILD_JOBS; do
        [[ -z ${!name:-} ]] || arguments+=(--build-arg "$name=${!name}")
    done
    secret ca-certificates /etc/ssl/certs/ca-certificates.crt
    secret cargo-config "${CARGO_HOME:-$HOME/.cargo}/config.toml"
    secret pip-config "$HOME/.config/pip/pip.conf" /etc/pip.conf
    docker build --progress plain --network "${CHECK_NETWORK:-default}" --file deploy/Dockerfile --target "$1" --tag "$2" \
        "${arguments[@]}" . >>"$log" 2>&1 || show_log "$log" "$1 cannot be built"
    say "$(printf '%-12s %4d MB, built in %s s' "$1" "$(megabytes "$2")" "$(took "$since")")"
}

megabytes() { echo $(($(docker image inspect --format '{{.Size}}' "$1") / 1000000)); }

# take IMAGE PATH: out of the image into target/taken.
take() {
    local made
    made=$(docker create "$1")
    docker cp "$made:$2" target/taken/
    docker rm "$made" >/dev/null
}

# Who sends the photos, and the photos.
take_sender() {
    rm -rf target/taken
    mkdir -p target/taken
    take tagfleet:check /usr/local/bin/tagfleet
    take tagfleet-models:check /models/samples
}

build_all() {
    give
    : >"$cache/compose-check/build.log"
    build cpu tagfleet:check
    build loadtest tagfleet-loadtest:check
    build cuda tagfleet-cuda:check
    build models tagfleet-models:check
    take_sender
    (($(megabytes tagfleet:check) <= largest_mb)) || die "the image without models is larger than $largest_mb MB"
}

# A worker for GPUs where there is none ends at start: it never tags on a processor unnoticed.
refuses_without_gpu() {
    local said
    # `serve`, which waits for no broker; and ONNX Runtime for processors, since that for CUDA may not be among the models.
    if said=$(docker run --rm --read-only --tmpfs /tmp --network none --volumes-from "$(container models)":ro --env TAGFLEET_MODELS_DIR=/here \
        --env ORT_DYLIB_PATH=/here/onnxruntime/libonnxruntime.so --env TAGFLEET_STORE_URL=file:///tmp/store \
        tagfleet-cuda:check serve 2>&1); then
        die "a worker for GPUs runs where there is none"
    fi
    # It may end for want of a GPU alone: a folder that it cannot write to would end it where there is one, too.
    [[ $said == *"cannot be loaded on cuda"* && $said != *"os error"* ]] || die "the worker for GPUs ends for another reason: $said"
    say "without a GPU, the worker for GPUs ends: $(grep -m 1 "cannot be loaded" <<<"$said" | cut -c 1-160)"
}

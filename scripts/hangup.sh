# shellcheck shell=bash disable=SC2034,SC2154
# Clients that hang up. To be sourced by fleet.sh, whose fleet it is.
hang_ups=${FLEET_HANG_UPS:-500}

# requests_that CODE: of all API servers, how many requests ended so.
requests_that() {
    local i sum=0
    for ((i = 0; i < apis; i++)); do
        sum=$((sum + $(http "${api_ports[i]}" /metrics | awk -v code="code=\"$1\"" '/^tagfleet_requests_total\{/ && index($0, code) { n += $NF } END { printf "%d", n }')))
    done
    echo "$sum"
}

all_requests() {
    local i sum=0
    for ((i = 0; i < apis; i++)); do sum=$((sum + $(metric "${api_ports[i]}" tagfleet_requests_total))); done
    echo "$sum"
}

# Some at a time: more than the decoders' queues hold would be refused before they leave.
send_and_leave() {
    python3 -S - "$edge_port" "$1" "$hang_ups" <<'EOP'
import asyncio, json, sys
port, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
async def leave(number):
    body = json.dumps({"image": {"url": f"{url}?hang-up={number}"}})
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /v1/tags HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
    await asyncio.sleep(0.05)
    writer.close()
async def main():
    for first in range(0, count, 100):
        await asyncio.gather(*(leave(number) for number in range(first, min(first + 100, count))))
asyncio.run(main())
EOP
}

# Each is heard of, behind the edge too: a job for a client that left is called off, or is not even sent.
hang_up() {
    local since before gone_before called_before=0 called=0 gone i
    before=$(all_requests) gone_before=$(requests_that client_gone)
    for ((i = 0; i < apis; i++)); do called_before=$((called_before + $(metric "${api_ports[i]}" tagfleet_jobs_called_off_total))); done
    send_and_leave "$1"
    since=$(now_ms)
    until (($(all_requests) - before >= hang_ups)); do
        (($(now_ms) - since < 60000)) || die "of $hang_ups requests whose client left, $(($(all_requests) - before)) ended within 60 s"
        sleep 0.1
    done
    gone=$(($(requests_that client_gone) - gone_before))
    for ((i = 0; i < apis; i++)); do called=$((called + $(metric "${api_ports[i]}" tagfleet_jobs_called_off_total))); done
    say "of $hang_ups clients that hung up after 50 ms, $gone were heard of; $((called - called_before)) jobs were called off"
    echo "RESULT hang_ups=$hang_ups heard_of=$gone called_off=$((called - called_before))"
    ((gone * 100 >= hang_ups * 95)) || failed=1
}

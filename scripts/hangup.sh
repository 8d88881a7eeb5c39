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

# counted NAME: of all API servers.
counted() {
    local i sum=0
    for ((i = 0; i < apis; i++)); do sum=$((sum + $(metric "${api_ports[i]}" "$1"))); done
    echo "$sum"
}

# Whoever reached a server and left is heard of, behind the edge too: a job for a client that left is called off, or is not even sent.
# On a busy machine some leave before the edge has sent them on; those cost nothing, and are not counted.
hang_up() {
    local since reached gone called
    reached=$(counted tagfleet_requests_total) gone=$(requests_that client_gone) called=$(counted tagfleet_jobs_called_off_total)
    send_and_leave "$1"
    since=$(now_ms)
    until (($(counted tagfleet_requests_in_flight) == 0)); do
        (($(now_ms) - since < 60000)) || die "$(counted tagfleet_requests_in_flight) requests whose client left go on after 60 s"
        sleep 0.1
    done
    reached=$(($(counted tagfleet_requests_total) - reached)) gone=$(($(requests_that client_gone) - gone))
    called=$(($(counted tagfleet_jobs_called_off_total) - called))
    say "of $hang_ups clients that hung up after 50 ms, $reached had reached a server, which heard of $gone; $called jobs were called off"
    echo "RESULT hang_ups=$hang_ups reached=$reached heard_of=$gone called_off=$called"
    ((reached * 2 > hang_ups && gone * 100 >= reached * 95)) || failed=1
}

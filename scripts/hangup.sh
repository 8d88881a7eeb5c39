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

# An origin that takes its time: nobody is answered before he leaves.
serve_slowly() {
    start slow "$logs/slow.log" python3 -S -c '
import asyncio, sys
async def serve(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(20)
    writer.close()
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024) as server:
        await server.serve_forever()
asyncio.run(main())' "$slow_port"
    await slow "$logs/slow.log" 10 listens "$slow_port"
}

# send_and_leave URL: some at a time, each with a picture of its own.
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
    for first in range(0, count, 50):
        await asyncio.gather(*(leave(number) for number in range(first, min(first + 50, count))))
asyncio.run(main())
EOP
}

# counted NAME: of all API servers.
counted() {
    local i sum=0
    for ((i = 0; i < apis; i++)); do sum=$((sum + $(metric "${api_ports[i]}" "$1"))); done
    echo "$sum"
}

# leave_for URL: clients that ask for it and leave; fills $reached, $refused, $gone and $called. On a busy machine some leave before the edge
# has sent them on, and some are refused before they leave: those cost nothing, and are not counted.
leave_for() {
    local since
    reached=$(counted tagfleet_requests_total) refused=$(requests_that overloaded) gone=$(requests_that client_gone) called=$(counted tagfleet_jobs_called_off_total)
    send_and_leave "$1"
    since=$(now_ms)
    until (($(counted tagfleet_requests_in_flight) == 0)); do
        (($(now_ms) - since < 60000)) || die "$(counted tagfleet_requests_in_flight) requests whose client left go on after 60 s"
        sleep 0.1
    done
    refused=$(($(requests_that overloaded) - refused))
    reached=$(($(counted tagfleet_requests_total) - reached - refused)) gone=$(($(requests_that client_gone) - gone))
    called=$(($(counted tagfleet_jobs_called_off_total) - called))
}

# Who leaves is heard of, behind the edge too: while its picture is fetched, and while its job waits.
hang_up() {
    local reached refused gone called
    serve_slowly
    leave_for "http://127.0.0.1:$slow_port/slow.jpg"
    say "of $hang_ups clients that hung up after 50 ms, $reached had reached a server, which heard of $gone; $refused more were refused before"
    echo "RESULT hang_ups=$hang_ups reached=$reached heard_of=$gone refused=$refused"
    ((reached * 2 > hang_ups && gone * 100 >= reached * 95)) || failed=1
    leave_for "$1"
    say "of as many for a picture that is quickly there, $((reached - gone)) were answered before; $called of the jobs were called off"
}

# shellcheck shell=bash
# A RabbitMQ and a Redis of a script's own. To be sourced after lib.sh, with $folder for their data, $logs, and the ports $amqp_port,
# $epmd_port, $dist_port, $ctl_port and $redis_port. $broker_plugins and the lines $broker_settings are added to the broker's settings.
# shellcheck disable=SC2154 # the script that sources this one sets them

# RabbitMQ finds its settings in the environment; so does rabbitmqctl, which is how it finds this one and no other.
rabbitmq_environment() {
    local loopback="-kernel inet_dist_use_interface {127,0,0,1}"
    printf 'disk_free_limit.absolute = 50MB\n' >"$folder/rabbitmq-here.conf"
    printf '[%s].\n' "${broker_plugins:-}" >"$folder/enabled_plugins"
    if [[ -n ${broker_settings:-} ]]; then printf '%s\n' "${broker_settings[@]}" >>"$folder/rabbitmq-here.conf"; fi
    rabbitmq=(env HOME="$folder" LANG=C.UTF-8
        ERL_EPMD_PORT="$epmd_port" ERL_EPMD_ADDRESS=127.0.0.1
        RABBITMQ_NODENAME="tagfleet-$amqp_port@localhost"
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$amqp_port" RABBITMQ_DIST_PORT="$dist_port"
        RABBITMQ_CTL_DIST_PORT_MIN="$ctl_port" RABBITMQ_CTL_DIST_PORT_MAX="$ctl_port"
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="$loopback" RABBITMQ_CTL_ERL_ARGS="$loopback"
        RABBITMQ_CONFIG_FILE="$PWD/deploy/rabbitmq/rabbitmq.conf" RABBITMQ_CONFIG_FILES="$folder/rabbitmq-here.conf"
        RABBITMQ_CONF_ENV_FILE="$folder/none" RABBITMQ_ENABLED_PLUGINS_FILE="$folder/enabled_plugins"
        RABBITMQ_MNESIA_BASE="$folder/mnesia" RABBITMQ_LOG_BASE="$folder" RABBITMQ_PID_FILE="$folder/pid")
}

# Debian's command of that name insists on the user `rabbitmq`; the script behind it does not.
rabbitmq_script() {
    local behind="/usr/lib/rabbitmq/bin/$1"
    if [[ -x $behind ]]; then echo "$behind"; else command -v "$1"; fi
}

rabbitmqctl() { "${rabbitmq[@]}" "$(rabbitmq_script rabbitmqctl)" --quiet "$@"; }

# The port opens a moment before connections are taken: it must answer the protocol's first frame.
speaks_amqp() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$amqp_port"
        printf 'AMQP\0\0\x09\x01' >&3
        IFS= read -r -n 1 -t 2 frame <&3
        [[ $frame == $'\x01' ]]
    ) 2>/dev/null
}

start_broker() {
    rabbitmq_environment
    # Not left to RabbitMQ, which would start one that outlives it.
    start epmd "$logs/epmd.log" epmd -port "$epmd_port" -address 127.0.0.1
    await epmd "$logs/epmd.log" 10 listens "$epmd_port"
    start rabbitmq "$logs/rabbitmq.log" "${rabbitmq[@]}" "$(rabbitmq_script rabbitmq-server)"
    start redis "$logs/redis.log" redis-server deploy/redis/redis.conf \
        --bind 127.0.0.1 --port "$redis_port" --dir "$folder" --maxmemory 100mb
    await redis "$logs/redis.log" 10 listens "$redis_port"
    await rabbitmq "$logs/rabbitmq.log" 90 speaks_amqp
}

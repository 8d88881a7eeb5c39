"""What KEDA makes of a trigger, what the HorizontalPodAutoscaler makes of that, and how quickly it gets there.

KEDA: pkg/scalers/rabbitmq_scaler.go and prometheus_scaler.go. Autoscaler: pkg/controller/podautoscaler/replica_calculator.go."""

import math

from promql import Query

TOLERANCE = 0.1
# How often the autoscaler looks.
LOOK_S = 15


def read(trigger, world):
    """The trigger's number; None where KEDA has an error, and the fallback counts."""
    settings = trigger["metadata"]
    if trigger["type"] == "cpu":
        return world["cpu"]
    if trigger["type"] == "prometheus":
        found = Query(settings["query"], world["series"]).value()
        if found is None and settings.get("ignoreNullValues", "true") == "true":
            return 0
        return found
    queue = world["queues"][settings["queueName"]]
    messages = queue["ready"] + queue["unacked"]
    if settings["mode"] == "QueueLength":
        return messages
    if settings["mode"] == "ExpectedQueueConsumptionTime":
        if not queue["deliver"]:
            return 0
        return (queue["publish"] - queue["deliver"] + messages) / queue["deliver"]
    raise AssertionError(f"the tests do not know the mode {settings['mode']}")


def target(trigger):
    return float(trigger["metadata"].get("threshold") or trigger["metadata"]["value"])


def wish(trigger, world, current):
    """How many pods one trigger asks for, where there are so many."""
    value = read(trigger, world)
    if value is None:
        return current
    kind = trigger.get("metricType", "AverageValue")
    ratio = value / target(trigger) / (current if kind == "AverageValue" else 1)
    if abs(ratio - 1) <= TOLERANCE:
        return current
    return math.ceil(round(ratio * current, 6))


def bounds(scaler):
    return scaler["spec"]["minReplicaCount"], scaler["spec"]["maxReplicaCount"]


def asked(scaler, world, current):
    """What all triggers together ask for at one look: the most."""
    least, most = bounds(scaler)
    return min(most, max(least, *(wish(trigger, world, current) for trigger in scaler["spec"]["triggers"])))


def settled(scaler, worlds, current, looks=40):
    """Where it ends when the situation stays as it is for ten minutes, or the most of where it goes round."""
    seen = []
    for _ in range(looks):
        current = asked(scaler, worlds(current), current)
        seen.append(current)
    return max(seen)


def rules(scaler, direction):
    return scaler["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"][direction]


def allowance(scaler, direction, current):
    """How many pods may come or go within a minute."""
    steps = []
    for policy in rules(scaler, direction)["policies"]:
        pods = policy["value"] if policy["type"] == "Pods" else math.ceil(current * policy["value"] / 100)
        steps.append(pods * 60 / policy["periodSeconds"])
    return math.floor(max(steps))


def minute_by_minute(scaler, wishes, current):
    """How many pods there are at the end of each minute, of what is asked for in each."""
    quiet = math.ceil(rules(scaler, "scaleDown")["stabilizationWindowSeconds"] / 60)
    there = []
    for minute, wanted in enumerate(wishes):
        # Down to the most that was asked for of late.
        kept = max(wishes[max(0, minute - quiet) : minute + 1])
        if wanted > current:
            current = min(wanted, current + allowance(scaler, "scaleUp", current))
        elif kept < current:
            current = max(kept, current - allowance(scaler, "scaleDown", current))
        there.append(current)
    return there

"""What the scalers of an overlay ask for in situations that they will meet, beside what is needed. Run, it prints the tables of docs/scaling.md and
docs/scaling-overlays.md."""

import math

from autoscaler import asked, bounds, minute_by_minute, settled
from rendered import FLEETS, name, of_kind

OVERLAY = "aws-t4"
BULK_WITHIN_S = 900
# Seconds after which a real-time job that nobody took expires, by default.
EXPIRES_S = 5
# What one pod does: images or captions a second, requests a second, shards at once. docs/scaling.md says where from.
CAPACITY = {"tagfleet-worker-tag": 320, "tagfleet-worker-caption": 7, "tagfleet-api": 60, "tagfleet-migrator": 2}
# What a tagger does elsewhere: an L4, assumed to do twice of what is assumed of a T4; two cores.
TAGGERS = {"aws-l4": 640, "gcp-l4": 640, "aws-cpu": 117, "bare": 117}
# Dollars an hour of one more pod, on demand in Frankfurt, rounded up: a g4dn.xlarge; two cores of a c6i.
PRICE = {"tagfleet-worker-tag": 0.66, "tagfleet-worker-caption": 0.10, "tagfleet-api": 0.10, "tagfleet-migrator": 0.10}
# Messages that one pod holds un-acked: two batches of 32 for each of three engine threads; 24 captions.
PREFETCH = {"tagfleet-worker-tag": 192, "tagfleet-worker-caption": 24}
QUEUES = {"tagfleet-worker-tag": ("tagging", "tagfleet.realtime", "tagfleet.bulk"), "tagfleet-worker-caption": ("captioning", "tagfleet.captions", "tagfleet.captions.bulk")}


def capacity(overlay, scaler):
    return TAGGERS.get(overlay, CAPACITY[scaler]) if scaler == "tagfleet-worker-tag" else CAPACITY[scaler]


def queue(ready=0.0, unacked=0.0, publish=0.0, deliver=0.0):
    return {"ready": ready, "unacked": unacked, "publish": publish, "deliver": deliver}


class Jobs:
    """Jobs for taggers or captioners. `jobs`: a second, published; `served`: a second, done; bulk: messages that wait; `never`: of which
    priority no publisher has sent any, so that its series are not there."""

    def __init__(self, jobs=0.0, served=None, bundle=1, unacked=0, bulk=0, bulk_bundle=8, never=()):
        self.jobs, self.bundle, self.unacked, self.bulk, self.bulk_bundle, self.never = jobs, bundle, unacked, bulk, bulk_bundle, never
        self.served = jobs if served is None else served

    def needed(self, one_does, _):
        return (self.jobs + self.bulk * self.bulk_bundle / BULK_WITHIN_S) / one_does

    def world(self, scaler, pods):
        kind, realtime, bulk = QUEUES[scaler]
        waiting = (self.jobs - self.served) * EXPIRES_S / self.bundle
        held = self.unacked if self.served or not self.jobs else PREFETCH[scaler] * pods
        queues = {realtime: queue(waiting, held, self.jobs / self.bundle, self.served / self.bundle), bulk: queue(self.bulk, 0, self.bulk / 60, self.bulk / 60)}
        published = [(realtime, "realtime", self.jobs, self.bundle), (bulk, "bulk", self.bulk / 60 * self.bulk_bundle, self.bulk_bundle)]
        published = [each for each in published if each[1] not in self.never]
        labels = {"namespace": "tagfleet", "queue": kind}
        series = {
            "tagfleet_queue_bundle_size_sum": [({**labels, "priority": priority}, jobs) for _, priority, jobs, _ in published],
            "tagfleet_queue_bundle_size_count": [({**labels, "priority": priority}, jobs / size) for _, priority, jobs, size in published],
            "rabbitmq_detailed_queue_messages_ready": [({"namespace": "tagfleet", "queue": its_name}, its["ready"]) for its_name, its in queues.items()],
        }
        return {"queues": queues, "series": series}


class Requests:
    """Requests a second, each of so many seconds of processor time."""

    def __init__(self, requests, cpu_s=0.01):
        self.requests, self.cpu_s = requests, cpu_s

    def needed(self, one_does, cores):
        return max(self.requests / one_does, self.requests * self.cpu_s / (cores * 0.85))

    def world(self, _, pods):
        busy = min(1, self.requests * self.cpu_s / (2 * pods))
        return {"cpu": 100 * busy, "series": {"tagfleet_requests_total": [({"namespace": "tagfleet", "code": "ok"}, self.requests)]}}


class Shards:
    """Shards of batches in the queue and in hand, with items that end at a rate."""

    def __init__(self, waiting, in_hand, items=0.0):
        self.waiting, self.in_hand, self.items = waiting, in_hand, items

    def needed(self, one_does, _):
        return (self.waiting + self.in_hand) / one_does

    def world(self, _, pods):
        series = {
            "tagfleet_migrate_items_total": [({"namespace": "tagfleet"}, self.items)],
            "rabbitmq_detailed_queue_messages": [({"namespace": "tagfleet", "queue": "tagfleet.shards"}, self.waiting + self.in_hand)],
        }
        return {"queues": {"tagfleet.shards": queue(self.waiting, self.in_hand)}, "series": series}


JOBS = {
    "nothing at all": Jobs(),
    "one job in hand, one comes in 5 s": Jobs(0.2, unacked=1),
    "half a worker's load for each of the floor": Jobs(480),
    "burst × 10, of 200 a second": Jobs(2000, unacked=600),
    "the same, eight jobs a message": Jobs(2000, bundle=8, unacked=75),
    "much un-acked, little to do": Jobs(200, unacked=576),
    "all workers hang, 500 a second come": Jobs(500, served=0),
    "all workers hang, nothing comes": Jobs(0, unacked=576),
    "drain: 2,000 bulk messages wait, nobody sends": Jobs(bulk=2000),
    "20,000 bulk messages wait beside 500 a second": Jobs(500, bulk=20000),
    "20,000 bulk messages, and nobody ever sent a real-time job": Jobs(bulk=20000, never=("realtime",)),
    "a new fleet, of which nobody asked anything yet": Jobs(never=("realtime", "bulk")),
    "ten times what there may be": Jobs(25000),
}
CAPTIONS = {
    "nothing at all": Jobs(),
    "one caption in hand, one comes in 5 s": Jobs(0.2, unacked=1),
    "burst × 10, of 4 a second": Jobs(40, unacked=24),
    "all captioners hang, 20 a second come": Jobs(20, served=0),
    "20,000 bulk messages wait": Jobs(bulk=20000),
    "the same, and nobody ever asked for a caption in real time": Jobs(bulk=20000, never=("realtime",)),
}
REQUESTS = {
    "nothing at all": Requests(0),
    "one in 5 s": Requests(0.2),
    "burst × 10, of 100 a second": Requests(1000),
    "the same, photos of 12 megapixels": Requests(1000, cpu_s=0.04),
}
SHARDS = {
    "nothing at all": Shards(0, 0),
    "one shard in hand, just begun": Shards(0, 1),
    "one migrator, a long batch: four shards": Shards(2, 2, items=200),
    "five migrators, hosts that hang: twenty shards": Shards(10, 10),
    "the last shard in hand": Shards(0, 1, items=50),
}
SITUATIONS = {"tagfleet-worker-tag": JOBS, "tagfleet-worker-caption": CAPTIONS, "tagfleet-api": REQUESTS, "tagfleet-migrator": SHARDS}


def scalers(overlay=OVERLAY):
    return {name(scaler): scaler for scaler in of_kind(overlay, "ScaledObject")}


class Fixed:
    """A situation, to be looked at with ever other numbers of pods."""

    def __init__(self, situation, scaler):
        self.situation, self.scaler = situation, scaler

    def __call__(self, pods):
        return self.situation.world(name(self.scaler), pods)


def outcomes(overlay=OVERLAY, bounded=True):
    """Of each scaler and situation: asked for at the first look, where it settles, and what is needed."""
    for its_name, scaler in scalers(overlay).items():
        if not bounded:
            scaler = {**scaler, "spec": {**scaler["spec"], "maxReplicaCount": 10**6}}
        least, most = bounds(scaler)
        for words, situation in SITUATIONS[its_name].items():
            worlds = Fixed(situation, scaler)
            needed = min(most, max(least, math.ceil(round(situation.needed(capacity(overlay, its_name), 2), 6))))
            yield its_name, words, asked(scaler, worlds(least), least), settled(scaler, worlds, least), needed


def mistake(scaler, minutes=10):
    """Dollars for a scaler that asks for all there may be for some minutes, and for one that stays so for an hour."""
    least, most = bounds(scaler)
    there = minute_by_minute(scaler, [most] * minutes + [least] * 120, least)
    price = PRICE[name(scaler)]
    return sum(pods - least for pods in there) / 60 * price, (most - least) * price


def lines():
    yield "| scaler | situation | asks at once | settles at | needed |"
    yield "|---|---|---|---|---|"
    for row in outcomes():
        yield "| " + " | ".join(map(str, row)).replace("tagfleet-", "") + " |"


def elsewhere():
    """Where each overlay settles, and what is needed; where a scaler is not there, nothing."""
    found = {(overlay, scaler, words): f"{settles} of {needed}" for overlay in FLEETS for scaler, words, _, settles, needed in outcomes(overlay)}
    yield "| scaler | situation | " + " | ".join(FLEETS) + " |"
    yield "|---" * (len(FLEETS) + 2) + "|"
    for scaler, situations in sorted(SITUATIONS.items()):
        for words in situations:
            cells = [found.get((overlay, scaler, words), "") for overlay in FLEETS]
            yield f"| {scaler.removeprefix('tagfleet-')} | {words} | " + " | ".join(cells) + " |"


def bills():
    yield "| scaler | floor, maximum | ten minutes of a mistake | an hour at the maximum |"
    yield "|---|---|---|---|"
    for its_name, scaler in scalers().items():
        once, hourly = mistake(scaler)
        yield f"| {its_name.removeprefix('tagfleet-')} | {', '.join(map(str, bounds(scaler)))} | {once:.2f} USD | {hourly:.2f} USD |"


if __name__ == "__main__":
    print("\n".join([*lines(), "", *bills(), "", *elsewhere()]))

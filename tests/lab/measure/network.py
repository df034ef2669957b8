"""What went over the line: bits by kind, use of the capacity, and how the sender followed its changes."""

import numpy as np

KINDS = ("audio", "video", "repair", "rtcp", "stun", "dtls", "tcp", "other")
REPAIR = ("/rtx", "/ulpfec", "/flexfec", "/flexfec-03")
# The rate is that of whole seconds, looked at each so often (seconds).
MEAN_SECONDS, LOOK_SECONDS = 1.0, 0.1
REACHED = 0.9
QUEUE_MS = 50
# A capacity that does not last is not one to be reached: a mobile line changes all the time.
LASTS_SECONDS = 5


def kind_of(kind, payload_type, payload_types):
    """One of KINDS. payload_types: what each means, as "video/VP8"."""
    if kind != "rtp":
        return kind if kind in KINDS else "other"
    name = payload_types.get(str(payload_type), "").lower()
    if name.endswith(REPAIR):
        return "repair"
    return name.split("/")[0] if name.startswith(("audio/", "video/")) else "other"


class Capacity:
    """The line's capacity in bits a second: [[since, bits or None], …], times ascending; none: no limit."""

    def __init__(self, changes):
        self.changes = [(float(since), bits) for since, bits in changes or []]

    def over(self, begin, end):
        """(begin, end, bits or None) of each part of that time."""
        parts = []
        for index, (since, bits) in enumerate(self.changes):
            until = self.changes[index + 1][0] if index + 1 < len(self.changes) else np.inf
            if since < end and until > begin:
                parts.append((max(since, begin), min(until, end), bits))
        return parts

    def jumps(self, begin, end):
        """(when, until, old, new) of each change to a capacity that lasts, within that time."""
        found = []
        for index, (since, bits) in enumerate(self.changes[1:], 1):
            until = self.changes[index + 1][0] if index + 1 < len(self.changes) else end
            old = self.changes[index - 1][1]
            if begin <= since and min(until, end) - since >= LASTS_SECONDS and bits and old and bits != old:
                found.append((since, min(until, end), old, bits))
        return found

    def earlier(self, when, bits):
        """(begin, end) of the last stretch before `when` that carried as much, or None."""
        for index in range(len(self.changes) - 2, -1, -1):
            (since, had), (until, _) = self.changes[index : index + 2]
            if until < when and (had is None or had >= bits):
                return since, until
        return None


def rates(times, bytes_, begin, end, width=MEAN_SECONDS, step=LOOK_SECONDS):
    """Bits a second in [t, t + width) for each t from `begin` on: t and rate."""
    order = np.argsort(times)
    times, total = times[order], np.concatenate([[0], np.cumsum(bytes_[order])]) * 8
    starts = np.arange(begin, end - width + step / 2, step)
    carried = total[np.searchsorted(times, starts + width)] - total[np.searchsorted(times, starts)]
    return starts, carried / width


def reached_after(times, bytes_, rise, before=None):
    """Seconds from a rise until a whole second at REACHED of the new rate begins; None: not before the next change.

    The new rate is the new capacity; of a sender that had so much room `before` (begin, end) and used less of it in
    the latter half, that which it used: who wants no more has reached it then.
    """
    since, until, _, capacity = rise
    if before:
        half = (before[0] + before[1]) / 2
        used = float(bytes_[(times >= half) & (times < before[1])].sum()) * 8 / (before[1] - half)
        capacity = min(capacity, used or capacity)
    starts, rate = rates(times, bytes_, since, until)
    enough = starts[rate >= REACHED * capacity]
    return round(float(enough[0] - since), 2) if len(enough) else None


def drained_after(times, queue_ms, fall):
    """Seconds from a fall until a whole second in which no packet waited QUEUE_MS; None: not before the next change."""
    since, until, _, _ = fall
    long = np.sort(times[(times >= since) & (times <= until) & (queue_ms >= QUEUE_MS)])
    quiet_from = np.concatenate([[since], long])
    lasts = np.diff(np.append(quiet_from, until))
    calm = quiet_from[lasts >= MEAN_SECONDS]
    return round(float(calm[0] - since), 2) if len(calm) else None


def summary(offered, delivered, queue_ms, bytes_, kinds, capacity, begin, end):
    """What one way of the line carried from `begin` to `end`. Arrays, one entry a packet.

    offered, delivered: unix seconds, delivered NaN of those lost. kinds: of KINDS. capacity: a Capacity.
    """
    kinds = np.asarray(kinds)
    sent = (offered >= begin) & (offered < end)
    came = (delivered >= begin) & (delivered < end)
    ours = kinds != "tcp"
    seconds = end - begin
    possible = sum((until - since) * bits for since, until, bits in capacity.over(begin, end) if bits)
    limited = [(since, until) for since, until, bits in capacity.over(begin, end) if bits]
    used_by_us = sum(
        float(bytes_[ours & (delivered >= since) & (delivered < until)].sum()) * 8 for since, until in limited
    )
    waited = queue_ms[came & ours]
    waited = waited[np.isfinite(waited)]
    jumps = capacity.jumps(begin, end)
    rises, falls = [j for j in jumps if j[3] > j[2]], [j for j in jumps if j[3] < j[2]]
    starts, rate = rates(offered[sent & ours], bytes_[sent & ours], begin, end, step=0.5)
    return {
        "kbps": {kind: round(float(bytes_[sent & (kinds == kind)].sum()) * 8 / seconds / 1_000, 2) for kind in KINDS},
        "total_kbps": round(float(bytes_[sent & ours].sum()) * 8 / seconds / 1_000, 2),
        "lost_share": round(1 - float(np.isfinite(delivered[sent & ours]).mean()), 4) if (sent & ours).any() else None,
        "own_utilisation": round(used_by_us / possible, 4) if possible else None,
        "queue_p95_ms": percentile(waited, 95),
        "reached": [
            {
                "at_s": round(j[0] - begin, 2),
                "bps": j[3],
                "after_s": reached_after(delivered[ours], bytes_[ours], j, capacity.earlier(j[0], j[3])),
            }
            for j in rises
        ],
        "drained": [
            {"at_s": round(j[0] - begin, 2), "bps": j[3], "after_s": drained_after(delivered[ours], queue_ms[ours], j)}
            for j in falls
        ],
        "rate_over_time": [
            [round(float(at - begin + MEAN_SECONDS / 2), 2), round(float(value))] for at, value in zip(starts, rate)
        ],
        "capacity_over_time": [[round(since - begin, 2), bits] for since, _, bits in capacity.over(begin, end)],
    }


def fairness(shares):
    """Jain's index: 1 if all have the same, 1/n if one of n has all. None: nobody has anything."""
    shares = np.asarray(shares, float)
    return round(float(shares.sum() ** 2 / (len(shares) * np.square(shares).sum())), 4) if shares.any() else None


def percentile(values, share):
    return round(float(np.percentile(values, share)), 2) if len(values) else None

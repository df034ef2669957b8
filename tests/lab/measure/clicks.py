"""Mouth-to-ear delay: each click of the train that was sent, found in what was heard."""

import numpy as np
from scipy.signal import fftconvolve

from sound import RATE, SPEECH_RATE, at_rate

# A call whose sound is later than this is none. It is shorter than what passes until a kind of click
# comes again, so the moment of a click tells its delay without knowing that of its neighbours.
LONGEST_SECONDS = 5.5
EARLY_SECONDS = 0.05
# Clicks behind a codec correlate by more than 0.9 with what was sent, those half lost by 0.6 to 0.8,
# and what is not the click by less than 0.42.
LIKE_ENOUGH = 0.55
# Of fewer clicks sent a percentile is chance: one in twenty, and one in a hundred, should be there twice.
LEAST = {50: 1, 95: 40, 99: 200}


def likeness(sound, template):
    """Normalised cross-correlation, -1..1, at each place where `template` fits into `sound`."""
    energy = np.concatenate([[0], np.cumsum(np.square(sound))])
    energy = energy[len(template) :] - energy[: -len(template)]
    # Below -75 dB there is nothing to be alike.
    floor = len(template) * 10 ** (-75 / 10)
    matched = fftconvolve(sound, template[::-1], "valid")
    return matched / np.sqrt(np.maximum(energy, floor)) / np.linalg.norm(template)


def peak(values):
    """Where the greatest is, between samples, by a parabola through it and its neighbours; and how great."""
    top = int(np.argmax(values))
    if 0 < top < len(values) - 1:
        left, middle, right = values[top - 1 : top + 2]
        return top + 0.5 * (left - right) / (left - 2 * middle + right), float(middle)
    return float(top), float(values[top])


def delays(heard, due, kinds):
    """The delay of each click in seconds, NaN of those not found.

    heard: what was heard, RATE Hz. due: when each click was due, seconds on heard's own time, its first
    sample being 0. kinds: shape (kinds, samples), RATE Hz; the n-th click is of kind n % len(kinds).

    Each is looked for at SPEECH_RATE in all the time it may have come in, then placed at RATE.
    """
    step = RATE // SPEECH_RATE
    coarse = at_rate(heard, RATE, SPEECH_RATE)
    coarse_kinds = [at_rate(kind, RATE, SPEECH_RATE) for kind in kinds]
    found = np.full(len(due), np.nan)
    for index, moment in enumerate(due):
        kind, coarse_kind = kinds[index % len(kinds)], coarse_kinds[index % len(kinds)]
        begin = max(0, int((moment - EARLY_SECONDS) * SPEECH_RATE))
        end = max(begin, int((moment + LONGEST_SECONDS) * SPEECH_RATE))
        around = coarse[begin:end]
        if len(around) < len(coarse_kind):
            continue
        place, alike = peak(likeness(around, coarse_kind))
        if alike < LIKE_ENOUGH:
            continue
        margin = 2 * step
        near = max(0, (begin + round(place)) * step - margin)
        closer = heard[near : near + len(kind) + 2 * margin]
        if len(closer) < len(kind):
            continue
        place, _ = peak(likeness(closer, kind))
        found[index] = (near + place) / RATE - moment
    return found


def summary(due, found, begin, end):
    """Percentiles (ms) and the list over time of the clicks due from `begin` on whose sound could come until `end`.

    due, begin, end: seconds on one time; found: as from `delays`.
    """
    there = found[(due >= begin) & np.isfinite(found)]
    # What was due so late that its sound may have been cut off by the end is not asked for; a few very late ones do
    # not take the end of all from the others.
    usual = float(np.percentile(there, 95)) if len(there) else 0.0
    asked = (due >= begin) & (due <= end - usual)
    there = found[asked & np.isfinite(found)] * 1_000
    over_time = [
        [round(float(moment - begin), 3), None if np.isnan(delay) else round(float(delay) * 1_000, 2)]
        for moment, delay in zip(due[asked], found[asked])
    ]
    sent = int(asked.sum())
    told = {share: np.percentile(there, share) if len(there) and sent >= least else None for share, least in LEAST.items()}
    return {
        "p50_ms": rounded(told[50]),
        "p95_ms": rounded(told[95]),
        "p99_ms": rounded(told[99]),
        "found": len(there),
        "sent": sent,
        "over_time": over_time,
    }


def rounded(value):
    return None if value is None else round(float(value), 2)

"""Speech on the time of its speaker: what was heard is cut in pauses and each part moved back by its delay.

The delay of a call changes as its jitter buffer does. Measures that compare two sounds sample by
sample would count every such change as damage to all that follows; moved part by part, they judge the words.
"""

import numpy as np

from clicks import EARLY_SECONDS, LONGEST_SECONDS, likeness, peak
from sound import SPEECH_RATE as RATE

# So much speech is told from all other, and its delay changes seldom within it.
SEGMENT_SECONDS, STEP_SECONDS = 1.5, 0.5
# What was said, behind a codec, is alike by 0.9; after heavy losses by 0.6; other words by less than 0.4.
LIKE_ENOUGH = 0.5
# A delay that none of its neighbours (2.5 s each way) comes near to is a mistake.
NEIGHBOURS, NEAR_SECONDS = 5, 0.5
# Smaller changes are no jump: parts are not cut for them.
JUMP_SECONDS = 0.002
FADE = RATE // 500


def delays(sent, heard, offset):
    """How late each segment is: its middle and its delay, in seconds; only those that were found.

    sent, heard: RATE Hz. offset: heard[i + offset] was handed over when sent[i] was due.
    """
    length, step = int(SEGMENT_SECONDS * RATE), int(STEP_SECONDS * RATE)
    loudness = np.sqrt(np.mean(np.square(sent))) if len(sent) else 0
    found = []
    for start in range(0, len(sent) - length + 1, step):
        segment = sent[start : start + length]
        if np.sqrt(np.mean(np.square(segment))) < loudness / 3:
            continue
        begin = max(0, start + offset - int(EARLY_SECONDS * RATE))
        around = heard[begin : max(0, start + offset) + int(LONGEST_SECONDS * RATE) + length]
        if len(around) < length:
            continue
        place, alike = peak(likeness(around, segment))
        if alike >= LIKE_ENOUGH:
            found.append(((start + length / 2) / RATE, (begin + place - offset - start) / RATE))
    found = np.array(found).reshape(-1, 2)
    near = [
        np.sum(np.abs(found[max(0, i - NEIGHBOURS) : i + NEIGHBOURS + 1, 1] - delay) < NEAR_SECONDS) > 1 or len(found) == 1
        for i, (_, delay) in enumerate(found)
    ]
    return found[np.array(near, bool)]


def retimed(sent, heard, offset, found):
    """`heard` on the time of `sent`, as long as it; silence where nothing was recorded.

    found: as from `delays`, at least one. Where the delay changes, the cut is where `sent` is most quiet.
    """
    cuts, shifts = [0], [int(round(found[0][1] * RATE))]
    for (before, old), (after, new) in zip(found, found[1:]):
        shift = int(round(new * RATE))
        if abs(shift - shifts[-1]) < JUMP_SECONDS * RATE:
            continue
        cuts.append(quietest(sent, int(before * RATE), int(after * RATE)))
        shifts.append(shift)
    result = np.zeros(len(sent))
    for begin, end, shift in zip(cuts, [*cuts[1:], len(sent)], shifts):
        part = taken(heard, begin + shift + offset, end + shift + offset)
        if begin and len(part) > FADE:
            ramp = np.linspace(0, 1, FADE)
            before = taken(heard, begin + last + offset, begin + last + offset + FADE)
            part[:FADE] = ramp * part[:FADE] + (1 - ramp) * before
        result[begin:end] = part
        last = shift
    return result


def quietest(sound, begin, end):
    """The middle of the most quiet 20 ms between two places."""
    width = RATE // 50
    energy = np.convolve(np.square(sound[begin:end]), np.ones(width), "valid")
    return begin + (int(np.argmin(energy)) + width // 2 if len(energy) else 0)


def taken(sound, begin, end):
    """sound[begin:end], and silence where there is none."""
    part = np.zeros(max(0, end - begin))
    inside = sound[max(0, begin) : max(0, end)]
    start = max(0, -begin)
    part[start : start + len(inside)] = inside
    return part

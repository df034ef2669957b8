"""Speech on the time of its speaker: what was heard is cut where it is quiet and each part moved back by its delay.

The delay of a call changes: a jitter buffer grows at once and shrinks by playing a tenth faster. Measures
that compare two sounds sample by sample would count that as damage to all that follows; moved part by
part, they judge the words.
"""

import numpy as np

from clicks import EARLY_SECONDS, LONGEST_SECONDS, likeness, peak
from sound import SPEECH_RATE as RATE
from sound import level

# So much speech is told from all other within seconds of it, if its delay stays as it is.
COARSE_SECONDS, COARSE_STEP = 1.5, 0.5
# What was said, behind a codec, is alike by 0.9; after heavy losses by 0.6; other words by less than 0.4.
LIKE_ENOUGH = 0.5
# A delay that none of its neighbours (2.5 s each way) comes near to is a mistake.
NEIGHBOURS, NEAR_SECONDS = 5, 0.5

# With the delays roughly known, pieces of words are enough; and a delay that drifts is followed.
FINE_SECONDS, FINE_STEP = 0.24, 0.06
# How far beyond those known, seconds, and in which steps.
BEYOND_SECONDS, GRID = 0.3, RATE // 1_000
# A piece that is alike all over counts 1. A change of the delay costs so much a millisecond, and at most as
# much as any jump does.
CHANGE_COST, JUMP_COST = 0.01, 1.0

# Parts are not cut for smaller changes than that.
CUT_SECONDS = 0.002
FADE = RATE // 500


def coarse_delays(sent, heard, offset):
    """How late longer parts are: their middles and delays, in seconds, shape (found, 2). As for `delays`."""
    length, step = int(COARSE_SECONDS * RATE), int(COARSE_STEP * RATE)
    loudness = level(sent)
    found = []
    for start in range(0, len(sent) - length + 1, step):
        part = sent[start : start + length]
        if level(part) < loudness / 3:
            continue
        begin = max(0, start + offset - int(EARLY_SECONDS * RATE))
        around = heard[begin : max(0, start + offset) + int(LONGEST_SECONDS * RATE) + length]
        if len(around) < length:
            continue
        place, alike = peak(likeness(around, part))
        if alike >= LIKE_ENOUGH:
            found.append(((start + length / 2) / RATE, (begin + place - offset - start) / RATE))
    found = np.array(found).reshape(-1, 2)
    near = [
        len(found) == 1
        or np.sum(np.abs(found[max(0, i - NEIGHBOURS) : i + NEIGHBOURS + 1, 1] - delay) < NEAR_SECONDS) > 1
        for i, (_, delay) in enumerate(found)
    ]
    return found[np.array(near, bool)]


def delays(sent, heard, offset):
    """How late each piece of speech is: its middle and its delay in seconds, shape (found, 2).

    sent, heard: RATE Hz. offset: heard[i + offset] was handed over when sent[i] was due.

    Of all ways through the likeness of each piece at each delay it is the one that is alike most and changes
    least (Viterbi), among the delays that longer parts have shown. Only pieces that are alike are told.
    """
    coarse = coarse_delays(sent, heard, offset)
    if not len(coarse):
        return coarse
    lowest = int((coarse[:, 1].min() - BEYOND_SECONDS) * RATE)
    count = int(np.ceil(((coarse[:, 1].max() + BEYOND_SECONDS) * RATE - lowest) / GRID))
    length, step = int(FINE_SECONDS * RATE), int(FINE_STEP * RATE)
    starts = np.arange(0, len(sent) - length + 1, step)
    loudness = level(sent)
    # Of each piece, at each millisecond of delay: how alike at best within it, and where exactly.
    alike, exact = np.zeros((len(starts), count)), np.zeros((len(starts), count), int)
    for index, start in enumerate(starts):
        piece = sent[start : start + length]
        if level(piece) < loudness / 6:
            continue
        begin = start + offset + lowest
        at_each = likeness(taken(heard, begin, begin + count * GRID + length - 1), piece).reshape(count, GRID)
        best = at_each.argmax(axis=1)
        alike[index] = at_each[np.arange(count), best]
        exact[index] = np.arange(count) * GRID + best
    way = cheapest_way(np.maximum(alike, 0))
    rows = np.arange(len(starts))
    told = alike[rows, way] >= LIKE_ENOUGH
    if not told.any():
        return coarse
    return np.column_stack([(starts + length / 2) / RATE, (lowest + exact[rows, way]) / RATE])[told]


def cheapest_way(alike):
    """The column in each row such that what is collected on the way, less what changes cost, is the most."""
    rows, columns = alike.shape
    cost = CHANGE_COST * np.arange(columns)
    came_from = np.zeros((rows, columns), int)
    total = alike[0].copy()
    here = np.arange(columns)
    for row in range(1, rows):
        # From the left, from the right, or from anywhere by a jump.
        best, source = total, here
        for side in (slice(None), slice(None, None, -1)):
            slope = (total + (cost if side.step is None else -cost))[side]
            running = np.maximum.accumulate(slope)
            first = np.maximum.accumulate(np.where(slope >= running, np.arange(columns), 0))
            reached = running[side] - (cost if side.step is None else -cost)
            origin = here[side][first][side]
            better = reached > best
            best, source = np.where(better, reached, best), np.where(better, origin, source)
        jump = total.max() - JUMP_COST
        source = np.where(jump > best, total.argmax(), source)
        total = np.maximum(best, jump) + alike[row]
        came_from[row] = source
    way = [int(total.argmax())]
    for row in range(rows - 1, 0, -1):
        way.append(int(came_from[row, way[-1]]))
    return np.array(way[::-1])


def retimed(sent, heard, offset, found):
    """`heard` on the time of `sent`, as long as it; silence where nothing was recorded.

    found: as from `delays`, at least one. Where the delay changes, the cut is where `sent` is most quiet.
    """
    # Runs of pieces with one delay, which is their median.
    runs = [[found[0]]]
    for piece in found[1:]:
        if abs(piece[1] - np.median([delay for _, delay in runs[-1]])) < CUT_SECONDS:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    shifts = [int(round(np.median([delay for _, delay in run]) * RATE)) for run in runs]
    between = [(one[-1][0], other[0][0]) for one, other in zip(runs, runs[1:])]
    cuts = [0, *(quietest(sent, int(before * RATE), int(after * RATE)) for before, after in between)]
    result, last = np.zeros(len(sent)), shifts[0]
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
    """The middle of the most quiet 20 ms between two places; of all between, where that is shorter."""
    width = RATE // 50
    between = sound[begin:end]
    if len(between) < width:
        return (begin + end) // 2
    energy = np.convolve(np.square(between), np.ones(width), "valid")
    return begin + int(np.argmin(energy)) + width // 2


def taken(sound, begin, end):
    """sound[begin:end], and silence where there is none."""
    part = np.zeros(max(0, end - begin))
    inside = sound[max(0, begin) : max(0, end)]
    start = max(0, -begin)
    part[start : start + len(inside)] = inside
    return part

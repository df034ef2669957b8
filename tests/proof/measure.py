"""Measures what came out of a call against what went in, and prints figures as JSON.

    measure.py speech SENT.wav HEARD.wav          intelligibility (STOI), of all and of parts of 2 s
    measure.py pictures SENT.y4m SEEN.y4m FIRST   likeness (SSIM) and smoothness; FIRST: first number
    measure.py lipsync SEEN.y4m HEARD.wav AHEAD   by flashes and beeps; AHEAD: the sound's file was
                                                  opened so many seconds before the pictures' one
    measure.py echo LOUD.wav BACK.wav             how much weaker BACK is than LOUD, from 5 s on
"""

import json
import sys
from pathlib import Path

import numpy as np
from pystoi import stoi

sys.path.append(str(Path(__file__).resolve().parents[1] / "lab/measure"))

from film import Pictures, judged_from, ssim
from sound import SPEECH_RATE as RATE
from sound import aligned, read_wav


def speech(sent_path, heard_path):
    sent, heard, lag = aligned(read_wav(sent_path, RATE), read_wav(heard_path, RATE))
    # A call's delay changes now and then; parts of two seconds, each aligned by itself, tell what
    # became of the words rather than of their moments.
    parts, delays = [], []
    length, loudness = 2 * RATE, np.sqrt(np.mean(sent**2))
    for start in range(0, len(sent) - length + 1, length):
        part = sent[start : start + length]
        if np.sqrt(np.mean(part**2)) < loudness / 2:
            continue
        margin = RATE // 4
        around = heard[max(0, start - margin) : start + length + margin]
        one, other, shift = aligned(part, around)
        # What overlaps the words by less than half is not them.
        parts.append(float(stoi(one, other, RATE)) if 2 * len(one) >= length else 0.0)
        delays.append((shift - min(start, margin)) / RATE * 1_000)
    gain = np.sqrt(np.mean(heard**2) / np.mean(sent**2))
    return {
        "stoi": float(stoi(sent, heard, RATE)),
        "stoi_parts_mean": float(np.mean(parts)) if parts else 0.0,
        "stoi_parts_worst": min(parts, default=0.0),
        "delay_change_ms": max(delays, default=0.0) - min(delays, default=0.0),
        "seconds": len(sent) / RATE,
        "gain_db": float(20 * np.log10(gain + 1e-12)),
        "late_s": lag / RATE,
    }


def times_of(path):
    return np.loadtxt(f"{path}.times", ndmin=1) / 1_000


def pictures(sent_path, seen_path, first):
    sent, seen = Pictures(sent_path), Pictures(seen_path)
    times = times_of(seen_path)[: len(seen)]
    likeness, unread = [], 0
    # The strip with the number is our own addition: not counted.
    below = judged_from(sent.width)
    same_size = (sent.width, sent.height) == (seen.width, seen.height)
    for index in range(0, len(seen), 7):
        number = seen.number(index)
        if number is None or not 0 <= number - int(first) < len(sent):
            unread += 1
        elif same_size:
            likeness.append((times[index], ssim(sent.luma(number - int(first))[below:], seen.luma(index)[below:])))
    values = np.array([value for _, value in likeness] or [0.0])
    settled = np.array([value for time, value in likeness if time > times[0] + 5] or [0.0])
    gaps = np.diff(times)
    span = times[-1] - times[0] if len(times) > 1 else 0
    return {
        "ssim": float(values.mean()),
        "ssim_after_5s": float(settled.mean()),
        "ssim_worst_after_5s": float(settled.min()),
        "fps": len(gaps) / span if span else 0.0,
        "seconds": float(span),
        "longest_gap_ms": float(gaps.max() * 1_000) if len(gaps) else 0.0,
        "unread": unread,
        "looked_at": len(likeness),
        "size": f"{seen.width}x{seen.height}",
    }


def lipsync(seen_path, heard_path, ahead):
    seen, times = Pictures(seen_path), times_of(seen_path)
    lit = [seen.luma(index)[::8, ::8].mean() > 150 for index in range(len(seen))]
    flashes = [times[i] for i in range(1, len(lit)) if lit[i] and not lit[i - 1]]
    sound = np.abs(read_wav(heard_path, 48_000))
    loud = np.flatnonzero(sound > 0.1)
    first_of_each = loud[np.diff(loud, prepend=-48_000) > 12_000]
    beeps = first_of_each / 48_000 - float(ahead)
    # Positive: the sound comes after its picture. Only where both were there.
    late = [float(min(beeps - flash, key=abs)) * 1_000 for flash in flashes] if len(beeps) else []
    late = [value for value in late if abs(value) < 500]
    return {
        "pairs": len(late),
        "sound_late_median_ms": float(np.median(late)) if late else None,
        "worst_ms": max(late, key=abs, default=None),
    }


def echo(loud_path, back_path):
    loud, back = read_wav(loud_path, RATE), read_wav(back_path, RATE)
    # Both were recorded over the same time; it counts from the first word on.
    begin = int(np.argmax(np.abs(loud) > 0.01))
    end = min(len(loud), len(back))
    loud, back = loud[begin:end], back[begin:end]
    second, settled = RATE, 5 * RATE

    def decibels(sound):
        return float(10 * np.log10(np.mean(sound**2) + 1e-12))

    return {
        "loud_db": decibels(loud[settled:]),
        "back_db": decibels(back[settled:]),
        "weaker_db": decibels(loud[settled:]) - decibels(back[settled:]),
        "weaker_first_5s_db": decibels(loud[:settled]) - decibels(back[:settled]),
        "back_last_5s_db": decibels(back[-settled:]),
        "seconds": len(back) / second,
    }


def main():
    name, arguments = sys.argv[1], sys.argv[2:]
    print(json.dumps({"speech": speech, "pictures": pictures, "lipsync": lipsync, "echo": echo}[name](*arguments)))


if __name__ == "__main__":
    main()

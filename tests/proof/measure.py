"""Measures what came out of a call against what went in, and prints figures as JSON.

    measure.py speech SENT.wav HEARD.wav          intelligibility (STOI), of all and of parts of 2 s
    measure.py pictures SENT.y4m SEEN.y4m FIRST   likeness (SSIM) and smoothness; FIRST: first number
    measure.py lipsync SEEN.y4m HEARD.wav AHEAD   by flashes and beeps; AHEAD: the sound's file was
                                                  opened so many seconds before the pictures' one
    measure.py echo LOUD.wav BACK.wav             how much weaker BACK is than LOUD, from 5 s on
"""

import json
import sys

import numpy as np
from pystoi import stoi
from scipy.io import wavfile
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate, resample_poly

RATE = 16_000


def read_wav(path, rate=RATE):
    own, sound = wavfile.read(path)
    assert sound.ndim == 1 and sound.dtype == np.int16, path
    divisor = np.gcd(own, rate)
    return resample_poly(sound / 32_768, rate // divisor, own // divisor)


def lag_of(sent, heard):
    """By how many samples `heard` is late."""
    correlation = correlate(heard, sent, method="fft")
    return int(np.argmax(np.abs(correlation))) - (len(sent) - 1)


def aligned(sent, heard):
    lag = lag_of(sent, heard)
    sent, heard = sent[max(0, -lag) :], heard[max(0, lag) :]
    length = min(len(sent), len(heard))
    return sent[:length], heard[:length], lag


def speech(sent_path, heard_path):
    sent, heard, lag = aligned(read_wav(sent_path), read_wav(heard_path))
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
        parts.append(float(stoi(one, other, RATE)))
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


class Pictures:
    """A Y4M file of 4:2:0 pictures, each read when it is looked at."""

    def __init__(self, path):
        with open(path, "rb") as file:
            header = file.readline()
        words = {word[:1]: word[1:] for word in header.decode().split()[1:]}
        self.width, self.height = int(words["W"]), int(words["H"])
        size = len(b"FRAME\n") + self.width * self.height + 2 * (-(-self.width // 2) * -(-self.height // 2))
        data = np.memmap(path, np.uint8, "r", len(header))
        self.records = data[: len(data) // size * size].reshape(-1, size)

    def __len__(self):
        return len(self.records)

    def luma(self, index):
        start = len(b"FRAME\n")
        plane = self.records[index][start : start + self.width * self.height]
        return plane.reshape(self.height, self.width)

    def number(self, index):
        """What `burn` painted, or none."""
        strip = self.luma(index)[: self.width // 24]
        rows = strip[len(strip) // 4 : -(len(strip) // 4)]
        cell = self.width / 24
        bits = 0
        for left in np.arange(24) * cell:
            middle = rows[:, int(left + cell / 4) : int(left + cell * 3 / 4)]
            bits = bits << 1 | int(middle.mean() > 125)
        number = bits >> 8
        return number if bits & 0xFF == ~((number >> 8) ^ number) & 0xFF else None


def ssim(one, other):
    """Mean structural similarity of two luma planes (Wang et al. 2004, its constants)."""
    one, other = one.astype(np.float32), other.astype(np.float32)

    def blur(plane):
        return gaussian_filter(plane, 1.5, truncate=3.5)

    mean_one, mean_other = blur(one), blur(other)
    variance_one = blur(one * one) - mean_one**2
    variance_other = blur(other * other) - mean_other**2
    covariance = blur(one * other) - mean_one * mean_other
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_one * mean_other + c1) * (2 * covariance + c2)
    bottom = (mean_one**2 + mean_other**2 + c1) * (variance_one + variance_other + c2)
    return float((top / bottom).mean())


def times_of(path):
    return np.loadtxt(f"{path}.times", ndmin=1) / 1_000


def pictures(sent_path, seen_path, first):
    sent, seen = Pictures(sent_path), Pictures(seen_path)
    times = times_of(seen_path)[: len(seen)]
    likeness, unread = [], 0
    # The strip with the number is our own addition: not counted.
    below = sent.width // 24 + 8
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
    loud, back = read_wav(loud_path), read_wav(back_path)
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

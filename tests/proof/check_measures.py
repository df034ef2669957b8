"""The measures measured: what is the same is perfect, what is late is found, what is bad fails."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.io import wavfile

import measure

CLIPS = Path(sys.argv[1])
RATE = 48_000


def write(path, sound):
    wavfile.write(path, RATE, np.clip(np.round(sound), -32_768, 32_767).astype(np.int16))
    return str(path)


def check_speech(folder):
    clip = str(CLIPS / "speech-a.wav")
    sound = wavfile.read(clip)[1].astype(float)
    same = measure.speech(clip, clip)
    assert same["stoi"] > 0.9999 and same["late_s"] == 0, same

    late = np.concatenate([np.zeros(RATE * 6 // 5), 0.5 * sound])
    found = measure.speech(clip, write(folder / "late.wav", late))
    assert found["stoi"] > 0.999 and abs(found["late_s"] - 1.2) < 0.001 and abs(found["gain_db"] + 6) < 0.1, found

    noise = np.random.default_rng(1).normal(0, 6_000, len(sound))
    noisy = measure.speech(clip, write(folder / "noisy.wav", sound + noise))
    assert noisy["stoi"] < 0.8 and noisy["stoi_parts_mean"] < 0.8, noisy

    holes = sound.reshape(-1, 960).copy()
    holes[::4] = 0
    broken = measure.speech(clip, write(folder / "holes.wav", holes.ravel()))
    assert broken["stoi"] < 0.93 and broken["stoi_parts_mean"] < 0.93, broken

    # Two seconds are lost but for their first words, which come at their end.
    lost = sound.copy()
    lost[8 * RATE : 41 * RATE // 4] = 0
    lost[10 * RATE : 41 * RATE // 4] = sound[8 * RATE : 33 * RATE // 4]
    lost = measure.speech(clip, write(folder / "lost.wav", lost))
    assert lost["stoi_parts_worst"] < 0.5, lost

    other = measure.speech(clip, str(CLIPS / "speech-b.wav"))
    assert other["stoi_parts_mean"] < 0.5, other


def write_pictures(path, header, records, times):
    path.write_bytes(header + records.tobytes())
    np.savetxt(f"{path}.times", np.asarray(times) * 1_000, fmt="%.3f")
    return str(path)


def check_pictures(folder):
    clip = CLIPS / "film-a.y4m"
    film = measure.Pictures(clip)
    header = open(clip, "rb").readline()
    records = np.array(film.records[:42])
    steady = np.arange(len(records)) / 30
    same = measure.pictures(clip, write_pictures(folder / "same.y4m", header, records, steady), 0)
    assert same["ssim"] > 0.9999 and abs(same["fps"] - 30) < 0.01 and same["unread"] == 0, same

    # Each second picture, so at half the rate, and each still compared with its own original.
    half = write_pictures(folder / "half.y4m", header, records[::2], steady[::2])
    found = measure.pictures(clip, half, 0)
    assert found["ssim"] > 0.9999 and abs(found["fps"] - 15) < 0.01, found

    noise = np.random.default_rng(1).normal(0, 12, records[:, 6:].shape)
    records[:, 6:] = np.clip(records[:, 6:] + noise, 0, 255)
    noisy = measure.pictures(clip, write_pictures(folder / "noisy.y4m", header, records, steady), 0)
    assert noisy["ssim"] < 0.9 and noisy["unread"] == 0, noisy

    strangers = measure.pictures(clip, write_pictures(folder / "b.y4m", header, np.array(
        measure.Pictures(CLIPS / "film-b.y4m").records[:14]), steady[:14]), 0)
    assert strangers["looked_at"] == 0 and strangers["ssim"] == 0, strangers


def check_lipsync(folder):
    clip = CLIPS / "flashes.y4m"
    film = measure.Pictures(clip)
    header = open(clip, "rb").readline()
    seen = write_pictures(folder / "seen.y4m", header, np.array(film.records[:300]), np.arange(300) / 30)
    beeps = wavfile.read(CLIPS / "beeps.wav")[1].astype(float)
    together = measure.lipsync(seen, write(folder / "now.wav", beeps[: RATE * 10]), 0)
    assert together["pairs"] == 9 and abs(together["worst_ms"]) < 2, together

    late = write(folder / "beeps.wav", np.concatenate([np.zeros(RATE // 10), beeps])[: RATE * 10])
    found = measure.lipsync(seen, late, 0)
    assert abs(found["sound_late_median_ms"] - 100) < 2, found
    # The same, were it only that the sound's file began a tenth of a second earlier.
    found = measure.lipsync(seen, late, 0.1)
    assert abs(found["sound_late_median_ms"]) < 2, found


def check_echo(folder):
    clip = CLIPS / "speech-a.wav"
    sound = wavfile.read(clip)[1].astype(float)
    found = measure.echo(str(clip), write(folder / "weak.wav", sound / 10))
    assert abs(found["weaker_db"] - 20) < 0.5, found


def main():
    with tempfile.TemporaryDirectory() as folder:
        for check in (check_speech, check_pictures, check_lipsync, check_echo):
            check(Path(folder))


if __name__ == "__main__":
    main()

"""Sound as the measures need it: files, recordings of speech, room tone, and by how much one sound is late.

Shared by the proofs (tests/proof) and the call lab. Sound is an array of floats in -1..1, shape (samples,).
"""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from scipy.io import wavfile
from scipy.signal import correlate, resample_poly

# Of every sound file here, Hz.
RATE = 48_000
# What the measures of speech work at, Hz.
SPEECH_RATE = 16_000
RECORDINGS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


def ffmpeg(*arguments, given=None):
    """What ffmpeg writes to its standard output; `given` are bytes for its standard input."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *arguments, "-"]
    return subprocess.run(command, check=True, input=given, stdout=subprocess.PIPE).stdout


def recording(name):
    """One of Debian's asterisk recordings."""
    path = str(RECORDINGS / f"{name}.g722")
    return np.frombuffer(ffmpeg("-f", "g722", "-i", path, "-ar", str(RATE), "-f", "f32le"), np.float32)


def write_wav(path, sound, rate=RATE):
    """16 bits, mono. What is louder than full scale is cut off."""
    wavfile.write(path, rate, np.clip(np.round(sound * 32_767), -32_768, 32_767).astype(np.int16))


def read_wav(path, rate=None):
    """A mono file of 16 bits, at its own rate or converted to `rate`. ValueError: it is none."""
    own, sound = wavfile.read(path)
    if sound.ndim != 1 or sound.dtype != np.int16:
        raise ValueError("it is not mono of 16 bits")
    return at_rate(sound / 32_768, own, rate or own)


def at_rate(sound, own, rate):
    """`sound` of `own` Hz, at `rate` Hz."""
    if own == rate:
        return sound
    divisor = np.gcd(own, rate)
    return resample_poly(sound, rate // divisor, own // divisor)


def pink(samples, decibels, seed, rate=RATE):
    """Noise falling by 3 dB an octave above 20 Hz, so many dB from full scale (RMS)."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=samples))
    hertz = np.fft.rfftfreq(samples, 1 / rate)
    spectrum = np.where(hertz < 20, 0, spectrum / np.sqrt(np.maximum(hertz, 20)))
    noise = np.fft.irfft(spectrum, samples)
    return noise * (10 ** (decibels / 20) / level(noise))


def level(sound):
    """Root of the mean square; 0 of nothing."""
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0


def lag_of(sent, heard):
    """By how many samples `heard` is late."""
    correlation = correlate(heard, sent, method="fft")
    return int(np.argmax(np.abs(correlation))) - (len(sent) - 1)


def aligned(sent, heard):
    """What both have of the same moments, and by how many samples `heard` was late."""
    lag = lag_of(sent, heard)
    sent, heard = sent[max(0, -lag) :], heard[max(0, lag) :]
    length = min(len(sent), len(heard))
    return sent[:length], heard[:length], lag

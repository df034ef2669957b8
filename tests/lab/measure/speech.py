"""How well speech came through, by four measures: of all of it, and of windows of 12 s (quality over time).

PLCMOS v2    1..5, hears only what was heard, as it was heard: Microsoft's model, in `speechmos`. It
             forgives silence, so never look at it alone. All of it is the mean of the windows.
PESQ wb      1..4.6, ITU-T P.862.2. It is made for 8 to 30 s: all of it is the mean of the windows.
STOI         0..1, intelligibility, of all of it at once.
ViSQOL       1..5, version 3 in speech mode with its lattice model: all of it is the mean of the windows.

PESQ, STOI and ViSQOL compare with what was said, after `retime` has moved each part to its time.
"""

import contextlib
import os
import warnings

import numpy as np
from pesq import NoUtterancesError, pesq
from pystoi import stoi
from speechmos import plcmos

import retime
from sound import SPEECH_RATE as RATE
from sound import level

WINDOW_SECONDS = 12
# A last window shorter than this is left out: too few words.
SHORTEST_SECONDS = 6
# Less than this was silence (RMS, -80 dB), which PESQ and ViSQOL cannot judge: the worst of their scales.
SILENCE, WORST = 1e-4, 1.0
# Of spectra that are compared: 20 ms, and so many lines of 50 Hz together.
FRAME, BAND = RATE // 50, 8
# Steps of 20 ms that ViSQOL looks around for each of its patches: all has been moved to its time already.
VISQOL_SEARCH = 10


def plcmos_of(heard):
    """The same sound has the same value always: the model asks for listeners drawn by chance."""
    np.random.seed(0)
    return float(plcmos.run(np.clip(heard, -1, 1), RATE)["plcmos"])


def pesq_of(said, heard):
    if level(heard) < SILENCE:
        return WORST
    try:
        return float(pesq(RATE, said, heard, "wb"))
    except NoUtterancesError:
        # It hears no speech in it, however loud it is.
        return WORST


def stoi_of(said, heard):
    with warnings.catch_warnings():
        # It says so when too little is left of the speech; its value is near 0 then, and that is the answer.
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(stoi(said, heard, RATE))


@contextlib.contextmanager
def hushed():
    """LiteRT tells of each model it loads, past Python, on standard error; Python's own errors still come through."""
    own = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)


class Visqol:
    """Loaded when it is first asked."""

    def __init__(self):
        self.model = None

    def __call__(self, said, heard):
        if level(heard) < SILENCE:
            return WORST
        if self.model is None:
            from visqol import VisqolApi

            self.model = VisqolApi()
            with hushed():
                self.model.create(mode="speech", use_lattice_model=True, search_window=VISQOL_SEARCH)
        return float(self.model.measure_from_arrays(said, heard, RATE).moslqo)


visqol_of = Visqol()


def windows(samples):
    """(begin, end) of each window, in samples."""
    length = WINDOW_SECONDS * RATE
    parts = [(begin, min(begin + length, samples)) for begin in range(0, samples, length)]
    return [(begin, end) for begin, end in parts if end - begin >= SHORTEST_SECONDS * RATE]


def quality(said, heard, offset, found):
    """All measures of `heard` against `said`, both RATE Hz; heard[i + offset] was handed over when said[i] was due.

    found: the delays, as from `retime.delays`. If there are none, what was heard is not what was said: it is
    judged as it stands, and judged badly.
    """
    late = float(np.median(found[:, 1])) if len(found) else None
    shift = int(round((late or 0) * RATE)) + offset
    as_heard = retime.taken(heard, shift, shift + len(said))
    moved = retime.retimed(said, heard, offset, found) if len(found) else as_heard
    parts = []
    for begin, end in windows(len(said)):
        one, other = said[begin:end], moved[begin:end]
        parts.append(
            {
                "from_s": begin / RATE,
                "plcmos": round(plcmos_of(as_heard[begin:end]), 3),
                "pesq": round(pesq_of(one, other), 3),
                "stoi": round(stoi_of(one, other), 4),
                "visqol": round(visqol_of(one, other), 3),
            }
        )
    return {
        "plcmos": mean_of(parts, "plcmos"),
        "pesq": mean_of(parts, "pesq"),
        "stoi": round(stoi_of(said, moved), 4),
        "visqol": mean_of(parts, "visqol"),
        "seconds": round(len(said) / RATE, 1),
        "windows": parts,
        "worst_second": worst_second(said, moved, found),
    }


def worst_second(said, moved, found):
    """Where the spectra differ most while something was said: when, by how many dB, and how late it was heard."""
    loudness, spectra = level(said), []
    for sound in (said, moved):
        frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME) * np.hanning(FRAME)
        bands = np.square(np.abs(np.fft.rfft(frames)[:, 1:])).reshape(len(frames), -1, BAND).mean(axis=2)
        # What is 60 dB below speech is silence.
        spectra.append(10 * np.log10(bands + FRAME * np.square(loudness) * 1e-6 + 1e-12))
    apart = np.sqrt(np.mean(np.square(spectra[0] - spectra[1]), axis=1))
    frames = RATE // FRAME
    worst = None
    for begin in range(0, len(apart) - frames + 1, frames // 5):
        if level(said[begin * FRAME : (begin + frames) * FRAME]) < loudness / 2:
            continue
        distance = float(apart[begin : begin + frames].mean())
        if worst is None or distance > worst["db"]:
            at = begin * FRAME / RATE
            late = float(found[np.argmin(np.abs(found[:, 0] - at - 0.5)), 1]) if len(found) else 0.0
            worst = {"from_s": round(at, 2), "db": round(distance, 1), "heard_later_ms": round(late * 1_000, 1)}
    return worst


def mean_of(parts, name):
    return round(float(np.mean([part[name] for part in parts])), 3) if parts else None

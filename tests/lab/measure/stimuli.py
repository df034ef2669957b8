"""Makes what both sides of a call are fed, the same for every program and every run: `stimuli.py DIR`.

speech.wav            100 s of one speaker: recordings one after the other, pauses as between sentences
clicks.wav            100 s of clicks, five a second, each of which can be told from its neighbours
film-left.y4m, film-right.y4m    20 s of moving pictures, numbered

All are made anew when what makes them has changed. A faint room tone goes through both sounds: that no
pause is digital silence, and the first sound heard is the first that came, not the first word.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt

from film import film, write_y4m
from sound import RATE, RECORDINGS, level, pink, recording, write_wav

SECONDS = 100
ROOM_TONE = -70
SEED = 20_261
WIDTH, HEIGHT, FILM_SECONDS = 640, 360, 20
# Divisible by `picture.KEPT_OF`, as is the number of pictures.
FIRST_NUMBER = {"left": 0, "right": 10_002}

SPOKEN = (
    "demo-congrats vm-options queue-periodic-announce demo-abouttotry dir-intro demo-nogo "
    "vm-instructions basic-pbx-ivr-main"
).split()
# Of the spoken parts, dB from full scale; so the loudest peaks at half of it. With 50 dB between speech and
# room tone PLCMOS has 4.7 for what is fed, at 39 dB it takes off 0.1 to 0.3 for the tone.
SPEECH_LEVEL = -20

# Twenty milliseconds of noise between 200 Hz and 4 kHz: of bursts, chirps and pulse trains of 12 to
# 30 ms these were told apart best behind Opus at 24 kb/s for voice. Found again they correlate by 0.96
# (at 10 % loss, concealed, by 0.93), and any other place within five seconds by less than 0.4.
CLICK_SECONDS = 0.02
CLICK_BAND = (200, 4_000)
CLICK_PEAK = 0.5
# A kind comes back after six seconds: within that, a delay has one explanation only.
KINDS = 30
SPACING, UNEVEN = 0.2, 0.04


def speech():
    """Recordings, each at the same level, with pauses of 0.25 to 0.6 s."""
    random = np.random.default_rng(SEED)
    parts = [np.zeros(RATE // 2)]
    for name in SPOKEN:
        said = recording(name)
        spoken = np.abs(said) > 0.01 * np.abs(said).max()
        said = said * (10 ** (SPEECH_LEVEL / 20) / level(said[spoken]))
        parts += [said, np.zeros(int(RATE * random.uniform(0.25, 0.6)))]
    said = np.concatenate(parts)[: SECONDS * RATE]
    assert len(said) == SECONDS * RATE, f"the recordings have only {len(said) / RATE:.1f} s"
    return said + pink(len(said), ROOM_TONE, SEED)


def click_kinds():
    """Shape (KINDS, samples): the signatures, each peaking at CLICK_PEAK."""
    random = np.random.default_rng(SEED)
    samples, margin = int(RATE * CLICK_SECONDS), RATE // 10
    noise = random.normal(size=(KINDS, samples + 2 * margin))
    filtered = sosfiltfilt(butter(4, CLICK_BAND, "bandpass", fs=RATE, output="sos"), noise)
    shaped = filtered[:, margin : margin + samples] * np.sqrt(np.hanning(samples))
    return shaped * (CLICK_PEAK / np.abs(shaped).max(axis=1, keepdims=True))


def click_moments(seconds=SECONDS):
    """Where the clicks begin, in samples; the kind of the n-th is n % KINDS.

    Unevenly spaced, that they meet the frames of a codec everywhere.
    """
    random = np.random.default_rng(SEED)
    gaps = SPACING + random.uniform(-UNEVEN, UNEVEN, int(seconds / SPACING * 1.1))
    moments = np.cumsum(gaps)
    return np.round(moments[moments < seconds - CLICK_SECONDS] * RATE).astype(int)


def clicks(moments, seconds=SECONDS):
    """Clicks at these moments (samples), over the room tone."""
    kinds = click_kinds()
    train = pink(seconds * RATE, ROOM_TONE, SEED + 1)
    for index, moment in enumerate(moments):
        kind = kinds[index % KINDS]
        train[moment : moment + len(kind)] += kind
    return train


def made_by():
    """Tells one state of these scripts from another."""
    folder = Path(__file__).parent
    texts = [(folder / name).read_bytes() for name in ("stimuli.py", "film.py", "sound.py")]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "made-by"
    if mark.exists() and mark.read_text() == made_by():
        return
    if not (RECORDINGS / f"{SPOKEN[0]}.g722").exists():
        sys.exit("The recordings of speech are not there: Debian has them in asterisk-core-sounds-en-g722.")
    mark.unlink(missing_ok=True)
    write_wav(folder / "speech.wav", speech())
    write_wav(folder / "clicks.wav", clicks(click_moments()))
    for side, first in FIRST_NUMBER.items():
        pictures = film(WIDTH, HEIGHT, FILM_SECONDS, first, side == "right")
        write_y4m(folder / f"film-{side}.y4m", WIDTH, HEIGHT, pictures)
    mark.write_text(made_by())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(Path(sys.argv[1]))

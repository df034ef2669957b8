"""Charts as SVG and pictures as data, for a page that needs nothing from elsewhere.

Colours are the page's own (CSS variables), so that a chart is as readable in the dark as in the light.
"""

import base64
import io
import math
from html import escape

import numpy as np
from PIL import Image
from scipy.signal import spectrogram

WIDTH, HEIGHT = 440, 230
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 36


def nice_step(span, parts):
    """1, 2 or 5 times a power of ten: the least that cuts `span` into no more than so many parts."""
    power = 10 ** math.floor(math.log10(max(span, 1e-9) / parts))
    return next(power * times for times in (1, 2, 5, 10) if power * times * parts >= span * 0.999)


def ticks(low, high, parts):
    step = nice_step(high - low, parts)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value):
    return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"


class Chart:
    """A chart of lines. x and y: (least, most). Names stand at the axes."""

    def __init__(self, title, x, y, x_name, y_name, y_text=number):
        self.title, self.x, self.y = title, x, y
        self.parts = []
        for value in ticks(*y, 5):
            at = self.down(value)
            self.parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
            self.parts.append(
                f'<text class="tick" x="{LEFT - 6}" y="{at + 3.5:.1f}" text-anchor="end">{y_text(value)}</text>'
            )
        for value in ticks(*x, 6):
            self.parts.append(
                f'<text class="tick" x="{self.across(value):.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{number(value)}</text>'
            )
        self.parts.append(
            f'<text class="name" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(x_name)}</text>'
        )
        self.parts.append(f'<text class="name" x="{LEFT}" y="{HEIGHT - 4}">{escape(y_name)}</text>')

    def across(self, value):
        low, high = self.x
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    def down(self, value):
        low, high = self.y
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (min(max(value, low), high) - low) / (high - low)

    def line(self, points, style, tip="", dots=False):
        """Points are (x, y); where y is None the line has a gap. style: a class of the page's."""
        runs, run = [], []
        for x, y in [*points, (None, None)]:
            if y is not None and self.x[0] <= x <= self.x[1]:
                run.append((self.across(x), self.down(y)))
            elif run:
                runs.append(run)
                run = []
        tip = f"<title>{escape(tip)}</title>" if tip else ""
        for run in runs:
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in run)
            self.parts.append(f'<path class="line {style}" d="M{path}">{tip}</path>')
            if dots or len(run) == 1:
                self.parts += [
                    f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="2.6">{tip}</circle>' for x, y in run
                ]

    def steps(self, points, end, style):
        """An area below steps, each from its x to the next; None has none."""
        for (x, y), (following, _) in zip(points, [*points[1:], (end, None)]):
            if y is not None:
                left, right, top = self.across(max(x, self.x[0])), self.across(min(following, self.x[1])), self.down(y)
                self.parts.append(
                    f'<rect class="{style}" x="{left:.1f}" y="{top:.1f}" width="{max(0, right - left):.1f}" height="{HEIGHT - BOTTOM - top:.1f}"/>'
                )
                self.parts.append(f'<path class="{style}-edge" d="M{left:.1f} {top:.1f}H{right:.1f}"/>')

    def svg(self):
        return (
            f'<figure><figcaption>{escape(self.title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(self.title)}">{"".join(self.parts)}</svg></figure>'
        )


def share_within(values, of, most):
    """Points of a distribution: which share (%) of `of` is not above x, for x up to `most`."""
    values = np.sort(np.asarray(values, float))
    at = np.linspace(0, most, 200)
    return list(zip(at.tolist(), (np.searchsorted(values, at, "right") / of * 100).tolist()))


# From dark to bright: what is loud.
HEAT = np.array(
    [(8, 8, 28), (48, 20, 92), (118, 32, 118), (190, 55, 96), (238, 108, 72), (252, 184, 104), (252, 246, 200)], float
)


def heat(values):
    """0..1, shape (rows, columns), as colours."""
    place = np.clip(values, 0, 1) * (len(HEAT) - 1)
    low = np.minimum(place.astype(int), len(HEAT) - 2)
    part = (place - low)[..., None]
    return (HEAT[low] * (1 - part) + HEAT[low + 1] * part).astype(np.uint8)


def spectrum(sound, rate):
    """Up to half of `rate` from bottom to top, from -110 to -45 dB a line of the spectrum, as an image."""
    _, _, power = spectrogram(sound, rate, nperseg=256, noverlap=256 - rate // 200, scaling="spectrum")
    decibels = 10 * np.log10(power[:0:-1] + 1e-14)
    return image(heat((decibels + 110) / 65))


def picture(luma, chroma, from_row, width=176):
    """A 4:2:0 picture (BT.601) without its first rows, as an image."""
    u, v = (plane.repeat(2, 0).repeat(2, 1).astype(float) - 128 for plane in chroma)
    y = (luma.astype(float) - 16) * 1.164
    rgb = np.stack([y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u], axis=-1)
    rgb = np.clip(rgb, 0, 255).astype(np.uint8)[from_row:]
    return image(rgb, (width, round(width * rgb.shape[0] / rgb.shape[1])))


def image(rgb, size=None):
    """As a source for <img>."""
    whole = Image.fromarray(rgb)
    if size:
        whole = whole.resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    whole.save(file, "WEBP", quality=70)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()

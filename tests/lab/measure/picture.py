"""Pictures as they were shown: their delay, their steadiness, and their likeness to the film."""

import json
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from call import Broken
from film import FPS, judged_from, ssim

# Of so many pictures of the film, those who record keep the pixels of the first that is shown.
KEPT_OF = 6
# How often the screen is looked at: in no step with pictures, which would always be found of one age.
LOOK_SECONDS = 0.007
# A picture cannot be shown before it was taken; clocks and schedulers err by less than this.
EARLY_SECONDS = 0.05
# Frozen, as W3C webrtc-stats has it (freezeCount): at least three times the mean of the last 30 durations,
# and at least 150 ms longer than it. Of less than five, libwebrtc takes no mean; here the film's is taken then.
FREEZE_TIMES, FREEZE_LONGER, FREEZE_MEAN_OF, FREEZE_FROM = 3, 0.150, 30, 5


def places(shown, numbers, camera, first, count):
    """Which picture each one shown was, counted from the first that was taken; NaN where the number is not of the film.

    shown: unix seconds. numbers: NaN where unreadable. camera: when picture 0 was taken, unix seconds.
    The film of `count` pictures repeats; a delay is taken to be shorter than the film.
    """
    place = numbers - first
    place = np.where((place >= 0) & (place < count), place, np.nan)
    since = shown - (camera + place / FPS)
    return place + np.floor((since + EARLY_SECONDS) * FPS / count) * count


def delays(shown, numbers, camera, first, count):
    """How long after it was taken each picture was shown, in seconds; NaN where the number is not of the film. As `places`."""
    return shown - camera - places(shown, numbers, camera, first, count) / FPS


def ages(shown, late, begin, end):
    """How old what was on the screen was, seconds, each LOOK_SECONDS from `begin` to `end`; a picture that stands grows older.

    shown, late: when each was shown, unix seconds, and how long after it was taken. Until the first the empty screen grows
    older from `begin` on.
    """
    known = np.isfinite(late)
    shown, taken = shown[known], (shown - late)[known]
    moments = np.arange(begin, end, LOOK_SECONDS)
    on_screen = np.searchsorted(shown, moments, side="right")
    return moments - np.concatenate([[begin], taken])[on_screen]


def standing(places, kept, begin, end):
    """For each KEPT_OF pictures due from `begin` to `end`, what is to be judged: (place, index of what was kept or None).

    The first of them that was shown, by its own place. Where none of them was, what was kept last stood there still,
    in place of the first of them; None: nothing was there yet.
    places: as `places`; kept: indices of those kept, NaN of the others; begin, end: places.
    """
    known = np.isfinite(places) & np.isfinite(kept)
    of_kept, index = places[known], kept[known].astype(int)
    found = []
    for due in range(int(np.ceil(begin / KEPT_OF)) * KEPT_OF, int(end) + 1, KEPT_OF):
        own = np.flatnonzero((of_kept >= due) & (of_kept < due + KEPT_OF))
        before = np.flatnonzero(of_kept < due)
        if len(own):
            found.append((int(of_kept[own[0]]), int(index[own[0]])))
        else:
            found.append((due, int(index[before[np.argmax(of_kept[before])]]) if len(before) else None))
    return found


def without_slips(late, shown, filmed, slips):
    """Delays from when each picture was taken instead of when it was due: a slow camera is not the call's fault.

    late: of the pictures shown at `shown`, from when they were due. slips: the same of those taken at `filmed`.
    """
    known = np.isfinite(slips)
    if not known.any():
        return late
    return late - np.interp(shown - late, filmed[known] - slips[known], slips[known])


def fresh(numbers):
    """Which pictures are others than the one before: showing the same again moves nothing."""
    same = np.zeros(len(numbers), bool)
    same[1:] = numbers[1:] == numbers[:-1]
    return ~same


def freezes(shown, begin, end):
    """How often and for how many seconds in all the picture stood still between `begin` and `end`.

    shown: when each new picture was shown. One that stands until `end` counts as if the next had come then, and a
    screen that is empty at `begin` as if one had come then.
    """
    moments = np.append(shown[shown <= end], end)
    if moments[0] > begin:
        moments = np.insert(moments, 0, begin)
    durations = np.diff(moments)
    frozen = []
    for index, duration in enumerate(durations):
        last = durations[max(0, index - FREEZE_MEAN_OF) : index]
        if moments[index + 1] < begin:
            continue
        mean = last.mean() if len(last) >= FREEZE_FROM else 1 / FPS
        if duration >= max(FREEZE_TIMES * mean, mean + FREEZE_LONGER):
            # One that began before counts from the beginning.
            frozen.append(moments[index + 1] - max(begin, moments[index]))
    return len(frozen), float(sum(frozen))


def steadiness(shown, begin, end):
    """fps, freezes and the longest gap between `begin` and `end`; shown: when each new picture was shown."""
    inside = shown[(shown >= begin) & (shown <= end)]
    frozen, seconds = freezes(shown, begin, end)
    gaps = np.diff(np.concatenate([[begin], inside, [end]]))
    return {
        "fps": round(len(inside) / (end - begin), 2),
        "freezes": frozen,
        "frozen_s": round(seconds, 3),
        "longest_gap_ms": round(float(gaps.max()) * 1_000, 1),
    }


def likeness(film, seen, pairs):
    """SSIM of every other pair and VMAF of each, without the strip of numbers: two lists.

    pairs: (index into film, index into seen), in order of time. VMAF is its model v0.6.1; it looks at motion
    between the pictures of the film that it is given, which are five a second: it is lower than that of all 30
    would be, and comparable where the same pictures of the same film are judged.
    """
    if not pairs:
        return [], []
    from_row = judged_from(film.width)
    similar = [ssim(film.luma(one)[from_row:], seen.luma(other)[from_row:]) for one, other in pairs[::2]]
    return similar, vmaf(film, seen, pairs, from_row)


def worst_second(shown, judged, vmaf, seconds):
    """When a second of the first `seconds` begins whose pictures were least and worst: VMAF, less in proportion as pictures are missing.

    shown: when pictures were shown; judged and vmaf: when those were that have a VMAF, and it. Seconds.
    """
    worst = None
    for begin in np.arange(0, seconds - 1, 0.2) if len(shown) and len(judged) else ():
        inside = (judged >= begin) & (judged < begin + 1)
        fluent = min(1, np.sum((shown >= begin) & (shown < begin + 1)) / FPS)
        score = float(np.mean(np.array(vmaf)[inside]) * fluent) if inside.any() else 0.0
        if worst is None or score < worst["score"]:
            worst = {"from_s": round(float(begin), 2), "score": round(score, 1)}
    return worst


def vmaf(film, seen, pairs, from_row):
    # Rows of chroma are half as many.
    rows = (film.height - from_row) // 2 * 2
    size, top = film.width * film.height, film.height - rows
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, pictures, places in (("sent", film, [p[0] for p in pairs]), ("seen", seen, [p[1] for p in pairs])):
            with open(folder / name, "wb") as file:
                for place in places:
                    planes = pictures.records[place][6:]
                    chroma = planes[size:].reshape(2, film.height // 2, film.width // 2)
                    file.write(planes[:size].reshape(film.height, film.width)[top:].tobytes())
                    file.write(chroma[:, top // 2 :].tobytes())
        raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", f"{film.width}x{rows}", "-framerate", "5")
        log = "libvmaf=log_fmt=json:log_path=log:n_threads=2"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin"]
        command += [*raw, "-i", "seen", *raw, "-i", "sent", "-lavfi", log, "-f", "null", "-"]
        done = subprocess.run(command, cwd=folder, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise Broken(f"ffmpeg, which has VMAF, failed: {done.stderr.strip() or done.returncode}")
        frames = json.loads((folder / "log").read_text())["frames"]
    return [frame["metrics"]["vmaf"] for frame in frames]

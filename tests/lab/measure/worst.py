"""The worst second of speech and of pictures among the rounds of a peer, taken from the folders of its calls."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import charts
import measure
import retime
import stimuli
from call import WAYS, Side
from film import FPS, MARK, Pictures, judged_from
from sound import RATE, SPEECH_RATE, at_rate, read_wav

# Around the second, of speech.
AROUND_SECONDS = 0.5
MOMENTS = 5


@dataclass
class Spoken:
    """Spectra of what was said and what was heard, as images; `db` apart in the mean of the second."""

    round: int
    at: float
    db: float
    said: str
    heard: str


@dataclass
class Shown:
    """What was before the camera, and the last picture kept of those on the screen, at the same moments; how old that was (ms, or None)."""

    round: int
    at: float
    way: str
    filmed: list
    seen: list
    ages: list


def folder_of(result):
    """Where its recordings are, if they still are."""
    folder = Path(result.get("folder") or "/nonexistent")
    return folder if (folder / "call.json").exists() else None


def stimuli_of(folder):
    return Path(json.loads((folder / "call.json").read_text())["stimuli"])


def of_speech(rounds):
    """None: nothing was heard, or no folder is left."""
    chosen = [one for one in rounds if ((one["measures"].get("speech") or {}).get("worst_second")) and folder_of(one)]
    if not chosen:
        return None
    result = max(chosen, key=lambda one: one["measures"]["speech"]["worst_second"]["db"])
    folder, worst = folder_of(result), result["measures"]["speech"]["worst_second"]
    left, right = (Side(folder / name) for name in ("left", "right"))
    begin = max(result["measures"]["window"]["from"], left.moment("microphone")) + worst["from_s"] - AROUND_SECONDS
    length = int((1 + 2 * AROUND_SECONDS) * SPEECH_RATE)

    def cut(sound, since):
        start = int((begin - since) * SPEECH_RATE)
        return charts.spectrum(retime.taken(sound, start, start + length), SPEECH_RATE)

    said = read_wav(stimuli_of(folder) / "speech.wav", SPEECH_RATE)
    heard = at_rate(right.heard, RATE, SPEECH_RATE)
    late = worst["heard_later_ms"] / 1_000
    return Spoken(
        result["round"],
        worst["from_s"],
        worst["db"],
        cut(said, left.moment("microphone")),
        cut(heard, right.moment("speaker") - late),
    )


def of_pictures(rounds):
    """None: nothing was shown, or no folder is left."""
    chosen = []
    for one in rounds:
        for way in WAYS:
            worst = ((one["measures"].get("picture") or {}).get(way) or {}).get("worst_second")
            if worst and folder_of(one):
                chosen.append((worst["score"], way, worst, one))
    if not chosen:
        return None
    _, way, worst, result = min(chosen, key=lambda each: each[0])
    folder, (sender, receiver) = folder_of(result), WAYS[way]
    it, camera = Side(folder / receiver), Side(folder / sender).moment("camera")
    film, first = Pictures(stimuli_of(folder) / f"film-{sender}.y4m"), stimuli.FIRST_NUMBER[sender]
    moments = result["measures"]["window"]["from"] + worst["from_s"] + np.arange(MOMENTS) / MOMENTS
    places = measure.picture.places(it.shown, it.numbers, camera, first, len(film))
    filmed, seen, ages = [], [], []
    for moment in moments:
        filmed.append(as_image(film, int((moment - camera) * FPS) % len(film)))
        # Not each is kept: the last of those, which may have been followed by up to five others.
        held = np.flatnonzero(np.isfinite(it.kept) & np.isfinite(places) & (it.shown <= moment))
        kept = int(it.kept[held[-1]]) if len(held) and it.seen is not None else None
        there = kept is not None and kept < len(it.seen)
        seen.append(as_image(it.seen, kept) if there else None)
        ages.append(float(moment - camera - places[held[-1]] / FPS) * 1_000 if there else None)
    return Shown(result["round"], worst["from_s"], way, filmed, seen, ages)


def as_image(pictures, index):
    planes, size = pictures.records[index][len(MARK) :], pictures.width * pictures.height
    chroma = planes[size:].reshape(2, pictures.height // 2, pictures.width // 2)
    return charts.picture(planes[:size].reshape(pictures.height, pictures.width), chroma, judged_from(pictures.width))

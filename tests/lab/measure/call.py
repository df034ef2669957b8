"""A call's folder, read. What is not there is None; what is there and cannot be read is a `Broken`."""

import csv
import json
from pathlib import Path

import numpy as np

import network
from film import Pictures
from sound import RATE, read_wav

SIDES = ("left", "right")
# From whom to whom, as the line has it.
WAYS = {"there": ("left", "right"), "back": ("right", "left")}
# Louder than this (-81 dB) is no digital silence; the room tone of the stimuli is.
AUDIBLE = 3 / 32_768


class Broken(Exception):
    """A file of a call that cannot be read; its text is a sentence."""


class Side:
    """One program of a call: its statistics, moments (unix seconds), and what it played and showed."""

    def __init__(self, folder):
        about = read_json(folder / "side.json")
        self.moments = part_of(about, "moments", folder)
        self.statistics = part_of(about, "statistics", folder)
        self.payload_types = part_of(about, "payload_types", folder)
        self.cost = part_of(about, "cost", folder)
        # Shape (samples,) at RATE; the first was handed over at the moment `speaker`.
        self.heard = self._heard(folder / "heard.wav")
        # Unix seconds, numbers (NaN: unreadable), indices into `seen` (NaN: not kept); each shape (pictures,).
        self.shown, self.numbers, self.kept = self._shown(folder / "shown.csv")
        self.seen = read(folder / "seen.y4m", Pictures)
        # Of a camera and a microphone that do not keep time by themselves: unix seconds and numbers, shape
        # (pictures,) each; unix seconds and samples from which on the file goes on without a slip. Or None.
        self.filmed = read(folder / "filmed.csv", lambda path: read_columns(path, ("filmed_s", "number")))
        self.spoken = read(folder / "spoken.csv", lambda path: read_columns(path, ("spoken_s", "sample")))

    def moment(self, name):
        return self.moments.get(name)

    def statistic(self, group, name):
        return (self.statistics.get(group) or {}).get(name)

    def said_at(self, samples):
        """When these samples of its file were due at its microphone, unix seconds, or None."""
        if self.spoken is None or not self.spoken.size:
            microphone = self.moment("microphone")
            return None if microphone is None else microphone + samples / RATE
        moments, begins = self.spoken
        piece = np.maximum(0, np.searchsorted(begins, samples, side="right") - 1)
        return moments[piece] + (samples - begins[piece]) / RATE

    def heard_until(self):
        """When the last sample was handed over, or None."""
        speaker = self.moment("speaker")
        return None if speaker is None or self.heard is None else speaker + len(self.heard) / RATE

    def first_sound(self):
        """When the first sample came that is no digital silence, or None."""
        if self.heard_until() is None:
            return None
        audible = np.abs(self.heard) >= AUDIBLE
        return self.moment("speaker") + int(np.argmax(audible)) / RATE if audible.any() else None

    @staticmethod
    def _heard(path):
        heard = read(path, lambda path: read_wav(path, RATE))
        return heard if heard is not None and len(heard) else None

    @staticmethod
    def _shown(path):
        rows = read(path, lambda path: read_columns(path, ("shown_s", "number", "picture")))
        return rows if rows is not None else (np.empty(0),) * 3


class Call:
    """A call between two sides over a line; stimuli is the folder of what they were fed."""

    def __init__(self, folder):
        folder = Path(folder)
        self.about = read_json(folder / "call.json")
        self.sides = {side: Side(folder / side) for side in SIDES}
        self.stimuli = Path(self.about.get("stimuli", ""))
        # So many of the same kind shared the line; the sides are those of the first.
        self.calls = self.about.get("calls", 1)
        capacity = part_of(self.about, "capacity", folder)
        try:
            self.capacity = {way: network.Capacity(capacity.get(way)) for way in WAYS}
        except (TypeError, ValueError):
            raise Broken(
                f"{folder / 'call.json'} has a capacity that is no list of moments and bits a second."
            ) from None
        self.line = read(folder / "line.csv", read_line)

    def knocked(self):
        """When the right side first said something to the call server, unix seconds; on virtual time when it began to join. Or None."""
        if self.line is not None:
            offered, *_, kinds = self.line["back"]
            knocks = offered[[kind == "tcp" for kind, _ in kinds]]
            if len(knocks):
                return float(knocks.min())
        return self.sides["right"].moment("joining")


def read_json(path):
    found = read(path, lambda path: json.loads(path.read_text()))
    if not isinstance(found, dict):
        raise Broken(f"{path} is not there." if found is None else f"{path} is not an object of JSON.")
    return found


def part_of(about, name, folder):
    part = about.get(name) or {}
    if not isinstance(part, dict):
        raise Broken(f"What {folder} says of its {name} is not an object of JSON.")
    return part


def read(path, how):
    """None if it is not there."""
    if not path.exists():
        return None
    try:
        return how(path)
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise Broken(f"{path} cannot be read: {error}") from None


def read_columns(path, names):
    """Numbers of a CSV file by column, NaN where there is none."""
    with open(path, newline="") as file:
        rows = csv.DictReader(file)
        if missing := set(names) - set(rows.fieldnames or ()):
            raise ValueError(f"it has no column {sorted(missing)[0]}")
        return np.array([[float(row[name] or "nan") for name in names] for row in rows]).reshape(-1, len(names)).T


def read_line(path):
    """{way: (offered, delivered, queue_ms, bytes, flow, [(kind, payload type)])}, each shape (packets,)."""
    found = {way: [] for way in WAYS}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            columns = ("offered_s", "delivered_s", "queue_ms", "bytes", "flow")
            numbers = [float(row[name] or "nan") for name in columns]
            found[row["way"]].append((numbers, (row["kind"], row["payload_type"] or "")))
    return {
        way: (*np.array([numbers for numbers, _ in packets]).reshape(-1, 5).T, [kind for _, kind in packets])
        for way, packets in found.items()
    }

"""Measures a call and prints the figures as JSON: `measure.py call FOLDER`, which also writes FOLDER/measures.json.

The folder is as the lab leaves it (call.py reads it). None is what did not happen, or was not recorded.
Times are ms where a name ends in _ms, seconds where it ends in _s. There is left to right, back right to left.
"""

import json
import sys
from pathlib import Path

import numpy as np

import clicks
import network
import picture
import retime
import speech
import stimuli
from call import SIDES, WAYS, Broken, Call, read
from film import FPS, Pictures
from sound import RATE, SPEECH_RATE, at_rate, read_wav

# The first seconds of a call belong to its set-up: quality counts from then on, for all programs alike.
SETTLED_SECONDS = 3.0
# Of less speech than this nothing can be told.
SHORTEST_SPEECH = 3.0
# The two programs do not end in the same moment: the last part of a call is the end's.
END_SECONDS = 0.5


def window_of(call):
    """(begin, end), unix seconds: what quality is judged of. None: they never were connected.

    A program that fell silent before the call ended is judged to the end, by its silence.
    """
    connected = [side.moment("connected") for side in call.sides.values()]
    ended = call.about.get("ended")
    if None in connected or ended is None:
        return None
    begin, end = max(connected) + SETTLED_SECONDS, ended - END_SECONDS
    return (begin, end) if end > begin else None


def setup(call):
    """From the right side's first word to the call server: until each was connected, heard something, saw a picture of the other."""
    begin = call.knocked()

    def since(moment):
        return None if begin is None or moment is None else round(float(moment - begin) * 1_000, 2)

    found = {"connected_ms": {}, "first_sound_ms": {}, "first_picture_ms": {}}
    for side, other in WAYS.values():
        it = call.sides[side]
        of_the_film = np.flatnonzero(np.isfinite(film_delays(call, other, side)))
        found["connected_ms"][side] = since(it.moment("connected"))
        found["first_sound_ms"][side] = since(it.first_sound())
        found["first_picture_ms"][side] = since(it.shown[of_the_film[0]] if len(of_the_film) else None)
    return found


FILM_PICTURES = stimuli.FILM_SECONDS * picture.FPS


def film_delays(call, sender, receiver):
    """As `picture.delays`; all NaN if the sender had no camera."""
    camera, it = call.sides[sender].moment("camera"), call.sides[receiver]
    if camera is None:
        return np.full(len(it.shown), np.nan)
    count, first = FILM_PICTURES, stimuli.FIRST_NUMBER[sender]
    late = picture.delays(it.shown, it.numbers, camera, first, count)
    filmed = call.sides[sender].filmed
    if filmed is None:
        return late
    return picture.without_slips(late, it.shown, filmed[0], picture.delays(*filmed, camera, first, count))


def delay(call, window):
    """Mouth to ear, by right's clicks in left's ear; and what each program says of its jitter buffer."""
    it = {"jitter_buffer_ms": {side: jitter_buffer(call.sides[side]) for side in SIDES}}
    due, ear = call.sides["right"].said_at(stimuli.click_moments()), call.sides["left"]
    if window is None or due is None or ear.heard_until() is None:
        return {**it, "p50_ms": None, "p95_ms": None, "p99_ms": None, "found": None, "sent": None, "over_time": []}
    due = due[due < window[1]]
    found = clicks.delays(ear.heard, due - ear.moment("speaker"), stimuli.click_kinds())
    return {**it, **clicks.summary(due, found, *window)}


def jitter_buffer(side):
    delay, emitted = (side.statistic("audio_inbound", f"jitter_buffer_{name}") for name in ("delay", "emitted_count"))
    return round(delay / emitted * 1_000, 2) if delay is not None and emitted else None


def spoken(call, window):
    """Left's speech in right's ear, as `speech.quality`."""
    microphone, ear = call.sides["left"].moment("microphone"), call.sides["right"]
    if window is None or microphone is None or ear.first_sound() is None:
        return None
    said = read(call.stimuli / "speech.wav", lambda path: read_wav(path, SPEECH_RATE))
    if said is None:
        raise Broken(f"{call.stimuli / 'speech.wav'} is not there.")
    # Speech said last is heard only after the end: not what is said later than its delay before it.
    heard, speaker = at_rate(ear.heard, RATE, SPEECH_RATE), ear.moment("speaker")
    begin, end = (int((moment - microphone) * SPEECH_RATE) for moment in window)
    begin, end = max(0, begin), min(end, len(said))
    if end - begin < SHORTEST_SPEECH * SPEECH_RATE:
        return None
    offset = int(round((microphone - speaker) * SPEECH_RATE)) + begin
    found = retime.delays(said[begin:end], heard, offset)
    if len(found):
        end = min(end, int((window[1] - microphone - np.percentile(found[:, 1], 95)) * SPEECH_RATE))
        found = found[found[:, 0] * SPEECH_RATE < end - begin]
    if end - begin < SHORTEST_SPEECH * SPEECH_RATE:
        return None
    # A microphone that slips is not the call's fault.
    samples = (found[:, 0] + begin / SPEECH_RATE) * RATE
    slips = call.sides["left"].said_at(samples) - (microphone + samples / RATE)
    late = found[:, 1] - slips
    return {
        **speech.quality(said[begin:end], heard, offset, found),
        "delay_p50_ms": network.percentile(late * 1_000, 50),
        "delay_over_time": [[round(float(at), 2), round(float(by) * 1_000, 2)] for at, by in zip(found[::4, 0], late[::4])],
    }


def pictures(call, window, way):
    """The sender's film on the receiver's screen."""
    sender, receiver = WAYS[way]
    it = call.sides[receiver]
    if window is None or call.sides[sender].moment("camera") is None or not len(it.shown):
        return None
    late = film_delays(call, sender, receiver)
    if not np.isfinite(late).any():
        return None
    new = picture.fresh(it.numbers)
    inside = (it.shown >= window[0]) & (it.shown <= window[1])
    known = late[new & inside & np.isfinite(late)] * 1_000
    age = picture.ages(it.shown, late, *window) * 1_000
    return {
        "delay_p50_ms": network.percentile(known, 50),
        "age_p50_ms": network.percentile(age, 50),
        "age_p95_ms": network.percentile(age, 95),
        **picture.steadiness(it.shown[new], *window),
        "own_freezes": it.statistic("video_inbound", "freeze_count"),
        **looks(call, sender, it, late, inside, window),
        "delay_over_time": [
            [round(float(at - window[0]), 3), round(float(ms) * 1_000, 1)]
            for at, ms in zip(it.shown[new & inside], late[new & inside])
            if np.isfinite(ms)
        ],
    }


def looks(call, sender, it, late, inside, window):
    """SSIM and VMAF of what stood for each six pictures of the film: means, the worst twentieth, and over time."""
    film = read(call.stimuli / f"film-{sender}.y4m", Pictures)
    if film is None:
        raise Broken(f"{call.stimuli / f'film-{sender}.y4m'} is not there.")
    if it.seen is not None and (it.seen.width, it.seen.height) != (film.width, film.height):
        raise Broken(f"The pictures that were kept are {it.seen.width}x{it.seen.height}, the film is not.")
    camera = call.sides[sender].moment("camera")
    places = picture.places(it.shown, it.numbers, camera, stimuli.FIRST_NUMBER[sender], FILM_PICTURES)
    kept = np.where(it.kept < (0 if it.seen is None else len(it.seen)), it.kept, np.nan)
    # What was due is judged when it came; what never came, when it would have come.
    usual = float(np.median(late[inside & np.isfinite(late)])) if np.isfinite(late[inside]).any() else 0.0
    begin, end = ((moment - camera - usual) * FPS for moment in window)
    stood = picture.standing(places, kept, begin, end)
    late_at = [(place / FPS + camera + usual - window[0]) for place, _ in stood]
    pairs = [(place % FILM_PICTURES, index) for place, index in stood if index is not None]
    similar, vmaf = picture.likeness(film, it.seen, pairs)
    # Where nothing was there yet, nothing was alike.
    nothing = len(stood) - len(pairs)
    similar, vmaf = [0.0] * (nothing // 2) + similar, [0.0] * nothing + vmaf
    stale = sum(index is None or place not in places for place, index in stood)
    return {
        "ssim": mean(similar, 4),
        "ssim_p5": network.percentile(similar, 5) if similar else None,
        "vmaf": mean(vmaf, 2),
        "vmaf_p5": network.percentile(vmaf, 5) if vmaf else None,
        "compared": len(stood),
        "stale": stale,
        "worst_second": picture.worst_second(it.shown[inside] - window[0], np.array(late_at), vmaf, window[1] - window[0]),
        "vmaf_over_time": [[round(at, 2), round(value, 1)] for at, value in zip(late_at, vmaf)],
    }


def mean(values, digits):
    return round(float(np.mean(values)), digits) if values else None


def lipsync(measures):
    """By how much the sound is later than its picture, each way: difference of the medians."""
    sound = {"there": (measures["speech"] or {}).get("delay_p50_ms"), "back": measures["delay"]["p50_ms"]}
    found = {}
    for way in WAYS:
        seen = (measures["picture"][way] or {}).get("delay_p50_ms")
        found[f"{way}_ms"] = None if seen is None or sound[way] is None else round(sound[way] - seen, 2)
    return found


def wire(call, window, way):
    """What all calls on the line, of which there mostly is one, sent that way."""
    if window is None or call.line is None:
        return None
    offered, delivered, queue_ms, bytes_, flows, kinds = call.line[way]
    sender, receiver = (call.sides[side] for side in WAYS[way])
    # What a payload type means is the receiver's to say; a program that tells only its own is believed too.
    meant = {**sender.payload_types, **receiver.payload_types}
    names = [network.kind_of(kind, payload_type, meant) for kind, payload_type in kinds]
    found = network.summary(offered, delivered, queue_ms, bytes_, names, call.capacity[way], *window)
    media = np.isin(names, ("audio", "video", "repair"))
    inside = media & (delivered >= window[0]) & (delivered < window[1])
    shares = sorted((float(bytes_[inside & (flows == flow)].sum()) for flow in np.unique(flows[media])), reverse=True)
    # A call that brought nothing through has a share as well.
    shares = (shares + [0.0] * call.calls)[: call.calls]
    kept_time = (call.about.get("punctuality") or {}).get(way) or {}
    return {
        **found,
        "fairness": network.fairness(shares) if call.calls > 1 else None,
        "line_late_p99_ms": kept_time.get("late_p99_ms"),
    }


def cost(call, side):
    own = call.sides[side].cost
    spent, seconds, rss = (own.get(name) for name in ("cpu_seconds", "seconds", "peak_rss_bytes"))
    return {
        "cpu_share": round(spent / seconds, 4) if spent is not None and seconds else None,
        "peak_rss_mb": round(rss / 1e6, 1) if rss is not None else None,
    }


def concealed(side):
    """The share of what was played that the jitter buffer made up, by the program's own word."""
    made_up, all_of_it = (
        side.statistic("audio_inbound", name) for name in ("concealed_samples", "total_samples_received")
    )
    return round(made_up / all_of_it, 4) if made_up is not None and all_of_it else None


def measure(folder):
    """All measures of a call. Broken: a file of it cannot be read."""
    call = Call(folder)
    window = window_of(call)
    measures = {
        "window": None if window is None else {"from": window[0], "seconds": round(window[1] - window[0], 2)},
        "setup": setup(call),
        "delay": delay(call, window),
        "speech": spoken(call, window),
        "picture": {way: pictures(call, window, way) for way in WAYS},
        "network": {way: wire(call, window, way) for way in WAYS},
        "cost": {side: cost(call, side) for side in SIDES},
        "concealed_share": {side: concealed(call.sides[side]) for side in SIDES},
    }
    measures["lipsync"] = lipsync(measures)
    return measures


def main():
    if len(sys.argv) != 3 or sys.argv[1] != "call":
        sys.exit(__doc__)
    folder = Path(sys.argv[2])
    try:
        text = json.dumps(measure(folder), indent=1, allow_nan=False)
    except Broken as broken:
        sys.exit(f"{broken}")
    except ValueError as error:
        sys.exit(f"A figure of {folder} is no number: {error}.")
    (folder / "measures.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()

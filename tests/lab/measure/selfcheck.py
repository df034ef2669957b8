"""The measures measured, on signals whose figures are known: `selfcheck.py STIMULI-DIR`. A line a check; 1 if one fails."""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

import clicks
import measure
import network
import picture
import report
import retime
import speech
import stimuli
import table
from call import Broken
from film import FPS, Pictures, header
from sound import RATE, SPEECH_RATE, ffmpeg, pink, read_wav, write_wav
from summary import MEASURES, Figure, Results, between_halves, between_two, compare

FAILED = []
RATE_80MS = SPEECH_RATE * 80 // 1_000
# Some day in unix seconds, with the fraction that real moments have.
DAY = 1_790_000_000.25


def check(name, found, good):
    """`found` is what is said of it; `good` whether it is as it must be."""
    print(f"{'ok    ' if good else 'FAILED'}  {name:<62} {found}", flush=True)
    if not good:
        FAILED.append(name)


def through_opus(sound, kbps=24):
    raw = ("-f", "s16le", "-ar", str(RATE), "-ac", "1")
    given = np.round(sound * 32_767).astype("<i2").tobytes()
    coded = ffmpeg(
        *raw, "-i", "-", "-c:a", "libopus", "-b:a", f"{kbps}k", "-application", "voip", "-f", "ogg", given=given
    )
    return np.frombuffer(ffmpeg("-f", "ogg", "-c:a", "libopus", "-i", "-", *raw, given=coded), "<i2") / 32_768


def without_frames(sound, share, rate, seed=1):
    """Silence instead of so many of the frames of 20 ms."""
    frames = sound[: len(sound) // (rate // 50) * (rate // 50)].reshape(-1, rate // 50).copy()
    frames[np.random.default_rng(seed).random(len(frames)) < share] = 0
    return frames.ravel()


def late(sound, seconds, rate):
    return np.concatenate([np.zeros(int(round(seconds * rate))), sound])


def check_clicks():
    seconds = 50
    moments = stimuli.click_moments(seconds - 1)
    due, kinds = moments / RATE, stimuli.click_kinds()

    coded = through_opus(stimuli.clicks(moments + int(0.046 * RATE), seconds))
    found = clicks.summary(due, clicks.delays(coded, due, kinds), 3, seconds)
    figures = {name: found[name] for name in ("p50_ms", "p99_ms", "found", "sent")}
    right = (
        abs(found["p50_ms"] - 46) < 0.1 and abs(found["p99_ms"] - 46) < 0.3 and found["found"] == found["sent"] > 150
    )
    check("clicks 46.0 ms late, behind Opus at 24 kb/s", figures, right)

    jitter = np.round(RATE * (0.046 + np.random.default_rng(5).gamma(2, 0.02, len(moments)).clip(0, 0.15))).astype(int)
    coded = through_opus(stimuli.clicks(moments + jitter, seconds))
    found = clicks.summary(due, clicks.delays(coded, due, kinds), 3, seconds)
    known = np.percentile(jitter[due >= 3] / RATE * 1_000, (50, 95, 99))
    off = [abs(found[f"p{share}_ms"] - value) for share, value in zip((50, 95, 99), known)]
    check("… by 46 to 196 ms, unevenly: furthest percentile from the known, ms", round(max(off), 2), max(off) < 1.5)

    coded = through_opus(stimuli.clicks(moments[: len(moments) * 4 // 5] + int(4.9 * RATE), seconds))
    found = clicks.summary(due, clicks.delays(coded, due, kinds), 3, seconds - 5)
    check("… 4.9 s late", found["p50_ms"], abs(found["p50_ms"] - 4_900) < 0.2)

    holes = without_frames(stimuli.clicks(moments + int(0.046 * RATE), seconds), 0.2, RATE)
    found = clicks.summary(due, clicks.delays(holes, due, kinds), 3, seconds)
    heard = found["found"] / found["sent"]
    check(
        "a fifth of the frames gone: share found",
        round(heard, 2),
        0.6 < heard < 0.9 and abs(found["p50_ms"] - 46) < 0.1,
    )

    noise = pink(seconds * RATE, -25, 3)
    found = clicks.summary(due, clicks.delays(noise, due, kinds), 3, seconds)
    check("loud noise instead: none is found", found["found"], found["found"] == 0 and found["p50_ms"] is None)


def judged(said, heard):
    return speech.quality(said, heard, 0, retime.delays(said, heard, 0))


def scores(found):
    return {name: found[name] for name in ("plcmos", "pesq", "stoi", "visqol")}


def check_speech(folder):
    said = read_wav(folder / "speech.wav", SPEECH_RATE)[: 18 * SPEECH_RATE]
    tail = np.zeros(SPEECH_RATE)

    clean = judged(said, np.concatenate([late(0.5 * said, 0.123, SPEECH_RATE), tail]))
    top = clean["stoi"] > 0.995 and clean["pesq"] > 4.4 and clean["visqol"] > 4.4 and clean["plcmos"] > 4.5
    check(
        "speech at half its level, 123 ms late",
        scores(clean),
        top,
    )

    holes = judged(said, without_frames(np.concatenate([late(said, 0.123, SPEECH_RATE), tail]), 0.1, SPEECH_RATE))
    worse = {name: round(clean[name] - holes[name], 3) for name in scores(clean)}
    seen = worse["plcmos"] > 0.5 and worse["pesq"] > 1 and worse["stoi"] > 0.03 and worse["visqol"] > 0.3
    check("a tenth of its frames gone: each falls by", worse, seen)

    half = 9 * SPEECH_RATE
    jumping = np.concatenate(
        [late(said[:half], 0.123, SPEECH_RATE), np.zeros(SPEECH_RATE * 8 // 100), said[half:], tail]
    )
    found = retime.delays(said, jumping, 0)
    moved = retime.retimed(said, jumping, 0, found)
    stoi = speech.stoi_of(said, moved)
    right = np.allclose(np.percentile(found[:, 1], (10, 90)), (0.123, 0.203), atol=0.001)
    check("its delay jumping from 123 to 203 ms: intelligible all the same", round(stoi, 4), stoi > 0.98 and right)

    # From 9 s on a tenth too fast, until what came 300 ms late comes 60 ms late: 8 ms left out of each 80.
    fast = said[half : half + 112 * RATE_80MS].reshape(-1, RATE_80MS)
    kept_of_each = np.concatenate([fast[:30, : RATE_80MS * 9 // 10].ravel(), fast[30:].ravel()])
    drifting = np.concatenate([late(said[:half], 0.3, SPEECH_RATE), kept_of_each, np.zeros(SPEECH_RATE)])
    found = retime.delays(said, drifting, 0)
    known = np.interp(found[:, 0], (0, 9, 9 + 30 * 0.08, 18), (0.3, 0.3, 0.06, 0.06))
    off = float(np.percentile(np.abs(found[:, 1] - known), 95)) * 1_000
    stoi = speech.stoi_of(said, retime.retimed(said, drifting, 0, found))
    check(
        "its delay drifting from 300 to 60 ms: followed within, ms",
        (round(off, 1), round(stoi, 3)),
        off < 12 and stoi > 0.93,
    )

    silent = speech.quality(said[: 12 * SPEECH_RATE], np.zeros(len(said)), 0, np.empty((0, 2)))
    low = silent["pesq"] == silent["visqol"] == 1 and silent["stoi"] < 0.1 and silent["plcmos"] < 2.5
    check("silence instead", scores(silent), low)
    check("the same sound has the same PLCMOS twice", "", speech.plcmos_of(said) == speech.plcmos_of(said))


def check_pictures(folder):
    film = Pictures(folder / "film-left.y4m")
    count = len(film)
    index = np.arange(25 * FPS)
    # Delays repeat 30, 40, 50, 60, 70 ms.
    delay = 0.03 + 0.01 * (index % 5)
    shown, numbers = DAY + index / FPS + delay, (index % count).astype(float)
    found = picture.delays(shown, numbers, DAY, 0, count)
    check(
        "pictures 30 to 70 ms late, through the film's end",
        f"{np.nanmax(np.abs(found - delay)):.6f} s off",
        np.allclose(found, delay),
    )
    found = picture.delays(shown + 3, numbers, DAY, 0, count)
    check("… 3 s more", f"{np.nanmean(found):.3f} s", np.allclose(found, delay + 3))
    slip = np.where((index > 300) & (index < 400), 0.1, 0.004)
    found = picture.delays(shown + slip, numbers, DAY, 0, count)
    found = picture.without_slips(found, shown + slip, DAY + index / FPS + slip, slip)
    check("… by a camera that slips by 100 ms", "", np.allclose(found, delay))
    other = picture.delays(shown, numbers, DAY, 10_000, count)
    check("pictures of another film have no delay", "", np.isnan(other).all())

    late = picture.delays(shown, numbers, DAY, 0, count)
    found = np.percentile(picture.ages(shown, late, DAY + 3, DAY + 20), (0, 50, 95)) * 1_000
    right = found[0] >= 30 and abs(found[1] - 66) < 5 and abs(found[2] - 93) < 5
    check("… on the screen they grow older until the next comes, ms", np.round(found, 1), right)
    stood = (index < 300) | (index >= 345)
    found = picture.ages(shown[stood], late[stood], DAY + 3, DAY + 20).max() * 1_000
    check("… 45 of them missing: as old as 1.5 s more", round(found), abs(found - 1_570) < 40)

    places = picture.places(shown, numbers, DAY, 0, count)
    check("each is the n-th taken, through the film's end", "", np.array_equal(places, index))

    def kept_of(shown):
        """As those who record keep: the first of each six."""
        first = np.concatenate([[True], np.diff(shown // picture.KEPT_OF) > 0])
        return np.where(first, np.cumsum(first) - 1.0, np.nan)

    found = picture.standing(places, kept_of(places), 60, 120)
    check("every sixth stands for itself", found[:2], found == [(place, place // 6) for place in range(60, 121, 6)])
    stood = (index < 66) | (index > 80)
    found = picture.standing(places[stood], kept_of(places[stood]), 60, 90)
    right = found == [(60, 10), (66, 10), (72, 10), (81, 11), (84, 12), (90, 13)]
    check("66 to 80 missing: the 60th stands for two more, and the 81st for itself", found, right)
    found = picture.standing(places[index > 70], kept_of(places[index > 70]), 60, 84)
    check("nothing yet stands for what came before the first", found, found == [(60, None), (71, 0), (72, 1), (78, 2), (84, 3)])
    thirds = places[places % 3 == 2]
    found = picture.standing(thirds, kept_of(thirds), 60, 120)
    check("of ten a second the first of each six is judged", found[:2], found == [(due + 2, due // 6) for due in range(60, 121, 6)])

    steady = DAY + index / FPS
    frozen = steady[(index < 300) | (index > 320)]
    found = picture.steadiness(frozen, DAY + 3, DAY + 24)
    right = (
        found["freezes"] == 1 and abs(found["frozen_s"] - 0.733) < 0.001 and abs(found["longest_gap_ms"] - 733.3) < 0.2
    )
    check("21 pictures of 30 a second missing: one freeze of 733 ms", found, right and abs(found["fps"] - 29) < 0.1)
    found = picture.steadiness(steady, DAY + 3, DAY + 24)
    check("none missing", found, found["freezes"] == 0 and abs(found["fps"] - 30) < 0.1)
    found = picture.freezes(frozen, DAY + 10.2, DAY + 24)
    check("a freeze counts from the beginning on", found, found[0] == 1 and abs(found[1] - 0.5) < 0.01)
    found = picture.steadiness(steady[(index > 150) & (index < 152)], DAY + 3, DAY + 24)
    check("a single picture: frozen before it and after", found, found["freezes"] == 2 and abs(found["frozen_s"] - 21) < 0.1)
    found = picture.steadiness(steady[index < 300], DAY + 3, DAY + 24)
    check("none after 10 s: a freeze to the end", found, found["freezes"] == 1 and found["frozen_s"] > 13.9)
    slow = picture.steadiness(steady[::3], DAY + 3, DAY + 24)
    check("a steady 10 a second is not frozen", slow, slow["freezes"] == 0 and abs(slow["fps"] - 10) < 0.1)

    chosen = [(place, place // 6) for place in range(0, 120, 6)]
    records = np.array(film.records[:120:6])
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        same = kept(place / "same.y4m", film, records)
        similar, vmaf = picture.likeness(film, same, chosen)
        figures = f"SSIM {np.mean(similar):.4f} VMAF {np.mean(vmaf):.1f}"
        check("the film itself", figures, np.mean(similar) > 0.9999 and np.mean(vmaf) > 95)
        size = film.width * film.height
        blurred = records.copy()
        for record in blurred:
            plane = record[6 : 6 + size].reshape(film.height, film.width)
            plane[:] = gaussian_filter(plane, 2)
        similar, vmaf = picture.likeness(film, kept(place / "blurred.y4m", film, blurred), chosen)
        figures = f"SSIM {np.mean(similar):.4f} VMAF {np.mean(vmaf):.1f}"
        check("the film blurred", figures, np.mean(similar) < 0.95 and np.mean(vmaf) < 60)
        strip = records.copy()
        strip[:, 6 : 6 + film.width * film.width // 24] = 80
        similar, vmaf = picture.likeness(film, kept(place / "strip.y4m", film, strip), chosen)
        check(
            "its strip of numbers painted over: not counted",
            round(float(np.mean(similar)), 4),
            np.mean(similar) > 0.9999,
        )


def kept(path, film, records):
    path.write_bytes(header(film.width, film.height) + records.tobytes())
    return Pictures(path)


def check_network():
    """1200 bytes each 20 ms of video are 480 kb/s, 100 bytes each 20 ms of audio 40 kb/s."""
    packets = np.arange(0, 60, 0.02)
    offered = DAY + np.repeat(packets, 2)
    bytes_ = np.tile([1_200.0, 100.0], len(packets))
    names = ["video", "audio"] * len(packets)
    since = offered - DAY
    # A quarter of a second late to 20 s, then a queue that grows to 300 ms and is gone at 23.5 s.
    queue = np.where((since >= 20.1) & (since < 23.5), 300.0, 5.0)
    delivered = offered + 0.025
    delivered[::100] = np.nan
    capacity = network.Capacity([[DAY, 1_000_000], [DAY + 20, 250_000], [DAY + 40, 500_000]])
    found = network.summary(offered, delivered, queue, bytes_, names, capacity, DAY + 3, DAY + 58)
    right = (
        abs(found["kbps"]["video"] - 480) < 1
        and abs(found["kbps"]["audio"] - 40) < 0.1
        and abs(found["total_kbps"] - 520) < 1
    )
    check("480 kb/s of pictures and 40 kb/s of sound", found["kbps"], right)
    check("one packet of a hundred lost", found["lost_share"], abs(found["lost_share"] - 0.01) < 0.001)
    possible = (17 * 1_000 + 20 * 250 + 18 * 500) / 55
    lost = 480 / 50
    used = found["own_utilisation"]
    check("its part of the capacity", used, abs(used - (520 - lost) / possible) < 0.005)
    check(
        "its queue",
        found["queue_p95_ms"],
        found["queue_p95_ms"] == 300,
    )
    check(
        "the queue is short again 3.5 s after the fall",
        found["drained"],
        abs(found["drained"][0]["after_s"] - 3.48) < 0.03,
    )

    # 100 kb/s, and from 6.5 s after the rise on the new capacity.
    slow = (since >= 40) & (since < 46.5)
    bytes_[slow] /= 5.2
    found = network.summary(offered, delivered, queue, bytes_, names, capacity, DAY + 3, DAY + 58)
    check(
        "90 % of the new capacity 6.5 s after the rise",
        found["reached"],
        abs(found["reached"][0]["after_s"] - 6.4) < 0.2,
    )
    # 300 kb/s is all that it wanted of 1 Mb/s before; so 270 of the same again is what there is to be reached.
    times = np.arange(0, 60, 0.01)
    bits = np.where((times >= 40) & (times < 44), 1_000, 3_000) / 8
    known = network.Capacity([[0, 1_000_000], [20, 250_000], [40, 1_000_000]])
    found = network.summary(times, times, times * 0, bits, ["video"] * len(times), known, 1, 59)["reached"]
    check("90 % of what it used to use 4 s after the rise", found, abs(found[0]["after_s"] - 3.9) < 0.2)
    found = [network.fairness(shares) for shares in ((5, 5), (9, 1), (1, 0), (0, 0))]
    check("fairness of halves, of 9 to 1, of all to one, of nothing", found, found == [1, 0.6098, 0.5, None])
    meant = {"111": "audio/opus", "96": "video/VP8", "97": "video/rtx", "63": "audio/red"}
    kinds = [
        network.kind_of(*given, meant)
        for given in (
            ("rtp", "111"),
            ("rtp", "96"),
            ("rtp", "97"),
            ("rtp", "63"),
            ("rtp", "5"),
            ("stun", ""),
            ("udp", ""),
        )
    ]
    check("kinds of packets", kinds, kinds == ["audio", "video", "repair", "audio", "other", "stun", "other"])


def a_call(folder, stimuli_folder, seconds=17):
    """A call whose figures are known. Sound is 123 ms late to the right and 46 ms to the left, pictures 23 ms."""
    joining, connected, end = DAY + 1, DAY + 1.5, DAY + 1 + seconds
    about = {
        "scenario": "known",
        "peer": "known",
        "round": 1,
        "seconds": seconds,
        "stimuli": str(stimuli_folder),
        "began": DAY,
        "ended": end,
        "capacity": {"there": [], "back": []},
    }
    write_json(folder / "call.json", about)
    # The right side's first word to the call server is 20 ms before it is ready to join.
    rows = [f"back,{joining - 0.02:.6f},{joining:.6f},0,60,tcp,,1"]
    for way in ("there", "back"):
        for moment in np.arange(connected, end, 0.02):
            rows.append(f"{way},{moment:.6f},{moment + 0.025:.6f},0,160,rtp,111,0")
    (folder / "line.csv").write_text(
        "\n".join(["way,offered_s,delivered_s,queue_ms,bytes,kind,payload_type,flow", *rows]) + "\n"
    )
    for side, other, played, delay in (("right", "left", "speech", 0.123), ("left", "right", "clicks", 0.046)):
        (folder / side).mkdir()
        # Each opens its devices in its own moment; what is heard begins 60 ms after the connection.
        speaker = DAY + (0.7 if side == "left" else 0.2)
        moments = {
            "joining": joining - (0.5 if side == "left" else 0),
            "connected": connected,
            "microphone": DAY + 0.5,
            "camera": DAY + 0.4,
            "speaker": speaker,
        }
        begin = int(round((speaker - DAY - 0.5 - delay) * RATE))
        sound = retime.taken(read_wav(stimuli_folder / f"{played}.wav"), begin, begin + int((end - speaker) * RATE))
        sound[: int((connected + 0.06 - speaker) * RATE)] = 0
        write_wav(folder / side / "heard.wav", sound)
        statistics = {
            "audio_inbound": {"jitter_buffer_delay": 30.0, "jitter_buffer_emitted_count": 1_000},
            "video_inbound": {"freeze_count": 0, "total_freezes_duration": 0},
        }
        write_json(
            folder / side / "side.json",
            {
                "program": "known",
                "version": "1",
                "moments": moments,
                "statistics": statistics,
                "payload_types": {"111": "audio/opus"},
                "cost": {"cpu_seconds": seconds / 4, "seconds": seconds, "peak_rss_bytes": 50e6},
            },
        )
        film = Pictures(stimuli_folder / f"film-{other}.y4m")
        index = np.arange(int((connected + 0.1 - DAY - 0.4) * FPS), int((end - DAY - 0.5) * FPS))
        rows, records = [], []
        for place in index:
            number, picture_ = place % len(film), ""
            if number % 6 == 0:
                picture_ = len(records)
                records.append(film.records[number])
            rows.append(f"{DAY + 0.4 + place / FPS + 0.023:.6f},{number + stimuli.FIRST_NUMBER[other]},{picture_}")
        (folder / side / "shown.csv").write_text("\n".join(["shown_s,number,picture", *rows]) + "\n")
        kept(folder / side / "seen.y4m", film, np.array(records))


def write_json(path, what):
    path.write_text(json.dumps(what))


def check_call(folder):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        a_call(place, folder)
        found = measure.measure(place)
        setup = found["setup"]
        check(
            "a whole call: set-up",
            setup,
            all(abs(setup["connected_ms"][side] - 520) < 0.1 for side in ("left", "right"))
            and all(abs(setup["first_sound_ms"][side] - 580) < 1 for side in ("left", "right"))
            and all(abs(setup["first_picture_ms"][side] - 643) < 34 for side in ("left", "right")),
        )
        check(
            "… mouth-to-ear, jitter buffer",
            (found["delay"]["p50_ms"], found["delay"]["jitter_buffer_ms"]),
            abs(found["delay"]["p50_ms"] - 46) < 0.1
            and found["delay"]["jitter_buffer_ms"] == {"left": 30, "right": 30},
        )
        check(
            "… lip-sync: 100 ms too late, and 23 ms",
            found["lipsync"],
            abs(found["lipsync"]["there_ms"] - 100) < 1 and abs(found["lipsync"]["back_ms"] - 23) < 1,
        )
        there = found["picture"]["there"]
        named = ("delay_p50_ms", "age_p95_ms", "fps", "freezes", "ssim", "vmaf", "compared", "stale")
        figures = {name: there[name] for name in named}
        check(
            "… pictures",
            figures,
            abs(there["delay_p50_ms"] - 23) < 0.1
            and there["vmaf"] > 95
            and there["ssim"] > 0.999
            and there["compared"] > 40
            and there["stale"] == 0
            and 40 < there["age_p95_ms"] < 57,
        )
        check("… speech", scores(found["speech"]), found["speech"]["stoi"] > 0.995 and found["speech"]["pesq"] > 4.4)
        check("… cost", found["cost"]["left"], found["cost"]["left"] == {"cpu_share": 0.25, "peak_rss_mb": 50})
        sound = found["network"]["there"]["kbps"]["audio"]
        check("… network", sound, abs(sound - 64) < 0.5)
        json.dumps(found, allow_nan=False)

        # It began 20 ms early, and from ten seconds on it was in time.
        slipped = f"spoken_s,sample\n{DAY + 0.48:.6f},0\n{DAY + 10.5:.6f},{10 * RATE}\n"
        (place / "right/spoken.csv").write_text(slipped)
        late = [ms for _, ms in measure.measure(place)["delay"]["over_time"]]
        ends = (late[0], late[-1])
        check("… by a microphone that slips by 20 ms", ends, np.allclose(ends, (66, 46), atol=0.1))
        (place / "right/spoken.csv").unlink()
        (place / "left/spoken.csv").write_text(slipped)
        late = [ms for _, ms in measure.measure(place)["speech"]["delay_over_time"]]
        ends = (late[0], late[-1])
        check("… so is the speech of the other way", ends, np.allclose(ends, (143, 123), atol=0.5))
        (place / "left/spoken.csv").unlink()

        # From 8 to 11 s nothing new was shown to the right.
        rows = (place / "right/shown.csv").read_text().splitlines()
        gone = lambda row: DAY + 8 < float(row.split(",")[0]) < DAY + 11  # noqa: E731
        (place / "right/shown.csv").write_text("\n".join([rows[0], *(row for row in rows[1:] if not gone(row))]) + "\n")
        froze = measure.measure(place)["picture"]["there"]
        worse = {name: (there[name], froze[name]) for name in ("vmaf", "ssim", "age_p95_ms", "stale", "freezes")}
        seen = froze["vmaf"] < there["vmaf"] - 5 and froze["ssim"] < there["ssim"] and froze["age_p95_ms"] > 1_000
        check("three seconds without a new picture", worse, seen and froze["stale"] == 15)
        (place / "right/shown.csv").write_text("\n".join(rows) + "\n")

        heard = read_wav(place / "right/heard.wav")
        write_wav(place / "right/heard.wav", heard[: len(heard) // 2])
        write_json(place / "call.json", {**json.loads((place / "call.json").read_text()), "ended": DAY + 18})
        silent = measure.measure(place)
        worse = (
            silent["window"]["seconds"],
            silent["speech"]["seconds"],
            silent["speech"]["pesq"],
            silent["speech"]["stoi"],
        )
        fell = worse[0] > 12.5 and worse[1] > 12 and worse[2] < 3 and worse[3] < 0.8
        check("a sound that ends half-way: judged to the end", worse, fell)

        # Voice alone, and one ear deaf.
        for side in ("left", "right"):
            (place / side / "shown.csv").unlink()
            (place / side / "seen.y4m").unlink()
        (place / "right/heard.wav").unlink()
        (place / "line.csv").unlink()
        found = measure.measure(place)
        missing = [
            found["speech"],
            *found["picture"].values(),
            *found["lipsync"].values(),
            *found["network"].values(),
            found["setup"]["first_sound_ms"]["right"],
            found["setup"]["first_picture_ms"]["left"],
        ]
        check("what did not happen is None", "", all(value is None for value in missing) and found["delay"]["p50_ms"])

        (place / "left/heard.wav").write_bytes(b"RIFF nothing")
        check("a broken file is a sentence", *sentence(place, "heard.wav"))
        (place / "left/side.json").write_text('{"moments": ')
        check("a broken description is a sentence", *sentence(place, "side.json"))


def check_tables(folder):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        (place / "call").mkdir()
        a_call(place / "call", folder, 10)
        known = measure.measure(place / "call")

        def result(peer, number, delay, plcmos, connected):
            measures = json.loads(json.dumps(known))
            measures["delay"]["p50_ms"], measures["speech"]["plcmos"] = delay, plcmos
            measures["setup"]["connected_ms"] = {"left": 100, "right": connected}
            return {
                "scenario": "clean",
                "peer": peer,
                "round": number,
                "measures": measures,
                "folder": str(place / "call"),
                "versions": {peer: "1"},
            }

        results = [
            result("twocan", 1, 20, 4.50, None),
            result("twocan", 2, 22, 4.60, None),
            result("twocan", 3, 40, 4.55, None),
            result("chromium", 1, 44, 4.58, 150),
            result("chromium", 2, 50, 4.60, 140),
            result("chromium", 3, 60, 4.59, 145),
            {"scenario": "clean", "peer": "twocan-voice", "round": 1, "failure": "It did not connect."},
            {"scenario": "clean", "peer": "twocan-voice", "round": 2, "failure": "Nor did it then."},
            result("libwebrtc", 1, 46, 4.7, 100),
            {"scenario": "clean", "peer": "libwebrtc", "round": 2, "failure": "It did not connect either."},
            result("libwebrtc", 3, 47, 4.7, 100),
        ]
        write_json(place / "results.json", {"command": ["known"], "results": results})
        found = Results(place / "results.json")

        def compared(group, name, pair=("twocan", "chromium"), peer="twocan"):
            of = next(one for one in MEASURES if (one.group, one.name) == (group, name))
            return found.figure(of, "clean", peer).text(), found.comparison(of, "clean", pair).text()

        row = compared("Mouth to ear", "p50")
        check("medians, spread and ratio", row, row == ("22.0 (20.0–40.0)", "0.44× ▲"))
        row = compared("Speech", "PLCMOS")
        check("… within the noise", row, row == ("4.55 (4.50–4.60)", "0.99× ≈"))
        row = compared("Set-up", "connected (the later side)")
        check("… a side that never connected is lost, not left out", row, row == ("–", "ours has none ▼"))
        row = compared("Mouth to ear", "p50", ("twocan-voice", "libwebrtc"), "libwebrtc")
        check("… so is a peer that never did; one of three is told", row, row == ("47.0 (46.0–47.0) [2 of 3]", "ours has none ▼"))
        alone = Figure(of_delay := next(m for m in MEASURES if m.name == "p50"), [20], 1)
        row = compare(alone, Figure(of_delay, [], 1)).text()
        check("of a single round nobody can tell, also where the other failed", row, row == "other has none")
        row = compare(Figure(of_delay, [20, 21], 3), Figure(of_delay, [40, 41, 42], 3)).text()
        check("nobody wins who failed once", row, row == "0.51× ≈")
        row = compare(Figure(of_delay, [40, 41], 3), Figure(of_delay, [20, 21, 22], 3)).text()
        check("… and who failed can lose", row, row == "1.95× ▼")
        apart = between_two([1, 2, 4]), between_halves([1, 2, 4]), between_halves([1, 2, 4, 5, 3, 9])
        check("two of 1, 2, 4 differ by 2; halves have three or none", apart, apart == (2, None, 3))
        shown = "\n".join([*table.printed(found), *table.page(found)])
        check(
            "tables tell what failed",
            "",
            shown.count("twocan-voice, round 1, could not be measured: It did not connect.") == 2,
        )
        page = "\n".join(report.page(found))
        foreign = [word for word in ("http:", "https:", 'src="/', "url(") if word in page]
        check(
            "the page has its pictures in it, and nothing from elsewhere",
            foreign,
            not foreign and page.count("data:image/webp") > 10,
        )


def sentence(folder, name):
    with contextlib.suppress(StopIteration):
        try:
            measure.measure(folder)
        except Broken as broken:
            return str(broken).replace(str(folder), ""), name in str(broken)
    return "no word of it", False


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder, began = Path(sys.argv[1]), time.monotonic()
    stimuli.make(folder)
    check_clicks()
    check_network()
    check_pictures(folder)
    check_speech(folder)
    check_call(folder)
    check_tables(folder)
    print(f"{len(FAILED)} failed, in {time.monotonic() - began:.0f} s.")
    sys.exit(1 if FAILED else 0)


if __name__ == "__main__":
    main()

"""Results of many calls, summed up: for each scenario and peer the median of each measure and its spread over the rounds."""

import json
import math
from dataclasses import dataclass, field
from statistics import median

from call import Broken

# Ours, and who it is compared with.
PAIRS = (("twocan", "chromium"), ("twocan-voice", "libwebrtc"))
LESS, MORE, NEITHER = "less", "more", ""


def found_at(measures, path):
    """All that is at a path through dictionaries, of which "*" is each entry: each side, or each way. None: it is not there."""
    if measures is None or not path:
        return [measures]
    if path[0] == "*":
        return [value for part in measures.values() for value in found_at(part, path[1:])]
    return found_at(measures.get(path[0]), path[1:])


def mean(values):
    return sum(values) / len(values)


def each(combined, *path):
    """What all at a path come to. None if one of them is not there: a way that failed is not made good by the other."""

    def value(measures):
        found = found_at(measures, path)
        return combined(found) if found and None not in found else None

    return value


def one(*path):
    return each(mean, *path)


def share_found(measures):
    [found], [sent] = found_at(measures, ("delay", "found")), found_at(measures, ("delay", "sent"))
    return found / sent * 100 if sent else None


def made_up(measures):
    share = each(mean, "concealed_share", "*")(measures)
    return None if share is None else share * 100


def worst_window(name):
    return lambda measures: (
        min((part[name] for part in measures["speech"]["windows"]), default=None) if measures.get("speech") else None
    )


def the_rest(measures):
    parts = [each(mean, "network", "*", "kbps", kind)(measures) for kind in ("stun", "dtls", "other")]
    return None if None in parts else sum(parts)


def downloads(measures):
    """None where there were none: a little TCP is the signaling of the call."""
    rate = each(mean, "network", "*", "kbps", "tcp")(measures)
    return rate if rate and rate >= 1 else None


def furthest(values):
    return max(map(abs, values))


def followed(name):
    """How long each change of capacity took to be followed, None of those that were not."""
    return lambda measures: [
        change["after_s"] for changes in found_at(measures, ("network", "*", name)) for change in changes or ()
    ]


def longest(name):
    def value(measures):
        took = followed(name)(measures)
        return max(took) if took and None not in took else None

    return value


def never(name):
    def value(measures):
        took = followed(name)(measures)
        return sum(after is None for after in took) if took else None

    return value


@dataclass(frozen=True)
class Measure:
    """One line of a table. better: LESS, MORE or NEITHER of it. digits: of the figure as it is shown."""

    group: str
    name: str
    unit: str
    better: str
    digits: int
    value: object = field(repr=False)
    # It stands in the overview.
    key: bool = False
    # A difference of less than this is none, however steady the figures are.
    step: float = 0.0
    # Where one peer has it in vain and the other has not, the other lost.
    owed: bool = True

    def text(self, value):
        return "–" if value is None else f"{value:.{self.digits}f}"


MEASURES = (
    Measure("Set-up", "connected (the later side)", "ms", LESS, 0, each(max, "setup", "connected_ms", "*"), step=2),
    Measure(
        "Set-up", "first sound (the later side)", "ms", LESS, 0, each(max, "setup", "first_sound_ms", "*"), True, 2
    ),
    Measure(
        "Set-up", "first picture (the later side)", "ms", LESS, 0, each(max, "setup", "first_picture_ms", "*"), True, 2
    ),
    Measure("Mouth to ear", "p50", "ms", LESS, 1, one("delay", "p50_ms"), True, 0.5),
    Measure("Mouth to ear", "p95", "ms", LESS, 1, one("delay", "p95_ms"), True, 0.5),
    Measure("Mouth to ear", "p99", "ms", LESS, 1, one("delay", "p99_ms"), step=0.5),
    Measure("Mouth to ear", "clicks that came through", "%", MORE, 1, share_found, step=0.5),
    Measure(
        "Mouth to ear",
        "jitter buffer, by its own word",
        "ms",
        LESS,
        1,
        each(mean, "delay", "jitter_buffer_ms", "*"),
        step=0.5,
        owed=False,
    ),
    Measure("Speech", "made up, by their own word", "%", LESS, 2, made_up, step=0.05, owed=False),
    Measure("Speech", "PLCMOS", "1–5", MORE, 2, one("speech", "plcmos"), True, 0.02),
    Measure("Speech", "PLCMOS of the worst 12 s", "1–5", MORE, 2, worst_window("plcmos"), step=0.02),
    Measure("Speech", "PESQ", "1–4.6", MORE, 2, one("speech", "pesq"), step=0.02),
    Measure("Speech", "STOI", "0–1", MORE, 3, one("speech", "stoi"), True, 0.002),
    Measure("Speech", "ViSQOL", "1–5", MORE, 2, one("speech", "visqol"), step=0.02),
    Measure("Speech", "its delay", "ms", LESS, 1, one("speech", "delay_p50_ms"), step=0.5),
    Measure("Pictures", "delay p50", "ms", LESS, 1, each(mean, "picture", "*", "delay_p50_ms"), step=0.5),
    Measure("Pictures", "age of what is seen, p50", "ms", LESS, 1, each(mean, "picture", "*", "age_p50_ms"), step=0.5),
    Measure("Pictures", "age of what is seen, p95", "ms", LESS, 1, each(mean, "picture", "*", "age_p95_ms"), True, 0.5),
    Measure("Pictures", "a second", "fps", MORE, 1, each(mean, "picture", "*", "fps"), step=0.1),
    Measure("Pictures", "freezes, both ways", "", LESS, 0, each(sum, "picture", "*", "freezes")),
    Measure("Pictures", "frozen, both ways", "s", LESS, 2, each(sum, "picture", "*", "frozen_s"), True, 0.05),
    Measure(
        "Pictures", "freezes, by their own word", "", LESS, 0, each(sum, "picture", "*", "own_freezes"), owed=False
    ),
    Measure("Pictures", "longest gap", "ms", LESS, 0, each(max, "picture", "*", "longest_gap_ms"), step=5),
    Measure("Pictures", "SSIM", "0–1", MORE, 3, each(mean, "picture", "*", "ssim"), step=0.002),
    Measure("Pictures", "VMAF", "0–100", MORE, 1, each(mean, "picture", "*", "vmaf"), True, 0.5),
    Measure("Pictures", "VMAF, worst twentieth", "0–100", MORE, 1, each(mean, "picture", "*", "vmaf_p5"), step=0.5),
    Measure("Lip-sync", "sound and picture apart", "ms", LESS, 1, each(furthest, "lipsync", "*"), True, 1),
    Measure("Line", "all, each way", "kb/s", NEITHER, 0, each(mean, "network", "*", "total_kbps")),
    Measure("Line", "sound", "kb/s", NEITHER, 1, each(mean, "network", "*", "kbps", "audio")),
    Measure("Line", "pictures", "kb/s", NEITHER, 0, each(mean, "network", "*", "kbps", "video")),
    Measure("Line", "repair", "kb/s", NEITHER, 1, each(mean, "network", "*", "kbps", "repair")),
    Measure("Line", "reports", "kb/s", NEITHER, 1, each(mean, "network", "*", "kbps", "rtcp")),
    Measure("Line", "all else of the call", "kb/s", NEITHER, 1, the_rest),
    Measure("Line", "downloads beside it", "kb/s", NEITHER, 0, downloads),
    Measure("Line", "fairness of two calls (Jain)", "0–1", MORE, 3, each(mean, "network", "*", "fairness"), step=0.01),
    Measure("Line", "of the capacity used", "0–1", NEITHER, 3, each(mean, "network", "*", "own_utilisation")),
    Measure("Line", "its queue, p95", "ms", LESS, 1, each(mean, "network", "*", "queue_p95_ms"), True, 0.5),
    Measure("Line", "the emulator late by, p99", "ms", NEITHER, 2, each(max, "network", "*", "line_late_p99_ms")),
    # Who wants less has less to reach, so that nobody is better.
    Measure("Line", "until 90 % of what it uses of a higher rate", "s", NEITHER, 1, longest("reached")),
    Measure("Line", "higher rates never reached", "", LESS, 0, never("reached")),
    Measure("Line", "until the queue is short after a fall", "s", LESS, 1, longest("drained"), step=0.1),
    Measure("Line", "falls after which it never was", "", LESS, 0, never("drained")),
    Measure("Cost", "of a core, one side", "0–1", LESS, 3, each(mean, "cost", "*", "cpu_share"), True, 0.002),
    Measure("Cost", "memory at most, one side", "MB", LESS, 0, each(mean, "cost", "*", "peak_rss_mb"), True, 1),
)


@dataclass
class Figure:
    """A measure over the rounds."""

    measure: Measure
    values: list
    rounds: int

    @property
    def middle(self):
        """The median; a round that owes the figure and has none is the worst of them. None: that is in the middle."""
        missing = self.rounds - len(self.values) if self.measure.owed and self.measure.better != NEITHER else 0
        ranked = self.values + [math.inf if self.measure.better == LESS else -math.inf] * missing
        return median(ranked) if ranked and math.isfinite(median(ranked)) else None

    @property
    def spread(self):
        """From the least to the most of the rounds."""
        return max(self.values) - min(self.values) if self.values else None

    def text(self):
        """The median, and in brackets the least and the most; how many rounds had it, if not all."""
        show = self.measure.text
        text = show(self.middle)
        if len(self.values) > 1 and show(min(self.values)) != show(max(self.values)):
            text += f" ({show(min(self.values))}–{show(max(self.values))})"
        if 0 < len(self.values) < self.rounds:
            text += f" [{len(self.values)} of {self.rounds}]"
        return text


@dataclass
class Comparison:
    """Ours against another's. verdict: "better", "worse", "even" (within the noise), or "" where neither is better."""

    ratio: float | None
    verdict: str
    # Who has no such figure, if one of them has none.
    lacks: str = ""

    def text(self):
        mark = {"better": "▲", "worse": "▼", "even": "≈", "": " "}[self.verdict]
        ratio = self.lacks or ("" if self.ratio is None else f"{self.ratio:.2f}×")
        # Better or worse, and yet 1.00: a little more of the figure.
        if ratio == "1.00×" and self.verdict in ("better", "worse"):
            ratio = f"{self.ratio:.3f}×"
        return f"{ratio} {mark}".strip() or "–"


def compare(ours, other):
    """None: neither has such a figure, or one has not and need not."""
    measure = ours.measure
    # Nobody knows how noisy a single round is.
    single = min(ours.rounds, other.rounds) == 1
    if ours.middle is None or other.middle is None:
        if (ours.middle is None and other.middle is None) or measure.better == NEITHER or not measure.owed:
            return None
        verdict, lacks = ("worse", "ours has none") if ours.middle is None else ("better", "other has none")
        return Comparison(None, "" if single else verdict, lacks)
    nothing = measure.text(0.0) in (measure.text(ours.middle), measure.text(other.middle))
    # Of next to nothing there is no ratio.
    ratio = None if nothing else ours.middle / other.middle
    if measure.better == NEITHER:
        return Comparison(ratio, "")
    apart = ours.middle - other.middle
    if single or min(len(ours.values), len(other.values)) == 1:
        return Comparison(ratio, "")
    noise = max(ours.spread, other.spread, measure.step)
    verdict = "better" if (apart < 0) == (measure.better == LESS) else "worse"
    winner = ours if verdict == "better" else other
    # Who fails now and then has not won, however good the rest is.
    if abs(apart) <= noise or (measure.owed and len(winner.values) < winner.rounds):
        verdict = "even"
    return Comparison(ratio, verdict)


class Results:
    """What is in a results file: {"command": [each command], "results": [{"scenario", "peer", "round", "measures" or "failure", …}]}.

    Broken: it is none.
    """

    def __init__(self, path):
        try:
            with open(path) as file:
                found = json.load(file)
            self.command = "; ".join(found["command"])
            self.results = [one for one in found["results"] if one["scenario"] and one["peer"] and one["round"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Broken(f"{path} cannot be read as results: {error}") from None
        self.scenarios = list(dict.fromkeys(one["scenario"] for one in self.results))
        known = [peer for pair in PAIRS for peer in pair]
        there = dict.fromkeys(one["peer"] for one in self.results)
        self.peers = sorted(there, key=lambda peer: known.index(peer) if peer in known else len(known))
        self.about = {one["scenario"]: one.get("about", "") for one in self.results}

    def of(self, scenario, peer=None):
        return [one for one in self.results if one["scenario"] == scenario and peer in (None, one["peer"])]

    def rounds(self, scenario, peer):
        """Those that could be measured."""
        return [one for one in self.of(scenario, peer) if one.get("measures")]

    def failures(self, scenario):
        return [one for one in self.of(scenario) if not one.get("measures")]

    def peers_of(self, scenario):
        """Those that tried."""
        return [peer for peer in self.peers if self.of(scenario, peer)]

    def pairs_of(self, scenario):
        peers = self.peers_of(scenario)
        return [pair for pair in PAIRS if pair[0] in peers and pair[1] in peers]

    def figure(self, measure, scenario, peer):
        rounds = self.rounds(scenario, peer)
        values = [measure.value(one["measures"]) for one in rounds]
        return Figure(measure, [value for value in values if value is not None], len(self.of(scenario, peer)))

    def comparison(self, measure, scenario, pair):
        return compare(*(self.figure(measure, scenario, peer) for peer in pair))

    def compared(self, pair):
        """The scenarios that both of a pair were measured in, and the key measures that both have figures of."""
        scenarios = [scenario for scenario in self.scenarios if pair in self.pairs_of(scenario)]
        measures = [m for m in MEASURES if m.key and any(self.comparison(m, s, pair) for s in scenarios)]
        return scenarios, measures

    def measures_of(self, scenario):
        """Those that at least one peer has a figure of."""
        peers = self.peers_of(scenario)
        return [measure for measure in MEASURES if any(self.figure(measure, scenario, peer).values for peer in peers)]

    def versions(self):
        """{program: version}; several are joined."""
        found = {}
        for result in self.results:
            for program, version in (result.get("versions") or {}).items():
                found.setdefault(program, dict.fromkeys(()))[str(version)] = None
        return {program: ", ".join(versions) for program, versions in sorted(found.items())}

    def noise(self, peer):
        """What a peer's own rounds differ by: the mouth-to-ear delay in parts of itself, and PLCMOS.

        {"rounds": of any two, on the average; "halves": of the medians of the first and the second half, where there are
        three and three}, each {"delay", "plcmos"} the median and the most of the scenarios, and which one that is, or None.
        """
        delay, plcmos = (
            next(m for m in MEASURES if (m.group, m.name) == name)
            for name in (("Mouth to ear", "p50"), ("Speech", "PLCMOS"))
        )
        found = {}
        for name, apart in (("rounds", between_two), ("halves", between_halves)):
            parts = {"delay": [], "plcmos": []}
            for scenario in self.scenarios:
                one, other = self.figure(delay, scenario, peer), self.figure(plcmos, scenario, peer)
                if one.middle and apart(one.values) is not None:
                    parts["delay"].append((apart(one.values) / one.middle, scenario))
                if apart(other.values) is not None:
                    parts["plcmos"].append((apart(other.values), scenario))
            found[name] = {
                key: (median(value for value, _ in these), *max(these)) if these else None
                for key, these in parts.items()
            }
        return found


def between_two(values):
    """By how much two of the values differ, on the average; None: there are no two."""
    pairs = [abs(one - other) for index, one in enumerate(values) for other in values[:index]]
    return mean(pairs) if pairs else None


def between_halves(values):
    """By how much the medians of the first and of the second half differ; None: one has less than three."""
    half = len(values) // 2
    return abs(median(values[:half]) - median(values[half:])) if half >= 3 else None

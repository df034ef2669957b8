"""Results as a page that stands by itself: `report.py RESULTS.json PAGE.html`."""

import statistics
import sys
from html import escape
from pathlib import Path

import numpy as np

import charts
import table
import worst
from call import WAYS, Broken
from film import FPS
from speech import WINDOW_SECONDS
from summary import MEASURES, PAIRS, Results

STYLE = (Path(__file__).parent / "report.css").read_text()
WAY_IN_WORDS = {"there": "left to right", "back": "right to left"}


def style_of(results, peer):
    """The class of a peer's lines; the same all over the page, and of those known on every page."""
    known = [one for pair in PAIRS for one in pair]
    others = [one for one in results.peers if one not in known]
    return f"peer-{known.index(peer)}" if peer in known else f"peer-{len(known) + others.index(peer) % 2}"


def tell(figure):
    unit = figure.measure.unit
    # A scale, as 1–5, is no unit.
    return figure.text() + (f" {unit}" if unit and not unit[0].isdigit() else "")


# The head of the page.


def verdicts(results):
    """For each pair: a sentence of how often ours is better, and the matrix of ratios."""
    for pair in PAIRS:
        scenarios, measures = results.compared(pair)
        if not scenarios:
            continue
        cells = {(s, m): results.comparison(m, s, pair) for s in scenarios for m in measures}
        counted = [cell.verdict for cell in cells.values() if cell]
        count = {name: counted.count(name) for name in ("better", "even", "worse")}
        yield f"<h2><b>{escape(pair[0])}</b> against <b>{escape(pair[1])}</b></h2>"
        yield (
            '<p class="count">'
            + " ".join(
                f'<span class="{name}"><b>{mark} {count[name]}</b> {text}</span>'
                for name, mark, text in (
                    ("better", "▲", "ours is better"),
                    ("even", "≈", "within the noise"),
                    ("worse", "▼", "ours is worse"),
                )
            )
            + "</p>"
        )
        groups = []
        for measure in measures:
            if groups and groups[-1][0] == measure.group:
                groups[-1][1] += 1
            else:
                groups.append([measure.group, 1])
        yield '<div class="wide"><table class="matrix"><thead><tr><th></th>'
        yield "".join(f'<th class="group" colspan="{span}">{escape(name)}</th>' for name, span in groups)
        yield "</tr><tr><th></th>"
        yield "".join(f"<th>{table.BETTER[m.better]} {escape(m.name.split(' (')[0])}</th>" for m in measures)
        yield "</tr></thead><tbody>"
        for scenario in scenarios:
            yield f'<tr><th><a href="#{escape(scenario)}">{escape(scenario)}</a></th>'
            for measure in measures:
                yield cell_of(results, scenario, pair, measure, cells[scenario, measure])
            yield "</tr>"
        yield "</tbody></table></div>"


def cell_of(results, scenario, pair, measure, comparison):
    if comparison is None:
        return '<td class="none">–</td>'
    tip = "; ".join(f"{peer}: {tell(results.figure(measure, scenario, peer))}" for peer in pair)
    return f'<td class="{comparison.verdict}" title="{escape(tip)}">{escape(comparison.text())}</td>'


def losses(results):
    """All that ours is worse in, the worst first."""
    found, judged = [], False
    for pair in PAIRS:
        for scenario in results.scenarios:
            if pair not in results.pairs_of(scenario):
                continue
            for measure in MEASURES:
                comparison = results.comparison(measure, scenario, pair)
                judged |= bool(comparison and comparison.verdict)
                if comparison and comparison.verdict == "worse":
                    ratio = comparison.ratio
                    # How many times worse, whichever way is better.
                    times = float("inf") if comparison.lacks else max(ratio, 1 / ratio) if ratio else 1
                    found.append((times, pair, scenario, measure))
    if not found:
        yield f"<p>{'In nothing beyond the noise.' if judged else 'Of single rounds nobody can tell.'}</p>"
        return
    yield '<table class="losses"><thead><tr><th>network</th><th>measure</th><th>ours</th><th>other</th><th>ours / other</th></tr></thead><tbody>'
    for _, pair, scenario, measure in sorted(found, key=lambda one: -one[0]):
        ours, other = (results.figure(measure, scenario, peer) for peer in pair)
        yield (
            f'<tr><th><a href="#{escape(scenario)}">{escape(scenario)}</a></th><td>{escape(measure.group)}: {escape(measure.name)}</td>'
            f'<td><span class="key {style_of(results, pair[0])}"></span>{escape(tell(ours))}</td>'
            f'<td><span class="key {style_of(results, pair[1])}"></span>{escape(tell(other))}</td>'
            f'<td class="worse">{escape(results.comparison(measure, scenario, pair).text())}</td></tr>'
        )
    yield "</tbody></table>"


# A scenario.


def measured(results, scenario, peer):
    return [one["measures"] for one in results.rounds(scenario, peer)]


def delay_charts(results, scenario):
    sounds, pictures = {}, {}
    for peer in results.peers_of(scenario):
        rounds = measured(results, scenario, peer)
        has_pictures = any(one["picture"][way] for one in rounds for way in WAYS)
        clicks = [delay for one in rounds for _, delay in one["delay"]["over_time"]]
        if any(delay is not None for delay in clicks):
            sounds[peer] = ([delay for delay in clicks if delay is not None], len(clicks))
        shown, filmed = [], 0
        for one in rounds if has_pictures else ():
            for way in WAYS:
                shown += [delay for _, delay in (one["picture"][way] or {"delay_over_time": []})["delay_over_time"]]
                filmed += (one["window"] or {"seconds": 0})["seconds"] * FPS
        if shown:
            pictures[peer] = (shown, filmed)
    for name, found, of in (
        ("Mouth to ear: clicks heard within", sounds, "clicks"),
        ("Pictures shown within", pictures, "pictures filmed"),
    ):
        if found:
            # The slowest hundredth of the slowest peer would press all others together.
            most = max(np.percentile(values, 97) for values, _ in found.values()) * 1.15
            chart = charts.Chart(name, (0, most), (0, 100), "ms", f"% of {of}")
            for peer, (values, count) in found.items():
                tip = f"{peer}: half within {statistics.median(values):.0f} ms"
                chart.line(charts.share_within(values, count, most), style_of(results, peer), tip)
            yield chart.svg()


def binned(points, width):
    """The median of each stretch of time: (middle, value)."""
    found = {}
    for at, value in points:
        if value is not None:
            found.setdefault(int(at // width), []).append(value)
    last = max(found, default=-1)
    return [
        ((index + 0.5) * width, statistics.median(found[index]) if index in found else None)
        for index in range(last + 1)
    ]


def time_charts(results, scenario):
    """Delay, speech and pictures over time: the rounds together."""
    peers = results.peers_of(scenario)
    delay, speech, pictures = {}, {}, {}
    for peer in peers:
        rounds = measured(results, scenario, peer)
        delay[peer] = binned([point for one in rounds for point in one["delay"]["over_time"]], 1)
        windows = [part for one in rounds for part in (one["speech"] or {"windows": []})["windows"]]
        speech[peer] = binned([(part["from_s"], part["plcmos"]) for part in windows], WINDOW_SECONDS)
        ways = [one["picture"][way] for one in rounds for way in WAYS if one["picture"][way]]
        pictures[peer] = binned([point for way in ways for point in way["vmaf_over_time"]], WINDOW_SECONDS)
    seconds = max(
        (one["window"]["seconds"] for peer in peers for one in measured(results, scenario, peer) if one["window"]),
        default=0,
    )
    delays = [value for points in delay.values() for _, value in points if value is not None]
    for name, found, y, unit in (
        ("Mouth to ear over time", delay, (0, max(delays, default=1) * 1.1), "ms"),
        ("Speech over time: PLCMOS of each 12 s", speech, (1, 5), "1–5"),
        ("Pictures over time: VMAF of each 12 s", pictures, (0, 100), "0–100"),
    ):
        if any(found.values()) and seconds:
            chart = charts.Chart(name, (0, seconds), y, "s", unit)
            for peer, points in found.items():
                chart.line(points, style_of(results, peer), peer, dots=unit != "ms")
            yield chart.svg()


def rate_charts(results, scenario):
    """A chart a peer: what left sent against what the line could carry. Those with pictures are on one scale, and those without."""
    ways = {
        peer: [one["network"]["there"] for one in measured(results, scenario, peer) if one["network"]["there"]]
        for peer in results.peers_of(scenario)
    }
    scales = {}
    for peer, rounds in ways.items():
        for way in rounds:
            sent = [rate for _, rate in way["rate_over_time"]]
            scales.setdefault(with_pictures(ways[peer]), []).append(np.percentile(sent, 99))
    for peer, rounds in ways.items():
        if not rounds:
            continue
        sent = max(scales[with_pictures(rounds)])
        room = max((bits for way in rounds for _, bits in way["capacity_over_time"] if bits), default=0)
        # A capacity far above is out of sight.
        most = max(sent, min(room, 4 * sent), 1) * 1.1 / 1_000
        seconds = max(way["rate_over_time"][-1][0] for way in rounds) + 0.5
        chart = charts.Chart(peer, (0, seconds), (0, most), "s", "kb/s")
        capacity = [(at, bits and bits / 1_000) for at, bits in rounds[0]["capacity_over_time"]]
        chart.steps(capacity, seconds, "capacity")
        for way in rounds:
            points = [(at, rate / 1_000) for at, rate in way["rate_over_time"]]
            chart.line(points, f"{style_of(results, peer)} thin")
        yield chart.svg()


def with_pictures(rounds):
    return any(way["kbps"]["video"] for way in rounds)


def worst_of(results, scenario):
    speech, pictures = [], []
    for peer in results.peers_of(scenario):
        rounds = results.rounds(scenario, peer)
        label = f'<span class="key {style_of(results, peer)}"></span>{escape(peer)}'
        try:
            spoken, shown = worst.of_speech(rounds), worst.of_pictures(rounds)
        except (Broken, KeyError, OSError, ValueError) as error:
            speech.append(f'<p class="note">{label}: its recordings cannot be shown: {escape(str(error))}</p>')
            continue
        if spoken:
            speech.append(
                f'<figure class="spoken"><figcaption>{label}, round {spoken.round}, {spoken.at:.0f} s: {spoken.db:.0f} dB apart</figcaption>'
                f'<div class="second"><img alt="spectrum of what was said" src="{spoken.said}"><i>said</i></div>'
                f'<div class="second"><img alt="spectrum of what was heard" src="{spoken.heard}"><i>heard</i></div></figure>'
            )
        if shown:
            filmed = "".join(f'<td><img alt="filmed" src="{one}"></td>' for one in shown.filmed)
            seen = "".join(
                f'<td><img alt="seen" src="{one}"></td>' if one else '<td class="none">none yet</td>'
                for one in shown.seen
            )
            ages = "".join(f"<td>{age:.0f} ms old</td>" if age is not None else "<td></td>" for age in shown.ages)
            pictures.append(
                f'<figure class="strip"><figcaption>{label}, round {shown.round}, {shown.at:.0f} s, {WAY_IN_WORDS[shown.way]}</figcaption>'
                f"<table><tr><th>filmed</th>{filmed}</tr><tr><th>on screen</th>{seen}</tr><tr class=ages><th></th>{ages}</tr></table></figure>"
            )
    if speech:
        yield (
            '<h4>The worst second of speech <small>0–8 kHz; half a second before and after it</small></h4><div class="grid">'
            + "".join(speech)
            + "</div>"
        )
    if pictures:
        yield (
            '<h4>The worst second of pictures <small>at the same five moments; one of six pictures is kept</small></h4><div class="strips">'
            + "".join(pictures)
            + "</div>"
        )


def full_table(results, scenario):
    head, rows = table.rows_of(results, scenario)
    yield (
        '<div class="wide"><table class="full"><thead><tr>'
        + "".join(f"<th>{escape(cell)}</th>" for cell in head)
        + "</tr></thead><tbody>"
    )
    for row in rows:
        if len(row) == 1:
            yield f'<tr class="group"><th colspan="{len(head)}">{escape(row[0])}</th></tr>'
            continue
        cells = []
        for name, cell in zip(head[1:], row[1:]):
            verdict = {"▲": "better", "▼": "worse", "≈": "even"}.get(cell[-1:], "") if name == "ours / other" else ""
            cells.append(f'<td class="{verdict}">{escape(cell)}</td>')
        yield f"<tr><th>{escape(row[0])}</th>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def legend(results, peers):
    return (
        '<p class="legend">'
        + "".join(f'<span><span class="key {style_of(results, peer)}"></span>{escape(peer)}</span>' for peer in peers)
        + "</p>"
    )


def section(results, scenario, is_open):
    peers = results.peers_of(scenario)
    yield f'<details id="{escape(scenario)}"{" open" if is_open else ""}><summary><b>{escape(scenario)}</b> <span>{escape(results.about[scenario])}</span></summary>'
    yield "".join(f'<p class="failure">{escape(line)}</p>' for line in table.failures(results, scenario))
    if peers:
        yield legend(results, peers)
        yield (
            '<div class="grid">'
            + "".join([*delay_charts(results, scenario), *time_charts(results, scenario)])
            + "</div>"
        )
        rates = "".join(rate_charts(results, scenario))
        if rates:
            yield f'<h4>What was sent, left to right <small>each round a line; shaded: what the network carries</small></h4><div class="grid">{rates}</div>'
        yield from worst_of(results, scenario)
        yield "<h4>All figures <small>median of the rounds (least–most)</small></h4>"
        yield from full_table(results, scenario)
    yield "</details>"


def page(results):
    yield '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta name="color-scheme" content="light dark"><title>Twocan: the call lab</title><style>{STYLE}</style><main>'
    yield "<header><h1>The call lab</h1>"
    versions = ", ".join(f"{program} {version}" for program, version in results.versions().items())
    yield f"<p>Calls on the same networks with the same sound and pictures, ours beside others’.{' ' + escape(versions) + '.' if versions else ''}</p>"
    if results.command:
        yield f"<p><code>{escape(results.command)}</code></p>"
    yield "</header>"
    yield from verdicts(results)
    yield (
        '<p class="note">A cell is ours / other, of the medians; ↓ less is better, ↑ more is better. '
        '<b class="better">▲</b> ours is better, <b class="worse">▼</b> ours is worse, '
        '<b class="even">≈</b> they differ by no more than the rounds of one of them do; of a single round nobody can tell.</p>'
    )
    if any(results.pairs_of(scenario) for scenario in results.scenarios):
        yield "<h2>Where ours is worse</h2>"
        yield from losses(results)
    noise = list(table.noise_lines(results))
    if noise:
        yield "<h2>Noise</h2><p>By how much rounds of the same peer differ, median of the networks:</p><ul>"
        yield "".join(f"<li>{escape(line)}</li>" for line in noise) + "</ul>"
    yield "<h2>The networks</h2>"
    for index, scenario in enumerate(results.scenarios):
        yield from section(results, scenario, index == 0)
    yield "</main>"
    # A link to a network that is folded opens it.
    yield "<script>const show=()=>{const it=document.getElementById(decodeURIComponent(location.hash.slice(1)));if(it)it.open=true};addEventListener('hashchange',show);show()</script>"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        results = Results(sys.argv[1])
    except Broken as broken:
        sys.exit(str(broken))
    Path(sys.argv[2]).write_text("\n".join(page(results)) + "\n")


if __name__ == "__main__":
    main()

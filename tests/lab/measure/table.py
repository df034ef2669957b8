"""Results as tables: `table.py RESULTS.json` prints them, `table.py RESULTS.json PAGE.md` also writes them as Markdown."""

import sys
import unicodedata
from pathlib import Path

from call import Broken
from summary import LESS, MORE, NEITHER, PAIRS, Results

# What figures do not explain by themselves, written by hand.
REMARKS = Path(__file__).parent.parent / "REMARKS.md"

BETTER = {LESS: "↓", MORE: "↑", NEITHER: " "}
READING = (
    "Each figure is the median of the rounds, in brackets the least and the most of them.",
    "↓ less is better, ↑ more is better. A ratio is ours / other:",
    "▲ ours is better, ▼ ours is worse, ≈ the difference is within the spread of the rounds, or too small to matter, or the "
    "better one failed in some of them; of a single round nobody can tell.",
)


def rows_of(results, scenario):
    """The head and the rows of a scenario's table; a row of one cell begins a group."""
    peers, pairs = results.peers_of(scenario), results.pairs_of(scenario)
    columns = []
    for peer in peers:
        columns.append((peer,))
        columns += [pair for pair in pairs if pair[1] == peer]
    head = ["", *(column[0] if len(column) == 1 else "ours / other" for column in columns)]
    rows, group = [], None
    for measure in results.measures_of(scenario):
        if measure.group != group:
            group = measure.group
            rows.append([group])
        row = [f"{BETTER[measure.better]} {measure.name}" + (f", {measure.unit}" if measure.unit else "")]
        for column in columns:
            if len(column) == 1:
                row.append(results.figure(measure, scenario, column[0]).text())
            else:
                comparison = results.comparison(measure, scenario, column)
                row.append(comparison.text() if comparison else "–")
        rows.append(row)
    return head, rows


def overview(results):
    """For each pair that was measured: the head and the rows of ratios, a scenario a row."""
    for pair in PAIRS:
        scenarios, measures = results.compared(pair)
        if not scenarios:
            continue
        head = ["", *(f"{BETTER[m.better]} {m.group}: {m.name}" for m in measures)]
        rows = []
        for scenario in scenarios:
            comparisons = [results.comparison(measure, scenario, pair) for measure in measures]
            rows.append([scenario, *(one.text() if one else "–" for one in comparisons)])
        yield pair, head, rows


def width(text):
    return sum(not unicodedata.combining(letter) for letter in text)


def padded(text, size, left=False):
    room = " " * (size - width(text))
    return text + room if left else room + text


def plain(head, rows):
    """Lines of a table for a terminal."""
    full = [row for row in [head, *rows] if len(row) == len(head)]
    sizes = [max(width(row[column]) for row in full) for column in range(len(head))]
    lines = []
    for row in [head, *rows]:
        if len(row) == 1 < len(head):
            lines += ["", row[0]]
        else:
            lines.append(
                "  ".join(
                    padded(cell, size, column == 0) for column, (cell, size) in enumerate(zip(row, sizes))
                ).rstrip()
            )
    return lines


def markdown(head, rows):
    """Lines of a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for row in rows:
        cells = [f"**{row[0]}**", *[""] * (len(head) - 1)] if len(row) == 1 else row
        lines.append("| " + " | ".join(cells) + " |")
    return lines


NOISE = {"rounds": "two rounds", "halves": "the medians of the first and the second half of the rounds"}


def noise_lines(results):
    for peer in results.peers:
        for name, noise in results.noise(peer).items():
            parts = []
            if noise["delay"]:
                middle, most, where = noise["delay"]
                parts.append(f"mouth-to-ear p50 by {middle:.1%} (at most {most:.1%}, {where})")
            if noise["plcmos"]:
                middle, most, where = noise["plcmos"]
                parts.append(f"PLCMOS by {middle:.2f} (at most {most:.2f}, {where})")
            if parts:
                yield f"{peer}: {NOISE[name]} differ in " + ", ".join(parts)


def printed(results):
    for scenario in results.scenarios:
        about = results.about[scenario]
        yield f"── {scenario}" + (f": {about}" if about else "")
        yield from failures(results, scenario)
        if results.peers_of(scenario):
            yield from plain(*rows_of(results, scenario))
        yield ""
    for (ours, other), head, rows in overview(results):
        yield f"── {ours} / {other}"
        # A scenario a column would not fit; so it is on its side.
        yield from plain(["", *(row[0] for row in rows)], [list(cells) for cells in list(zip(head, *rows))[1:]])
        yield ""
    noise = list(noise_lines(results))
    if noise:
        yield "── Noise, median of the scenarios"
        yield from noise
        yield ""
    yield from READING


def failures(results, scenario):
    for one in results.failures(scenario):
        yield f"{one['peer']}, round {one['round']}, could not be measured: {one.get('failure', 'nothing came of it')}"


def told_rounds(results):
    """How many rounds there are, of the network and peer that have fewest."""
    fewest = min((len(results.of(s, p)) for s in results.scenarios for p in results.peers if results.of(s, p)), default=0)
    return "One round only." if fewest == 1 else f"{fewest} rounds or more."


def page(results):
    yield "# Results of the call lab"
    yield ""
    if results.command:
        yield from ("Made by", "", f"    {results.command}", "")
    versions = results.versions()
    if versions:
        yield from ("with " + ", ".join(f"{program} {version}" for program, version in versions.items()) + ".", "")
    yield from (f"{told_rounds(results)} {' '.join(READING)}", "")
    for (ours, other), head, rows in overview(results):
        yield from (f"## {ours} / {other}", "", *markdown(head, rows), "")
    noise = list(noise_lines(results))
    if noise:
        yield from ("## Noise", "", "Median of the scenarios.", "")
        yield from (f"- {line}" for line in noise)
        yield ""
    if REMARKS.exists():
        yield from (REMARKS.read_text().rstrip(), "")
    for scenario in results.scenarios:
        yield from (f"## {scenario}", "", results.about[scenario], "")
        yield from (f"- {line}" for line in failures(results, scenario))
        if results.peers_of(scenario):
            yield from markdown(*rows_of(results, scenario))
        yield ""


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    try:
        results = Results(sys.argv[1])
    except Broken as broken:
        sys.exit(str(broken))
    print("\n".join(printed(results)))
    if len(sys.argv) == 3:
        Path(sys.argv[2]).write_text("\n".join(page(results)).rstrip() + "\n")


if __name__ == "__main__":
    main()

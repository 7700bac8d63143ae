#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what bench/run --json has written: a bar for each command and runtime, and a curve for each growth.

usage: bench/plot.py RESULTS.json PLOT.svg"""
import json
import math
import sys
from xml.sax.saxutils import escape

COLOURS = ("#0b6e99", "#9aa0a6", "#d9822b", "#7b5ea7", "#4c956c", "#b23a48")
WIDTH, MARGIN, LABELS = 900, 20, 230
BAR, PANEL_HEIGHT, COLUMNS = 11, 230, 2


class Drawing:
    def __init__(self):
        self.parts = []

    def text(self, x, y, words, anchor="start", size=11, weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
                          f'text-anchor="{anchor}">{escape(words)}</text>')

    def box(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>')

    def line(self, points, colour, width=1.0):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def svg(self, height):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif">'
                f'<rect width="{WIDTH}" height="{height:.0f}" fill="white"/>')
        return "\n".join([head, *self.parts, "</svg>\n"])


def legend(drawing, names, y):
    x = MARGIN
    for name in names:
        drawing.box(x, y - 9, 10, 10, colour_of(name, names))
        drawing.text(x + 14, y, name)
        x += 30 + 7 * len(name)
    return y + 14


def colour_of(name, names):
    return COLOURS[names.index(name) % len(COLOURS)]


def bars(drawing, commands, names, y):
    """`commands`: {subject: {step: [milliseconds, KiB]}}"""
    drawing.text(MARGIN, y, "milliseconds, median", size=13, weight="bold")
    y += 12
    longest = max(value[0] for steps in commands.values() for value in steps.values())
    scale = (WIDTH - LABELS - MARGIN - 60) / longest
    for step in commands[names[0]]:
        shown = [name for name in names if step in commands.get(name, {})]
        drawing.text(LABELS - 8, y + BAR * len(shown) / 2 + 4, step, "end")
        for name in shown:
            value = commands[name][step][0]
            drawing.box(LABELS, y, max(value * scale, 1), BAR - 2, colour_of(name, names))
            drawing.text(LABELS + value * scale + 4, y + BAR - 3, f"{value:.2f}", size=9)
            y += BAR
        y += 7
    return y + 14


def curve_panel(drawing, title, by_subject, names, left, top, width):
    """Both axes are logarithmic: a straight line of slope 1 is proportional growth, a level one none."""
    points = {name: sorted((float(size), value) for size, value in values.items()) for name, values in by_subject.items()}
    sizes = sorted({size for values in points.values() for size, _ in values})
    values = [value for one in points.values() for _, value in one]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    first, last = math.log10(sizes[0]), math.log10(sizes[-1])
    height = PANEL_HEIGHT - 60

    def place(size, value):
        return (left + 40 + (math.log10(size) - first) / (last - first) * (width - 60),
                top + 20 + height - (math.log10(value) - low) / max(high - low, 1) * height)

    drawing.text(left, top + 8, title + ", ms", size=12, weight="bold")
    for exponent in range(low, high + 1):
        y = place(sizes[0], 10 ** exponent)[1]
        drawing.line([(left + 40, y), (left + width - 20, y)], "#dddddd")
        drawing.text(left + 34, y + 4, f"{10.0 ** exponent:g}", "end", 9)
    for size in sizes:
        drawing.text(place(size, 10 ** low)[0], top + 34 + height, f"{size:g}", "middle", 9)
    for name, one in points.items():
        drawing.line([place(*point) for point in one], colour_of(name, names), 2)


def curves(drawing, growth, names, y):
    width = (WIDTH - 2 * MARGIN) / COLUMNS
    for number, (title, by_subject) in enumerate(growth.items()):
        row, column = divmod(number, COLUMNS)
        curve_panel(drawing, title, by_subject, names, MARGIN + column * width, y + row * PANEL_HEIGHT, width)
    return y + math.ceil(len(growth) / COLUMNS) * PANEL_HEIGHT


def draw(results):
    commands, growth = results.get("commands", {}), results.get("growth", {})
    names = list(dict.fromkeys([*commands, *(name for by_subject in growth.values() for name in by_subject)]))
    drawing = Drawing()
    y = legend(drawing, names, MARGIN + 4) + 8
    if commands:
        y = bars(drawing, commands, names, y)
    if growth:
        y = curves(drawing, growth, names, y)
    return drawing.svg(y + MARGIN)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        results = json.load(file)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(draw(results))


if __name__ == "__main__":
    main()

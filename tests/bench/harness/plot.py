"""Small SVG plots, readable on light and dark pages: bars, and curves over a logarithmic axis."""

import math
from xml.sax.saxutils import escape

WIDTH, BAR_HEIGHT, LABEL_WIDTH = 720, 22, 230
CURVE_HEIGHT, MARGIN = 300, 56
COLORS = ("#2f6fb0", "#c4622d", "#3b8f57", "#8a5aa8")
INK = "#808080"


def _text(x, y, text, anchor="start", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{INK}">{escape(text)}</text>')


def _document(height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" font-family="sans-serif">\n'
            + "\n".join(parts) + "\n</svg>\n")


def bars(title, values):
    """values: (name, number), drawn in that order."""
    parts = [_text(8, 20, title, size=14)]
    scale = (WIDTH - LABEL_WIDTH - 70) / max(number for _, number in values)
    for index, (name, number) in enumerate(values):
        y = 36 + index * BAR_HEIGHT
        color = INK if name.startswith("floor") else \
            COLORS[0] if name.startswith("goflow2plus") else COLORS[1]
        parts.append(_text(LABEL_WIDTH - 8, y + 14, name, "end"))
        parts.append(f'<rect x="{LABEL_WIDTH}" y="{y}" width="{number * scale:.1f}" '
                     f'height="{BAR_HEIGHT - 6}" fill="{color}"/>')
        parts.append(_text(LABEL_WIDTH + number * scale + 6, y + 14, f"{number:,.0f}"))
    return _document(44 + len(values) * BAR_HEIGHT, parts)


def _round_up(number):
    """The next 1, 2 or 5 with zeros."""
    power = 10 ** math.floor(math.log10(number))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= number)


def curves(title, x_title, lines):
    """lines: {name: [(count, number)]}; counts logarithmic, numbers from zero."""
    counts = [count for points in lines.values() for count, _ in points]
    low, high = math.log10(min(counts)), math.log10(max(counts))
    top = _round_up(max(number for points in lines.values() for _, number in points))
    bottom = CURVE_HEIGHT - MARGIN

    def place(count, number):
        return (MARGIN + (math.log10(count) - low) / (high - low) * (WIDTH - 2 * MARGIN - 110),
                bottom - number / top * (bottom - 40))

    parts = [_text(8, 20, title, size=14), _text(WIDTH / 2 - 55, CURVE_HEIGHT - 14, x_title)]
    for step in range(5):
        x, y = MARGIN, place(10 ** low, top * step / 4)[1]
        parts.append(f'<path d="M{x} {y:.1f}H{WIDTH - MARGIN - 110}" stroke="{INK}" '
                     'stroke-opacity="0.3"/>')
        parts.append(_text(x - 6, y + 4, f"{top * step / 4:g}", "end"))
    for count in sorted(set(counts)):
        parts.append(_text(place(count, 0)[0], bottom + 18, f"{count:,}", "middle"))
    for (name, points), color in zip(lines.items(), COLORS):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        x, y = place(*points[-1])
        parts.append(_text(x + 8, y + 4, name))
    return _document(CURVE_HEIGHT, parts)


def write(path, document):
    with open(path, "w", encoding="utf-8") as file:
        file.write(document)

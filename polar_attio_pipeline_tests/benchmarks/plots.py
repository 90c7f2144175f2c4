"""Plots as SVG: lines over the size of the book, both axes logarithmic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 190, 50, 50


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its label, its colour, and its points as (size of the book, value)."""

    label: str
    colour: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Axis:
    """Maps values to places, decade by decade."""

    first: int
    last: int
    begin: float
    end: float

    def place(self, value: float) -> float:
        share = (math.log10(max(value, 10.0**self.first)) - self.first) / (self.last - self.first)
        return self.begin + share * (self.end - self.begin)

    def decades(self) -> range:
        return range(self.first, self.last + 1)


def plot(title: str, unit: str, lines: Sequence[Line]) -> str:
    """Return the lines as an SVG document."""
    across = _axis([x for line in lines for x, _ in line.points], _LEFT, _WIDTH - _RIGHT)
    up = _axis([y for line in lines for _, y in line.points], _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="{escape(title)}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 24, title, size=15),
        _text(_LEFT - 10, _TOP - 12, unit, anchor="end"),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 10, "customers in Polar", anchor="middle"),
    ]
    for decade in across.decades():
        x = across.place(10.0**decade)
        parts.append(_rule(x, _TOP, x, _HEIGHT - _BOTTOM))
        parts.append(_text(x, _HEIGHT - _BOTTOM + 18, f"{10**decade:,}", anchor="middle"))
    for decade in up.decades():
        y = up.place(10.0**decade)
        parts.append(_rule(_LEFT, y, _WIDTH - _RIGHT, y))
        parts.append(_text(_LEFT - 10, y + 4, f"{10.0**decade:,.15g}", anchor="end"))
    for line in lines:
        places = [(across.place(x), up.place(y)) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{line.colour}"/>' for x, y in places]
        x, y = places[-1]
        parts.append(_text(x + 12, y + 4, line.label, fill=line.colour))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axis(values: Sequence[float], begin: float, end: float) -> _Axis:
    first = math.floor(math.log10(min(values)))
    return _Axis(first, max(math.ceil(math.log10(max(values))), first + 1), begin, end)


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#e5e7eb"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13, fill: str = "#374151") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">{escape(text)}</text>'
    )

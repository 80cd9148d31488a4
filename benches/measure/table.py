"""Ratios with their spread, as Markdown."""

from dataclasses import dataclass
from statistics import median


@dataclass
class Row:
    what: str
    unit: str
    # Of each peer, what was measured in each round.
    seen: dict
    base: str = "nginx"

    def ratios(self, name):
        """To the base, of the same round."""
        return [of / to for of, to in zip(self.seen[name], self.seen[self.base])]


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _cell(row, name):
    amount = _number(median(row.seen[name]))
    if name == row.base:
        return f"1 ({amount} {row.unit})"
    ratios = row.ratios(name)
    return f"**{median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f}; {amount})"


def markdown(rows):
    """A table for each set of peers, in the order of the rows."""
    tables = []
    for row in rows:
        names = list(row.seen)
        if not tables or tables[-1][0] != names:
            head = [["measured", *names], ["---"] * (len(names) + 1)]
            tables.append((names, ["| " + " | ".join(words) + " |" for words in head]))
        tables[-1][1].append("| " + " | ".join([row.what, *(_cell(row, name) for name in names)]) + " |")
    return "\n\n".join("\n".join(lines) for _, lines in tables)

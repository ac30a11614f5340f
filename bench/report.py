"""The page and the picture of `make bench`: ratios, and the limits that the project set itself.

Knows nothing of how a row is run. A ratio is time over native time, unless it says otherwise.
"""

from __future__ import annotations

from math import exp, log
from pathlib import Path
from typing import Any

from rows import Row

HEAD = """\
# Measurements

Made by `make bench`: native, qemu-i386 (Debian's) and Fiberglass take turns; medians of {rounds}
rounds, each of five turns for the rows of the start. Figures are ratios of times; own programs are
static i386 programs made with `gcc -m32 -O2`, the others are those of the default root. `bounds.md`
says what bounds a figure that is missed.

![times over native](results.svg)
"""


def ratio(results: dict[str, Any], row: Row, way: str, base: str, which: str = "times") -> float:
    """How much longer one way takes than another: by the median turn, or by the "least"."""
    times = results[which][row.name]
    return float(times[way] / times[base])


def mean(values: list[float]) -> float:
    """Geometric mean."""
    return exp(sum(map(log, values)) / len(values))


def ratios(rows: list[Row], results: dict[str, Any]) -> dict[str, Any]:
    """Everything that the page says, for comparison between commits."""
    return {row.name: {"group": row.group, "fiberglass/native": rounded(results, row, "fiberglass",
                                                                        "native"),
                       "qemu/native": rounded(results, row, "qemu", "native"),
                       "fiberglass/qemu": rounded(results, row, "fiberglass", "qemu")}
            for row in rows}


def rounded(results: dict[str, Any], row: Row, way: str, base: str) -> float:
    """A ratio with two places."""
    return round(ratio(results, row, way, base), 2)


def limits(rows: list[Row], results: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Work, limit, measured, whether met."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    table = []

    def add(group: str, work: str, base: str, most: float, each: bool = False) -> None:
        if group not in groups:
            return
        values = [ratio(results, r, "fiberglass", base) for r in groups[group]]
        value = max(values) if each else mean(values)
        against = "qemu-i386's time" if base == "qemu" else "native"
        table.append((work, f"{against} × {most:.3g}", f"× {value:.2f}", value <= most))

    add("integer", "small integer programs, geometric mean", "qemu", 1.25)
    add("integer", "the same", "native", 5)
    add("floating point", "floating point, geometric mean", "qemu", 1 / 3)
    add("floating point", "floating point, slowest loop", "qemu", 1 / 3, each=True)
    add("programs", "real programs, geometric mean", "qemu", 2)
    add("programs", "real programs, slowest", "qemu", 3, each=True)
    add("start", "start and end of a program, slower one", "qemu", 0.5, each=True)
    add("code made at run time", "code that was just written or read", "native", 5)
    add("fork + exec", "200 × fork + exec", "native", 5)
    if "memory" in results:
        over = results["memory"]["fiberglass"] - results["memory"]["native"]
        table.append(("resident memory of an idle bash over native", "25 MiB", f"{over:.1f} MiB",
                      over <= 25))
    return table


def page(rows: list[Row], results: dict[str, Any]) -> str:
    """docs/bench/results.md."""
    lines = [HEAD.format(rounds=results["rounds"]), "## Limits\n",
             "| work | at most | measured | |", "|---|---|---|---|"]
    lines += [f"| {work} | {most} | {value} | {'met' if met else '**missed**'} |"
              for work, most, value, met in limits(rows, results)]
    lines += ["", "## Rows", "", "| row | group | Fiberglass / native | qemu-i386 / native | "
              "Fiberglass / qemu-i386 |", "|---|---|---:|---:|---:|"]
    for row in rows:
        values = (ratio(results, row, a, b) for a, b in
                  (("fiberglass", "native"), ("qemu", "native"), ("fiberglass", "qemu")))
        lines.append(f"| {row.name} | {row.group} | "
                     + " | ".join(f"{v:.2f}" for v in values) + " |")
    return "\n".join(lines) + "\n"


def comparison(rows: list[Row], results: dict[str, Any]) -> str:
    """What each row and group takes of the time of the other build."""
    lines = ["## Against the other build", "",
             "| row | group | median over the other's | shortest turn over the other's |",
             "|---|---|---:|---:|"]
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        values = (ratio(results, row, "fiberglass", "against"),
                  ratio(results, row, "fiberglass", "against", "least"))
        groups.setdefault(row.group, []).append(values)
        lines.append(f"| {row.name} | {row.group} | {values[0]:.3f} | {values[1]:.3f} |")
    for group, pairs in groups.items():
        medians, least = (mean(list(values)) for values in zip(*pairs))
        lines.append(f"| geometric mean | {group} | **{medians:.3f}** | **{least:.3f}** |")
    return "\n".join(lines) + "\n"


def plot(rows: list[Row], results: dict[str, Any], out: Path) -> None:
    """results.svg and results.png: a pair of bars for each row."""
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "fiberglass"  # equal pictures of equal results
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(10, 7.5), constrained_layout=True)
    places = range(len(rows))
    for way, shift, colour in (("qemu", 0.2, "#b0b7bf"), ("fiberglass", -0.2, "#1b7f79")):
        values = [ratio(results, row, way, "native") for row in rows]
        label = "qemu-i386" if way == "qemu" else "Fiberglass"
        axes.barh([-p + shift for p in places], values, height=0.38, color=colour, label=label)
        for p, v in zip(places, values):
            axes.text(v * 1.03, -p + shift, f"{v:.1f}", va="center", fontsize=7)
    axes.axvline(1, color="#444444", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks([-p for p in places], [row.name for row in rows], fontsize=8)
    axes.set_xlabel("time over native (logarithmic; shorter is better)")
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(out / "results.svg", metadata={"Date": None})
    figure.savefig(out / "results.png", dpi=110, metadata={"Software": None})
    pyplot.close(figure)

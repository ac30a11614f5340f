"""The page and the pictures of `make bench`: ratios, and the limits that the project set itself.

A section is what is kept of one guest's measurements (docs/bench/results.json):

    {"rounds": 5, "rows": {NAME: {"group": GROUP, "fiberglass/native": RATIO, "qemu/native": ...,
    "fiberglass/qemu": ...}}, "memory": MiB of an idle shell over a native one}

Knows nothing of how a row is run. A ratio is time over native time, unless it says otherwise.
"""

from __future__ import annotations

import json
from math import exp, log
from pathlib import Path
from typing import Any

from rows import GUESTS, Guest, Row

HEAD = """\
# Measurements

Made by `make bench`: native, qemu-user (Debian's) and Fiberglass take turns; medians of some
rounds, each of five turns for short rows of the start. Figures are ratios of times; own programs
are static ones made with `gcc -O2`, the others are those of the guest's default root, or of the
larger one of `make train`. `bounds.md` says what bounds a figure that is missed.
"""
RATIOS = ("fiberglass/native", "qemu/native", "fiberglass/qemu")


def mean(values: list[float]) -> float:
    """Geometric mean."""
    return exp(sum(map(log, values)) / len(values))


def section(rows: list[Row], results: dict[str, Any]) -> dict[str, Any]:
    """What is kept of the times of a guest's rows."""
    kept: dict[str, Any] = {"rounds": results["rounds"], "rows": {}}
    for row in rows:
        times = results["times"][row.name]
        ratios = (name.split("/") for name in RATIOS)
        kept["rows"][row.name] = {"group": row.group} | {
            f"{way}/{base}": round(times[way] / times[base], 4) for way, base in ratios}
    if "memory" in results:
        kept["memory"] = round(results["memory"]["fiberglass"] - results["memory"]["native"], 1)
    return kept


def read(path: Path) -> dict[str, Any]:
    """The sections that were kept, by guest."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return {guest.name: kept[guest.name] for guest in GUESTS if guest.name in kept}


def limits(guest: Guest, kept: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Work, limit, measured, whether met."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in kept["rows"].values():
        groups.setdefault(row["group"], []).append(row)
    table = []

    def add(group: str, work: str, base: str, most: float, each: bool = False) -> None:
        if group not in groups:
            return
        values = [float(row[f"fiberglass/{base}"]) for row in groups[group]]
        value = max(values) if each else mean(values)
        against = f"{guest.qemu}'s time" if base == "qemu" else "native"
        table.append((work, f"{against} × {most:.3g}", f"× {value:.2f}", value <= most))

    add("integer", "small integer programs, geometric mean", "qemu", 1.25)
    add("integer", "the same", "native", 5)
    add("floating point", "floating point, geometric mean", "qemu", 1 / 3)
    add("floating point", "floating point, slowest loop", "qemu", 1 / 3, each=True)
    add("programs", "real programs, geometric mean", "qemu", 2)
    add("programs", "real programs, slowest", "qemu", 3, each=True)
    add("start", "start and end of a program, slowest", "qemu", 0.5, each=True)
    add("code made at run time", "code that was just written or read", "native", 5)
    add("fork + exec", "200 × fork + exec", "native", 5)
    if "memory" in kept:
        table.append(("resident memory of an idle bash over native", "25 MiB",
                      f"{kept['memory']:.1f} MiB", kept["memory"] <= 25))
    return table


def picture(guest: Guest) -> str:
    """The name of a guest's picture, without its type."""
    return f"results{guest.suffix}"


def part(guest: Guest, kept: dict[str, Any]) -> str:
    """What the page says of a guest."""
    lines = [f"## {guest.name}", "", f"{kept['rounds']} rounds.", "",
             f"![times over native, {guest.name}]({picture(guest)}.svg)", "",
             "| work | at most | measured | |", "|---|---|---|---|"]
    lines += [f"| {work} | {most} | {value} | {'met' if met else '**missed**'} |"
              for work, most, value, met in limits(guest, kept)]
    lines += ["", f"| row | group | Fiberglass / native | {guest.qemu} / native | "
              f"Fiberglass / {guest.qemu} |", "|---|---|---:|---:|---:|"]
    for name, row in kept["rows"].items():
        lines.append(f"| {name} | {row['group']} | "
                     + " | ".join(f"{row[ratio]:.2f}" for ratio in RATIOS) + " |")
    return "\n".join(lines) + "\n"


def page(sections: dict[str, Any]) -> str:
    """docs/bench/results.md."""
    parts = [part(guest, sections[guest.name]) for guest in GUESTS if guest.name in sections]
    return "\n".join([HEAD, *parts])


def comparison(rows: list[Row], results: dict[str, Any]) -> str:
    """What each row and group takes of the time of the other build."""
    lines = ["### Against the other build", "",
             "| row | group | median over the other's | shortest turn over the other's |",
             "|---|---|---:|---:|"]
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        median, least = (results[which][row.name] for which in ("times", "least"))
        values = (median["fiberglass"] / median["against"], least["fiberglass"] / least["against"])
        groups.setdefault(row.group, []).append(values)
        lines.append(f"| {row.name} | {row.group} | {values[0]:.3f} | {values[1]:.3f} |")
    for group, pairs in groups.items():
        medians, shortest = (mean(list(values)) for values in zip(*pairs))
        lines.append(f"| geometric mean | {group} | **{medians:.3f}** | **{shortest:.3f}** |")
    return "\n".join(lines) + "\n"


def plot(guest: Guest, kept: dict[str, Any], out: Path) -> None:
    """A guest's picture as SVG and PNG: a pair of bars for each row."""
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "fiberglass"  # equal pictures of equal results
    from matplotlib import pyplot
    rows = kept["rows"]
    figure, axes = pyplot.subplots(figsize=(10, 8), constrained_layout=True)
    places = range(len(rows))
    for way, shift, colour in (("qemu", 0.2, "#b0b7bf"), ("fiberglass", -0.2, "#1b7f79")):
        values = [row[f"{way}/native"] for row in rows.values()]
        label = guest.qemu if way == "qemu" else "Fiberglass"
        axes.barh([-p + shift for p in places], values, height=0.38, color=colour, label=label)
        for p, v in zip(places, values):
            axes.text(v * 1.03, -p + shift, f"{v:.1f}", va="center", fontsize=7)
    axes.axvline(1, color="#444444", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks([-p for p in places], list(rows), fontsize=8)
    axes.set_xlabel("time over native (logarithmic; shorter is better)")
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(out / f"{picture(guest)}.svg", metadata={"Date": None})
    figure.savefig(out / f"{picture(guest)}.png", dpi=110, metadata={"Software": None})
    pyplot.close(figure)

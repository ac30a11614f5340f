"""The page and the pictures of `make bench`: ratios, and the limits that the project set itself.

A section is what is kept of one guest's measurements (docs/bench/results.json):

    {"rounds": 5, "rows": {NAME: {"group": GROUP, "fiberglass/native": RATIO, ...}},
     "memory": {"threaded": MiB of an idle shell over a native one, "fiberglass": ...}}

RATIOS has the names of ratios; those to native are not there where the host runs no programs of
the guest. "fiberglass" is native code, "threaded" the same program with --tier=threaded. Knows
nothing of how a row is run.
"""

from __future__ import annotations

import json
from math import exp, log
from pathlib import Path
from typing import Any

from rows import GUESTS, Guest, Row

HEAD = """\
# Measurements

Made by `make bench`: the host itself, qemu-user (Debian's), Fiberglass as threaded code and as
native code (the default, where the host lets it) take turns; medians of some rounds, each of five
turns for short rows of the start. Figures are ratios of times; own programs are static ones made
with `gcc -O2`, the others are those of the guest's default root, or of the larger one of
`make train`. `bounds.md` says what bounds a figure that is missed.
"""
RATIOS = ("fiberglass/native", "threaded/native", "qemu/native", "fiberglass/qemu",
          "threaded/qemu")


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
            f"{way}/{base}": round(times[way] / times[base], 4)
            for way, base in ratios if way in times and base in times}
    if "native" in results.get("memory", {}):
        kept["memory"] = {way: round(results["memory"][way] - results["memory"]["native"], 1)
                          for way in ("threaded", "fiberglass")}
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
    ways = {"fiberglass": "native code", "threaded": "threaded"}

    def add(group: str, work: str, ratio: str, most: float, each: bool = False) -> None:
        values = [float(row[ratio]) for row in groups.get(group, ()) if ratio in row]
        if not values:
            return
        way, base = ratio.split("/")
        value = max(values) if each else mean(values)
        against = f"{guest.qemu}'s time" if base == "qemu" else "native"
        table.append((f"{ways[way]}: {work}", f"{against} × {most:.3g}", f"× {value:.2f}",
                      value <= most))

    loops = 1.3 if guest.suffix else 1  # small loops of x86-64 may take more
    add("integer", "small integer programs, geometric mean", "fiberglass/native", 1.15 * loops)
    add("integer", "the slowest of them", "fiberglass/native", 1.6 * loops, each=True)
    add("integer", "small integer programs, geometric mean", "threaded/qemu", 1 * loops)
    for group in ("floating point", "simd"):
        add(group, f"{group} loops, geometric mean", "fiberglass/native", 1.2)
        add(group, f"{group} loops, geometric mean", "threaded/qemu", 1 / 5)
        add(group, f"{group} loops, slowest", "fiberglass/qemu", 1, each=True)
    add("programs", "real programs, geometric mean", "fiberglass/native", 1.6)
    add("programs", "the slowest of them", "fiberglass/native", 3, each=True)
    add("programs", "real programs, geometric mean", "fiberglass/qemu", 0.25)
    add("programs", "real programs, geometric mean", "threaded/qemu", 0.75)
    add("programs", "the slowest of them", "threaded/qemu", 1.6, each=True)
    add("start", "start and end of a program, slowest", "fiberglass/qemu", 0.5, each=True)
    add("start", "start and end of a program, slowest", "threaded/qemu", 0.25, each=True)
    add("code made at run time", "code that was just written or read", "fiberglass/native", 5)
    add("fork + exec", "200 × fork + exec", "fiberglass/native", 2)
    for way, most in kept.get("memory", {}).items():
        table.append((f"{ways[way]}: resident memory of an idle bash over native", "10 MiB",
                      f"{most:.1f} MiB", most <= 10))
    return table


def picture(guest: Guest) -> str:
    """The name of a guest's picture, without its type."""
    return f"results{guest.suffix}"


def part(guest: Guest, kept: dict[str, Any]) -> str:
    """What the page says of a guest."""
    ratios: dict[str, Any] = next(iter(kept["rows"].values()), {})
    alone = "" if "qemu/native" in ratios else " The host runs no programs of this guest itself."
    lines = [f"## {guest.name}", "", f"{kept['rounds']} rounds.{alone}", "",
             f"![times, {guest.name}]({picture(guest)}.svg)", "",
             "| work | at most | measured | |", "|---|---|---|---|"]
    lines += [f"| {work} | {most} | {value} | {'met' if met else '**missed**'} |"
              for work, most, value, met in limits(guest, kept)]
    heads = {"fiberglass": "native code", "threaded": "threaded", "qemu": guest.qemu,
             "native": "native"}
    titles = (" / ".join(heads[word] for word in ratio.split("/")) for ratio in RATIOS)
    lines += ["", f"| row | group | {' | '.join(titles)} |",
              "|---|---|" + "---:|" * len(RATIOS)]
    for name, row in kept["rows"].items():
        lines.append(f"| {name} | {row['group']} | "
                     + " | ".join(f"{row[ratio]:.2f}" if ratio in row else ""
                                  for ratio in RATIOS) + " |")
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
    """A guest's picture as SVG and PNG: a bar of each way for each row, as times over native, or
    over qemu-user where the host runs no programs of the guest."""
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "fiberglass"  # equal pictures of equal results
    from matplotlib import pyplot
    rows = kept["rows"]
    figure, axes = pyplot.subplots(figsize=(10, 12), constrained_layout=True)
    places = range(len(rows))
    base = "native" if any("qemu/native" in row for row in rows.values()) else "qemu"
    ways = [("qemu", "#b0b7bf", guest.qemu), ("threaded", "#8cc5bf", "Fiberglass, threaded"),
            ("fiberglass", "#1b7f79", "Fiberglass, native code")][base == "qemu":]
    height = 0.8 / len(ways)
    for number, (way, colour, label) in enumerate(ways):
        values = [row.get(f"{way}/{base}", 0) for row in rows.values()]
        ends = [-p + height * ((len(ways) - 1) / 2 - number) for p in places]
        axes.barh(ends, values, height=height * 0.95, color=colour, label=label)
        for end, v in zip(ends, values):
            axes.text(v * 1.03, end, f"{v:.1f}" if base == "native" else f"{v:.2f}", va="center",
                      fontsize=6)
    axes.axvline(1, color="#444444", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks([-p for p in places], list(rows), fontsize=8)
    axes.set_xlabel(f"time over {base if base == 'native' else guest.qemu}"
                    " (logarithmic; shorter is better)")
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(out / f"{picture(guest)}.svg", metadata={"Date": None})
    figure.savefig(out / f"{picture(guest)}.png", dpi=110, metadata={"Software": None})
    pyplot.close(figure)

#!/usr/bin/python3
"""The pictures that an experiment declares, from what `ringzero sweep` has written: docs/sweeps.md.

--results is the folder with experiment.json, points.csv and results.csv; --out gets NAME.svg and NAME.png.
"""
import argparse
import json
import math
import pathlib
import re
import statistics

import matplotlib
import pandas as pd

import _style as style

COLOURS = ["#1f5fa8", "#b03020", "#2a7d4f", "#8a5a00", "#6a3d9a", "#333333", "#008b8b", "#c71585"]
LOOKS = [(colour, marker, dash) for marker, dash in (("o", "-"), ("s", "--"), ("^", ":")) for colour in COLOURS]
UNITS = {  # of quantities, in their dimension's base unit
    "ps": 1, "ns": 1e3, "us": 1e6, "ms": 1e9, "s": 1e12, "min": 60e12, "h": 3600e12,
    "B": 1, "kB": 1e3, "KiB": 2**10, "MB": 1e6, "MiB": 2**20, "GB": 1e9, "GiB": 2**30, "TB": 1e12, "TiB": 2**40,
    "b/s": 1, "kb/s": 1e3, "Mb/s": 1e6, "Gb/s": 1e9, "Hz": 1, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9,
    "ppm": 1, "%": 1e4,
}
QUANTITY = re.compile(r"^\s*([0-9]*\.?[0-9]+)\s*([A-Za-z/%]*)\s*$")


def t_quantile(degrees):
    """Of Student's distribution, 97.5 %: exact for one and two degrees, else Hill's expansion (error below 0.5 %)."""
    if degrees < 3:
        return {1: 12.706, 2: 4.303}[degrees]
    z, n = statistics.NormalDist().inv_cdf(0.975), degrees
    return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2) + \
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)


class Column:
    """The values of a key as numbers of one unit, or as texts in their order."""

    def __init__(self, key, texts):
        self.label = key
        self.order = list(dict.fromkeys(texts))
        parsed = [QUANTITY.match(text) for text in self.order]
        units = {match.group(2) for match in parsed if match}
        self.numeric = all(parsed) and all(unit == "" or unit in UNITS for unit in units) and ("" not in units or len(units) == 1)
        if not self.numeric:
            return
        numbers = {}
        for text, match in zip(self.order, parsed):
            numbers[text] = float(match.group(1)) * UNITS.get(match.group(2), 1)
        if units != {""}:
            unit = min(units, key=lambda name: (max(numbers.values()) / UNITS[name] > 1e4, UNITS[name]))
            self.label = f"{key} [{unit}]"
            numbers = {text: number / UNITS[unit] for text, number in numbers.items()}
        self.numbers = numbers
        self.order.sort(key=numbers.get)

    def of(self, text):
        return self.numbers[text] if self.numeric else self.order.index(text)


class Sweep:
    def __init__(self, folder):
        self.folder = folder
        self.experiment = json.loads((folder / "experiment.json").read_text())
        self.results = pd.read_csv(folder / "results.csv", dtype={"point": str})
        listing = pd.read_csv(folder / "points.csv", dtype=str, keep_default_na=False)
        self.points = listing.pivot(index="point", columns="key", values="value")
        self.sampled = set(self.experiment.get("sample", {}).get("keys", {}))
        self.units = dict(zip(self.results.metric, self.results.unit))
        self.names = list(dict.fromkeys(self.results.point))

    def is_key(self, name):
        return name in self.points.columns

    def column(self, key):
        return Column(key, [self.points.at[name, key] for name in self.names if name in self.points.index])

    def values(self, metric):
        """One row per point and replication: point, value."""
        return self.results[self.results.metric == metric][["point", "value"]]

    def label(self, name):
        unit = self.units.get(name, "")
        return name if self.is_key(name) or unit in ("", "1", "ratio") else f"{name} [{unit}]"

    def groups(self, key, rows):
        """(text, rows) for each value of the key; everything if there is no key."""
        if not key:
            return [("", rows)]
        texts = rows.point.map(self.points[key])
        return [(text, rows[texts == text]) for text in self.column(key).order if (texts == text).any()]


def with_interval(values):
    mean = values.mean()
    if len(values) < 2:
        return mean, 0.0
    return mean, t_quantile(len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))


def draw_line(axes, sweep, picture, rows):
    x = picture["x"]
    scattered = not sweep.is_key(x) or x in sweep.sampled
    column = None if not sweep.is_key(x) else sweep.column(x)
    for (text, group), (colour, marker, dash) in zip(sweep.groups(picture.get("colour"), rows), LOOKS * 100):
        if column is None:
            abscissae = sweep.values(x).groupby("point").value.mean()
            group = group.assign(x=group.point.map(abscissae))
        else:
            group = group.assign(x=group.point.map(sweep.points[x]).map(column.of))
        # Random points that happen to be equal in this key differ in the others: they are no replications of each other.
        drawn = sorted((some.x.iloc[0], *with_interval(some.value))
                       for _, some in group.groupby("point" if scattered else "x"))
        if not drawn:
            continue
        at, mean, half = zip(*drawn)
        axes.errorbar(at, mean, yerr=half if any(half) else None, color=colour, capsize=2, label=text or None,
                      marker=marker, markersize=3 if scattered else 4, linestyle="none" if scattered else dash, linewidth=1.2)
    if column is not None and not column.numeric:
        long = max(map(len, column.order)) * len(column.order) > 60
        axes.set_xticks(range(len(column.order)), column.order, **({"rotation": 20, "ha": "right"} if long else {}))
    axes.set_xlabel(column.label if column else sweep.label(x))
    axes.set_ylabel(sweep.label(picture["y"]))


def draw_heat(axes, sweep, picture, rows, limits):
    x, y = sweep.column(picture["x"]), sweep.column(picture["y"])
    grid = [[math.nan] * len(x.order) for _ in y.order]
    for point, mean in rows.groupby("point").value.mean().groupby(level=0).mean().items():
        row = y.order.index(sweep.points.at[point, picture["y"]])
        grid[row][x.order.index(sweep.points.at[point, picture["x"]])] = mean
    image = axes.imshow(grid, origin="lower", aspect="auto", cmap="viridis", vmin=limits[0], vmax=limits[1])
    for axis, column in ((axes.xaxis, x), (axes.yaxis, y)):
        texts = [f"{column.of(text):.4g}" if column.numeric else text for text in column.order]
        step = max(1, len(texts) // 12)
        axis.set_ticks(range(0, len(texts), step), texts[::step])
        axis.set_label_text(column.label)
    axes.grid(False)
    return image


def draw_distribution(axes, sweep, picture, rows):
    for (text, group), (colour, _, dash) in zip(sweep.groups(picture.get("colour"), rows), LOOKS * 100):
        values = group.value.sort_values().to_numpy()
        shares = [(i + 1) / len(values) for i in range(len(values))]
        axes.step(values, shares, where="post", color=colour, linestyle=dash, linewidth=1.2, label=text or None)
    axes.set_xlabel("latency [ms]" if picture["x"] == "latency" else sweep.label(picture["x"]))
    axes.set_ylabel("share at most that")
    axes.set_ylim(0, 1)


def rows_of(sweep, picture):
    if picture["kind"] != "distribution":
        return sweep.values(picture["y" if picture["kind"] == "line" else "colour"])
    if picture["x"] != "latency":
        return sweep.values(picture["x"])
    latencies = pd.read_csv(sweep.folder / "latencies.csv", dtype={"point": str})
    return latencies.assign(value=latencies.latency_ns * 1e-6)[["point", "value"]]


def draw(sweep, picture, out):
    rows = rows_of(sweep, picture)
    if rows.empty:
        print(f"{picture['name']}: nothing to draw yet")
        return
    panels = sweep.groups(picture.get("panels"), rows)
    columns = min(len(panels), 3)
    lines = -(-len(panels) // columns)
    figure, grid = style.new_figure(width=6.4 if columns == 1 else 3.4 * columns, height=4.2 if lines == 1 else 2.9 * lines,
                                    nrows=lines, ncols=columns, sharex=True, sharey=True, squeeze=False)
    limits = rows.groupby("point").value.mean().agg(["min", "max"]).tolist()
    image = None
    for axes, (text, some) in zip(grid.flat, panels):
        if picture["kind"] == "heat":
            image = draw_heat(axes, sweep, picture, some, limits)
        elif picture["kind"] == "line":
            draw_line(axes, sweep, picture, some)
        else:
            draw_distribution(axes, sweep, picture, some)
        if picture["kind"] != "heat":
            if picture.get("x_scale") == "log":
                axes.set_xscale("log")
            if picture.get("y_scale") == "log":
                axes.set_yscale("log")
        if text:
            axes.set_title(f"{picture['panels']} = {text}", loc="left", fontsize=8)
        axes.label_outer()
    for axes in grid.flat[len(panels):]:
        axes.set_visible(False)
    if image is not None:
        figure.colorbar(image, ax=grid, label=sweep.label(picture["colour"]))
    elif picture.get("colour"):
        grid.flat[0].legend(frameon=False, fontsize=7, title=picture["colour"], title_fontsize=7)
    if picture.get("title"):
        figure.suptitle(picture["title"], x=0.01, ha="left", fontsize=10)
    style.save(figure, out, picture["name"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=pathlib.Path, required=True, help="folder of the sweep")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the pictures go")
    options = parser.parse_args()
    matplotlib.rcParams["font.size"] = 9
    sweep = Sweep(options.results)
    for picture in sweep.experiment.get("pictures", []):
        draw(sweep, picture, options.out)


if __name__ == "__main__":
    main()

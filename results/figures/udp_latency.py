#!/usr/bin/python3
"""Section 4.5: UDP latency to one of 128 computing domains and to an idle 129th, as distributions.

Left and middle: cumulative distributions over all replications, with the published mean and standard deviation. Right:
which ping interval and which variant of BVT give the published pair for the idle domain.
"""
import matplotlib.ticker
import numpy
import pandas as pd

import _style as style

FIGURE_OF = "scal"

PANELS = [  # case of udp-latency, published id, title
    ("one of 128 that compute", "scal.udp.mean", "one of 128 computing domains"),
    ("idle 129th", "scal.udp129.mean", "an otherwise idle 129th domain"),
]
VARIANT_COLOURS = {"paper": style.SIMULATED, "xen-1.0": "#2a7d4f", "xen-2.0": "#8a6d1f"}


def published_pair(published, identity):
    entry = next(row for row in published if row["id"] == identity)
    return entry["value"], entry["sd"]


def draw_distribution(axes, latencies, published, title):
    milliseconds = numpy.sort(latencies.to_numpy()) / 1e6
    axes.plot(milliseconds, numpy.arange(1, len(milliseconds) + 1) / len(milliseconds), color=style.SIMULATED,
              drawstyle="steps-post", label=f"simulated: {milliseconds.mean():.3g} ms, sd {milliseconds.std(ddof=1):.3g}")
    mean, deviation = published
    axes.axvspan(max(0.01, mean - deviation), mean + deviation, color=style.PUBLISHED, alpha=0.08)
    axes.axvline(mean, color=style.PUBLISHED, label=f"published: {mean:g} ms, sd {deviation:g}")
    axes.axvline(milliseconds.mean(), color=style.SIMULATED, linestyle=":")
    axes.set_title(title, loc="left")
    axes.set_xlabel("response time, ms")
    if milliseconds.mean() < 10:  # most replies at once, a few much later
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    else:
        axes.set_xlim(left=0)
    axes.set_ylim(0, 1.02)
    axes.legend(loc="lower right", frameon=False, fontsize=8)


def interval_milliseconds(point):
    number, unit = point.rsplit("=", 1)[1].split()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def draw_conditions(axes, results, published):
    rows = results[results.metric.isin(["rtt_mean"])].copy()
    rows["case"] = rows.point.str.split("/").str[0]
    rows["interval"] = rows.point.map(interval_milliseconds)
    for case, group in rows.groupby("case", sort=False):
        means = group.groupby("interval").value.mean()
        variant = case.split(",")[0]
        axes.plot(means.index, means, marker="o", markersize=3, linewidth=1, label=case,
                  color=VARIANT_COLOURS.get(variant, "#777777"), linestyle="--" if "warp" in case else "-")
    axes.axhline(published[0], color=style.PUBLISHED, label=f"published: {published[0]:g} ms")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.set_xlabel("ping interval, ms")
    axes.set_ylabel("mean response time, ms")
    axes.set_title("the idle domain: which conditions", loc="left")
    axes.legend(frameon=False, fontsize=7)


def main():
    options = style.arguments(__doc__)
    published = pd.read_json(options.published).to_dict("records")
    file = options.results / "udp-latency" / "latencies.csv"
    if not file.exists():
        print("udp latency: nothing simulated")
        return
    latencies = pd.read_csv(file)
    figure, axes = style.new_figure(width=12.5, height=3.8, ncols=3)
    for panel, (case, identity, title) in zip(axes, PANELS):
        draw_distribution(panel, latencies[latencies.point == case].latency_ns, published_pair(published, identity), title)
    axes[0].set_ylabel("share of replies")
    conditions = options.results / "udp-idle-conditions" / "results.csv"
    if conditions.exists():
        draw_conditions(axes[2], pd.read_csv(conditions), published_pair(published, "scal.udp129.mean"))
    style.save(figure, options.out, "udp_latency")


if __name__ == "__main__":
    main()

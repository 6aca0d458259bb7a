#!/usr/bin/python3
"""The pictures of the report's section about the disk: the model beside a real drive, beside DiskSim, the paper's drive.

Reads DIR/disk/ (replay.csv, loads.csv) and, if it was run, DIR/disk-fairness/results.csv.
"""
import pathlib
import sys

import numpy
import pandas as pd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "figures"))
import _style as style  # noqa: E402  (from the folder beside)

import _loads  # noqa: E402

POLICIES = {"FCFS": "#777777", "CLOOK": "#2a7d4f", "SSTF": "#8a6d1f", "SPTF": style.SIMULATED}
QUANTILES = [("min", 0), ("median", 50), ("p90", 90), ("p99", 99), ("p999", 99.9), ("max", 100)]


def draw_replay(requests):
    figure, axes = style.new_figure(width=10, height=3.6, ncols=2)
    for panel, rows, title in [(axes[0], requests[requests.far_read == 1], "reads where no cache helps"),
                               (axes[1], requests, "all requests")]:
        share = numpy.arange(1, len(rows) + 1) / len(rows)
        for column, colour, label in [("measured_response_us", style.PUBLISHED, "measured"),
                                      ("response_us", style.SIMULATED, "modelled")]:
            panel.plot(numpy.sort(rows[column]) / 1e3, share, color=colour, label=label, linewidth=1.2,
                       linestyle="-" if label == "modelled" else (0, (4, 2)))
        panel.set_xlim(0, 20)
        panel.set_ylim(0, 1.02)
        panel.set_xlabel("response time, ms")
        panel.set_title(title, loc="left")
        panel.legend(frameon=False, loc="lower right")
    axes[0].set_ylabel("share of requests")
    return figure


def draw_depth(loads):
    figure, axes = style.new_figure(width=12, height=3.6, ncols=3)
    random = loads[loads.input == "rand4k_R"]
    for policy, colour in POLICIES.items():
        rows = random[random.policy == policy].sort_values("amount")
        for panel, metric in [(axes[0], "mean_ms"), (axes[1], "per_second")]:
            panel.plot(rows.amount, rows[metric], color=colour, label=policy)
            panel.plot(rows.amount, rows["reference_" + metric], "o", color=colour, fillstyle="none", markersize=6)
        all_sizes = loads[loads.policy == policy]
        axes[2].plot(all_sizes.amount, _loads.errors(all_sizes), "x", color=colour, label=policy)
        axes[2].plot(all_sizes.amount, 100 * (all_sizes.per_second / all_sizes.reference_per_second - 1), "+",
                     color=colour)
    axes[0].set_yscale("log")
    for panel, title, label in zip(axes, ["mean response", "throughput", "difference (x means, + throughput)"],
                                   ["ms", "requests/s", "%"]):
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:g}")
        panel.set_xlabel("requests outstanding")
        panel.set_ylabel(label)
        panel.set_title(title, loc="left")
    axes[1].legend(frameon=False)
    axes[2].set_ylim(-4, 4)
    return figure


def draw_arrivals(loads):
    figure, axes = style.new_figure(width=7, height=3.8)
    for policy, colour in POLICIES.items():
        rows = loads[loads.policy == policy].sort_values("amount")
        axes.plot(rows.amount, rows.mean_ms, color=colour, label=policy)
        axes.plot(rows.amount, rows.reference_mean_ms, "o", color=colour, fillstyle="none", markersize=6)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("arrivals per second")
    axes.set_ylabel("mean response, ms")
    axes.legend(frameon=False)
    return figure


def draw_paper_drive(loads):
    figure, axes = style.new_figure(width=9, height=3.4, ncols=2)
    for name, label, colour in [("rand4k_R", "reads", style.SIMULATED), ("rand4k_W", "writes", "#8a6d1f")]:
        rows = loads[loads.input == name].sort_values("amount")
        axes[0].plot(rows.amount, rows.mean_ms, "o-", markersize=3, color=colour, label=f"{label}, mean")
        axes[0].plot(rows.amount, rows.p99_ms, "o--", markersize=3, color=colour, label=f"{label}, 99 %")
        axes[1].plot(rows.amount, rows.per_second, "o-", markersize=3, color=colour, label=label)
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[1].set_ylim(bottom=0)
    for panel, label in zip(axes, ["response, ms", "requests/s"]):
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter("{x:g}")
        panel.set_xlabel("requests outstanding")
        panel.set_ylabel(label)
        panel.legend(frameon=False)
    return figure


def draw_fairness(results):
    figure, axes = style.new_figure(width=8, height=3.8)
    latencies = results[results.metric.str.match(r"(domain\.reader\.)?raw_disk\.latency_")].copy()
    own = latencies.metric.str.startswith("domain.reader.")  # where another program of the run has the same metrics
    latencies["quantile"] = latencies.metric.str.rsplit("latency_", n=1).str[1]
    colours = iter([style.SIMULATED, style.PUBLISHED, "#8a6d1f", "#2a7d4f"])
    for point, rows in latencies.groupby("point", sort=False):
        rows = rows[own[rows.index]] if own[rows.index].any() else rows
        colour = next(colours)
        for i, (_, replication) in enumerate(rows.groupby("replication")):
            values = replication.set_index("quantile").value
            axes.plot([values[key] for key, _ in QUANTILES], range(len(QUANTILES)), "o-", color=colour, markersize=3,
                      linewidth=1, label=None if i else point)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(QUANTILES)), [f"{share:g} %" for _, share in QUANTILES])
    axes.set_xlabel("latency of a read, ms")
    axes.set_ylabel("share of reads below it")
    axes.legend(frameon=False, loc="upper left")
    return figure


def main():
    options = style.arguments(__doc__)
    loads = _loads.Loads(options.results)
    pictures = {
        "replay": draw_replay(pd.read_csv(options.results / "disk" / "replay.csv")),
        "depth": draw_depth(loads.closed),
        "arrivals": draw_arrivals(loads.arrivals),
        "paper_drive": draw_paper_drive(loads.paper_drive),
    }
    fairness = options.results / "disk-fairness" / "results.csv"
    if fairness.exists():
        pictures["fairness"] = draw_fairness(pd.read_csv(fairness))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, figure in pictures.items():
        figure.savefig(options.out / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()

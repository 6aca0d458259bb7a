"""The report's section about the disk: the model beside a real drive, beside DiskSim, the paper's drive, and a hog.

Reads DIR/disk/ (replay.csv, replay.json, loads.csv) and, if it was run, DIR/disk-fairness/results.csv.
"""
import io
import json
import pathlib
import sys

import markupsafe
import numpy
import pandas as pd

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "figures"))
import _style as style  # noqa: E402  (from the folder beside)

import _parameters  # noqa: E402
import _svg  # noqa: E402

POLICIES = {"FCFS": "#777777", "CLOOK": "#2a7d4f", "SSTF": "#8a6d1f", "SPTF": style.SIMULATED}
PAPER_DRIVE = "ultrastar146z10"
QUANTILES = [("min", 0), ("median", 50), ("p90", 90), ("p99", 99), ("p999", 99.9), ("max", 100)]


def inline(figure, name):
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    style.plt.close(figure)
    return _svg.inline(text.getvalue(), f"disk_{name}")


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
    return inline(figure, "replay")


def errors(loads):
    return 100 * (loads.mean_ms / loads.reference_mean_ms - 1)


def draw_depth(loads):
    figure, axes = style.new_figure(width=12, height=3.6, ncols=3)
    random = loads[loads.input == "rand4k_R"]
    for policy, colour in POLICIES.items():
        rows = random[random.policy == policy].sort_values("amount")
        for panel, metric in [(axes[0], "mean_ms"), (axes[1], "per_second")]:
            panel.plot(rows.amount, rows[metric], color=colour, label=policy)
            panel.plot(rows.amount, rows["reference_" + metric], "o", color=colour, fillstyle="none", markersize=6)
        all_sizes = loads[loads.policy == policy]
        axes[2].plot(all_sizes.amount, errors(all_sizes), "x", color=colour, label=policy)
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
    return inline(figure, "depth")


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
    return inline(figure, "arrivals")


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
    return inline(figure, "paper_drive")


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
    return inline(figure, "fairness")


def drive_of(name):
    document = json.loads((ROOT / "model" / "drives" / f"{name}.json").read_text())
    return {"description": document["description"], "parameters": list(_parameters.entries_of(document))}


def other_rows(loads):
    rows = []
    for row in loads.assign(error=errors(loads)).to_dict("records"):
        caches = "caches on" if row["config"] == "asis" else "caches off"
        where = ", queue in the host" if row["locus"] == "host" else ""
        rows.append({**row, "name": f"{row['input']}, {row['policy']}, {row['amount']:g} outstanding, {caches}{where}"})
    return rows


def section(results, environment):
    folder = results / "disk"
    replay = json.loads((folder / "replay.json").read_text())
    loads = pd.read_csv(folder / "loads.csv")
    reference = loads[loads.reference_mean_ms > 0]
    in_drive = (reference.config == "clean") & (reference.locus == "device")
    closed = reference[in_drive & (reference["mode"] == "closed") & reference.input.str.startswith("rand")]
    arrivals = reference[reference["mode"] == "open"]
    paper_drive = loads[loads.drive == PAPER_DRIVE]
    sequential = paper_drive[paper_drive.input.str.startswith("seq64k")]
    fairness = results / "disk-fairness" / "results.csv"
    figures = {
        "replay": draw_replay(pd.read_csv(folder / "replay.csv")),
        "depth": draw_depth(closed),
        "arrivals": draw_arrivals(arrivals),
        "paper_drive": draw_paper_drive(paper_drive),
        "fairness": draw_fairness(pd.read_csv(fairness)) if fairness.exists() else None,
    }
    return markupsafe.Markup(environment.get_template("disk.html.j2").render(
        figures=figures,
        replay=[("reads where no cache helps", replay["far_reads"]), ("all", replay["all"])],
        compared=len(reference),
        worst={"closed": errors(closed).abs().max(), "open": errors(arrivals[arrivals.amount <= 90]).abs().max()},
        others=other_rows(reference.drop(closed.index).drop(arrivals.index)),
        drive=drive_of(PAPER_DRIVE),
        sequential=[(row.input.split("_")[1] + " zone", row.per_second * 65536 / 1e6) for row in sequential.itertuples()],
        fairness_question=json.loads((ROOT / "experiments/devices/disk-fairness.json").read_text())["question"],
    ))

#!/usr/bin/python3
"""What the time that XenoLinux takes beyond native Linux is spent on, for each cell of Tables 3 to 5.

Cycles per operation by cause on both systems, and their difference, go into breakdown.csv beside the results.
"""
import _style as style
import pandas as pd

FIGURE_OF = "tab3"

NATIVE, XEN = "L-UP", "X"  # points of the experiment
CAUSES = [  # as the metrics call them, label, colour
    ("crossing", "ring crossings", "#1f5fa8"), ("hypervisor", "hypervisor paths", "#6d4a9c"),
    ("validation", "validation", "#b03020"), ("tlb", "TLB refill", "#d98a29"), ("cache", "cache lines", "#e6c34a"),
    ("operation", "single operations", "#2a7d4f"), ("bytes", "bytes moved", "#7ab8a0"),
    ("kernel", "guest kernel", "#999999"), ("user", "program", "#cccccc"), ("emulation", "emulation", "#333333"),
    ("driver", "guest drivers", "#8a5a44"),
]


def breakdown(results):
    """One row per test and cause: cycles on both systems, means over the replications."""
    rows = results[results.metric.str.match(r"lmbench\.[^.]+\.[^.]+$") & results.point.isin([NATIVE, XEN])].copy()
    rows[["test", "cause"]] = rows.metric.str.split(".", expand=True)[[1, 2]]
    means = rows.groupby(["test", "cause", "point"], sort=False).value.mean().unstack("point").dropna().reset_index()
    means = means.rename(columns={NATIVE: "native", XEN: "xen"})[["test", "cause", "native", "xen"]]
    means["difference"] = means.xen - means.native
    return means


def main():
    options = style.arguments(__doc__)
    file = options.results / "lmbench" / "results.csv"
    if not file.exists():
        print("breakdown: nothing simulated")
        return
    rows = breakdown(pd.read_csv(file))
    rows.to_csv(options.results / "breakdown.csv", index=False, float_format="%.1f")
    table = rows.pivot(index="test", columns="cause", values="difference").reindex(rows.test.unique())
    native = rows.groupby("test", sort=False).native.sum()
    figure, axes = style.new_figure(width=7.2, height=0.22 * len(table) + 1.2)
    left_of, right_of = [0.0] * len(table), [0.0] * len(table)
    for cause, label, colour in CAUSES:
        if cause not in table:
            continue
        share = 100 * table[cause] / native
        start = [r if s >= 0 else l for s, l, r in zip(share, left_of, right_of)]
        axes.barh(range(len(table)), share, left=start, color=colour, label=label, height=0.7)
        right_of = [r + max(s, 0) for s, r in zip(share, right_of)]
        left_of = [l + min(s, 0) for s, l in zip(share, left_of)]
    axes.plot(100 * table.sum(axis=1) / native, range(len(table)), "k|", markersize=9, label="sum")
    axes.set_yticks(range(len(table)), [name.replace("_", " ") for name in table.index])
    axes.invert_yaxis()
    axes.axvline(0, color="#888888", linewidth=0.8)
    axes.set_xlabel("XenoLinux beyond native Linux, % of the native time")
    axes.set_title("Where the time goes that Xen adds", loc="left")
    axes.legend(loc="lower right", frameon=False, fontsize=7)
    style.save(figure, options.out, "breakdown")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Section 4.4: where the CPU time goes when two of four domains misbehave, and when all their programs share one kernel.

Each bar is a case of the experiment `isolation`: the share of the two CPUs that the computing program gets done as work, and
the rest by account. The number above is the mean time of a ping to the serving one.
"""
import pandas as pd

import _style as style

CASES = [  # point, label
    ("behaved.X", "four domains\nthat behave"),
    ("hogs.X", "two of them\nhogs"),
    ("hogs.L", "the same in one\nnative kernel"),
]
PARTS = [  # metric, label, colour
    ("user_time", "programs", style.SIMULATED),
    ("kernel_time", "guest kernels", "#c9a227"),
    ("hypervisor_time", "hypervisor", "#2a7d4f"),
    ("idle_time", "idle", "#dddddd"),
]


def main():
    options = style.arguments(__doc__)
    file = options.results / "isolation" / "results.csv"
    if not file.exists():
        print("isolation: nothing simulated")
        return
    values = pd.read_csv(file).groupby(["metric", "point"]).value.mean()
    cases = [case for case in CASES if (PARTS[0][0], case[0]) in values.index]
    figure, axes = style.new_figure(width=6.4, height=3.8)
    bottoms = [0.0] * len(cases)
    for metric, label, colour in PARTS:
        heights = [values.get((metric, case), 0.0) for case, _ in cases]
        axes.bar(range(len(cases)), heights, 0.6, bottom=bottoms, color=colour, label=label)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights)]
    for place, (case, _) in enumerate(cases):
        work = values.get(("domain.compute.throughput", case), float("nan"))
        ping = values.get(("rtt_mean", case), float("nan"))
        axes.annotate(f"work done: {work:.2f} CPUs\nping: {ping:.2f} ms", (place, 101), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(cases)), [label for _, label in cases])
    axes.set_ylim(0, 122)
    axes.set_ylabel("% of the time of two CPUs")
    axes.grid(axis="x", visible=False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    style.save(figure, options.out, "isolation")


if __name__ == "__main__":
    main()

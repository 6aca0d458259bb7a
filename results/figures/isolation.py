#!/usr/bin/python3
"""Section 4.4: where the CPU time goes when two of four domains misbehave, or two virtual machines, and when the same programs share one
kernel.

Each bar is a case of the experiment `isolation`: the time of the two CPUs by account. Above it what the two benchmarks get
done.
"""
import pandas as pd

import _style as style

CASES = [  # point, label
    ("quiet.X", "Xen: two\ndomains idle"),
    ("hogs.X", "Xen: they\nmisbehave"),
    ("quiet.V", "VMware: two\nmachines idle"),
    ("hogs.V", "VMware: they\nmisbehave"),
    ("hogs.L", "the same in one\nnative kernel"),
]
PARTS = [  # metric, label, colour
    ("user_time", "programs", style.SIMULATED),
    ("kernel_time", "guest kernels", "#c9a227"),
    ("hypervisor_time", "hypervisor,\nor monitor and host", "#2a7d4f"),
    ("idle_time", "idle", "#dddddd"),
]


def text_above(values, case):
    return f"{values['osdb.rate', case]:.0f} tuples/s,\n{values['web99.sustained', case]:.0f} connections"


def main():
    options = style.arguments(__doc__)
    file = options.results / "isolation" / "results.csv"
    if not file.exists():
        print("isolation: nothing simulated")
        return
    values = pd.read_csv(file).groupby(["metric", "point"]).value.mean()
    cases = [case for case in CASES if (PARTS[0][0], case[0]) in values.index]
    figure, axes = style.new_figure(width=8.2, height=3.8)
    bottoms = [0.0] * len(cases)
    for metric, label, colour in PARTS:
        heights = [values.get((metric, case), 0.0) for case, _ in cases]
        axes.bar(range(len(cases)), heights, 0.6, bottom=bottoms, color=colour, label=label)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights)]
    for place, (case, _) in enumerate(cases):
        axes.annotate(text_above(values, case), (place, 101), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(cases)), [label for _, label in cases])
    axes.set_ylim(0, 122)
    axes.set_ylabel("% of the time of two CPUs")
    axes.grid(axis="x", visible=False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    style.save(figure, options.out, "isolation")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""What one full segment of ttcp costs on each system, by cause; and what the hypervisor does in it, by step.

Cycles per segment at MTU 500, where the CPU is the limit, on both sides. They go into ttcp_breakdown.csv beside the
results.
"""
import _style as style
import pandas as pd

FIGURE_OF = "tab6"

SYSTEMS = ["L", "X", "V", "U"]
CAUSES = [  # as the metrics call them, label, colour
    ("user", "program", "#cccccc"), ("kernel", "TCP/IP, sockets", "#999999"), ("driver", "guest driver", "#8a5a44"),
    ("bytes", "copies, checksums", "#7ab8a0"), ("cache", "cache lines", "#e6c34a"), ("tlb", "TLB refill", "#d98a29"),
    ("operation", "single operations", "#2a7d4f"), ("crossing", "ring crossings", "#1f5fa8"),
    ("hypervisor", "hypervisor paths", "#6d4a9c"), ("validation", "validation", "#b03020"),
    ("emulation", "monitor or host", "#333333"),
]


def breakdown(results):
    """One row per direction, system and cause or step: cycles per full segment."""
    rows = results[results.point.str.contains("_MTU500.", regex=False)].copy()
    rows[["direction", "system"]] = rows.point.str.extract(r"^(TX|RX)_MTU500\.(\w)$")
    causes = rows[rows.metric.str.match(r"ttcp\.rate\.")].copy()
    causes["part"] = causes.metric.str.removeprefix("ttcp.rate.")
    steps = rows[rows.metric.str.startswith("packet_cost.hypervisor.")].copy()
    steps["part"] = steps.metric.str.removeprefix("packet_cost.")
    keys = ["direction", "system", "part"]
    return pd.concat([causes, steps]).groupby(keys, sort=False).value.mean().reset_index()


def main():
    options = style.arguments(__doc__)
    file = options.results / "ttcp" / "results.csv"
    if not file.exists():
        print("ttcp breakdown: nothing simulated")
        return
    rows = breakdown(pd.read_csv(file))
    rows.to_csv(options.results / "ttcp_breakdown.csv", index=False, float_format="%.1f")
    table = rows.pivot_table(index=["direction", "system"], columns="part", values="value", sort=False).fillna(0)
    bars = [(d, s) for d in ("TX", "RX") for s in SYSTEMS if (d, s) in table.index]
    figure, axes = style.new_figure(width=7.2, height=0.32 * len(bars) + 1.2)
    left = [0.0] * len(bars)
    for cause, label, colour in CAUSES:
        if cause not in table:
            continue
        parts = [table.loc[bar, cause] / 1000 for bar in bars]
        axes.barh(range(len(bars)), parts, left=left, color=colour, label=label, height=0.7)
        left = [a + b for a, b in zip(left, parts)]
    axes.set_yticks(range(len(bars)), [" ".join(bar) for bar in bars])
    axes.invert_yaxis()
    axes.set_xlabel("thousand cycles per segment of 448 bytes, idle time left out")
    axes.set_title("What a TCP segment costs at MTU 500", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=7)
    style.save(figure, options.out, "ttcp_breakdown")


if __name__ == "__main__":
    main()

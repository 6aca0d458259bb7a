#!/usr/bin/python3
"""Figure 4: SPEC WEB99, 1 to 16 concurrent instances of Apache on two CPUs.

Drawn like the paper's: a pair of bars per number of instances, native Linux left and Xen right, each in segments of the
instances' own scores; the published aggregates and segments overlaid.
"""
import json

import pandas as pd

import _style as style

INSTANCES = [1, 2, 4, 8, 16]
SYSTEMS = [("L", "Linux", "#777777"), ("X", "XenoLinux", style.SIMULATED)]


def segments(results, case):
    """The scores of a bar's instances, the largest at the bottom; one instance has no metric of its own."""
    path = results / "fig4" / "results.csv"
    rows = pd.read_csv(path)
    rows = rows[rows.point == case]
    own = rows[rows.metric.str.fullmatch(r"domain\..+\.web99\.sustained")]
    if own.empty:
        own = rows[rows.metric == "web99.sustained"]
    return sorted(own.groupby("metric").value.mean(), reverse=True)


def main():
    options = style.arguments(__doc__)
    ledger = style.ledger(options.results)
    if not ledger.index.str.startswith("fig4.").any():
        return  # it was not simulated
    published = {entry["id"]: entry for entry in json.loads(options.published.read_text())}
    figure, axes = style.new_figure(width=6.8, height=4.4)
    axes.grid(axis="x", visible=False)
    width = 0.38
    for place, n in enumerate(INSTANCES):
        for side, (system, label, colour) in enumerate(SYSTEMS):
            name = f"fig4.{n}inst.{system}"
            if name not in ledger.index:
                continue
            x = place + (side - 0.5) * (width + 0.04)
            bottom = 0
            for score in segments(options.results, f"{n}inst.{system}"):
                axes.bar(x, score, width, bottom=bottom, color=colour, edgecolor="white", linewidth=0.6,
                         label=label if place == 0 and bottom == 0 else None)
                bottom += score
            row = ledger.loc[name]
            if pd.notna(row.ci_low):
                axes.errorbar(x, row.simulated, yerr=[[row.simulated - row.ci_low], [row.ci_high - row.simulated]],
                              color="black", capsize=3, linewidth=1)
            edges = (x - width / 2, x + width / 2)
            axes.hlines(row.published, *edges, color=style.PUBLISHED, linewidth=2,
                        label="published (Barham et al., SOSP 2003)" if place == 0 and side == 0 else None)
            height = 0
            for score in published.get(name + ".segments", {}).get("value", [])[:-1]:
                height += score
                axes.hlines(height, *edges, color=style.PUBLISHED, linewidth=0.5)
            axes.annotate(f"{row.simulated:.0f}\n{row.error_percent:+.1f} %", (x, max(row.simulated, row.published)),
                          xytext=(0, 3), textcoords="offset points", ha="center", fontsize=7)
    axes.set_xticks(range(len(INSTANCES)), [str(n) for n in INSTANCES])
    axes.set_xlabel("concurrent instances of Apache")
    axes.set_ylabel("conforming connections, all instances")
    axes.set_ylim(0, 1250)
    axes.legend(loc="upper left", frameon=False, ncols=3, fontsize=8)
    axes.set_title("SPEC WEB99, two CPUs: processes of one SMP kernel, domains", loc="left")
    style.save(figure, options.out, "fig4")


if __name__ == "__main__":
    main()

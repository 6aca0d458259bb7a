#!/usr/bin/python3
"""Figure 5: aggregate throughput of PostgreSQL and OSDB in 1 to 8 domains on two CPUs.

Drawn like the paper's: a bar per number of domains, in units of one domain's score, a segment per domain; the published
segments are the red lines.
"""
import json

import pandas as pd

import _style as style

KINDS = [("IR", "OSDB-IR"), ("OLTP", "OSDB-OLTP")]
SETS = ["1", "2", "4", "8", "8diff"]


def shares(results, case):
    """Rates of a case's domains, in their order."""
    rows = results[(results.point == case) & (results.metric.str.startswith("domain.")) &
                   (results.metric.str.endswith(".osdb.rate"))]
    means = rows.groupby("metric", sort=False).value.mean()
    return list(means) if len(means) else list(results[(results.point == case) & (results.metric == "osdb.rate")].value)


def main():
    options = style.arguments(__doc__)
    file = options.results / "fig5" / "results.csv"
    if not file.exists():
        return  # not simulated
    results = pd.read_csv(file)
    published = {entry["id"]: entry for entry in json.loads(options.published.read_text())}
    figure, axes = style.new_figure(width=8.6, height=4.2, ncols=2, sharey=True)
    for (kind, title), axis in zip(KINDS, axes):
        single = sum(shares(results, f"{kind}.1"))
        published_single = published[f"fig5.{kind}.1"]["value"]
        for x, name in enumerate(SETS):
            bottom = 0
            for i, share in enumerate(shares(results, f"{kind}.{name}")):
                axis.bar(x - 0.2, share / single, 0.38, bottom=bottom, color=style.SIMULATED if i % 2 else "#7ba3d0")
                bottom += share / single
            axis.text(x - 0.2, bottom + 0.02, f"{bottom * single:.0f}", ha="center", fontsize=8)
            segments = published.get(f"fig5.{kind}.{name}.segments", {"value": [1.0]})["value"]
            bottom = 0
            for segment in segments:
                axis.bar(x + 0.2, segment, 0.38, bottom=bottom, fill=False, edgecolor=style.PUBLISHED, linewidth=0.9)
                bottom += segment
            axis.text(x + 0.2, bottom + 0.02, f"{published[f'fig5.{kind}.{name}']['value']:.0f}", ha="center", fontsize=8,
                      color=style.PUBLISHED)
        axis.set_xticks(range(len(SETS)), ["1", "2", "4", "8", "8, weights\n8 to 1"])
        axis.set_xlabel("domains")
        axis.set_title(f"{title} (one domain: {single:.0f}, published {published_single} tup/s)", loc="left")
        axis.grid(axis="x", visible=False)
    axes[0].set_ylabel("aggregate, in units of one domain's score")
    axes[0].bar(0, 0, color=style.SIMULATED, label="simulated, a segment per domain")
    axes[0].bar(0, 0, fill=False, edgecolor=style.PUBLISHED, label="published (Barham et al., SOSP 2003)")
    axes[0].legend(loc="upper left", frameon=False, fontsize=7.5)
    axes[0].set_ylim(0, 2.4)
    style.save(figure, options.out, "fig5")


if __name__ == "__main__":
    main()

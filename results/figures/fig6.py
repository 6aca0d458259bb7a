#!/usr/bin/python3
"""Figure 6: normalised aggregate throughput of 1 to 128 compute-bound domains (or processes) on two CPUs.

Drawn like the paper's: one line per system over the number of domains, the published points overlaid.
"""
import _style as style

SERIES = [  # id prefix, label, colour, marker
    ("fig6.L", "Linux", "#333333", "o"),
    ("fig6.X_50msslice", "XenoLinux (50 ms time slice)", "#2a7d4f", "s"),
    ("fig6.X_5msslice", "XenoLinux (5 ms time slice)", style.SIMULATED, "^"),
]


def points(ledger, prefix):
    rows = ledger[ledger.index.str.match(prefix.replace(".", r"\.") + r"\.\d+$")].copy()
    rows["domains"] = [int(name.rsplit(".", 1)[1]) for name in rows.index]
    return rows.sort_values("domains")


def main():
    options = style.arguments(__doc__)
    ledger = style.ledger(options.results)
    figure, (axes, error_axes) = style.new_figure(height=5.4, nrows=2, sharex=True,
                                                  gridspec_kw={"height_ratios": [3, 1]})
    for prefix, label, colour, marker in SERIES:
        rows = points(ledger, prefix)
        if rows.empty:
            continue
        low, high = rows.ci_low.fillna(rows.simulated), rows.ci_high.fillna(rows.simulated)  # one replication: none
        axes.errorbar(rows.domains, rows.simulated,
                      yerr=[rows.simulated - low, high - rows.simulated],
                      color=colour, marker=marker, markersize=4, linewidth=1.2, capsize=2, label=label)
        axes.plot(rows.domains, rows.published, linestyle="none", marker=marker, markersize=8, fillstyle="none",
                  color=style.PUBLISHED)
        error_axes.plot(rows.domains, rows.error_percent, color=colour, marker=marker, markersize=4, linewidth=1)
    axes.plot([], [], linestyle="none", marker="o", markersize=8, fillstyle="none", color=style.PUBLISHED,
              label="published (Barham et al., SOSP 2003)")
    axes.set_xscale("log", base=2)
    axes.set_xticks([1, 2, 4, 8, 16, 32, 64, 96, 128], ["1", "2", "4", "8", "16", "32", "64", "", "128"])
    axes.minorticks_off()
    axes.set_ylim(0.95, 2.05)
    axes.set_ylabel("normalised throughput")
    axes.legend(loc="lower right", frameon=False)
    axes.set_title("SPEC CINT2000 subset, concurrent domains or processes, two CPUs", loc="left")
    error_axes.axhspan(-1.5, 1.5, color="#eeeeee", zorder=0)
    error_axes.axhline(0, color="#888888", linewidth=0.8)
    error_axes.set_ylim(-3, 3)
    error_axes.set_ylabel("error, %")
    error_axes.set_xlabel("concurrent domains or processes")
    style.save(figure, options.out, "fig6")


if __name__ == "__main__":
    main()

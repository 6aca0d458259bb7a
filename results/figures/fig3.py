#!/usr/bin/python3
"""Figure 3: application benchmarks relative to native Linux, on four systems.

Drawn like the paper's: a cluster of bars per benchmark, each bar a system's score relative to native Linux, with the
score itself above it; the published bars are the open red marks.
"""
import _style as style

CLUSTERS = [  # id, label, lower is better
    ("SPEC_INT2000", "SPEC INT2000\n(score)", False), ("Linux_build_time", "Linux build time\n(s)", True),
    ("OSDB-IR", "OSDB-IR\n(tup/s)", False), ("OSDB-OLTP", "OSDB-OLTP\n(tup/s)", False),
    ("dbench", "dbench\n(score)", False), ("SPEC_WEB99", "SPEC WEB99\n(score)", False),
]
SYSTEMS = [("L", "native Linux", "#333333"), ("X", "XenoLinux", style.SIMULATED), ("V", "VMware Workstation", "#c8923c"),
           ("U", "User-Mode Linux", "#7a9e6e")]
WIDTH = 0.2


def relative(row, native, column, lower_is_better):
    return native[column] / row[column] if lower_is_better else row[column] / native[column]


def main():
    options = style.arguments(__doc__)
    ledger = style.ledger(options.results)
    clusters = [each for each in CLUSTERS if f"fig3.{each[0]}.L" in ledger.index]
    if not clusters:
        return
    figure, axes = style.new_figure(width=8.6, height=4.4)
    for at, (name, _, lower) in enumerate(clusters):
        native = ledger.loc[f"fig3.{name}.L"]
        for i, (system, _, colour) in enumerate(SYSTEMS):
            key = f"fig3.{name}.{system}"
            if key not in ledger.index:
                continue  # not simulated
            row, x = ledger.loc[key], at + (i - 1.5) * WIDTH
            height = relative(row, native, "simulated", lower)
            axes.bar(x, height, WIDTH * 0.92, color=colour, zorder=2)
            axes.plot([x - WIDTH * 0.46, x + WIDTH * 0.46], 2 * [relative(row, native, "published", lower)],
                      color=style.PUBLISHED, linewidth=1.6, zorder=3)
            axes.text(x, 0.02, f"{row.simulated:.0f}", rotation=90, ha="center", va="bottom", fontsize=7, color="white",
                      zorder=4)
            axes.text(x, 1.12, f"{row.error_percent:+.0f}" if system != "L" else "", ha="center", fontsize=6.5,
                      color="#666666")
    for _, label, colour in SYSTEMS:
        axes.bar(0, 0, color=colour, label=label)
    axes.plot([], [], color=style.PUBLISHED, label="published (Barham et al., SOSP 2003)")
    axes.set_xticks(range(len(clusters)), [label for _, label, _ in clusters])
    axes.set_ylim(0, 1.18)
    axes.set_ylabel("relative to native Linux")
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=5, frameon=False, fontsize=7.5)
    axes.set_title("Application benchmarks; in the bars the simulated scores, above them errors in %", loc="left")
    style.save(figure, options.out, "fig3")


if __name__ == "__main__":
    main()

"""The tables of benchmark results in the paper's layout: systems down, benchmarks across.

Each cell has the simulated value, the published one below it, and a shade for the error. A published value that was
fitted on (role `calibration`) is marked: only the other cells are predictions.
"""
import textwrap

import _style as style

SYSTEMS = ["L-SMP", "L-UP", "X", "V", "U"]
WORST = 30  # per cent of error at which the shade is full


def number(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def shade(slower):
    """White when right, red when the simulation is slower by so many per cent, blue when it is faster."""
    depth = min(abs(slower) / WORST, 1) * 0.6
    return (1, 1 - depth, 1 - depth) if slower > 0 else (1 - depth, 1 - depth * 0.6, 1)


def draw(name, title, benchmarks, systems=SYSTEMS, unit="times in us", more_is_faster=False):
    """`benchmarks`: (second part of the id, heading)."""
    options = style.arguments(title)
    ledger = style.ledger(options.results)
    rows = [system for system in systems if any(f"{name}.{key}.{system}" in ledger.index for key, _ in benchmarks)]
    if not rows:
        print(f"{name}: nothing simulated")
        return
    width = 0.85 * len(benchmarks) + 1.2
    figure, axes = style.new_figure(width=width, height=0.42 * (len(rows) + 1) + 0.9)
    axes.axis("off")
    axes.set_xlim(-1, len(benchmarks))
    axes.set_ylim(len(rows) + 0.7, -1)
    for x, (_, heading) in enumerate(benchmarks):
        axes.text(x + 0.5, -0.5, heading, ha="center", va="center", fontsize=8)
    for y, system in enumerate(rows):
        axes.text(-0.1, y + 0.5, system, ha="right", va="center", fontweight="bold")
        for x, (key, _) in enumerate(benchmarks):
            cell_id = f"{name}.{key}.{system}"
            if cell_id in ledger.index:
                draw_cell(axes, x, y, ledger.loc[cell_id], -1 if more_is_faster else 1)
    note = (f"simulated, published below it, error; all {unit}. Italic with °: a value that may be fitted on, the "
            "others are predictions.")
    characters_per_inch = 18
    axes.text(0, len(rows) + 0.15, textwrap.fill(note, int(width * characters_per_inch)), va="top", fontsize=7,
              color="#555555")
    axes.set_title(title, loc="left")
    style.save(figure, options.out, name.replace("tab", "table"))


def draw_cell(axes, x, y, row, sign):
    fitted = row.role == "calibration"
    axes.add_patch(style.plt.Rectangle((x, y), 1, 1, facecolor=shade(sign * row.error_percent), edgecolor="#bbbbbb",
                                       linewidth=0.6))
    axes.text(x + 0.5, y + 0.33, number(row.simulated), ha="center", va="center", fontsize=9,
              color=style.SIMULATED, style="italic" if fitted else "normal")
    axes.text(x + 0.5, y + 0.74, f"{number(row.published)}{'°' if fitted else ''}  {row.error_percent:+.0f} %",
              ha="center", va="center", fontsize=6.5, color=style.PUBLISHED)

"""Look of all figures, and the files they read and write.

Every figure script takes --results DIR (where `ringzero paper` put results and ledger), --published FILE and --out DIR,
and writes NAME.svg and NAME.png.
"""
import argparse
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend has to be chosen first)
import pandas as pd  # noqa: E402

SIMULATED = "#1f5fa8"
PUBLISHED = "#b03020"


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--results", type=pathlib.Path, required=True, help="directory with ledger.csv and the results")
    parser.add_argument("--published", type=pathlib.Path, required=True, help="published.json")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the figure goes")
    return parser.parse_args()


def ledger(results):
    """Published beside simulated values, indexed by id."""
    return pd.read_csv(results / "ledger.csv").set_index("id")


def new_figure(width=6.4, height=4.2, **options):
    plt.rcParams.update({
        "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
        "grid.color": "#dddddd", "grid.linewidth": 0.6, "svg.hashsalt": "ringzero", "savefig.bbox": "tight",
    })
    return plt.subplots(figsize=(width, height), layout="constrained", **options)


def save(figure, out, name):
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / f"{name}.svg", metadata={"Date": None})
    figure.savefig(out / f"{name}.png", dpi=150, metadata={"Software": None})
    plt.close(figure)
    print(out / f"{name}.png")

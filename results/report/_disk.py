"""The report's section about the disk: the model beside a real drive, beside DiskSim, the paper's drive, and a hog.

Reads DIR/disk/, with what results/disk/ has drawn.
"""
import json
import pathlib
import sys

import markupsafe

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "disk"))
import _loads  # noqa: E402  (from the folder beside)

import _parameters  # noqa: E402
import _svg  # noqa: E402


def drive_of(name):
    document = json.loads((ROOT / "model" / "drives" / f"{name}.json").read_text())
    return {"description": document["description"], "parameters": list(_parameters.entries_of(document))}


def other_rows(loads):
    rows = []
    for row in loads.assign(error=_loads.errors(loads)).to_dict("records"):
        caches = "caches on" if row["config"] == "asis" else "caches off"
        where = ", queue in the host" if row["locus"] == "host" else ""
        rows.append({**row, "name": f"{row['input']}, {row['policy']}, {row['amount']:g} outstanding, {caches}{where}"})
    return rows


def section(results, environment):
    folder = results / "disk"
    replay = json.loads((folder / "replay.json").read_text())
    loads = _loads.Loads(results)
    reference, closed, arrivals = loads.reference, loads.closed, loads.arrivals
    sequential = loads.paper_drive[loads.paper_drive.input.str.startswith("seq64k")]
    figures = dict.fromkeys(["replay", "depth", "arrivals", "paper_drive", "fairness"], "")
    figures |= {path.stem: _svg.inline(path.read_text(), f"disk_{path.stem}") for path in folder.glob("*.svg")}
    return markupsafe.Markup(environment.get_template("disk.html.j2").render(
        figures=figures,
        replay=[("reads where no cache helps", replay["far_reads"]), ("all", replay["all"])],
        compared=len(reference),
        worst={"closed": _loads.errors(closed).abs().max(), "open": _loads.errors(arrivals[arrivals.amount <= 90]).abs().max()},
        others=other_rows(reference.drop(closed.index).drop(arrivals.index)),
        drive=drive_of(_loads.PAPER_DRIVE),
        sequential=[(row.input.split("_")[1] + " zone", row.per_second * 65536 / 1e6) for row in sequential.itertuples()],
        fairness_question=json.loads((ROOT / "experiments/devices/disk-fairness.json").read_text())["question"],
    ))

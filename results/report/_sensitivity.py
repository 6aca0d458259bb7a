#!/usr/bin/python3
"""How far results move when uncertain parameters move over their ranges.

Experiments in experiments/sensitivity/ have a case "as in the files" and cases "KEY VALUE". They take longer than the
paper's, so what they gave is kept in results/sensitivity/, with the revision that gave it:

  ringzero run experiments/sensitivity/fig6.json --out results/out/sensitivity/fig6
  results/report/_sensitivity.py results/out/sensitivity/fig6/result.json      # keeps it
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STORE = ROOT / "results" / "sensitivity"
BASE = "as in the files"


def summary_of(document, show):
    """The means of the metrics that the experiment shows, by point."""
    experiment = document["experiments"][0]
    rows = []
    for point in experiment["points"]:
        for metric in point["metrics"]:
            if metric["metric"] in show and point["finished"]:
                rows.append({"case": point.get("case", ""), "values": point.get("values", {}),
                             "metric": metric["metric"], "mean": float(f"{metric['mean']:.6g}")})
    file = ROOT / experiment["file"]
    return {"experiment": experiment["experiment"], "file": str(file.relative_to(ROOT)),
            "revision": document["revision"], "rows": rows}


def said(value):
    """A varied value in a heading: of a list of programs the first one, and what it is asked for."""
    if not isinstance(value, list):
        return str(value)
    (program, settings), = value[0].items()
    return settings.get("query", program)


def label_of(row):
    short = row["metric"].split(".")[-1]
    return short + "".join(f", {said(value)}" for value in row["values"].values())


def table_of(summary):
    """Columns (label, value as in the files) and for every parameter the changes in per cent at each of its values."""
    base = {label_of(row): row["mean"] for row in summary["rows"] if row["case"] == BASE}
    parameters = {}
    for row in summary["rows"]:
        key, _, value = row["case"].rpartition(" ")
        if row["case"] == BASE or not base.get(label_of(row)):
            continue
        change = 100 * (row["mean"] / base[label_of(row)] - 1)
        parameters.setdefault(key, {}).setdefault(value, {})[label_of(row)] = change
    rows = [{"key": key, "values": list(values),
             "cells": [[changes.get(label) for changes in values.values()] for label in base],
             "largest": max(abs(change) for changes in values.values() for change in changes.values())}
            for key, values in parameters.items()]
    rows.sort(key=lambda row: -row["largest"])
    return {"columns": list(base.items()), "rows": rows}


def sensitivity_of(experiment_id):
    """What there is for an experiment of the paper: the file that asks, and a table if it has been run."""
    for path in sorted((ROOT / "experiments" / "sensitivity").glob("*.json")):
        asked = json.loads(path.read_text())
        if asked["experiment"].removesuffix("-sensitivity") != experiment_id:
            continue
        found = {"file": str(path.relative_to(ROOT)), "id": asked["experiment"], "stem": path.stem,
                 "question": asked.get("question", ""), "table": None, "revision": None}
        fresh = ROOT / "results" / "out" / "sensitivity" / path.stem / "result.json"
        kept = STORE / f"{path.stem}.json"
        if fresh.exists():
            summary = summary_of(json.loads(fresh.read_text()), asked["show"])
        elif kept.exists():
            summary = json.loads(kept.read_text())
        else:
            return found
        found.update(table=table_of(summary), revision=summary["revision"])
        return found
    return None


def main():
    for name in sys.argv[1:]:
        document = json.loads(pathlib.Path(name).read_text())
        asked_in = ROOT / document["experiments"][0]["file"]
        asked = json.loads(asked_in.read_text())
        STORE.mkdir(exist_ok=True)
        out = STORE / f"{asked_in.stem}.json"
        out.write_text(json.dumps(summary_of(document, asked["show"]), indent=1) + "\n")
        print(out)


if __name__ == "__main__":
    main()

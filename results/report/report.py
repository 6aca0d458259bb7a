#!/usr/bin/python3
"""The living paper: one page that needs nothing else.

For every figure and table of the paper what it shows, what the simulation gives, the error; for every experiment its
configuration, where the time went, the parameters it rests on, how far they move it, and how to run it again. Nothing
is listed here: what experiments, ledger and figures there are is what the page has.
"""
import ast
import csv
import json
import pathlib
import sys

import jinja2
import markupsafe

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "figures"))
import _style as style  # noqa: E402  (from the folder beside)

import _disk  # noqa: E402
import _ledger  # noqa: E402
import _parameters  # noqa: E402
import _sensitivity  # noqa: E402
import _svg  # noqa: E402

# What CPU time goes to, in the order in which bars are drawn; one that is not here comes behind them.
COLOURS = {"user": "#9ecae1", "kernel": "#6baed6", "driver": "#4292c6", "bytes": "#c7e9c0", "cache": "#fdd0a2",
          "tlb": "#fdae6b", "crossing": "#fb6a4a", "operation": "#fcae91", "validation": "#cb181d",
          "hypervisor": "#a50f15", "emulation": "#756bb1", "idle": "#eeeeee"}


def begins_with(name, known):
    """That of the known figures of the paper which a name begins with: table3 with tab3, isolation with iso; or ""."""
    name = name.replace("table", "tab")
    return max((figure for figure in known if name.startswith(figure)), key=len, default="")


def figures_in(folder, known):
    """Every picture there is: its name, the figure of the paper that it belongs to, and a caption from its script.

    A script belongs to that of the known figures which its name begins with, or says so: FIGURE_OF = "scal".
    """
    figures = []
    for path in sorted(folder.glob("*.svg")):
        script = HERE.parent / "figures" / f"{path.stem}.py"
        caption, figure_of = "", begins_with(path.stem, known)
        if script.exists():
            tree = ast.parse(script.read_text())
            caption = ast.get_docstring(tree) or ""
            for node in tree.body:
                if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FIGURE_OF":
                    figure_of = ast.literal_eval(node.value)
        figures.append({"name": path.stem, "figure_of": figure_of, "caption": caption,
                        "is_it": path.stem.replace("table", "tab") == figure_of,
                        "svg": _svg.inline(path.read_text(), path.stem)})
    return figures


def read_results(path):
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def breakdown_of(rows):
    """Points with the share of all CPU time that each cause has, in per cent, and of that the core's steps."""
    sums, replications = {}, {}
    for row in rows:
        metric = row["metric"]
        if metric.startswith("time."):
            point = sums.setdefault(row["point"], {})
            point[metric] = point.get(metric, 0) + float(row["value"])
            replications.setdefault(row["point"], set()).add(row["replication"])
    points = []
    for name, metrics in sums.items():
        means = {metric: value / len(replications[name]) for metric, value in metrics.items()}
        shares = {metric.split(".")[1]: value for metric, value in means.items() if metric.count(".") == 1}
        steps = sorted(((metric.split(".")[2], value) for metric, value in means.items()
                        if metric.startswith("time.hypervisor.")), key=lambda step: -step[1])
        points.append({"name": name, "shares": shares, "steps": steps[:5]})
    return points


def own_settings(document, point):
    """What a point sets beyond what the file sets for all of them."""
    case = next((case for case in document.get("cases", []) if case["name"] == point.get("case")), {})
    settings = {**case.get("set", {}), **point.get("values", {})}
    return ", ".join(f"{key} = {value if isinstance(value, str) else json.dumps(value)}"
                     for key, value in settings.items())


def experiment_of(run, results, files, known):
    """Everything that the page says of one experiment that was run."""
    source = ROOT / run["file"]
    document = json.loads(source.read_text())
    result_file = results / run["id"] / "result.json"
    points = json.loads(result_file.read_text())["experiments"][0]["points"]
    for point, cost in zip(points, run["points"]):
        point["own"] = own_settings(document, point)
        point["host_seconds"] = cost["host_seconds"]
        point["events"] = sum(replication["events"] for replication in point["replications"])
        point["shown"] = {metric["metric"]: metric for metric in point["metrics"]
                          if metric["metric"] in document.get("show", [])}
    seconds = sum(point["host_seconds"] for point in points)
    events = sum(point["events"] for point in points)
    shown = [name for name in document.get("show", []) if any(name in point["shown"] for point in points)]
    return {
        **run, "document": document, "source": source.read_text(), "points": points, "shown": shown,
        "seconds": seconds, "events": events, "events_per_second": events / seconds if seconds else 0,
        "failed": [point for point in points if not point["finished"]],
        "figures": sorted({line["id"].split(".")[0] for line in document.get("ledger", [])}
                          or {begins_with(run["id"], known)} - {""}),
        "breakdown": breakdown_of(read_results(results / run["id"] / "results.csv")),
        "parameters": _parameters.files_used(files, [point["configuration"] for point in points]),
        "sensitivity": _sensitivity.sensitivity_of(run["id"]),
    }


def figure_sections(ledger, published, known, experiments, figures):
    """A section for each figure of the paper that an experiment answers or that a picture belongs to."""
    told = json.loads((HERE / "paper.json").read_text())
    names = list(dict.fromkeys([row["figure"] for row in ledger] + [f for e in experiments for f in e["figures"]]))
    names += sorted({figure["figure_of"] for figure in figures if figure["figure_of"] in known} - set(names))
    order = {entry["id"].split(".")[0]: i for i, entry in reversed(list(enumerate(published)))}
    sections = []
    for name in sorted(names, key=lambda name: order.get(name, len(order))):
        entries = [entry for entry in published if entry["id"].split(".")[0] == name]
        rows = [row for row in ledger if row["figure"] == name]
        simulated = {row["id"] for row in rows}
        sections.append({
            "name": name, "title": told.get(name, {}).get("title", entries[0]["experiment"] if entries else name),
            "shows": told.get(name, {}).get("shows", ""), "source": entries[0]["source"] if entries else "",
            "rows": rows, "notes": {entry["id"]: entry["note"] for entry in entries if entry.get("note")},
            "missing": [entry for entry in entries if entry["id"] not in simulated and entry["role"] in _ledger.ROLES
                        and isinstance(entry["value"], (int, float))],
            "figures": sorted((figure for figure in figures if figure["figure_of"] == name),
                              key=lambda figure: not figure["is_it"]),
            "experiments": [experiment for experiment in experiments if name in experiment["figures"]],
            "summary": _ledger.summary(rows, "system"),
        })
    return sections


def number(value, digits=4):
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def main():
    options = style.arguments(__doc__.splitlines()[0])
    run = json.loads((options.results / "run.json").read_text())
    published = json.loads(options.published.read_text())
    ledger = _ledger.read(options.results / "ledger.csv")
    files = _parameters.parameter_files(ROOT)
    known = {entry["id"].split(".")[0] for entry in published}
    experiments = [experiment_of(one, options.results, files, known) for one in run["experiments"]]
    found = {cause for experiment in experiments for point in experiment["breakdown"] for cause in point["shares"]}
    causes = COLOURS | {cause: "#e7298a" for cause in sorted(found - set(COLOURS))}
    figures = figures_in(options.results / "figures", known)
    sections = figure_sections(ledger, published, known, experiments, figures)
    placed = {section["name"] for section in sections}

    environment = jinja2.Environment(autoescape=True, loader=jinja2.FileSystemLoader(HERE), trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(number=number, system=_ledger.system_name,
                               json=lambda value: json.dumps(value, indent=1))
    page = environment.get_template("report.html.j2").render(
        run=run, ledger=ledger, sections=sections, experiments=experiments, files=files, causes=causes,
        other_figures=[figure for figure in figures if figure["figure_of"] not in placed],
        by_system=_ledger.summary(ledger, "system"), by_figure=_ledger.summary(ledger, "figure", "system"),
        slowest=sorted(experiments, key=lambda experiment: -experiment["seconds"]),
        disk=_disk.section(options.results, environment) if (options.results / "disk").is_dir() else None,
        style=markupsafe.Markup((HERE / "report.css").read_text()),
        script=markupsafe.Markup((HERE / "report.js").read_text()),
    )
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "report.html").write_text(page)
    print(options.out / "report.html")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Opens the report of `ringzero paper` in headless Chromium, as a reader would, without a network.

  tests/report.py [results/out/paper]

Nothing may be fetched or complained of; every figure that was drawn has to be there and visible; every table has to
sort by every column, both ways; what CPU time went to has to be all of it; every link has to lead somewhere; and from a
figure of the paper each of its experiments' configuration, breakdown and parameters' origins have to be three clicks
away at most.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    print("skipped: python3-selenium is not installed (see packages.txt)")
    sys.exit(0)

CHROMIUM, DRIVER = pathlib.Path("/usr/bin/chromium"), pathlib.Path("/usr/bin/chromedriver")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1400,1000"]

# Clicks every heading of every table twice. Its own idea of order: what is not there last; numbers where all are.
SORT = r"""
const faults = [];
let columns = 0;
const key = cell => cell.dataset.value ?? cell.textContent.trim();
const number = text => parseFloat(text.replaceAll(" ", ""));
const isNumber = text => /^[+-]?[0-9.]+(e[+-]?[0-9]+)?\s*%?$/i.test(text);
const before = table => Array.from(table.tBodies[0].rows, row => row.textContent).sort().join("\n");
for (const table of document.querySelectorAll("table")) {
  if (!table.tHead || table.tBodies.length !== 1) { faults.push("a table without head or body"); continue; }
  const rows = before(table);
  for (const heading of table.tHead.rows[0].cells) {
    ++columns;
    for (const direction of ["ascending", "descending"]) {
      heading.click();
      if (heading.getAttribute("aria-sort") !== direction) faults.push(heading.textContent + ": not " + direction);
      const keys = Array.from(table.tBodies[0].rows, row => key(row.cells[heading.cellIndex]));
      const there = keys.filter(text => text !== "");
      if (keys.slice(0, there.length).includes("")) faults.push(heading.textContent + ": empty cells are not last");
      const sign = direction === "ascending" ? 1 : -1;
      const numeric = there.every(isNumber);
      for (let i = 1; i < there.length; ++i) {
        const order = numeric ? number(there[i]) - number(there[i - 1])
                              : there[i].localeCompare(there[i - 1], "en", {numeric: true});
        if (sign * order < 0) faults.push(heading.textContent + ": " + there[i - 1] + " before " + there[i]);
      }
    }
  }
  if (before(table) !== rows) faults.push("sorting changed the rows of a table");
}
return {tables: document.querySelectorAll("table").length, columns, faults: faults.slice(0, 10)};
"""

FIGURES = r"""
return Object.fromEntries(Array.from(document.querySelectorAll("figure.of-paper"), figure => {
  const box = figure.querySelector("svg").getBoundingClientRect();
  return [figure.dataset.name, box.width > 100 && box.height > 50];
}));
"""

# Clicks needed from a figure of the paper, breadth first over the links and what they unfold.
CLICKS = r"""
const reach = (start) => {
  const clicks = {[start]: 0}, queue = [start];
  while (queue.length) {
    const at = queue.shift();
    for (const link of document.getElementById(at)?.querySelectorAll("a[href^='#']") ?? []) {
      const to = link.getAttribute("href").slice(1);
      if (!(to in clicks)) { clicks[to] = clicks[at] + 1; queue.push(to); }
    }
  }
  return clicks;
};
return Object.fromEntries(Array.from(document.querySelectorAll("section.figure-of-paper"),
                                     section => [section.id, reach(section.id)]));
"""


# What the causes of each point sum to, in per cent.
BREAKDOWNS = r"""
return Array.from(document.querySelectorAll("details[id^='breakdown-'] tbody tr"), row => {
  const shares = Array.from(row.cells).slice(2, -1).map(cell => Number(cell.textContent));
  return [row.cells[0].textContent, shares.reduce((sum, share) => sum + share, 0)];
});
"""


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, name, ok, detail=""):
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        print(f"{'ok    ' if ok else 'FAILED'}  {name}{'' if ok or not detail else ': ' + str(detail)}")


def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(str(DRIVER)), options=options)


def look(page, folder, check):
    report = folder / "report.html"
    page.get(report.resolve().as_uri())
    fetched = page.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    check("nothing is fetched", not [name for name in fetched if not name.startswith("data:")], fetched)
    text = report.read_text()
    outside = re.findall(r'(?:src|href)="(?!#|data:)([^"]*)"', re.sub(r"<svg.*?</svg>", "", text, flags=re.S))
    check("what it refers to outside lies beside it", all((folder / name).exists() for name in outside), outside)

    drawn = {path.stem for path in (folder / "figures").glob("*.svg")}
    there = page.execute_script(FIGURES)
    check(f"every figure is there ({len(drawn)})", drawn and set(there) == drawn and all(there.values()),
          drawn.symmetric_difference(there) or there)
    page.execute_script("document.querySelectorAll('details').forEach(node => { node.open = true; })")
    sorting = page.execute_script(SORT)
    check(f"every table sorts ({sorting['tables']} tables, {sorting['columns']} columns)",
          sorting["tables"] > 0 and not sorting["faults"], sorting["faults"])

    sums = page.execute_script(BREAKDOWNS)
    off = [(point, total) for point, total in sums if abs(total - 100) > 0.1]
    check(f"every breakdown accounts for all CPU time ({len(sums)} points)", sums and not off, off[:5])

    dead = page.execute_script(r"""return Array.from(document.querySelectorAll("a[href^='#']"),
        link => link.getAttribute("href").slice(1)).filter(id => !document.getElementById(id))""")
    check("every link leads somewhere", not dead, dead)
    twice = page.execute_script(r"""const ids = Array.from(document.querySelectorAll("[id]"), node => node.id);
        return ids.filter((id, i) => ids.indexOf(id) !== i)""")
    check("every name is there once", not twice, twice[:5])

    page.execute_script("document.querySelectorAll('details').forEach(node => { node.open = false; })")
    run = json.loads((folder / "run.json").read_text())
    ids = {experiment["id"] for experiment in run["experiments"]}
    there = set(page.execute_script("return Array.from(document.querySelectorAll('section.experiment'), s => s.id)"))
    check(f"every experiment is there ({len(ids)})", there == {f"experiment-{name}" for name in ids}, there)
    far, clicks = [], page.execute_script(CLICKS)
    for figure, reached in clicks.items():
        for experiment in ids:
            if reached.get(f"experiment-{experiment}") != 1:
                continue  # of another figure
            for part in ("configuration", "breakdown", "parameters"):
                if reached.get(f"{part}-{experiment}", 9) > 2:
                    far.append(f"{figure}: {part} of {experiment}")
        if not any(name.startswith("file-") and at <= 3 for name, at in reached.items()):
            far.append(f"{figure}: no origin of a parameter")
    check("configuration, breakdown, parameters' origins: three clicks at most", clicks and not far, far)
    links = page.find_elements("css selector", "a[href^='#breakdown-']")
    links[0].click()
    opened = page.execute_script("return document.getElementById(arguments[0]).open",
                                 links[0].get_attribute("href").split("#")[1])
    check("a link into something folded unfolds it", opened)

    log = [entry["message"] for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    check("no complaint on the console", not log, log)


def with_a_failure(folder, into):
    """What the report would say if one point and one script had failed; returns their names."""
    for entry in folder.iterdir():
        if entry.name not in ("run.json", "report.html"):
            (into / entry.name).symlink_to(entry.resolve())
    run = json.loads((folder / "run.json").read_text())
    run["failed_scripts"] = ["results/figures/some_figure.py"]
    (into / "run.json").write_text(json.dumps(run))
    victim = run["experiments"][0]["id"]
    (into / victim).unlink()
    shutil.copytree(folder / victim, into / victim)
    document = json.loads((into / victim / "result.json").read_text())
    point = document["experiments"][0]["points"][-1]
    point.update(finished=False, failure="broken invariant: planted", metrics=[])
    (into / victim / "result.json").write_text(json.dumps(document))
    root = pathlib.Path(__file__).resolve().parent.parent
    subprocess.run(["/usr/bin/python3", root / "results/report/report.py", "--results", into, "--out", into,
                    "--published", root / "results/published/published.json"], check=True, stdout=subprocess.DEVNULL)
    return [run["failed_scripts"][0], victim, point["point"], point["failure"]]


def look_for_failure(page, folder, check):
    with tempfile.TemporaryDirectory() as into:
        names = with_a_failure(folder.resolve(), pathlib.Path(into))
        page.get((pathlib.Path(into) / "report.html").as_uri())
    marked = page.execute_script("return Array.from(document.querySelectorAll('.failed'), node => node.textContent)")
    check("what failed is marked", all(any(name in text for text in marked) for name in names), (names, marked))
    there = page.execute_script("return document.querySelectorAll('section.experiment').length")
    check("and the rest is there", there == len(json.loads((folder / "run.json").read_text())["experiments"]), there)


def main():
    if not CHROMIUM.exists() or not DRIVER.exists():
        print("skipped: chromium or chromium-driver is not installed (see packages.txt)")
        return 0
    root = pathlib.Path(__file__).resolve().parent.parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "results" / "out" / "paper"
    check = Checks()
    with tempfile.TemporaryDirectory() as profile:
        page = browser(profile)
        try:
            look(page, folder, check)
            look_for_failure(page, folder, check)
        finally:
            page.quit()
    print(f"{check.passed} checks passed, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())

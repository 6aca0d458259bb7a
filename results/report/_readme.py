#!/usr/bin/python3
"""The ledger's summary in the README, between its marks.

  results/report/_readme.py --update     writes it from results/out/paper/ledger.csv
  results/report/_readme.py --check      exit status 1 if the README says something else
"""
import argparse
import pathlib
import sys

import _ledger

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BEGIN = "<!-- ledger: written by results/report/_readme.py -->"
END = "<!-- end of ledger -->"


def summary(rows):
    lines = ["| system | role | values | median error | 90th percentile |", "|---|---|---|---|---|"]
    lines += [f"| {line['system']} | {line['role']} | {line['values']} | {line['median']:.1f} % | {line['p90']:.1f} % |"
              for line in _ledger.summary(rows, "system")]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--update", action="store_true")
    action.add_argument("--check", action="store_true")
    parser.add_argument("--ledger", type=pathlib.Path, default=ROOT / "results/out/paper/ledger.csv")
    parser.add_argument("--readme", type=pathlib.Path, default=ROOT / "README.md")
    options = parser.parse_args()
    text = options.readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{options.readme}: wants one line \"{BEGIN}\" and one line \"{END}\"")
    before, rest = text.split(BEGIN)
    there, after = rest.split(END)
    wanted = f"\n{summary(_ledger.read(options.ledger))}\n"
    if there == wanted:
        print("README and ledger agree")
    elif options.update:
        options.readme.write_text(before + BEGIN + wanted + END + after)
        print(f"{options.readme} written")
    else:
        print(f"README and ledger differ; results/report/_readme.py --update would write:\n{wanted}\n"
              f"instead of:\n{there}")
        sys.exit(1)


if __name__ == "__main__":
    main()

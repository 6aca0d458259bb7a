"""The ledger and its summary: median and 90th percentile of the absolute error."""
import csv

SYSTEM_NAMES = {"L": "native Linux", "X": "Xen", "V": "VMware", "U": "User-Mode Linux"}
ROLES = ("prediction", "calibration")


def read(path):
    """Rows of ledger.csv, numbers as numbers; None where there is none."""
    numbers = ("published", "simulated", "ci_low", "ci_high", "error_percent")
    with open(path, newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row.update({key: float(row[key]) if row[key] else None for key in numbers})
        row["figure"] = row["id"].split(".")[0]
    return rows


def system_name(system):
    """"L-SMP" and "L-UP" are native Linux, "X (5 ms slice)" is Xen."""
    return SYSTEM_NAMES.get(system.split("-")[0].split(" ")[0], system)


def quantile(values, share):
    """Linear between the order statistics, as the program has it."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def summary(rows, *keys):
    """By role and the given keys of a row (system names merged), in the order in which they appear."""
    groups = {}
    for row in rows:
        if row["error_percent"] is None or row["role"] not in ROLES:
            continue
        merged = {**row, "system": system_name(row["system"])}
        groups.setdefault((row["role"], *(merged[key] for key in keys)), []).append(abs(row["error_percent"]))
    return [{"role": group[0], **dict(zip(keys, group[1:])), "values": len(errors), "median": quantile(errors, 0.5),
             "p90": quantile(errors, 0.9)}
            for group, errors in sorted(groups.items(), key=lambda item: ROLES.index(item[0][0]))]

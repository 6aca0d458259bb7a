"""Every number that the model rests on, from the files that have it: value, unit, origin, source, certainty, range."""
import json


# What an entry may leave out.
NOTHING = {"unit": "", "certainty": "", "source": "", "note": "", "range": None, "confidence": None, "fitted_on": []}


def entries_of(node, path=()):
    """Every parameter below a node of a file, with its dotted key."""
    if not isinstance(node, dict):
        return
    if "value" in node and "origin" in node:
        yield {**NOTHING, **node, "key": ".".join(path)}
        return
    for key, child in node.items():
        yield from entries_of(child, (*path, key))


def parameter_files(root):
    """One dictionary per file: name (its stem), path, description, entries; those without parameters are left out."""
    files = []
    for folder in ("model", "workloads", "hypervisor-core"):
        for path in sorted((root / folder).rglob("*.json")):
            document = json.loads(path.read_text())
            entries = list(entries_of(document))
            if entries:
                files.append({"name": path.stem, "path": str(path.relative_to(root)),
                              "description": document.get("description", ""), "entries": entries})
    return files


def _words(node):
    if isinstance(node, dict):
        for key, child in node.items():
            yield key
            yield from _words(child)
    elif isinstance(node, list):
        for child in node:
            yield from _words(child)
    elif isinstance(node, str):
        yield node


SYSTEM_FILES = {"xen": {"core_paths"}, "uml": {"skas3"}, "vmware": {"workstation32"}}


def files_used(files, configurations):
    """The files that a run with one of these configurations reads: named in it, or always read for its system."""
    used = {"linux24"}
    for configuration in configurations:
        used |= set(_words(configuration)) | SYSTEM_FILES.get(configuration.get("system", "xen"), set())
    return [file for file in files if file["name"] in used]

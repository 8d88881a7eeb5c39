"""The tags of several models as the classes of one, for a search among them."""

import json


def write_joined_labels(paths, target):
    """Each class and each parent is a class, once; whoever comes first describes it. A search sums nothing, so nothing has parents."""
    labels = [json.loads(path.read_text("utf-8")) for path in paths]
    tags = {}
    for entry in (tag for each in labels for tag in tags_of(each)):
        known = tags.setdefault(entry["name"], entry)
        if known is not entry:
            add_names(known, entry)
    categories = {name: spoken for each in reversed(labels) for name, spoken in each["categories"].items()}
    classes = [{"index": index, **entry} for index, entry in enumerate(tags.values())]
    source = "; ".join(each["source"] for each in labels)
    joined = {"version": 1, "source": source, "classes": classes, "parents": {}, "categories": categories}
    target.write_text(json.dumps(joined, ensure_ascii=False, indent=1) + "\n", "utf-8")


def tags_of(labels):
    for entry in labels["classes"]:
        yield described(entry["name"], entry)
    for name, entry in labels["parents"].items():
        yield described(name, entry)


def described(name, entry):
    names = {key: list(entry.get(key, ())) for key in ("synonyms", "ko_synonyms")}
    return {"name": name, "category": entry["category"], "parents": [], "ko": entry["ko"], **names}


def add_names(known, entry):
    for key in ("synonyms", "ko_synonyms"):
        known[key] += [name for name in entry[key] if name not in known[key]]

"""Holds captions to the rules that the worker promises, in its own words: `check.py captions.ndjson labels.json`."""

import json
import pathlib
import re
import sys

MOST_WORDS = 25
PROMPT_RUN = 4
PROMPT = pathlib.Path(__file__).parents[2] / "src/captioning/prompt.rs"


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def forms(text):
    """The words of a name as it stands and in the plural."""
    name = words(text.split("(")[0])
    if not name:
        return set()
    plurals = [name[-1] + "s", name[-1] + "es", re.sub("y$", "ies", name[-1])]
    return {tuple(name), *(tuple(name[:-1] + [plural]) for plural in plurals)}


def places(said, form):
    """Where a name stands: the numbers of its words."""
    starts = range(len(said) - len(form) + 1)
    return [range(at, at + len(form)) for at in starts if tuple(said[at : at + len(form)]) == form]


def names(said, form):
    return bool(places(said, form))


def runs(said, length):
    return [tuple(said[at : at + length]) for at in range(len(said) - length + 1)]


def instruction():
    """What every language model is told, word by word."""
    return words(re.search(r'SYSTEM: &str =\s+"(.+)";', PROMPT.read_text(encoding="utf-8"))[1])


def broken(caption, labels, told):
    """The rules that a caption breaks."""
    text, given = caption["text"], caption["tags"]
    said = words(text)
    if not re.fullmatch(r"[A-Za-z0-9À-ž ,'\-]+\.", text):
        yield "not one sentence of allowed characters"
    if not 2 <= len(said) <= MOST_WORDS:
        yield "length"
    if not any(names(said, form) for tag in given for form in forms(tag["name"])):
        yield "names no given tag"
    # A chow chow is one animal.
    of_names = {pair for tag in given for pair in runs(words(tag["name"]), 2)}
    if any(a == b and (a, b) not in of_names for a, b in runs(said, 2)):
        yield "a word twice in a row"
    if len(set(runs(said, 3))) < len(runs(said, 3)):
        yield "three words in a row twice"
    if "user" in said or "assistant" in said or "system" in said:
        yield "a role of the prompt"
    if set(runs(said, PROMPT_RUN)) & set(runs(told, PROMPT_RUN)):
        yield "text of the prompt"
    known = {form for tag in given for name in (tag["name"], *tag["parents"]) for form in forms(name)}
    given_places = [set(place) for form in known for place in places(said, form)]
    for label in labels:
        for form in forms(label):
            # The dog in a hot dog is part of what was given.
            if not all(any(set(place) <= whole for whole in given_places) for place in places(said, form)):
                yield f"names {label}, which was not given"


def main(captions_path, labels_path):
    document = json.loads(open(labels_path, encoding="utf-8").read())
    labels = {entry["name"] for entry in document["classes"]} | set(document["parents"])
    captions = [json.loads(line) for line in open(captions_path, encoding="utf-8")]
    told, bad = instruction(), 0
    for caption in captions:
        for rule in broken(caption, labels, told):
            bad += 1
            print(f"{rule}: {caption['text']} ({', '.join(tag['name'] for tag in caption['tags'])})")
    print(f"{len(captions)} captions, {bad} broken rules")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])

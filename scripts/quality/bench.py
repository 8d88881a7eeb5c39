"""bench.py TAGFLEET SAMPLES GROUPS LABELLED PORT: what a service with all models tells of pictures whose truth is known.

Groups are named by how many people are in them. Of the labelled photos, the stamps show things alone on white, and nobody; in the
others tourists stand before monuments, so that they count for nothing here but text. Pages are drawn (pages.py).
"""

import concurrent.futures
import io
import json
import pathlib
import subprocess
import sys
import time
import urllib.request

import pages

MODELS = "efficientnet-lite0,coco-ssd,blazeface,ppocr-text,open-nsfw"
FEATURES = "tags,people,text,safety,colors"
AT_ONCE = 4
PAGES = 90
LIKELY = 0.5
# Yahoo: below, a photo is likely safe.
SAFE = 0.2
# One that carries letters, and so no mistake.
WITH_TEXT = {"gcompris-31"}


def ask(base, picture):
    url = f"{base}/v1/tags?features={FEATURES}&timeout_ms=30000"
    request = urllib.request.Request(url, data=picture, headers={"content-type": "application/octet-stream"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def ask_all(base, pictures):
    """Name → answer."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as askers:
        answers = askers.map(lambda picture: ask(base, picture), pictures.values())
        return dict(zip(pictures, answers, strict=True))


def drawn():
    pictures = {}
    for seed in range(PAGES):
        kind, picture = pages.draw(seed)
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=90)
        pictures[f"{kind}-{seed}"] = file.getvalue()
    return pictures


def files(folder, pattern):
    return {path.name: path.read_bytes() for path in sorted(pathlib.Path(folder).glob(pattern)) if path.is_file()}


def people(answer):
    return answer["people"]["count"]


def is_page(answer):
    return max(grade["score"] for grade in answer["text"]["grades"]) >= LIKELY


def unsafe(answer):
    return answer["safety"]["grades"][0]["score"]


def f1(right, missed, wrong):
    return 2 * right / (2 * right + missed + wrong)


def count(answers, told):
    return sum(map(told, answers.values()))


def judge_people(groups, person, stamps):
    names = list(groups)
    off = {name: people(groups[name]) - int(name.split("-")[0]) for name in names}
    faces = sum(len(answer["people"]["faces"]["boxes"]) for answer in groups.values())
    there = sum(int(name.split("-")[0]) for name in names)
    tagged = sum(any(tag["id"] == "person" for tag in answer["tags"]) for answer in groups.values())
    print(f"groups: people counted too many or too few {off}; {faces} faces of {there}; `person` is a tag of {tagged} of {len(groups)}")
    seen = [name for name, answer in stamps.items() if people(answer)]
    print(f"nobody there, and somebody seen: {len(seen)} of {len(stamps)}: {', '.join(seen) or 'none'}")
    positives = {**groups, **person}
    right = count(positives, lambda answer: people(answer) > 0)
    return f1(right, len(positives) - right, len(seen))


def judge_pages(drawn_pages, photos):
    missed = [name for name, answer in drawn_pages.items() if not is_page(answer)]
    wrong = [name for name, answer in photos.items() if is_page(answer) and name not in WITH_TEXT]
    print(f"pages missed: {len(missed)} of {len(drawn_pages)}: {', '.join(missed) or 'none'}")
    print(f"photos that are text or pages: {len(wrong)} of {len(photos)}: {', '.join(wrong) or 'none'}")
    return f1(len(drawn_pages) - len(missed), len(missed), len(wrong))


def judge_safety(photos):
    doubted = {name: round(unsafe(answer), 2) for name, answer in photos.items() if unsafe(answer) >= SAFE}
    print(f"harmless photos from {SAFE} on: {len(doubted)} of {len(photos)}: {doubted or 'none'}")
    return len(doubted)


def await_ready(base):
    while True:
        try:
            urllib.request.urlopen(f"{base}/readyz", timeout=1)
            return
        except OSError:
            time.sleep(0.1)


def main(tagfleet, samples, groups, labelled, port):
    base = f"http://127.0.0.1:{port}"
    options = ["--listen", f"127.0.0.1:{port}", "--store-url", "memory:", "--cache", "off", "--captioner", "off"]
    service = subprocess.Popen([tagfleet, "serve", *options, "--model", MODELS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_ready(base)
        begun = time.monotonic()
        group = ask_all(base, files(groups, "*.jpg"))
        person = ask_all(base, files(f"{samples}/no-class", "person.png"))
        stamps = ask_all(base, files(labelled, "tuxpaint-*"))
        others = ask_all(base, {**files(labelled, "gcompris-*"), **files(samples, "*.[jp][pn]g")})
        page = ask_all(base, drawn())
        asked = len(group) + len(person) + len(stamps) + len(others) + len(page)
        ms = (time.monotonic() - begun) / asked * 1e3
        people_f1 = judge_people(group, person, stamps)
        document_f1 = judge_pages(page, {**stamps, **others, **group})
        doubted = judge_safety({**stamps, **others})
        print(f"RESULT people_f1={people_f1:.3f} document_f1={document_f1:.3f} doubted={doubted} images={asked} ms_per_image={ms:.1f}")
    finally:
        service.terminate()
        service.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

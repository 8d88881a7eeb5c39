"""`python3 -m unittest discover -s models`: no network. What converts needs numpy and onnx and is
skipped without them; the Python that a build leaves in its folder has both (see README.md).
"""

import hashlib
import io
import pathlib
import pickle
import re
import sys
import tarfile
import tempfile
import types
import unittest
import zipfile
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parent / "convert"))

import build
from steps import BuildError, fetch, items
from steps.lock import Package, read_lock
from taxonomy import labels
from taxonomy.wordnet import WordNet

try:
    import efficientnet
    import numpy
    import torch_weights
except ImportError:
    numpy = None


def folder(test):
    scratch = tempfile.TemporaryDirectory()
    test.addCleanup(scratch.cleanup)
    return pathlib.Path(scratch.name)


def wheel(text):
    """The bytes of a wheel with one member."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("pkg/photo.jpg"), text)
    return data.getvalue()


class FakeIndex:
    """Stands where pip would be: serves one wheel and counts how often it was asked."""

    def __init__(self, data):
        self.data, self.asked = data, 0

    def __call__(self, package, target, _python):
        self.asked += 1
        (target / package.file).write_bytes(self.data)


class TheLock(unittest.TestCase):
    """Each machine has its own packages, where they differ from machine to machine."""

    def test_no_machine_is_given_what_another_runs(self):
        for machine, other, npm in (("x86_64", "aarch64", "x64"), ("aarch64", "x86_64", "arm64")):
            lock = read_lock(build.MODELS / "lock.toml", machine)
            with self.subTest(machine=machine):
                self.assertFalse([package.file for package in lock.values() if other in package.file])
                self.assertIn(machine, lock["onnxruntime"].file)
                self.assertIn(f"@node-llama-cpp/linux-{npm}", lock)

    def test_every_machine_has_what_is_built_by_default(self):
        """But GPUs, for which nothing but x86_64 is pinned; and that is said, not found out."""
        for machine in ("x86_64", "aarch64"):
            lock = read_lock(build.MODELS / "lock.toml", machine)
            missing = {item.name for item in items.ITEMS for name in item.packages if name.replace("linux-x64", NPM[machine]) not in lock}
            with self.subTest(machine=machine):
                self.assertEqual(missing, set() if machine == "x86_64" else set(build.GPU_ITEMS))

    def test_what_is_not_pinned_for_this_machine_is_refused_in_words(self):
        item = items.Item("onnxruntime-gpu", ("onnxruntime-gpu",))
        with self.assertRaisesRegex(BuildError, "onnxruntime-gpu is not to be had for"):
            item.recipe({})

    def test_both_machines_libraries_become_the_same_files(self):
        taken = [set(read_lock(build.MODELS / "lock.toml", machine)["onnxruntime"].take.values()) for machine in ("x86_64", "aarch64")]
        self.assertEqual(*taken)

    def test_every_compiled_package_is_pinned_for_both(self):
        """One wheel for each of three Pythons or one for several, so as many of one machine as of the other; pure ones have one."""
        for requirements in ("requirements.txt", "requirements-check.txt", "requirements-npm.txt"):
            text = (build.MODELS / requirements).read_text()
            for name, hashes in re.findall(r"(?m)^([a-z-]+)==\S+ ((?:\\\n    --hash=\S+ ?)+)", text):
                with self.subTest(requirements=requirements, package=name):
                    count = hashes.count("--hash")
                    self.assertTrue(count == 1 if name in PURE else count % 2 == 0, count)


NPM = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}
PURE = {"typing-extensions", "gguf", "flatbuffers", "packaging", "tflite"}


class FromNpm(unittest.TestCase):
    """npm's packages: how they are fetched, and files taken out of them."""

    def setUp(self):
        self.root = folder(self)
        self.package = Package("@who/library", "1.0", "npm", "who-library-1.0.tgz", "", "MIT", {"package/a.so": "lib/a.so"})

    def command(self, npm):
        sandbox = mock.Mock(npm=lambda: ["node", "npm-cli.js"])
        with mock.patch.object(fetch.shutil, "which", return_value=npm), mock.patch.object(fetch, "_run") as run:
            fetch._from_npm(self.package, self.root, sandbox)
        return run.call_args.args[0]

    def test_the_machines_client_is_used_where_there_is_one(self):
        self.assertEqual(self.command("/usr/bin/npm")[:2], ["/usr/bin/npm", "pack"])

    def test_one_of_its_own_is_used_elsewhere_and_runs_no_script(self):
        command = self.command(None)
        self.assertEqual(command[:3], ["node", "npm-cli.js", "pack"])
        self.assertIn("--ignore-scripts", command)
        self.assertEqual(command[-1], "@who/library@1.0")

    def test_its_pauses_are_such_as_the_client_takes(self):
        pauses = dict(option.split("=") for option in fetch.NPM_PATIENCE if "retry" in option)
        self.assertLessEqual(int(pauses["--fetch-retry-mintimeout"]), int(pauses["--fetch-retry-maxtimeout"]))

    def test_files_are_taken_out_of_its_archive(self):
        archive = self.root / "who-library-1.0.tgz"
        with tarfile.open(archive, "w:gz") as tar:
            member = tarfile.TarInfo("package/a.so")
            member.size = 4
            tar.addfile(member, io.BytesIO(b"code"))
        fetch.take(self.package, archive, self.root / "work")
        self.assertEqual((self.root / "work/lib/a.so").read_bytes(), b"code")


class Builds(unittest.TestCase):
    """A whole build of one item from a package that the fake index serves."""

    def setUp(self):
        self.root = folder(self)
        self.good = wheel("a photo")
        digest = hashlib.sha256(self.good).hexdigest()
        self.package = Package("pkg", "1.0", "pypi", "pkg-1.0.whl", digest, "CC0-1.0", {"pkg/photo.jpg": "photos/photo.jpg"})
        self.item = items.Item("photos", ("pkg",))

    def run_build(self, served, verify=False, strict=False):
        index = FakeIndex(served)
        with (
            mock.patch.object(fetch, "_from_pypi", index),
            mock.patch("steps.sandbox.Sandbox.create"),
            mock.patch("builtins.print"),
        ):
            made = build.Build(self.root, {"pkg": self.package}, strict).run([self.item], verify)
        return made, index.asked

    def photo(self):
        return self.root / "photos" / "photo.jpg"

    def test_the_first_run_makes_the_item(self):
        self.assertEqual(self.run_build(self.good), (["photos"], 1))
        self.assertEqual(self.photo().read_text(), "a photo")

    def test_a_wrong_hash_is_refused_and_says_which(self):
        bad = wheel("another photo")
        with self.assertRaises(BuildError) as refused:
            self.run_build(bad)
        for words in ("pkg-1.0.whl", self.package.sha256, hashlib.sha256(bad).hexdigest()):
            self.assertIn(words, str(refused.exception))
        self.assertFalse(self.photo().exists())

    def test_after_a_refusal_the_file_is_fetched_anew(self):
        with self.assertRaises(BuildError):
            self.run_build(wheel("another photo"))
        self.assertEqual(self.run_build(self.good), (["photos"], 1))

    def test_the_second_run_does_nothing(self):
        self.run_build(self.good)
        before = self.photo().stat()
        self.assertEqual(self.run_build(self.good), ([], 0))
        self.assertEqual(self.photo().stat().st_ino, before.st_ino)

    def test_what_is_optional_and_cannot_be_had_stops_nothing(self):
        self.item = items.Item("photos", ("pkg",), without="nothing moves")
        self.assertEqual(self.run_build(wheel("another photo")), ([], 1))
        self.assertFalse(self.photo().exists())
        # A later run, when it can be had, makes it.
        self.assertEqual(self.run_build(self.good), (["photos"], 1))

    def test_a_strict_build_does_without_nothing(self):
        self.item = items.Item("photos", ("pkg",), without="nothing moves")
        with self.assertRaises(BuildError):
            self.run_build(wheel("another photo"), strict=True)

    def test_a_cut_file_is_made_again(self):
        self.run_build(self.good)
        self.photo().write_text("a")
        self.assertEqual(self.run_build(self.good), (["photos"], 1))

    def test_another_version_in_the_lock_is_made_again(self):
        self.run_build(self.good)
        newer = wheel("a newer photo")
        self.package = Package(**{**vars(self.package), "version": "1.1", "sha256": hashlib.sha256(newer).hexdigest()})
        self.assertEqual(self.run_build(newer), (["photos"], 1))
        self.assertEqual(self.photo().read_text(), "a newer photo")

    def test_verify_sees_a_change_that_kept_the_size(self):
        self.run_build(self.good)
        self.photo().write_text("A photo")
        self.assertEqual(self.run_build(self.good), ([], 0))
        with self.assertRaisesRegex(BuildError, "photo.jpg was changed"):
            self.run_build(self.good, verify=True)

    def test_the_command_ends_with_the_message(self):
        with mock.patch.object(build, "main", side_effect=BuildError("no")), self.assertRaises(SystemExit) as ended:
            build.run_command()
        self.assertEqual(ended.exception.code, "models: no")


class Manifests(unittest.TestCase):
    def test_a_built_file_other_than_the_manifest_says_is_refused(self):
        made = folder(self)
        (made / "model.onnx").write_text("not the model")
        with self.assertRaisesRegex(BuildError, "model.onnx .*refused"):
            next(item for item in items.ITEMS if item.name == "efficientnet-lite0").check(made)


# offset file type words… pointers…; the shape of WordNet's data.noun
NOUNS = """\
  1 a licence
00000001 03 n 01 entity 0 000 | all
00000002 03 n 02 beast 0 creature 0 001 @ 00000001 n 0000 | lives
00000003 03 n 01 pet 0 001 @ 00000002 n 0000 | is kept
00000004 03 n 02 house_cat 0 cat 0 002 @ 00000002 n 0000 @ 00000003 n 0000 | purrs
00000005 03 n 01 crane 0 002 @ 00000002 n 0000 ~ 00000004 n 0000 | flies
00000006 03 n 01 crane 1 001 @ 00000001 n 0000 | lifts
""".splitlines()

TABLES = {
    "class_names": {"1": "crane (bird)"},
    "class_categories": {},
    "class_hypernyms": {},
    "synset_hypernyms": {},
    "parent_names": {"00000002 beast": "animal"},
    "categories": {"animal": ["00000002 beast"], "other": ["00000001 entity"]},
}


class Taxonomy(unittest.TestCase):
    def build(self, stop=(), **changes):
        tables = labels.Tables({**TABLES, **changes}, stop)
        ids = ["n00000004", "n00000005", "n00000006"]
        return labels.Taxonomy(["House Cat", "crane", "crane"], ids, NOUNS, tables)

    def test_parents_go_from_the_nearest_to_the_most_general(self):
        cat = self.build(["00000001 entity"]).classes()[0]
        self.assertEqual(cat["parents"], ["pet", "animal"])
        self.assertEqual((cat["name"], cat["synonyms"], cat["category"]), ("house cat", ["cat"], "animal"))

    def test_a_parent_is_never_as_deep_as_its_child(self):
        wordnet = WordNet(NOUNS)
        for child, parents in wordnet.hypernyms.items():
            self.assertTrue(all(wordnet.depth(parent) < wordnet.depth(child) for parent in parents))

    def test_two_classes_of_one_name_are_refused(self):
        taxonomy = self.build(class_names={})
        with self.assertRaisesRegex(labels.TaxonomyError, "twice among the classes: crane"):
            labels.check(taxonomy.classes(), taxonomy.parents())

    def test_a_class_without_a_parent_is_refused(self):
        taxonomy = self.build(["00000001 entity"])
        with self.assertRaisesRegex(labels.TaxonomyError, "no parent: crane"):
            labels.check(taxonomy.classes(), taxonomy.parents())

    def test_a_parent_named_as_a_class_is_refused(self):
        taxonomy = self.build(parent_names={"00000003 pet": "crane"})
        with self.assertRaisesRegex(labels.TaxonomyError, "class and parent: crane"):
            labels.check(taxonomy.classes(), taxonomy.parents())

    def test_a_table_that_misnames_a_synset_is_refused(self):
        with self.assertRaisesRegex(labels.TaxonomyError, "00000003 cat"):
            self.build(["00000003 cat"])


class _Storage:
    """Pickles as torch writes a storage: by persistent id, its values elsewhere in the file."""

    def __init__(self, values):
        self.values = values


def _module(name, **names):
    module = types.ModuleType(name)
    for key, value in names.items():
        value.__module__, value.__qualname__ = name, key
        setattr(module, key, value)
    return module


def legacy_file(path, storage, offset, shape, strides):
    """Writes one float tensor `w` in torch's legacy format, without torch."""

    def _rebuild_tensor_v2():
        pass

    class FloatStorage:
        pass

    class Tensor:
        def __reduce__(self):
            return _rebuild_tensor_v2, (_Storage(storage), offset, shape, strides, False, {})

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, _Storage):
                return ("storage", FloatStorage, "7", "cpu", len(thing.values), None)

    modules = {
        "torch": _module("torch", FloatStorage=FloatStorage),
        "torch._utils": _module("torch._utils", _rebuild_tensor_v2=_rebuild_tensor_v2),
    }
    with mock.patch.dict(sys.modules, modules), open(path, "wb") as file:
        for header in (torch_weights.MAGIC, torch_weights.PROTOCOL, {"little_endian": True}):
            pickle.dump(header, file, 2)
        Pickler(file, 2).dump({"w": Tensor()})
        pickle.dump(["7"], file, 2)
        file.write(len(storage).to_bytes(8, "little") + numpy.array(storage, "<f4").tobytes())


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Weights(unittest.TestCase):
    def read(self, offset, shape, strides, storage=range(7)):
        path = folder(self) / "weights.pth"
        legacy_file(path, list(storage), offset, shape, strides)
        return torch_weights.read_tensors(path)["w"]

    def test_a_transposed_tensor_is_read_by_its_strides(self):
        # Stored as 3 rows of 2, meant as 2 rows of 3.
        self.assertEqual(self.read(0, (2, 3), (1, 2)).tolist(), [[0, 2, 4], [1, 3, 5]])

    def test_a_tensor_may_begin_within_its_storage(self):
        self.assertEqual(self.read(1, (3, 2), (2, 1)).tolist(), [[1, 2], [3, 4], [5, 6]])

    def test_a_tensor_that_leaves_its_storage_is_refused(self):
        with self.assertRaisesRegex(torch_weights.FormatError, "element 7 of a storage of 7"):
            self.read(2, (2, 3), (1, 2))

    def test_a_pickle_that_would_run_something_is_refused(self):
        path = folder(self) / "weights.pth"
        path.write_bytes(pickle.dumps(print, 2))
        with self.assertRaisesRegex(torch_weights.FormatError, "print"):
            torch_weights.read_tensors(path)


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Graph(unittest.TestCase):
    def test_the_odd_pixel_of_same_padding_goes_after(self):
        cases = {(224, 3, 2): (0, 1), (224, 5, 2): (1, 2), (65, 3, 2): (1, 1), (112, 5, 1): (2, 2)}
        for case, expected in cases.items():
            self.assertEqual(efficientnet.same_padding(*case), expected, case)

    def test_a_folded_batch_norm_gives_what_the_two_steps_gave(self):
        gamma, beta, mean, variance, value = 2.0, 1.0, 0.5, 0.01, 3.0
        stats = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
        weights = {f"bn.{name}": numpy.array([stat], "f4") for name, stat in stats.items()}
        weights["conv.weight"] = numpy.full((1, 1, 1, 1), 4, "f4")
        kernel, bias = efficientnet.GraphWriter(weights, 1).fold("conv", "bn")
        expected = (4 * value - mean) / (variance + 1e-3) ** 0.5 * gamma + beta
        self.assertAlmostEqual(kernel.item() * value + bias.item(), expected, places=3)


if __name__ == "__main__":
    unittest.main()

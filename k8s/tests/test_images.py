"""deploy/Dockerfile is what its README and the checks say of it."""

import re
import unittest

from rendered import ROOT

TEXT = (ROOT / "deploy/Dockerfile").read_text()
README = (ROOT / "deploy/README.md").read_text()
# By its name, what each stage stands on.
STAGES = dict(reversed(found) for found in re.findall(r"^FROM (\S+) AS (\S+)$", TEXT, re.MULTILINE))


def stage(name):
    return re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]


class Dockerfile(unittest.TestCase):
    def test_the_image_for_every_role_is_the_default(self):
        self.assertEqual(list(STAGES)[-1], "cpu")

    def test_every_target_is_documented(self):
        for target in ("cpu", "cuda", "loadtest", "models"):
            self.assertIn(target, STAGES)
            self.assertRegex(README, rf"(?m)^\| `{target}`")

    def test_every_base_is_a_documented_argument(self):
        bases = {base for base in STAGES.values() if not re.match(r"scratch|(binary|models|runtime|cuda)-", base)}
        self.assertTrue(all(re.fullmatch(r"\$\{[A-Z]+_IMAGE\}", base) for base in bases), bases)
        for base in bases:
            self.assertIn(base.strip("${}"), README)

    def test_nobody_is_root_and_everybody_says_how_he_is(self):
        for target in ("cpu", "cuda", "loadtest", "models"):
            self.assertRegex(stage(target), r"(?m)^USER 65532:65532$")
        for role in ("cpu", "cuda"):
            self.assertIn('"/usr/local/bin/tagfleet", "health"', stage(role))

    def test_models_are_not_written_over_under_a_worker(self):
        """Compose runs this image at each `up`, beside workers that have the files mapped."""
        self.assertIn("--remove-destination", stage("models"))
        self.assertRegex(stage("models"), r"diff -rq /models /here >/dev/null 2>&1 \|\| cp ")

    def test_what_a_build_is_told_in_secret_is_documented(self):
        secrets = set(re.findall(r"type=secret,id=([a-z-]+)", TEXT))
        self.assertEqual(secrets, set(re.findall(r"--secret id=([a-z-]+)", README)))
        self.assertEqual(secrets, set(re.findall(r"^    secret ([a-z-]+) ", (ROOT / "deploy/check/images.sh").read_text(), re.MULTILINE)))

    def test_caches_are_our_own(self):
        """Without a name a cache is that of its path, which other projects' builds use too."""
        for mount in re.findall(r"type=cache,(\S+)", TEXT):
            self.assertRegex(mount, r"^id=tagfleet-")

    def test_stand_ins_are_of_the_releases_that_are_named(self):
        """Packages have other names in another release, and their libraries want another glibc than the runtime has."""
        stand_ins = (ROOT / "deploy/check/bases.sh").read_text()
        for base in ("SHELL_IMAGE", "RUST_IMAGE"):
            its_release = re.search(rf"^ARG {base}=\S*?(bookworm|trixie)", TEXT, re.MULTILINE)[1]
            stand_in = re.search(rf"{base}=tagfleet-check/([a-z]+)", stand_ins)[1]
            with self.subTest(base=base, stand_in=stand_in):
                self.assertRegex(stand_ins, rf'debian {its_release} "\$root" [^\n]*\n(?:[^}}]*\n)*?    import "\$root" tagfleet-check/{stand_in} ')

    def test_a_checkout_elsewhere_has_the_same_lines(self):
        self.assertRegex((ROOT / ".gitattributes").read_text(), r"(?m)^\* text=auto eol=lf$")

    def test_nobodys_registry_is_written_down(self):
        hosts = set(re.findall(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:io|com|org|net|internal)\b", TEXT))
        self.assertLessEqual(hosts, {"gcr.io"})

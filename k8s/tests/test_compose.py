"""docker-compose.yml keeps to what the manifests keep to, and says what may be set."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from rendered import ROOT, name, pod, roles, seconds, source, workloads

TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
ENDS = {"models", "loadtest", "bucket", "queues"}


def targets(service):
    """The names under which a service finds its secrets."""
    return [secret if isinstance(secret, str) else secret["target"] for secret in service["secrets"]]


def variables(text):
    return set(re.findall(r"\$\{([A-Z_]+)", text))


class EveryService(unittest.TestCase):
    def each(self, check):
        for name, service in SERVICES.items():
            with self.subTest(service=name):
                check(name, service)

    def test_is_confined(self):
        def check(_, service):
            self.assertTrue(service["read_only"])
            self.assertEqual(service["cap_drop"], ["ALL"])
            self.assertIn("no-new-privileges:true", service["security_opt"])
            self.assertNotIn("privileged", service)

        self.each(check)

    def test_has_limits_and_bounded_logs(self):
        def check(_, service):
            self.assertLessEqual({"cpus", "mem_limit", "pids_limit"}, set(service))
            self.assertIn("max-size", service["logging"]["options"])

        self.each(check)

    def test_says_how_it_is_and_comes_back(self):
        def check(name, service):
            if name in ENDS:
                self.assertEqual(service["restart"], "no")
                return
            self.assertIn("test", service["healthcheck"])
            self.assertEqual(service["restart"], "unless-stopped")

        self.each(check)

    def test_starts_when_what_it_needs_is_well(self):
        def check(_, service):
            for needed, how in service.get("depends_on", {}).items():
                self.assertEqual(how["condition"], "service_completed_successfully" if needed in ENDS else "service_healthy")

        self.each(check)

    def test_an_image_is_built_once_and_ours_is_never_pulled(self):
        """Two services that build one name export it at once, and the second export fails."""
        builders = [service["image"] for service in SERVICES.values() if "build" in service]
        self.assertEqual(sorted(builders), sorted(set(builders)))
        ours = {image for service in SERVICES.values() if re.search(r":-tagfleet[a-z-]*:local", image := service["image"])}
        self.assertEqual(ours, set(builders))
        for name, service in SERVICES.items():
            if service["image"] in ours:
                with self.subTest(service=name):
                    self.assertEqual(service.get("pull_policy"), None if "build" in service else "never")

    def test_images_are_of_a_version(self):
        self.each(lambda _, service: self.assertRegex(service["image"], r":-[^}]+:(?!latest)[^}]+\}$"))


class Fleet(unittest.TestCase):
    def test_has_two_of_each_role_that_answers_people(self):
        lasting = [service for name, service in SERVICES.items() if name not in ENDS]
        deployed = [service["command"][0] for service in lasting if service["image"].startswith("${TAGFLEET_IMAGE")]
        self.assertLessEqual(set(deployed), roles())
        self.assertEqual({role: deployed.count(role) for role in deployed}, {"api": 2, "worker": 2, "migrator": 1})

    def test_only_the_edge_is_open_and_only_to_this_machine(self):
        opened = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
        self.assertEqual(set(opened), {"edge", "prometheus", "grafana", "jaeger"})
        for ports in opened.values():
            for port in ports:
                self.assertRegex(port, r"^(127\.0\.0\.1|\$\{EDGE_ADDRESS:-127\.0\.0\.1\}):")

    def test_passwords_come_in_files(self):
        for name, service in SERVICES.items():
            with self.subTest(service=name):
                for key, value in service.get("environment", {}).items():
                    if value is None:
                        # Passed on where the environment has it.
                        continue
                    if key in ("TAGFLEET_QUEUE_URL", "TAGFLEET_BUS_URL"):
                        self.assertTrue(value.startswith("file:/run/secrets/"), key)
                    if re.search("PASS|SECRET|TOKEN|ACCESS_KEY", key):
                        self.assertTrue(value.startswith("file:/run/secrets/"), key)
                    for file in re.findall(r"^file:/run/secrets/(.*)$", value):
                        self.assertIn(file, targets(service))
        with tempfile.TemporaryDirectory() as folder:
            deploy = shutil.copytree(ROOT / "deploy", Path(folder) / "deploy", ignore=shutil.ignore_patterns("secrets"))
            subprocess.run([deploy / "secrets.sh"], check=True, capture_output=True)
            made = {f"./deploy/secrets/{file.name}" for file in (deploy / "secrets").iterdir()}
            for_kubernetes = {f"./deploy/secrets/{user}" for user in ("declarer", "api", "migrator", "worker")}
            self.assertEqual(made - for_kubernetes, {secret["file"] for secret in COMPOSE["secrets"].values()})
            for file in ("users.json", "users.conf"):
                left = re.findall("PASSWORD_[A-Z]+", (deploy / "secrets" / file).read_text())
                self.assertEqual(left, [], file)

    def test_each_role_has_users_of_its_own(self):
        for service in SERVICES.values():
            role = service.get("command", [""])[0]
            if role in roles() | {"queues"}:
                user = "declarer" if role == "queues" else role
                sources = [secret["source"] for secret in service["secrets"] if isinstance(secret, dict)]
                self.assertTrue(sources)
                self.assertTrue(all(source.endswith(f"-url-{user}") for source in sources), sources)

    def test_a_worker_on_a_gpu_has_a_folder_to_write_to(self):
        """Read-only as it is, Docker gives it none by itself."""
        for name, service in SERVICES.items():
            environment = service.get("environment", {})
            if environment.get("TAGFLEET_DEVICE", "cpu") != "cpu":
                with self.subTest(service=name):
                    self.assertTrue([mount for mount in service["tmpfs"] if mount.split(":")[0] == "/tmp"])
                    self.assertTrue(environment["CUDA_CACHE_PATH"].startswith("/tmp/"))

    def test_a_worker_on_a_gpu_may_start_for_as_long_as_in_a_cluster(self):
        """`up --wait` fails, and whoever depends on it, once it counts as unhealthy."""
        (cluster,) = [w for w in workloads("aws-t4") if name(w) == "tagfleet-worker-tag"]
        probe = pod(cluster)["containers"][0]["startupProbe"]
        (usual,) = {str(service["healthcheck"]["test"]) for service in SERVICES.values() if service.get("command") == ["worker"]}
        for its_name, service in SERVICES.items():
            if service.get("environment", {}).get("TAGFLEET_DEVICE", "cpu") != "cpu":
                with self.subTest(service=its_name):
                    self.assertEqual(str(service["healthcheck"]["test"]), usual)
                    self.assertGreaterEqual(seconds(service["healthcheck"]["start_period"]), probe["periodSeconds"] * probe["failureThreshold"])

    def test_every_setting_is_one_that_the_binary_reads(self):
        known = set(re.findall(r'env = "((?:TAGFLEET|OTEL)_[A-Z_]+)"', source()))
        named = {key for service in SERVICES.values() if "edge" not in str(service.get("image")) and service.get("command", [""])[0] in roles() for key in service["environment"]}
        named = {key for key in named if not key.startswith(("AWS_", "CUDA_"))}
        self.assertTrue(named)
        self.assertLessEqual(named, known)

    def test_every_variable_is_documented(self):
        documented = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
        passed_on = {key for service in SERVICES.values() for key, value in service.get("environment", {}).items() if value is None}
        self.assertEqual(documented, variables(TEXT) | passed_on | {"COMPOSE_PROFILES"})

    def test_defaults_are_the_documented_ones(self):
        documented = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
        for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", TEXT):
            with self.subTest(variable=name):
                self.assertEqual(documented[name], default)
        dockerfile = (ROOT / "deploy/Dockerfile").read_text()
        for name, default in re.findall(r"^ARG ([A-Z_]+)=(\S+)$", dockerfile, re.MULTILINE):
            if name in documented:
                with self.subTest(argument=name):
                    self.assertEqual(documented[name], default)

    def test_batches_are_kept_by_those_who_need_them_and_nobody_else(self):
        keepers = {name for name, service in SERVICES.items() if "store-key" in service.get("secrets", [])}
        self.assertEqual(keepers, {name for name, service in SERVICES.items() if service.get("command", [""])[0] in ("api", "migrator")})
        for name in keepers:
            with self.subTest(service=name):
                self.assertIn("bucket", SERVICES[name]["depends_on"])
                self.assertTrue(SERVICES[name]["environment"]["TAGFLEET_STORE_URL"].endswith(":-s3://tagfleet/store}"))
        self.assertIn("http://objects:8333/tagfleet", SERVICES["bucket"]["command"][0])

    def test_names_are_looked_up_wherever_the_engine_has_them(self):
        """Docker's resolver is at 127.0.0.11, Podman's is not; both stand in the container's resolv.conf."""
        text = (ROOT / "deploy/haproxy/compose.cfg").read_text()
        self.assertRegex(text, r"(?m)^    parse-resolv-conf$")
        self.assertNotRegex(text, r"(?m)^    nameserver ")

    def test_the_object_store_takes_no_room_ahead(self):
        """The image's own entry reserves each volume in full, and a first bucket makes seven of 1 GB."""
        objects = SERVICES["objects"]
        self.assertEqual(objects["entrypoint"], ["weed"])
        self.assertIn("-dir=/data", objects["command"])
        self.assertFalse([option for option in objects["command"] if "reallocate" in option])

    def test_files_of_ours_are_readable_under_selinux(self):
        for name, service in SERVICES.items():
            for volume in service.get("volumes", []):
                if volume.startswith("./"):
                    with self.subTest(service=name, volume=volume):
                        self.assertTrue(volume.endswith(":ro,z"))

    def test_prometheus_reads_every_role(self):
        settings = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
        jobs = settings["scrape_configs"]
        targets = {target.split(":")[0] for job in jobs for config in job.get("static_configs", []) for target in config["targets"]}
        looked_up = {host for job in jobs for config in job.get("dns_sd_configs", []) for host in config["names"]}
        self.assertEqual(looked_up, {name for name, service in SERVICES.items() if "gpu" in service.get("profiles", [])})
        targets |= looked_up
        self.assertLessEqual(targets, set(SERVICES))
        self.assertEqual(settings["rule_files"], ["rules.yml"])
        self.assertIn("./deploy/prometheus/rules.yml:/etc/prometheus/rules.yml:ro,z", SERVICES["prometheus"]["volumes"])
        silent = {"redis", "objects", "bucket", "models", "queues", "loadtest", "prometheus", "grafana", "jaeger"}
        self.assertEqual(set(SERVICES) - targets, silent)

    def test_grafana_reads_what_is_there(self):
        settings = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/tagfleet.yaml").read_text())
        for source in settings["datasources"]:
            with self.subTest(source=source["name"]):
                service, port = re.fullmatch(r"http://([a-z]+):(\d+)", source["url"]).groups()
                self.assertIn("observability", SERVICES[service]["profiles"])
                self.assertTrue(any(opened.endswith(f":{port}") for opened in SERVICES[service]["ports"]))
        (provider,) = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/tagfleet.yaml").read_text())["providers"]
        self.assertIn(f"./deploy/grafana/dashboards:{provider['options']['path']}:ro,z", SERVICES["grafana"]["volumes"])
        home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        self.assertTrue((ROOT / "deploy/grafana/dashboards" / home.removeprefix(provider["options"]["path"] + "/")).exists())

    def test_the_edge_knows_every_api_server(self):
        servers = re.findall(r"^    server (\S+) (\S+):8080", (ROOT / "deploy/haproxy/compose.cfg").read_text(), re.MULTILINE)
        self.assertEqual({host for _, host in servers}, {name for name, service in SERVICES.items() if service.get("command") == ["api"]})

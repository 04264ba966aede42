#!/usr/bin/env python3
"""The Debian packages of the three programs: made by CPack from this build, installed by dpkg into a root of their own (their
scripts run with DPKG_ROOT), looked at, started as their units start them, and removed.

systemd-analyze verifies the units. Programs run with the unit's ExecStart line, its paths being those of that root."""
import glob, json, os, re, shutil, signal, subprocess, tempfile, time, unittest, urllib.request

import harness
from harness import BUILD, ROOT, free_port

PACKAGES = ("dayaq", "dayaqd", "dayaq-edge")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=options.pop("timeout", 300), **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} -> {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="dayaq-packages-")
        cls.root = os.path.join(cls.folder, "root")
        made = os.path.join(cls.folder, "made")
        run("cpack", "--config", f"{BUILD}/CPackConfig.cmake", "-B", made, cwd=BUILD, timeout=900)
        cls.files = {os.path.basename(path).split("_")[0]: path for path in glob.glob(f"{made}/*.deb")}
        for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "usr/bin", "tmp"):
            os.makedirs(os.path.join(cls.root, folder))
        for file in ("status", "available"):
            open(os.path.join(cls.root, "var/lib/dpkg", file), "w").close()
        cls.dpkg = ("dpkg", f"--root={cls.root}", "--force-not-root", "--force-depends", "--force-script-chrootless",
                    "--force-bad-path", f"--log={cls.folder}/dpkg.log")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def inside(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def exec_start(self, unit):
        """The words of the unit's ExecStart, with the paths of the root."""
        with open(self.inside(f"/usr/lib/systemd/system/{unit}.service")) as file:
            line = re.search(r"^ExecStart=(.*)$", file.read(), re.M).group(1)
        words = [word for word in line.split() if not word.startswith("$")]
        return [self.inside(word) if word.startswith("/") else word for word in words]

    def serve(self, unit, url, *more):
        """Starts a program as its unit does, until it is ready; stops it."""
        with open(f"{self.folder}/{unit}.log", "w") as log:
            process = subprocess.Popen([*self.exec_start(unit), *more], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while True:
                self.assertIsNone(process.poll(), open(f"{self.folder}/{unit}.log").read()[-2000:])
                try:
                    with urllib.request.urlopen(url, timeout=2) as answer:
                        return answer.status, answer.read().decode()
                except OSError:
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.05)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)

    def test_they_install_start_and_go(self):
        self.assertEqual(set(self.files), set(PACKAGES))
        for name in PACKAGES:
            with self.subTest(made=name):
                self.made_well(name)
        run(*self.dpkg, "-i", *self.files.values())
        listed = run(*self.dpkg, "-l")
        for name in PACKAGES:
            self.assertRegex(listed, rf"(?m)^ii\s+{name}\s")
        self.users_and_folders()
        self.units()
        self.command_line_and_node()
        self.edge()
        run(*self.dpkg, "-P", *PACKAGES)
        left = [os.path.join(base, file) for base, _, files in os.walk(self.root) for file in files
                if "dayaq" in file and "/var/lib/" not in base and "/etc" not in base]
        self.assertEqual(left, [])
        self.assertTrue(os.path.isdir(self.inside("/var/lib/dayaq")), "the data stays")

    def made_well(self, name):
        control = run("dpkg-deb", "-f", self.files[name])
        depends = re.search(r"^Depends: (.*)$", control, re.M).group(1)
        self.assertIn("libc6", depends)
        self.assertIn("libssl3", depends)
        if name == "dayaq-edge":  # it is deployed alone: nothing of a database comes with it
            for library in ("libpq", "libsqlite3"):
                self.assertNotIn(library, depends)
        for line in run("dpkg-deb", "-c", self.files[name]).splitlines():
            self.assertRegex(line, r"^[-dl][rwx-]{9} root/root ", "files of a package are root's")

    def users_and_folders(self):
        with open(self.inside("/etc/passwd")) as file:
            users = {line.split(":")[0]: line.split(":") for line in file}
        self.assertEqual(users["dayaq"][5], "/var/lib/dayaq")
        self.assertEqual(users["dayaq-edge"][5], "/var/lib/dayaq-edge")
        for user in ("dayaq", "dayaq-edge"):
            self.assertRegex(users[user][6], "nologin")
        self.assertTrue(os.path.isdir(self.inside("/etc/dayaq")))
        for folder in ("/var/lib/dayaq", "/var/lib/dayaq-edge"):
            self.assertEqual(os.stat(self.inside(folder)).st_mode & 0o777, 0o700)

    def units(self):
        for unit in ("dayaqd", "dayaq-edge"):
            path = self.inside(f"/usr/lib/systemd/system/{unit}.service")
            text = open(path).read()
            program = self.exec_start(unit)[0]
            copy = os.path.join(self.folder, f"{unit}.service")
            with open(copy, "w") as out:  # the program is where this root is
                out.write(re.sub(r"^ExecStart=\S+", f"ExecStart={program}", text, flags=re.M))
            verified = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
            complaints = [line for line in verified.stderr.splitlines() if unit in line]
            self.assertEqual(complaints, [], verified.stderr)
            safe = subprocess.run(["systemd-analyze", "security", "--offline=yes", copy], capture_output=True, text=True).stdout
            exposure = float(re.search(r"Overall exposure level.*: ([\d.]+)", safe).group(1))
            self.assertLess(exposure, 2.5, safe[-500:])

    def command_line_and_node(self):
        program, data, country = (self.inside(path) for path in
                                  ("/usr/bin/dayaq", "/var/lib/dayaq", "/usr/share/dayaq/country/az"))
        run(program, "init", "--data", data, "--country", country, "--persons", "500")
        port = free_port()
        status, text = self.serve("dayaqd", f"http://127.0.0.1:{port}/", "--port", str(port))
        self.assertEqual(status, 200)
        self.assertIn("<h1", text)

    def edge(self):
        from edge_harness import Edge
        edge = Edge(subscriptions=20, folder=os.path.join(self.folder, "edge"))
        edge.config["data"] = self.inside("/var/lib/dayaq-edge")
        shutil.rmtree(edge.config["data"])
        shutil.move(edge.data, edge.config["data"])
        edge.write_config()
        for file in os.listdir(edge.folder):
            if os.path.isfile(os.path.join(edge.folder, file)):
                shutil.move(os.path.join(edge.folder, file), self.inside("/etc/dayaq"))
        run(*self.exec_start("dayaq-edge"), "--check")
        status, text = self.serve("dayaq-edge", f"http://127.0.0.1:{edge.ports['http']}/health/ready")
        self.assertEqual((status, json.loads(text)), (200, {"ready": True, "reasons": []}))


if __name__ == "__main__":
    harness.main()

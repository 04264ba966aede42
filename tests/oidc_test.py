#!/usr/bin/env python3
"""The OpenID Provider before relying parties that others wrote, and before the checks of the OpenID Foundation's plans by
their intent. Every check in tests/oidc is a test here, named as it is there.

First each relying party's program passes on npm oidc-provider (class OnACertifiedProvider), so that what fails on ours is
ours."""
import glob, json, os, re, subprocess, sys, tempfile, time, unittest

import harness
from harness import ROOT
from oidc_stand import OIDC, Stand

PROGRAMS = ["openid_client.mjs", "oauth4webapi.mjs", "oidc_client_ts.mjs", "passport.mjs", "jose.mjs", "authlib_client.py", "apache.py"]
CONFORMANCE = sorted(os.path.relpath(path, OIDC) for path in glob.glob(os.path.join(OIDC, "conformance", "*.mjs")))
stand = None


def names_in(program):
    """What a file's checks are called: test('...') of a script, the list CHECKS of a Python program."""
    with open(os.path.join(OIDC, program)) as source:
        text = source.read()
    if program.endswith(".py"):
        listed = re.search(r"^CHECKS = \[(.*?)\]", text, re.S | re.M).group(1)
        return [(name.strip().replace("_", " "), True) for name in listed.split(",")]
    found = []
    for match in re.finditer(r"^test\('((?:[^'\\]|\\.)*)'", text, re.M):
        end = text.find("\n});", match.end())
        ended = text.find("\n}, {", match.end())
        on_peer = not (0 <= ended and (end < 0 or ended < end) and text.startswith("\n}, { onPeer: false", ended))
        found.append((match.group(1).replace("\\'", "'"), on_peer))
    # Two that stand in a loop.
    if program == "openid_client.mjs":
        found += [(f"openid-client verifies an ID token signed with {alg}", True) for alg in ("EdDSA", "RS256")]
    return found


def run(program, setup):
    interpreter = [sys.executable] if program.endswith(".py") else ["node"]
    ran = subprocess.run([*interpreter, program, setup], cwd=OIDC, capture_output=True, text=True, timeout=900)
    results = {}
    for line in ran.stdout.splitlines():
        if line.startswith('{"test"'):
            result = json.loads(line)
            results[result["test"]] = None if result["ok"] else result["error"]
    return results, ran.stdout[-2000:] + ran.stderr[-4000:]


class Judged(unittest.TestCase):
    """The checks of one program; it runs once."""
    program = None
    results = {}
    output = ""

    @classmethod
    def setUpClass(cls):
        cls.results, cls.output = run(cls.program, stand.file)

    def judge(self, name):
        if name not in self.results:
            self.fail(f"{self.program} said nothing of this check\n{self.output}")
        if self.results[name] is not None:
            self.fail(self.results[name])


def add(program):
    title = "".join(part.capitalize() for part in re.split(r"\W|_", os.path.splitext(program)[0]))
    members = {"program": program}
    for name, _ in names_in(program):
        def check(self, name=name):
            self.judge(name)
        check.__doc__ = name
        members["test_" + re.sub(r"\W+", "_", name).strip("_")] = check
    globals()[title] = type(title, (Judged,), members)


class OnACertifiedProvider(unittest.TestCase):
    def test_every_relying_party_and_every_check_that_applies_passes_on_npm_oidc_provider(self):
        with tempfile.TemporaryDirectory(prefix="dayaq-peer-") as folder:
            setup = os.path.join(folder, "setup.json")
            peer = subprocess.Popen(["node", "peer.mjs", setup], cwd=OIDC, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                for _ in range(200):
                    if os.path.exists(setup) and os.path.getsize(setup):
                        break
                    time.sleep(0.05)
                for program in PROGRAMS + CONFORMANCE:
                    results, output = run(program, setup)
                    for name, on_peer in names_in(program):
                        if not on_peer:
                            continue
                        with self.subTest(program=program, check=name):
                            self.assertIn(name, results, output)
                            self.assertIsNone(results[name])
            finally:
                peer.stdin.close()
                peer.wait(timeout=20)


def setUpModule():
    global stand
    stand = Stand(persons=6)


def tearDownModule():
    if stand:
        stand.remove()


for each in PROGRAMS + CONFORMANCE:
    add(each)

if __name__ == "__main__":
    harness.main()

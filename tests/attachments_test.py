#!/usr/bin/env python3
"""What people attach, with a real clamd (a signature file of our own, made by sigtool) and a real browser: lies, archives, what
is infected, the scanner away, a full disk; and what is on disk afterwards."""
import hashlib, json, os, re, shutil, socket, sqlite3, stat, subprocess, tempfile, time, unittest, zipfile

import harness
import services_stand
from harness import Node, ROOT

WORD = b"DAYAQ-TEST-MALWARE-7f3a"


class Clamd:
    """Started again and again on one socket; knows one word and no other malware."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = f"{folder}/clamd.sock"
        os.makedirs(f"{folder}/signatures")
        hexed = subprocess.run(["sigtool", "--hex-dump"], input=WORD, capture_output=True, check=True).stdout.decode().strip()
        with open(f"{folder}/signatures/test.ndb", "w", encoding="utf-8") as file:
            file.write(f"Dayaq.Test.Word:0:*:{hexed}\n")
        with open(f"{folder}/clamd.conf", "w", encoding="utf-8") as file:
            file.write(f"LocalSocket {self.socket}\nLocalSocketMode 600\nFixStaleSocket yes\nForeground yes\n"
                       f"DatabaseDirectory {folder}/signatures\nMaxScanSize 20M\nMaxFileSize 20M\nMaxRecursion 5\n"
                       f"MaxFiles 100\nAlertExceedsMax yes\nStreamMaxLength 25M\n")
        self.process = None

    def start(self):
        with open(f"{self.folder}/log", "ab") as log:
            self.process = subprocess.Popen(["clamd", "--config-file", f"{self.folder}/clamd.conf"], stdout=log, stderr=log)
        for _ in range(300):
            if os.path.exists(self.socket):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError("clamd does not start: " + open(f"{self.folder}/log").read()[-2000:])

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=30)
            self.process = None
            if os.path.exists(self.socket):
                os.remove(self.socket)


def pdf(content):
    return b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n% " + content + b"\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def bomb():
    """A PDF that holds a stream of 200 MB in 200 KB: more than the scanner looks at."""
    import zlib
    packed = zlib.compress(b"\0" * (200 << 20), 9)
    return (b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Length " + str(len(packed)).encode() +
            b"/Filter/FlateDecode>>\nstream\n" + packed + b"\nendstream\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")


def make_files(folder):
    large = os.urandom(300_000).hex().encode()
    files = {"good.pdf": pdf(b"good" + large), "good3.pdf": pdf(b"another" + large), "good2.pdf": pdf(b"the second good one"),
             "virus.pdf": pdf(WORD), "virus2.pdf": pdf(b"another " + WORD), "program.pdf": b"MZ" + bytes(1000),
             "page.png": b"<!DOCTYPE html><script>alert(1)</script>", "whole.pdf": pdf(b"y" * 1_800_000), "large.pdf": pdf(b"x" * (2 << 20)),
             "larger.pdf": pdf(b"x" * (30 << 20)), "empty.pdf": b"", "bomb.pdf": bomb()}
    for name, content in files.items():
        with open(f"{folder}/{name}", "wb") as file:
            file.write(content)
    with zipfile.ZipFile(f"{folder}/archive.pdf", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50 << 20))
    with open(f"{folder}/both.pdf", "wb") as file:
        file.write(pdf(b"and an archive"))
    with zipfile.ZipFile(f"{folder}/both.pdf", "a") as archive:
        archive.writestr("a.class", b"x")


class Attachments(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dayaq-attach-")
        os.makedirs(f"{self.folder}/files")
        make_files(f"{self.folder}/files")
        os.makedirs(f"{self.folder}/clamd")
        self.clamd = Clamd(f"{self.folder}/clamd")
        self.node = Node(persons=3000, folder=f"{self.folder}/node")

    def tearDown(self):
        self.clamd.stop()
        self.node.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def test_from_the_browser_to_the_office(self):
        self.clamd.start()
        with open(f"{self.node.data}/dayaq.yaml", "a", encoding="utf-8") as file:
            file.write(f"\nclamd: {self.clamd.socket}\n")
        self.node.start("--welcome", "--url", f"http://localhost:{self.node.port}")
        persons = services_stand.prepare(self.node)
        services_stand.publish(self.node, f"{ROOT}/tests/services_pages/attach.yaml")
        errors = open(f"{self.folder}/errors", "wb")
        browser = subprocess.Popen(["node", f"{ROOT}/tests/services_pages/attachments.mjs",
                                    f"http://localhost:{self.node.port}", json.dumps(persons), f"{self.folder}/files"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        said = []
        for line in browser.stdout:
            said.append(line)
            if line.startswith("ASK"):
                self.do(line.split(None, 1)[1].strip())
                browser.stdin.write("go\n")
                browser.stdin.flush()
        browser.wait(timeout=60)
        errors.close()
        print("".join(said), open(f"{self.folder}/errors", encoding="utf-8").read()[-2000:])
        self.assertEqual(browser.returncode, 0)
        passed = re.search(r"^(\d+) passed, 0 failed", "".join(said), re.M)
        self.assertTrue(passed and int(passed.group(1)) > 45, "too few checks ran")
        self.on_disk()

    def do(self, asked):
        if asked == "stop":
            self.clamd.stop()
        elif asked == "start":
            self.clamd.start()
        elif asked == "count":
            self.before = self.written()
        elif asked == "counted":
            once = os.path.getsize(f"{self.folder}/files/whole.pdf")
            times = (self.written() - self.before) / once
            self.assertTrue(1 <= times < 1.7, f"a document is written {times:.2f} times")
        elif asked == "slow enough":
            for one in self.slow:
                one.close()
        else:
            self.send_slowly(asked.split(None, 1)[1])

    def written(self):
        """What the node has written to files, in bytes."""
        with open(f"/proc/{self.node.process.pid}/io", encoding="utf-8") as file:
            return int(re.search(r"wchar: (\d+)", file.read()).group(1))

    def memory(self):
        """Of the node's own, in MB: what files are mapped isn't counted."""
        with open(f"/proc/{self.node.process.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"RssAnon:\s+(\d+)", file.read()).group(1)) / 1024

    def send_slowly(self, cookies):
        """Twenty times eight of ten megabytes, and then no more: held on disk, by nobody's worker, in little memory."""
        head = ("POST /services/attach/upload/paper HTTP/1.1\r\nHost: localhost\r\nCookie: " + cookies +
                "\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: " + str(10 << 20) + "\r\n\r\n").encode()
        piece = bytes(1 << 20)
        before = self.memory()
        self.slow = []
        for _ in range(20):
            self.slow.append(socket.create_connection(("127.0.0.1", self.node.port), timeout=60))
            self.slow[-1].sendall(head)
            for _ in range(8):
                self.slow[-1].sendall(piece)
        self.assertEqual(os.listdir(f"{self.node.data}/spool"), [], "what is under way has a name")
        grown = self.memory() - before
        self.assertLess(grown, 60, f"160 MB under way take {grown:.0f} MB of memory")

    def test_a_full_disk(self):
        # A small file system of its own; mounting needs root, which CI has.
        folder = f"{self.node.data}/attachments"
        os.makedirs(folder, mode=0o700, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder], check=True)
        try:
            self.node.start("--welcome", "--url", f"http://localhost:{self.node.port}")
            persons = services_stand.prepare(self.node)
            services_stand.publish(self.node, f"{ROOT}/tests/services_pages/attach.yaml")
            done = subprocess.run(["node", f"{ROOT}/tests/services_pages/attachments.mjs",
                                   f"http://localhost:{self.node.port}", json.dumps(persons), f"{self.folder}/files", "full"],
                                  capture_output=True, text=True, timeout=300)
            print(done.stdout[-3000:], done.stderr[-2000:])
            self.assertEqual(done.returncode, 0)
            self.assertEqual(os.listdir(f"{folder}/new"), [])
            kept = [name for _, _, names in os.walk(folder) for name in names]
            self.assertEqual(len(kept), 2)
            self.node.stop()
        finally:
            subprocess.run(["umount", folder], check=True)

    def on_disk(self):
        db = sqlite3.connect(f"{self.node.data}/dayaq.db")
        rows = list(db.execute("SELECT name, sha256, scan FROM attachment"))
        kept = {}
        for folder, _, names in os.walk(f"{self.node.data}/attachments"):
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    kept[name] = hashlib.sha256(file.read()).hexdigest()
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
                self.assertNotEqual(os.path.basename(folder), "new")
        self.assertEqual(set(kept), set(kept.values()))
        self.assertEqual({sha for _, sha, scan in rows if scan == 0}, set(kept))
        self.assertEqual(sorted(name for name, _, scan in rows if scan == 1), ["virus2.pdf"])
        with open(f"{self.node.folder}/log", encoding="utf-8") as file:
            log = file.read()
        for event in ("attachments.infected", "attachments.scanner_away"):
            self.assertIn(event, log)


if __name__ == "__main__":
    harness.main()

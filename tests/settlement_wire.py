"""A second writer of settlement batches, from docs/settlement.md alone; signs with the openssl command."""
import os, struct, subprocess, tempfile

KINDS = {"voice": 0, "messages": 1, "data": 2, "tv": 3, "deferral": 4}
UNITS = {"none": 0, "seconds": 1, "messages": 2, "octets": 3, "qepik": 4}


class EdgeKey:
    """An Ed25519 key pair in a folder of its own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="dayaq-edge-key-")
        self.path = os.path.join(self.folder.name, "key.pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path], check=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        self.public = der[-32:]

    def sign(self, content):
        path = os.path.join(self.folder.name, "content")
        with open(path, "wb") as out:
            out.write(content)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", path], check=True,
                              capture_output=True).stdout


def text(value):
    return bytes([len(value)]) + value.encode()


def line(measure, day, units, benefit=0, kind="voice", unit="seconds", traffic="", requests=1, orphans=0):
    return (struct.pack("<IBBB", measure, benefit, KINDS[kind], UNITS[unit]) + text(traffic) +
            struct.pack("<iqII", day, units, requests, orphans))


def batch(key, operator, edge, number, lines, first_record, last_record, created=1_795_248_000_000_000):
    """`lines` as line() makes them, in the order of their names."""
    body = (struct.pack("<QqQQII", number, created, first_record, last_record, 0, len(lines)) + text(operator) + text(edge) +
            b"".join(lines))
    head = b"DYQS" + struct.pack("<HHI", 1, 0, 12 + len(body) + 64)
    return head + body + key.sign(head + body)

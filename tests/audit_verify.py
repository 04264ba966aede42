#!/usr/bin/env python3
"""Verifies an exported audit log from its description alone (docs/audit.md): an independent second opinion, with
nothing but Python's own library.

  audit_verify.py LOG KEY [--held NOTE]... [--inclusion PROOF]... [--consistency PROOF]...

LOG is what `dayaq audit export` writes, KEY the log's verifier key (name+id+base64), NOTE a file with a checkpoint kept
from earlier, PROOF a file with an answer of /v1/audit/proofs. Ends with 0 if everything fits."""
import base64, hashlib, json, sys


# --- Ed25519 signatures, RFC 8032 section 5.1, verifying only ---
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def recover(y, sign):  # section 5.1.3
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


def add(a, b):  # affine, slow and short
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def times(n, point):
    out = (0, 1)
    for bit in bin(n)[2:]:
        out = add(out, out)
        out = add(out, point) if bit == "1" else out
    return out


def point(encoded):
    n = int.from_bytes(encoded, "little")
    return recover(n & (2**255 - 1), n >> 255)


BASE = recover(4 * pow(5, -1, P) % P, 0)


def signature_fits(public, message, signature):
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return times(s, BASE) == add(r, times(h, a))


# --- the tree, RFC 6962 section 2.1 and RFC 9162 sections 2.1.3.2 and 2.1.4.2 ---
def sha(data):
    return hashlib.sha256(data).digest()


def node(left, right):
    return sha(b"\x01" + left + right)


class Tree:
    """Complete subtrees from left to right, as (size, hash)."""
    def __init__(self):
        self.size, self.parts = 0, []

    def push(self, leaf):
        self.size += 1
        self.parts.append((1, leaf))
        while len(self.parts) > 1 and self.parts[-1][0] == self.parts[-2][0]:
            (n, right), (_, left) = self.parts.pop(), self.parts.pop()
            self.parts.append((2 * n, node(left, right)))

    def root(self):
        if not self.parts:
            return sha(b"")
        out = self.parts[-1][1]
        for _, left in reversed(self.parts[:-1]):
            out = node(left, out)
        return out


def included(leaf, index, size, proof, root):
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return index < size and sn == 0 and r == root


def consistent(first, first_root, second, second_root, proof):
    if first == second:
        return not proof and first_root == second_root
    if not proof or not 0 < first < second:
        return False
    path = [first_root] + proof if first & (first - 1) == 0 else proof
    fn, sn, fr, sr = first - 1, second - 1, path[0], path[0]
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_root and sr == second_root


# --- notes and entries ---
def b64(text):
    return base64.b64decode(text, validate=True)


def open_checkpoint(note, key):
    """(size, root) of a note that the key has signed."""
    name, key_id, public = key.split("+", 2)
    public = b64(public)
    assert len(public) == 33 and public[0] == 1, "the key is no Ed25519 key"
    assert sha(name.encode() + b"\n" + public)[:4].hex() == key_id, "the key's id isn't that of name and key"
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    fits = []
    for line in signatures.splitlines():
        dash, signer, blob = line.split(" ")
        blob = b64(blob)
        if dash == "\u2014" and signer == name and blob[:4].hex() == key_id:
            fits.append(signature_fits(public[1:], text.encode(), blob[4:]))
    assert fits and all(fits), "the checkpoint isn't one that the key has signed"
    origin, size, root = text.splitlines()[:3]
    assert origin == name, "the checkpoint is of another log"
    return int(size), b64(root)


def canonical(value):
    """RFC 8785, for the JSON that leaves are made of: integers only, keys of printable ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def check_entry(entry, index):
    assert entry["index"] == index, f"entry {index} is missing"
    leaf = json.loads(entry["leaf"])
    assert canonical(leaf) == entry["leaf"], f"entry {index} isn't canonical"
    assert set(leaf) - {"commitment"} == {"action", "actor", "at", "data", "v"} and leaf["v"] == 1, f"entry {index} is no leaf"
    leaf_hash = sha(b"\x00" + entry["leaf"].encode())
    assert leaf_hash == b64(entry["hash"]), f"entry {index} was changed"
    if "salt" in entry:
        salt, person = b64(entry["salt"]), int(entry.get("person", 0)).to_bytes(8, "big")
        opened = sha(salt + person + entry.get("personal", "").encode())
        assert len(salt) == 16 and opened == b64(leaf["commitment"]), f"entry {index}: its personal part doesn't open"
    else:
        assert "person" not in entry and "personal" not in entry, f"entry {index}: its salt is missing"
    return leaf_hash


def main(log, key, options):
    held = [open_checkpoint(open(name, encoding="utf-8", newline="").read(), key)
            for option, name in options if option == "--held"]
    with open(log, encoding="utf-8", newline="\n") as lines:
        head = json.loads(next(lines))
        assert head["format"] == "dayaq-audit-log/1"
        tree, hashes, roots = Tree(), [], {0: sha(b"")}
        for index, line in enumerate(lines):
            hashes.append(check_entry(json.loads(line), index))
            tree.push(hashes[-1])
            roots[tree.size] = tree.root()
    assert tree.size == head["entries"], f"entry {tree.size} is missing: the file ends before it"
    signed = [open_checkpoint(head["checkpoint"], key)] if head["checkpoint"] else []
    assert signed or tree.size == 0, "there is no checkpoint"
    assert all(size == tree.size for size, _ in signed), "the checkpoint is of another size than the log"
    for size, root in signed + held:
        assert roots.get(size) == root, f"the first {size} entries aren't those that were signed"
    for option, name in options:
        proof = json.load(open(name)) if option in ("--inclusion", "--consistency") else {}
        path = [b64(text) for text in proof.get("proof", [])]
        if option == "--inclusion":
            index, size = proof["index"], proof["size"]
            assert included(hashes[index], index, size, path, roots[size]), f"{name}: the inclusion proof doesn't fit"
        elif option == "--consistency":
            a, b = proof["from"], proof["to"]
            assert consistent(a, roots[a], b, roots[b], path), f"{name}: the consistency proof doesn't fit"
    print(f"{tree.size} entries fit, root {base64.b64encode(tree.root()).decode()}")


if __name__ == "__main__":
    if len(sys.argv) < 3 or len(sys.argv) % 2 == 0:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2].strip(), list(zip(sys.argv[3::2], sys.argv[4::2])))
    except (AssertionError, ValueError, KeyError, StopIteration) as fault:
        sys.exit(f"{sys.argv[1]}: {fault or type(fault).__name__}")

"""RADIUS in Python, from the RFCs: what the tests ask the edge with besides FreeRADIUS and the npm package."""
import hashlib, hmac, os, socket, struct

ACCESS_REQUEST, ACCEPT, REJECT, ACCOUNTING, ACCOUNTED, CHALLENGE, STATUS = 1, 2, 3, 4, 5, 11, 12
COA_REQUEST, COA_ACK, COA_NAK = 43, 44, 45


def attribute(number, value):
    if isinstance(value, int):
        value = struct.pack(">I", value)
    if isinstance(value, str):
        value = value.encode()
    return bytes([number, len(value) + 2]) + value


def packet(code, identifier, authenticator, attributes):
    body = b"".join(attributes)
    return struct.pack(">BBH", code, identifier, 20 + len(body)) + authenticator + body


def parse(raw):
    attributes, rest = [], raw[20:]
    while rest:
        attributes.append((rest[0], rest[2:rest[1]]))
        rest = rest[rest[1]:]
    return {"code": raw[0], "id": raw[1], "attributes": attributes,
            "get": lambda number: [v for n, v in attributes if n == number]}


def hide(password, authenticator, secret):
    password = password.encode().ljust(-(-max(len(password), 1) // 16) * 16, b"\0")
    out, last = b"", authenticator
    for at in range(0, len(password), 16):
        mask = hashlib.md5(secret + last).digest()
        last = bytes(a ^ b for a, b in zip(password[at:at + 16], mask))
        out += last
    return out


def access_request(identifier, secret, attributes, password=None, with_proof=True):
    authenticator = os.urandom(16)
    if password is not None:
        attributes = [*attributes, attribute(2, hide(password, authenticator, secret))]
    if not with_proof:
        return packet(ACCESS_REQUEST, identifier, authenticator, attributes)
    raw = packet(ACCESS_REQUEST, identifier, authenticator, [attribute(80, bytes(16)), *attributes])
    return raw[:22] + hmac.new(secret, raw, "md5").digest() + raw[38:]


def signed_request(code, identifier, secret, attributes):
    raw = packet(code, identifier, bytes(16), attributes)
    return raw[:4] + hashlib.md5(raw + secret).digest() + raw[20:]


def accounting(identifier, secret, status, session, user, octets=(0, 0), nas="bng1", more=()):
    return signed_request(ACCOUNTING, identifier, secret, [
        attribute(40, status), attribute(44, session), attribute(1, user), attribute(32, nas),
        attribute(42, octets[0] & 0xffffffff), attribute(43, octets[1] & 0xffffffff),
        attribute(52, octets[0] >> 32), attribute(53, octets[1] >> 32), *more])


def prove_reply(reply, request, secret):
    """The reply's authenticator is right, and an access reply has its Message-Authenticator first."""
    assert hashlib.md5(reply[:4] + request[4:20] + reply[20:] + secret).digest() == reply[4:20], "authenticator"
    if reply[0] in (ACCEPT, REJECT, CHALLENGE):
        assert reply[20] == 80 and reply[21] == 18, "Message-Authenticator is not first"
        zeroed = reply[:4] + request[4:20] + reply[20:22] + bytes(16) + reply[38:]
        assert hmac.new(secret, zeroed, "md5").digest() == reply[22:38], "Message-Authenticator"
    return parse(reply)


class Asker:
    """One UDP source port."""

    def __init__(self, port, secret=b"testing123", timeout=3):
        self.secret, self.to = secret, ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(timeout)

    def ask(self, request, timeout=None):
        """The proved reply, or None if there was none."""
        if timeout is not None:
            self.socket.settimeout(timeout)
        self.socket.sendto(request, self.to)
        try:
            while True:
                reply = self.socket.recv(4096)
                if reply[1] == request[1]:
                    return prove_reply(reply, request, self.secret)
        except socket.timeout:
            return None


def capture_packets(path):
    """(source port, destination port, UDP payload) of a pcapng file of Ethernet frames."""
    data, at = open(path, "rb").read(), 0
    while len(data) - at >= 12:
        kind, length = struct.unpack("<II", data[at:at + 8])
        assert 12 <= length <= len(data) - at
        if kind == 6:
            captured = struct.unpack("<I", data[at + 20:at + 24])[0]
            ip = data[at + 28:at + 28 + captured][14:]
            udp = ip[(ip[0] & 15) * 4:]
            source, destination, size = struct.unpack(">HHH", udp[:6])
            yield source, destination, udp[8:size]
        at += length

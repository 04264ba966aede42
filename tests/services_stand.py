"""A node with the services of the country pack (and one for tests that asks a question of every kind) published, and two
made-up persons: a citizen and an official of a service centre."""
import glob, json, os, re, time

from harness import Node, ROOT

PERSON = re.compile(r"FIN (\w+)  activation code ([\w-]+)  ([^,\n]+)(, official of .*)?")


def keys_of(node, organisation):
    """Two keys of an organisation: who submits and who publishes are never the same."""
    known = getattr(node, "office_keys", {})
    node.office_keys = known
    if organisation not in known:
        if organisation == "digital-agency":
            known[organisation] = (node.key("official-1"), node.key("official-2"))
        else:
            known[organisation] = tuple(
                node.cli("key", "create", organisation, "--name", f"official {i}", "--scope", "services:read",
                         "--scope", "services:write", "--scope", "services:publish").stdout.split()[-1] for i in (1, 2))
    return known[organisation]


def publish(node, path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    code, provider = (re.search(rf"^{field}: (\S+)", text, re.M).group(1) for field in ("code", "provider"))
    if node.get(f"/v1/services/{code}").status == 200:  # the demonstration has it already
        return code
    submits, publishes = keys_of(node, provider)
    answer = node.request("POST", "/v1/services", text, key=submits, headers={"Content-Type": "application/yaml"})
    assert answer.status in (200, 201), f"{path}: {answer.status} {answer.text[:800]}"
    version = answer.json.get("version", 1)
    answer = node.request("POST", f"/v1/services/{code}/versions/{version}/publish", {}, key=publishes)
    published = answer.status in (200, 204) or answer.json["code"] == "service.decided"  # by the demonstration already
    assert published, f"{path}: {answer.status} {answer.text[:800]}"
    return code


def start(persons=3000, extra=()):
    """The node, and the two persons as [{"fin", "code", "name"}]."""
    node = Node(persons=persons)
    node.start("--welcome", "--url", f"http://localhost:{node.port}", *extra)
    try:
        return node, prepare(node)
    except BaseException:
        node.remove()
        raise


def prepare(node):
    for path in sorted(glob.glob(f"{ROOT}/country/az/services/*.yaml")) + [f"{ROOT}/tests/services_pages/everything.yaml"]:
        publish(node, path)
    log = os.path.join(node.folder, "log")
    found = []
    for _ in range(100):
        with open(log, encoding="utf-8") as file:
            found = PERSON.findall(file.read())
        if len(found) == 2:
            break
        time.sleep(0.1)
    assert len(found) == 2, "the welcome names no demonstration persons"
    return [{"fin": fin, "code": code, "name": name.strip()} for fin, code, name, _ in found]

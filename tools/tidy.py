#!/usr/bin/env python3
"""The house's own rules, which no compiler checks. Prints what breaks them, one a line; `--write` brings
docs/errors.md up to date (codes are kept there with the sentence people see)."""
import os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.chdir(ROOT)

with open("cmake/DayaqModule.cmake") as text:
    FLOORS = {room: int(floor) for room, floor in re.findall(r"set\(DAYAQ_FLOOR_(\w+) (\d+)\)", text.read())}

# The edge is deployed alone: it stands on these and nothing else of the house, and nothing but apps stands on it. Its
# own parts are told apart by their folders: a protocol doesn't know another, and what they share knows none.
FLOORS["edge"] = max(floor for room, floor in FLOORS.items() if room.startswith("edge_"))
# The digital ID is several libraries too, one above the other; CMake's links hold each to its floor.
FLOORS["identity"] = max(floor for room, floor in FLOORS.items() if room.startswith("identity"))
# So are the e-services.
FLOORS["services"] = max(floor for room, floor in FLOORS.items() if room.startswith("services"))
EDGE_STANDS_ON = {"base", "crypto", "http", "feed", "edge"}
EDGE_PARTS = {"diameter", "radius", "tv", "web"}

# A third-party header and the rooms inside whose fence it may stand (besides tests, bench and fuzz).
FENCES = [
    (r"boost/(asio|beast)", {"http", "edge"}),
    (r"sqlite3\.h|libpq-fe\.h", {"store"}),
    (r"openssl/", {"crypto", "http"}),
    (r"sodium\.h", {"crypto"}),
    (r"unicode/", {"base", "portal"}),
    (r"yaml-cpp/", {"registry", "regime", "portal", "apps", "edge"}),
    (r"spdlog/", {"base"}),
    (r"prometheus/|ctemplate/", {"http"}),
    (r"CLI/", {"apps"}),
    (r"qrencode\.h", {"portal"}),
]
# Functions that have a better form here.
BANNED = [
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof)\s*\(", "use std::string, fmt or std::from_chars"),
    (r"\bstd::(cout|cerr)\b", "use fmt::print or the log"),
    (r"\busing namespace std;", "name what you use"),
    (r"\bsystem_clock::now\(\)", "time comes in as a parameter (base/time.hpp)"),
    (r"\bstd::(rand|random_device|mt19937)\b", "randomness comes in as a parameter (base/random.hpp)"),
    (r"\b(TODO|FIXME|XXX)\b", "finish it or say it in the docs"),
]
NOW_ALLOWED = {"src/base/time.cpp", "src/base/log.cpp"}
LINES_MAX = 620


def tracked():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True)
    if listed.returncode == 0:
        return [f for f in listed.stdout.split("\n") if f and os.path.isfile(f)]
    return [os.path.relpath(os.path.join(d, f), ".") for d, _, fs in os.walk(".") if "/build" not in d and "/.git" not in d for f in fs]


def room_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else "apps" if parts[0] == "apps" else None


def check_code(path, text, problems):
    room = room_of(path)
    is_test = path.endswith("_test.cpp") or path.split("/")[0] in ("tests", "bench", "fuzz")
    lines = text.split("\n")
    if len(lines) > LINES_MAX:
        problems.append(f"{path}: {len(lines)} lines; does it still hold one thing?")
    for number, line in enumerate(lines, 1):
        included = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if included:
            header = included.group(1)
            other = header.split("/")[0]
            if room and not is_test and other in FLOORS and other != room and FLOORS[other] >= FLOORS[room]:
                problems.append(f"{path}:{number}: {room} may not include {header}: it isn't on a lower floor")
            if room == "edge" and not is_test and other in FLOORS:
                part, theirs = path.split("/")[2], header.split("/")[1] if other == "edge" else ""
                if other not in EDGE_STANDS_ON or (theirs in EDGE_PARTS and part not in (theirs, "web")):
                    problems.append(f"{path}:{number}: {part} may not include {header}: the edge's parts stand alone")
            if room and not is_test:
                for pattern, rooms in FENCES:
                    if re.match(pattern, header) and room not in rooms:
                        problems.append(f"{path}:{number}: <{header}> belongs in {', '.join(sorted(rooms))} alone")
        code = re.sub(r'"(\\.|[^"\\])*"', '""', line)
        for pattern, advice in BANNED:
            if pattern.endswith("now\\(\\)") and (is_test or path in NOW_ALLOWED):
                continue
            if re.search(pattern, code if "TODO" not in pattern else line):
                problems.append(f"{path}:{number}: {re.search(pattern, line if 'TODO' in pattern else code).group(0).strip()}: {advice}")
        if len(line) > 120:
            problems.append(f"{path}:{number}: {len(line)} columns")


def error_codes(files):
    codes, found = {}, set()
    for path in files:
        if not re.match(r"(src|apps)/.*\.(cpp|hpp|ipp)$", path) or "_test.cpp" in path or "test_support" in path:
            continue
        text = open(path, encoding="utf-8").read()
        for kind, code in re.findall(r'fail\(\s*ErrorKind::(\w+),\s*"([a-z_]+(?:\.[a-z_]+)+)"', text):
            codes.setdefault(code, kind)
        for code in re.findall(r'fail_field\(\s*"([a-z_]+(?:\.[a-z_]+)+)"', text):
            codes.setdefault(code, "invalid_input")
        for kind, code in re.findall(r'Error\{\s*(?:\.kind\s*=\s*)?ErrorKind::(\w+),\s*(?:\.code\s*=\s*)?"([a-z_]+(?:\.[a-z_]+)+)"', text):
            codes.setdefault(code, kind)
        # Readers of files: reader.error(place, "code", sentence); word() and named() hand the code on to it.
        found |= set(re.findall(r'(?<!log::)\b(?:error|word|named)\((?:[^;{]*?[^\w])?"([a-z_]+(?:\.[a-z_]+)+)"', text))
        if re.search(r"/file(_[a-z]+)?\.cpp$", path):  # the files of laws and services have helpers of their own
            found |= set(re.findall(r'"((?:file|regime|service)\.[a-z_]+)",', text))
    for code in found:
        codes.setdefault(code, "invalid_input")
    return codes


def check_catalogue(name, path, wanted, problems):
    known = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
    for word in sorted(wanted):
        if f"`{word}`" not in known:
            problems.append(f"{path}: {name} `{word}` is not described")


def check_edge_file(problems):
    """Each field that the edge's file may have is in its documentation."""
    document = open("docs/edge/configuration.md", encoding="utf-8").read()
    asked = r'\b(?:text|path|texts|truth|octets|numbers|number|duration|word|inside|each)\(\s*"(\w+)"'
    for path in ("configuration.cpp", "configuration_parts.cpp"):
        for field in sorted(set(re.findall(asked, open(f"src/edge/web/{path}", encoding="utf-8").read()))):
            if f"`{field}`" not in document:
                problems.append(f"docs/edge/configuration.md: `{field}` is not described ({path})")


def write_errors(codes):
    path = "docs/errors.md"
    known = re.findall(r"^\| `([^`]+)` \| (\w+) \| (.*) \|$", open(path).read(), re.M) if os.path.exists(path) else []
    old = {code: text for code, _, text in known}
    # Rows written by hand stay: codes that no `fail` names (the HTTP server's own answers).
    codes = {code: kind for code, kind, _ in known if code.startswith(("http.", "auth."))} | codes
    sentences = {}
    for file in tracked():
        if re.match(r"(src|apps)/.*\.(cpp|hpp|ipp)$", file):
            for code, text in re.findall(r'"([a-z_]+(?:\.[a-z_]+)+)",\s*(?:fmt::format\(\s*)?"((?:[^"\\]|\\.)*)"', open(file).read()):
                sentences.setdefault(code, text.replace('\\"', '"').replace("|", "/"))
    with open(path, "w") as out:
        out.write("# Error codes\n\nEvery code that an answer or the command line can carry, with the kind (what to do next) and the\n"
                  "sentence people see. `./dev lint` holds this list complete; `python3 tools/tidy.py --write` brings it up to date.\n\n"
                  "| code | kind | sentence |\n|---|---|---|\n")
        for code in sorted(codes):
            out.write(f"| `{code}` | {codes[code]} | {old.get(code) or sentences.get(code, '')} |\n")


def main():
    files, problems = tracked(), []
    codes = error_codes(files)
    if "--write" in sys.argv:
        write_errors(codes)
    log_ids = set()
    for path in files:
        if path.endswith((".cpp", ".hpp", ".ipp")):
            text = open(path, encoding="utf-8").read()
            check_code(path, text, problems)
            if re.match(r"(src|apps)/", path) and not path.endswith("_test.cpp"):
                log_ids |= set(re.findall(r'log::(?:info|warning|error)\(\s*"([a-z_.]+)"', text))
                log_ids |= set(re.findall(r'log::write\(\s*[^,]+,\s*"([a-z_.]+)"', text))
        if path.endswith(".md"):
            body = re.sub(r"```.*?```", "", open(path, encoding="utf-8").read(), flags=re.S)
            heads = re.findall(r"^# ", body, re.M)
            if len(heads) != 1:
                problems.append(f"{path}: {len(heads)} titles (one `#` a document)")
        if os.path.getsize(path) > 1_500_000:
            problems.append(f"{path}: {os.path.getsize(path)} bytes; large files don't belong here")
    check_catalogue("error code", "docs/errors.md", codes, problems)
    check_catalogue("log id", "docs/log.md", log_ids, problems)
    check_edge_file(problems)
    for room in sorted(FLOORS):
        if room != "apps" and os.path.isdir(f"src/{room}") and not os.path.exists(f"src/{room}/README.md"):
            problems.append(f"src/{room}: no README.md")
    print("\n".join(problems) if problems else "tidy: nothing found")
    sys.exit(1 if problems else 0)


main()

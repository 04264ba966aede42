#!/usr/bin/env python3
"""Runs every test that CTest knows and ends in one line: "N passed, N failed".

A GoogleTest program counts its cases, a program whose last lines hold "N passed, N failed" counts those, and
anything else counts as one. Several run at once unless a test has CTest's RUN_SERIAL property.
"""
import argparse, concurrent.futures, json, os, re, subprocess, sys, time


def tests_of(build):
    out = subprocess.run(["ctest", "--show-only=json-v1"], cwd=build, capture_output=True, text=True, check=True)
    for test in json.loads(out.stdout)["tests"]:
        if "command" not in test:
            continue
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        yield {"name": test["name"], "command": test["command"],
               "cwd": properties.get("WORKING_DIRECTORY", build), "serial": properties.get("RUN_SERIAL", False),
               "timeout": float(properties.get("TIMEOUT", 600)) * (6 if os.environ.get("DAYAQ_SOAK") else 1),
               "labels": properties.get("LABELS", [])}


def count(output, code):
    ran = re.findall(r"^\[==========\] (\d+) tests? from .* ran", output, re.M)
    if ran:
        failed = sum(int(n) for n in re.findall(r"^\s*(\d+) FAILED TESTS?", output, re.M))
        total = sum(map(int, ran))
        if code != 0 and failed == 0:
            failed = 1  # it died after or outside its cases
        return total - min(failed, total), max(failed, 0)
    own = re.findall(r"^(\d+) passed, (\d+) failed", output, re.M)
    if own:
        passed, failed = map(int, own[-1])
        return passed, failed if code == 0 else max(failed, 1)
    return (1, 0) if code == 0 else (0, 1)


def run(test):
    started = time.monotonic()
    try:
        done = subprocess.run(test["command"], cwd=test["cwd"], capture_output=True, text=True, errors="replace",
                              timeout=test["timeout"], stdin=subprocess.DEVNULL)
        output, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        output = "".join((part or b"").decode(errors="replace") for part in (late.stderr, late.stdout))
        output += f"\ntimed out after {test['timeout']:.0f} s"
        code = -1
    passed, failed = count(output, code)
    return test, passed, failed, time.monotonic() - started, output


def shown(output):
    """What of a failed program's output says why: GoogleTest's failed cases, or the lines around the first failure."""
    lines = output.splitlines()
    if lines and lines[-1].startswith("timed out after"):
        return lines[-60:]
    cases = []
    begun = None
    for number, line in enumerate(lines):
        if line.startswith("[ RUN      ]"):
            begun = number
        elif line.startswith("[       OK ]") or line.startswith("[  SKIPPED ]"):
            begun = None
        elif line.startswith("[  FAILED  ]") and begun is not None:
            cases += lines[begun:number + 1]
            begun = None
    if begun is not None:  # it died in this one
        cases += lines[begun:][-60:]
    if cases:
        return cases[:90]
    marked = [i for i, line in enumerate(lines) if re.search("FAILED|Failure|[Ee]rror", line)]
    start = max(0, marked[0] - 5) if marked else max(0, len(lines) - 60)
    rest = ["...", *lines[-15:]] if len(lines) > start + 60 else []
    return lines[start:start + 60] + rest


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--build-unit", help="a second build (the other compiler) whose unit tests run too")
    parser.add_argument("--label", default="twice", help="which of them: twice (the default), or unit for all")
    parser.add_argument("--make-unit", help="the command that makes the second build; it runs beside the first's tests")
    parser.add_argument("name", nargs="*", help="run only tests whose name contains one of these")
    arguments = parser.parse_args()
    def wanted(tests):
        return [t for t in tests if not arguments.name or any(n in t["name"] for n in arguments.name)]

    def second_tests():
        second = os.path.basename(arguments.build_unit)
        return wanted(dict(t, name=f"{second}:{t['name']}") for t in tests_of(arguments.build_unit)
                      if arguments.label in t["labels"])

    # Tests wait more than they compute: the second compiler takes what they leave.
    making = subprocess.Popen(["nice", "-n", "19", "bash", "-c", arguments.make_unit], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace") if arguments.make_unit else None
    chosen = wanted(tests_of(arguments.build))
    if arguments.build_unit and not making:
        chosen += second_tests()
    ran = 0
    total_passed = total_failed = 0
    failures = []

    def report(result):
        nonlocal total_passed, total_failed
        test, passed, failed, seconds, output = result
        total_passed += passed
        total_failed += failed
        print(f"{'ok  ' if failed == 0 else 'FAIL'} {test['name']:<40} {passed:>5} passed {failed:>3} failed {seconds:7.1f} s",
              flush=True)
        if failed:
            failures.append((test["name"], output))

    def run_all(tests):
        nonlocal ran
        ran += len(tests)
        with concurrent.futures.ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
            for future in concurrent.futures.as_completed([pool.submit(run, t) for t in tests if not t["serial"]]):
                report(future.result())
        for test in tests:
            if test["serial"]:
                report(run(test))

    run_all(chosen)
    if making:
        output, _ = making.communicate()
        if making.returncode == 0:
            run_all(second_tests())
        else:
            report(({"name": arguments.make_unit}, 0, 1, 0.0, output))
    for name, output in failures:
        print(f"\n--- {name}")
        print("\n".join(shown(output)))
    print(f"{total_passed} passed, {total_failed} failed")
    sys.exit(1 if total_failed or not ran else 0)


if __name__ == "__main__":
    main()

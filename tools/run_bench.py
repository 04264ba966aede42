#!/usr/bin/env python3
"""Runs the benchmarks, prints their table and writes build/bench.json.

Each benchmark is a program of bench/ (CMake target NAME_bench, or a script bench/NAME_bench.py) that prints one JSON
object per figure: name, value, unit, goal, met, peer, peer_value, limit, limit_value. `./dev bench NAME` runs the
programs that can print NAME (see `figures:` in the second line of each source).
"""
import argparse, json, os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def programs(build):
    folder = os.path.join(ROOT, "bench")
    for file in sorted(os.listdir(folder)):
        found = re.match(r"(.*_bench)\.(cpp|py)$", file)
        if not found:
            continue
        with open(os.path.join(folder, file)) as source:
            head = source.read(1500)
        figures = re.search(r"figures: *(.*)", head)
        names = figures.group(1).split() if figures else [found.group(1)]
        path = os.path.join(folder, file)
        command = [sys.executable, path, "--build", build] if file.endswith(".py") else [
            os.path.join(build, "bin", found.group(1))]
        yield names, command


def number(value):
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("name", nargs="*")
    arguments = parser.parse_args()
    rows, broken = [], 0
    for names, command in programs(os.path.abspath(arguments.build)):
        if arguments.name and not set(arguments.name) & set(names):
            continue
        print(f"measuring {' '.join(names)} ...", file=sys.stderr, flush=True)
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode != 0 or not found:
            print(f"  {command[0]} failed with {done.returncode}", file=sys.stderr)
            broken += 1
        rows += [row for row in found]
    heads = ["figure", "value", "unit", "goal", "met", "peer", "peer value", "limit", "limit value"]
    keys = ["name", "value", "unit", "goal", "met", "peer", "peer_value", "limit", "limit_value"]
    table = [heads] + [[("yes" if row["met"] else "NO") if k == "met" else number(row.get(k)) for k in keys] for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(heads))]
    for i, line in enumerate(table):
        print("| " + " | ".join(cell.ljust(widths[k]) for k, cell in enumerate(line)) + " |")
        if i == 0:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")
    path = os.path.join(ROOT, "build", "bench.json")
    if arguments.name and os.path.exists(path):
        with open(path) as old:
            fresh = {row["name"] for row in rows}
            rows = [row for row in json.load(old) if row["name"] not in fresh] + rows
    with open(path, "w") as out:
        json.dump(rows, out, indent=1)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()

"""Holds a file's JSON Schema to its parser: it accepts every good file, and refuses those bad files whose fault lies in one
place alone (marked "the schema refuses this too"). Run by the tests of the parsers' routes.

usage: check_schema.py SCHEMA FOLDER_OF_GOOD_FILES FOLDER_OF_BAD_FILES"""
import json
import pathlib
import sys

import jsonschema
import yaml


class AsWritten(yaml.SafeLoader):
    """Dates stay the words that were written; everything else is read as JSON would be."""


AsWritten.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def errors_of(validator, path):
    document = yaml.load(path.read_text(encoding="utf-8"), AsWritten)
    return list(validator.iter_errors(json.loads(json.dumps(document))))


def main():
    schema_file, good_files, bad_files = map(pathlib.Path, sys.argv[1:])
    schema = json.loads(schema_file.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    faults = []
    good = sorted(good_files.rglob("*.yaml"))
    for path in good:
        for error in errors_of(validator, path):
            faults.append(f"{path}: the schema refuses a good file: {error.json_path} {error.message[:200]}")
    refused = 0
    for path in sorted(bad_files.glob("*.yaml")):
        if "# the schema refuses this too" not in path.read_text(encoding="utf-8"):
            continue
        refused += 1
        if not errors_of(validator, path):
            faults.append(f"{path}: the schema accepts a bad file")
    print("\n".join(faults) if faults else f"{len(good)} good files accepted, {refused} bad ones refused")
    return 1 if faults or len(good) < 3 or refused < 20 else 0


sys.exit(main())

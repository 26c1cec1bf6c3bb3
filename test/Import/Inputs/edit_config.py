#!/usr/bin/env python3
"""edit_config.py FOLDER KEY=JSON...: changes keys of FOLDER/config.json."""
import json
import pathlib
import sys

path = pathlib.Path(sys.argv[1]) / "config.json"
config = json.loads(path.read_text())
for change in sys.argv[2:]:
    key, value = change.split("=", 1)
    config[key] = json.loads(value)
path.write_text(json.dumps(config))

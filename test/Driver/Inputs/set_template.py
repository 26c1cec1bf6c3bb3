#!/usr/bin/env python3
"""set_template.py FOLDER TEMPLATE: gives the model's tokenizer a chat template."""
import json
import pathlib
import sys

path = pathlib.Path(sys.argv[1]) / "tokenizer_config.json"
path.write_text(json.dumps({**json.loads(path.read_text()), "chat_template": sys.argv[2]}))

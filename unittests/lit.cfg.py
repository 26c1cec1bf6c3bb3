# Configuration of the GoogleTest programs as lit tests.
import os

import lit.formats

config.name = "lamina-unit"
config.test_format = lit.formats.GoogleTest(
    ";".join(
        entry.name
        for entry in os.scandir(os.path.join(config.lamina_build_dir, "unittests"))
        if entry.is_dir() and entry.name != "CMakeFiles"
    ),
    "Tests",
)
config.test_source_root = os.path.join(config.lamina_build_dir, "unittests")
config.test_exec_root = config.test_source_root

lit_config.load_config(
    config, os.path.join(config.lamina_source_dir, "test", "sanitizers.cfg.py")
)

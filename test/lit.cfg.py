# Configuration of the lit tests.
import os
import shlex
import shutil
import sys

import lit.formats

config.name = "lamina"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "data"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.lamina_build_dir, "test")

# Our tools first, then FileCheck, not, count and split-file of this LLVM.
config.environment["PATH"] = os.pathsep.join(
    [config.lamina_tools_dir, config.llvm_tools_dir, config.environment["PATH"]]
)

# %exits CODE COMMAND...: runs the command and fails unless it exits with CODE.
exits = os.path.join(config.test_source_root, "Inputs", "exits.py")
config.substitutions += [
    ("%exits", f"{shlex.quote(sys.executable)} {shlex.quote(exits)}"),
    ("%python", shlex.quote(sys.executable)),
]

# Programs that the tests compile are kept apart from the user's.
config.environment["XDG_CACHE_HOME"] = os.path.join(config.test_exec_root, "cache")
config.substitutions.append(
    ("%data", shlex.quote(os.path.join(config.test_source_root, "data")))
)

config.substitutions.append(
    (
        "%failing_malloc",
        shlex.quote(
            os.path.join(config.test_exec_root, "Execution", "LaminaFailingMalloc.so")
        ),
    )
)

# The CUDA plugin where nvcc is found, and the same sources under emulation.
plugin_dir = os.path.join(config.lamina_build_dir, "lib", "lamina")
emulated_dir = os.path.join(config.lamina_build_dir, "runtime", "test", "cuda")
config.substitutions += [
    ("%build_dir", shlex.quote(config.lamina_build_dir)),
    ("%plugin_dir", shlex.quote(plugin_dir)),
    ("%emulated_plugin_dir", shlex.quote(emulated_dir)),
]
plugin = "liblamina_cuda.so"
if os.path.exists(os.path.join(plugin_dir, plugin)):
    config.available_features.add("cuda-plugin")
if os.path.exists(os.path.join(emulated_dir, plugin)):
    config.available_features.add("cuda-emulation")
if os.path.exists("/dev/nvidiactl"):
    config.available_features.add("gpu")

# A variable without $ is forgotten at the next CHECK-LABEL, and a prefix that
# no CHECK line uses is an error.
config.environment["FILECHECK_OPTS"] = (
    "--enable-var-scope --allow-unused-prefixes=false"
)

# Locales can be made, from their sources in the package locales.
if shutil.which("localedef") and all(
    os.path.exists(f"/usr/share/i18n/locales/{name}") for name in ("de_DE", "tr_TR")
):
    config.available_features.add("locales")

lit_config.load_config(
    config, os.path.join(config.test_source_root, "sanitizers.cfg.py")
)

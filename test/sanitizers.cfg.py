# Environment of the sanitizers, for the lit tests and the unit tests alike.
# A build without sanitizers does not read it.
import os

# abort_on_error: `not` takes an exit code for the error that a test expects,
#   and only a signal for a crash.
# allow_user_poisoning=0: LLVM's allocators poison their slabs in our
#   instrumented copy of their inline code and unpoison only there, so memory
#   that the uninstrumented libMLIR hands out would be reported.
config.environment["ASAN_OPTIONS"] = ":".join(
    [
        "abort_on_error=1",
        "allow_user_poisoning=0",
        "detect_stack_use_after_return=1",
        "strict_string_checks=1",
    ]
)
config.environment["UBSAN_OPTIONS"] = "abort_on_error=1:print_stacktrace=1"
config.environment["ASAN_SYMBOLIZER_PATH"] = os.path.join(
    config.llvm_tools_dir, "llvm-symbolizer"
)

# Programs are linked without the sanitizers' runtime, which our archives then
# need, and a crash that a test expects of libMLIR is another one.
if "-fsanitize" in getattr(config, "lamina_cxx_flags", ""):
    config.available_features.add("sanitizers")

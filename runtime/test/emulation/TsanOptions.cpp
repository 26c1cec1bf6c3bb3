//===- TsanOptions.cpp - How ThreadSanitizer runs in test programs --------===//

/// Ends at once, and with a failure, when the program ends or a race was seen.
extern "C" const char *__tsan_default_options() {
  return "atexit_sleep_ms=0:halt_on_error=1";
}

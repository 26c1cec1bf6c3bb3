//===- Entry.cpp - Options, reports and planned faults --------------------===//

#include "Entry.h"
#include "Device.h"
#include "Tsan.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

namespace emulation {
namespace {

struct Fault {
  int64_t call; ///< counted from the start
  int code;
  bool sticky;
};

struct Book {
  tsan::Mutex mutex;
  Options options = environmentOptions();
  std::map<std::string, int64_t> calls;
  std::map<std::string, std::vector<Fault>> faults;
  std::vector<std::string> reports;
  bool eagerForbidden = false;

  Book() { plan(std::getenv("LAMINA_EMULATED_FAIL")); }
  void plan(const char *text);
};

/// Reads `name:nth:code,...`.
void Book::plan(const char *text) {
  while (text && *text) {
    char name[64];
    long long nth = 0;
    int code = 0, length = 0;
    if (std::sscanf(text, "%63[^:]:%lld:%d%n", name, &nth, &code, &length) !=
            3 ||
        nth < 1) {
      std::fprintf(stderr,
                   "emulation: LAMINA_EMULATED_FAIL: %s, expected "
                   "FUNCTION:NTH:CODE,...\n",
                   text);
      std::abort();
    }
    faults[name].push_back({nth, code, false});
    text += length;
    text += *text == ',';
  }
}

/// Never destroyed: threads of streams may outlive main.
Book &book() {
  static Book &instance = *new Book;
  return instance;
}

thread_local cudaError_t lastError = cudaSuccess;

double number(const char *name, double otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::atof(text) : otherwise;
}

} // namespace

Options environmentOptions() {
  Options options;
  options.devices = static_cast<int>(number("LAMINA_EMULATED_DEVICES", 1));
  if (options.devices < 0 || options.devices > kMaxDevices)
    options.devices = kMaxDevices;
  options.memoryBytes =
      static_cast<size_t>(number("LAMINA_EMULATED_MEMORY_MIB", 8192)) << 20;
  double capability = number("LAMINA_EMULATED_CAPABILITY", 9.0);
  options.capabilityMajor = static_cast<int>(capability);
  options.capabilityMinor =
      static_cast<int>((capability - options.capabilityMajor) * 10 + 0.5);
  options.seed = static_cast<uint64_t>(number("LAMINA_EMULATED_SEED", 1));
  options.peers = number("LAMINA_EMULATED_PEERS", 1) != 0;
  options.spinSeconds = number("LAMINA_EMULATED_SPIN_SECONDS", 20);
  options.ncclSeconds = number("LAMINA_EMULATED_NCCL_SECONDS", 20);
  return options;
}

const Options &options() { return book().options; }

void reset(const Options &options) {
  {
    std::lock_guard<tsan::Mutex> lock(book().mutex);
    book().options = options;
    book().calls.clear();
    book().faults.clear();
    book().reports.clear();
    book().eagerForbidden = false;
  }
  lastError = cudaSuccess;
  resetDevices();
}

void failAt(const char *function, int64_t nth, int code, bool sticky) {
  std::lock_guard<tsan::Mutex> lock(book().mutex);
  book().faults[function].push_back(
      {book().calls[function] + nth, code, sticky});
}

int64_t calls(const char *function) {
  std::lock_guard<tsan::Mutex> lock(book().mutex);
  return book().calls[function];
}

std::vector<std::string> takeReports() {
  std::lock_guard<tsan::Mutex> lock(book().mutex);
  return std::exchange(book().reports, {});
}

void forbidEagerLaunches(bool forbid) { book().eagerForbidden = forbid; }
bool eagerLaunchesForbidden() { return book().eagerForbidden; }

void report(const char *function, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  std::string line = std::string(function) + ": " + text;
  std::fprintf(stderr, "emulation: %s\n", line.c_str());
  std::lock_guard<tsan::Mutex> lock(book().mutex);
  book().reports.push_back(std::move(line));
}

int plannedFault(const char *entry, bool &sticky) {
  std::string function = entry;
  // Callers know cublasSetStream, a macro for cublasSetStream_v2.
  if (size_t at = function.rfind("_v2"); at != std::string::npos)
    function.resize(at);
  std::lock_guard<tsan::Mutex> lock(book().mutex);
  int64_t call = ++book().calls[function];
  auto found = book().faults.find(function);
  if (found == book().faults.end())
    return 0;
  for (const Fault &fault : found->second)
    if (fault.call == call) {
      sticky = fault.sticky;
      return fault.code;
    }
  return 0;
}

cudaError_t finish(cudaError_t status) {
  if (status != cudaSuccess)
    lastError = status;
  return status;
}

cudaError_t takeLastError() { return std::exchange(lastError, cudaSuccess); }
cudaError_t peekLastError() { return lastError; }

cudaError_t enter(const char *function) {
  bool sticky = false;
  if (int code = plannedFault(function, sticky)) {
    auto status = static_cast<cudaError_t>(code);
    if (sticky)
      loseDevice(currentDevice(), status);
    return status;
  }
  // Without a device every call says so.
  if (options().devices == 0)
    return cudaErrorNoDevice;
  // https://docs.nvidia.com/cuda/cuda-c-programming-guide/#call-stack-and-error-checking
  return deviceError(currentDevice());
}

} // namespace emulation

//===- Emulation.h - What tests ask of the emulated devices ----*- C++ -*-===//
//
// The emulation runs the kernels of the CUDA plugin as host C++, and stands in
// for cudart, cuBLAS and NCCL. It is stricter than a device: what is undefined,
// or merely unwise for this project, is refused with a report. Programs that
// are not tests of the emulation set it up by environment variables:
//
//   LAMINA_EMULATED_DEVICES=2          how many devices there are (1)
//   LAMINA_EMULATED_MEMORY_MIB=512     the memory of each (8192)
//   LAMINA_EMULATED_CAPABILITY=9.0     the compute capability
//   LAMINA_EMULATED_SEED=7             the order in which threads run (1)
//   LAMINA_EMULATED_PEERS=0            devices cannot see each other
//   LAMINA_EMULATED_SPIN_SECONDS=5     a kernel that only waits is ended (20)
//   LAMINA_EMULATED_NCCL_SECONDS=5     a rank that does not come (20)
//   LAMINA_EMULATED_FAIL=cudaMalloc:3:2,ncclAllReduce:1:6
//                                      the 3rd call of cudaMalloc returns 2
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_EMULATION_EMULATION_H
#define LAMINA_TEST_EMULATION_EMULATION_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace emulation {

/// The most devices that can be emulated: their address ranges are fixed.
constexpr int kMaxDevices = 8;

struct Options {
  int devices = 1;
  size_t memoryBytes = size_t(8) << 30; ///< of each device
  int capabilityMajor = 9;
  int capabilityMinor = 0;
  uint64_t seed = 1; ///< of all orders that the emulation chooses
  bool peers = true; ///< devices can read each other's memory
  double spinSeconds = 20;
  double ncclSeconds = 20;
};

/// The options that the environment variables name.
Options environmentOptions();

/// Starts anew with these devices: no memory, no errors, no reports, no planned
/// faults. All streams must have been destroyed.
void reset(const Options &options);

/// What is in use.
const Options &options();

/// The `nth` call (from 1) of the entry point `function` from now on does
/// nothing and returns `code`; with `sticky`, and a cudart entry point, the
/// device is lost with it.
void failAt(const char *function, int64_t nth, int code, bool sticky = false);

/// How often an entry point was called since the last reset.
int64_t calls(const char *function);

/// What was refused since the last call, one line each. Each line was also
/// written to stderr.
std::vector<std::string> takeReports();

/// Whether launches outside of a graph are refused, as a check that a step is
/// all in its graph.
void forbidEagerLaunches(bool forbid);

/// Bytes of device memory in use, all devices together.
size_t bytesInUse();

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_EMULATION_H

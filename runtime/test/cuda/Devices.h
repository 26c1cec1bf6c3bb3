//===- Devices.h - The devices that a test of several ranks has -*- C++ -*-===//

#ifndef LAMINA_TEST_CUDA_DEVICES_H
#define LAMINA_TEST_CUDA_DEVICES_H

#include <cstdint>
#include <string>
#include <vector>

namespace lamina::cuda {

/// What a test of a group asks for. A real device takes no seed.
struct DeviceChoice {
  int32_t devices = 1;
  uint64_t seed = 1; ///< of the order in which threads run
  bool peers = true; ///< devices see each other's memory
};

/// Starts anew with such devices, none of which is in use. Returns whether
/// there are any.
bool prepareDevices(const DeviceChoice &choice);

/// What was refused since the last call, one line each.
std::vector<std::string> takeReports();

} // namespace lamina::cuda

#endif // LAMINA_TEST_CUDA_DEVICES_H

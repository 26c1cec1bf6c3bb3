//===- EmulatedDevices.cpp - Devices.h under emulation --------------------===//

#include "Devices.h"

#include "Emulation.h"

namespace lamina::cuda {

bool prepareDevices(const DeviceChoice &choice) {
  emulation::Options options;
  options.devices = choice.devices;
  options.seed = choice.seed;
  options.peers = choice.peers;
  emulation::reset(options);
  return true;
}

std::vector<std::string> takeReports() { return emulation::takeReports(); }

} // namespace lamina::cuda

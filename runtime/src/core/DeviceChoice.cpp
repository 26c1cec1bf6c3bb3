//===- DeviceChoice.cpp - The CPU or a GPU --------------------------------===//

#include "Failure.h"
#include "Plugin.h"

#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace lamina::runtime;

/// Loading the CUDA libraries takes longer than a short answer, so `auto` looks
/// for the driver's device files first.
static bool hasDriver() {
  return access("/dev/nvidiactl", F_OK) == 0 || access("/dev/dxg", F_OK) == 0;
}

lamrt_status lamrt_choose_device(const char *wanted, const char **out_device,
                                 const char **out_why) {
  if (!wanted || !out_device || !out_why)
    return fail(LAMRT_USAGE, "lamrt_choose_device: an argument is null");
  *out_device = "cpu";
  *out_why = "as asked";
  if (strcmp(wanted, "cpu") == 0)
    return LAMRT_OK;
  if (strcmp(wanted, "cuda") != 0 && strcmp(wanted, "auto") != 0)
    return fail(LAMRT_USAGE, "device: '%s', expected auto, cpu or cuda",
                wanted);
  static thread_local char text[1024];
  *out_why = text;
  bool isAuto = strcmp(wanted, "auto") == 0;
  if (isAuto && !hasDriver()) {
    *out_why = "no NVIDIA driver";
    return LAMRT_OK;
  }
  const BackendTable *table = nullptr;
  lamrt_status status = loadCudaPlugin(table);
  if (!status)
    status = table->describe(0, text, sizeof(text));
  if (!status) {
    *out_device = "cuda";
    return LAMRT_OK;
  }
  if (!isAuto)
    return status;
  snprintf(text, sizeof(text), "%s", getLastError());
  return LAMRT_OK;
}

//===- Plugin.cpp - The library that drives a device ----------------------===//

#include "Plugin.h"

#include "Failure.h"
#include "Group.h"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <string>
#include <unistd.h>
#include <vector>

namespace lamina::runtime {

namespace {

constexpr char kFileName[] = "liblamina_cuda.so";

lamrt_status failFromPlugin(lamrt_status status, const char *message) {
  return fail(status, "%s", message);
}

int32_t hasGroupFailed(void *group) {
  return static_cast<Group *>(group)->getCommunicator().hasFailed();
}

lamrt_status exchange(void *group, int32_t rank, const void *mine, void *all,
                      uint64_t bytes) {
  Communicator &communicator = static_cast<Group *>(group)->getCommunicator();
  Offer offer;
  offer.key.name = "start of the devices";
  offer.key.operation = LAMRT_NUM_COLLECTIVES + 1;
  offer.key.rows = 1;
  offer.key.features = static_cast<int64_t>(bytes / sizeof(float));
  offer.in = {static_cast<uint8_t *>(const_cast<void *>(mine)),
              static_cast<int64_t>(bytes), LAMRT_F32};
  if (lamrt_status status = communicator.open(rank, offer))
    return status;
  for (int32_t r = 0; r < communicator.ranks(); ++r)
    memcpy(static_cast<uint8_t *>(all) + static_cast<uint64_t>(r) * bytes,
           communicator.offerOf(r).in.data, bytes);
  return communicator.close(rank);
}

const BackendHost kHost = {sizeof(BackendHost), kBackendVersion, failFromPlugin,
                           hasGroupFailed, exchange};

/// The folder that holds the folder of this executable.
std::string getPrefix() {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  std::string text(path, length > 0 ? static_cast<size_t>(length) : 0);
  for (int i = 0; i < 2; ++i)
    text.resize(text.find_last_of('/') == text.npos ? 0
                                                    : text.find_last_of('/'));
  return text;
}

std::vector<std::string> getFolders() {
  const char *chosen = getenv("LAMINA_PLUGIN_DIR");
  if (chosen && *chosen)
    return {chosen};
  return {getPrefix() + "/lib/lamina", LAMINA_PLUGIN_FOLDER};
}

/// `libcublas.so.13: cannot open shared object file: No such ...` is what the
/// loader says of a missing library; other errors are kept as they are.
std::string describeLoaderError(const char *error) {
  std::string text = error ? error : "unknown error";
  if (size_t end = text.find(": cannot open shared object file: No such file");
      end != text.npos)
    return text.substr(0, end) + ": not found";
  return text;
}

struct Loaded {
  const BackendTable *table = nullptr;
  std::string error;
};

Loaded load() {
  std::string searched;
  for (const std::string &folder : getFolders()) {
    std::string path = folder + "/" + kFileName;
    searched += (searched.empty() ? "" : ", ") + folder;
    // A relative path would be one of the current folder.
    if (path[0] != '/' || access(path.c_str(), F_OK) != 0)
      continue;
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
      return {nullptr, "cannot load the CUDA backend: " +
                           describeLoaderError(dlerror())};
    auto entry =
        reinterpret_cast<BackendEntry>(dlsym(library, "lamrt_cuda_backend"));
    const BackendTable *table =
        entry ? entry(LAMRT_ABI_VERSION, &kHost) : nullptr;
    if (table && table->version == kBackendVersion &&
        table->structSize == sizeof(BackendTable))
      return {table, ""};
    return {nullptr, "cannot load the CUDA backend: " + path +
                         ": made for another version of the runtime"};
  }
  return {nullptr, std::string("cannot load the CUDA backend: ") + kFileName +
                       ": not found in " + searched};
}

} // namespace

lamrt_status loadCudaPlugin(const BackendTable *&out) {
  // It stays open: its threads and handlers may outlive any rank.
  static const Loaded &loaded = *new Loaded(load());
  out = loaded.table;
  return out ? LAMRT_OK : fail(LAMRT_DEVICE, "%s", loaded.error.c_str());
}

} // namespace lamina::runtime

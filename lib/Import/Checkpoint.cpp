//===- Checkpoint.cpp - The tensors of a checkpoint -----------------------===//

#include "lamina/Import/Checkpoint.h"

#include <algorithm>

using namespace lamina;

namespace {
struct StorageInfo {
  std::string_view name;
  int64_t blockElements;
  int64_t blockBytes;
};
} // namespace

/// In the order of StorageType. Sizes of blocks: ggml-common.h.
static constexpr StorageInfo kStorage[] = {
    {"f32", 1, 4},      {"f16", 1, 2},      {"bf16", 1, 2},
    {"q8_0", 32, 34},   {"q4_0", 32, 18},   {"q4_1", 32, 20},
    {"q5_0", 32, 22},   {"q5_1", 32, 24},   {"q4_k", 256, 144},
    {"q5_k", 256, 176}, {"q6_k", 256, 210},
};

static const StorageInfo &infoOf(StorageType type) {
  return kStorage[static_cast<size_t>(type)];
}

std::string_view lamina::getName(StorageType type) { return infoOf(type).name; }

int64_t lamina::getBlockElements(StorageType type) {
  return infoOf(type).blockElements;
}

int64_t lamina::getBlockBytes(StorageType type) {
  return infoOf(type).blockBytes;
}

const CheckpointTensor *Checkpoint::find(std::string_view name) const {
  auto found = std::lower_bound(
      tensors.begin(), tensors.end(), name,
      [](const CheckpointTensor &tensor, std::string_view wanted) {
        return tensor.name < wanted;
      });
  return found != tensors.end() && found->name == name ? &*found : nullptr;
}

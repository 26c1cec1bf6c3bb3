//===- SelectKernels.cpp - The best kernels of this CPU -------------------===//
//
// Compiled for any x86-64, unlike the kernels.
//
//===----------------------------------------------------------------------===//

#include "AttentionScratch.h"
#include "Kernels.h"

#include <algorithm>
#include <cstring>

namespace lamina::cpu {

namespace v2 {
const Kernels *getKernels();
}
namespace v3 {
const Kernels *getKernels();
}
namespace v4 {
const Kernels *getKernels();
}
namespace bf16 {
const Kernels *getKernels();
bool addsPairsAsStated();
} // namespace bf16

/// AVX512-BF16 and VNNI, and the sums of docs/numerics.md by them.
static bool supportsBf16() {
  static const bool isSupported = __builtin_cpu_supports("x86-64-v4") &&
                                  __builtin_cpu_supports("avx512vnni") &&
                                  __builtin_cpu_supports("avx512bf16") &&
                                  bf16::addsPairsAsStated();
  return isSupported;
}

const Kernels *selectKernels(const char *level) {
  auto isWanted = [level](const char *name) {
    return !level || std::strcmp(level, name) == 0;
  };
  if (isWanted("bf16") && supportsBf16())
    return bf16::getKernels();
  if (isWanted("v4") && __builtin_cpu_supports("x86-64-v4"))
    return v4::getKernels();
  if (isWanted("v3") && __builtin_cpu_supports("x86-64-v3"))
    return v3::getKernels();
  if (isWanted("v2") && __builtin_cpu_supports("x86-64-v2"))
    return v2::getKernels();
  return nullptr;
}

namespace {

struct Block {
  int64_t elements;
  int64_t bytes;
};

/// Of GGUF's types.
Block getBlock(int32_t type) {
  switch (type) {
  case LAMRT_F32:
    return {1, 4};
  case LAMRT_F16:
  case LAMRT_BF16:
    return {1, 2};
  case LAMRT_Q8_0:
    return {32, 34};
  case LAMRT_Q4_0:
    return {32, 18};
  case LAMRT_Q4_1:
    return {32, 20};
  case LAMRT_Q5_0:
    return {32, 22};
  case LAMRT_Q5_1:
    return {32, 24};
  case LAMRT_Q4_K:
    return {256, 144};
  case LAMRT_Q5_K:
    return {256, 176};
  case LAMRT_Q6_K:
    return {256, 210};
  }
  return {0, 0};
}

} // namespace

int64_t getBlockElements(int32_t type) { return getBlock(type).elements; }
int64_t getBlockBytes(int32_t type) { return getBlock(type).bytes; }

const char *getTypeName(int32_t type) {
  const char *const names[] = {"f32",  "f16",  "bf16", "q8_0", "q4_0", "q4_1",
                               "q5_0", "q5_1", "q4_k", "q5_k", "q6_k"};
  return type >= LAMRT_F32 && type <= LAMRT_Q6_K ? names[type] : "unknown";
}

int64_t getPanelBytes(int32_t type, int64_t in) {
  Block block = getBlock(type);
  if (block.elements == 0)
    return 0;
  int64_t features = type == LAMRT_BF16 ? in + in % 2 : in;
  return features / block.elements * block.bytes * kPanelColumns;
}

// Features in f32, a sum for each block of 32 of them, and a word.
int64_t getMaxInputBytes(int64_t features) {
  return (features + 31) / 32 * (32 + 1) * 4 + 4;
}

// A block of queries: themselves, scores, a tile of 16 keys, and segments;
// fewer segments may come with more queries.
int64_t getAttentionScratch(int64_t headDim, int64_t maxContext) {
  int64_t width = roundUpToLanes(headDim);
  int64_t floats = getSegmentFloats(width, getSegments(maxContext));
  int64_t many = std::min(kAttentionBlock * floats, kAttentionFloats);
  return kAttentionBlock * (width + kAttentionSegment) + 16 * width +
         std::max(kLeastAttentionBlock * floats, many);
}

} // namespace lamina::cpu

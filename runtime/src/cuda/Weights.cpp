//===- Weights.cpp - Weights of the checkpoint to the device --------------===//

#include "CudaRank.h"

#include <algorithm>
#include <climits>
#include <cstring>

namespace lamina::cuda {

namespace {

/// Bytes of the file that are on their way at one time.
constexpr uint64_t kStagingBytes = uint64_t(16) << 20;

uint64_t alignUp(uint64_t bytes) { return (bytes + 255) / 256 * 256; }

} // namespace

/// Waits until the buffer of staging `which` may be filled again.
lamrt_status CudaRank::waitForStaging(int32_t which) {
  if (staged[which])
    return check(cudaEventSynchronize(staged[which]), "weights");
  return check(cudaEventCreateWithFlags(&staged[which], cudaEventDisableTiming),
               "cudaEventCreateWithFlags");
}

lamrt_status CudaRank::expand(const runtime::BackendWeight &weight, void *out) {
  int64_t width = weight.inEnd - weight.inBegin;
  uint64_t outRow = static_cast<uint64_t>(width) *
                    (weight.type == LAMRT_F32 ? sizeof(float) : 2);
  // A grid has less than 2^31 blocks of 256 elements.
  int64_t perTurn = std::max<int64_t>(
      1, std::min<int64_t>(
             static_cast<int64_t>(kStagingBytes / weight.sourceRowBytes),
             (int64_t(INT_MAX) << 7) / width));
  uint64_t needed = static_cast<uint64_t>(perTurn) * weight.sourceRowBytes;
  for (int64_t row = 0; row < weight.rows; row += perTurn) {
    int64_t rows = std::min(perTurn, weight.rows - row);
    int32_t which = nextStaging;
    nextStaging ^= 1;
    LAMINA_RETURN_IF_FAILED(waitForStaging(which));
    Buffer &from = hostStaging[which], &to = staging[which];
    if (from.size() < needed) {
      from.release();
      to.release();
      uint64_t size = std::max(needed, kStagingBytes);
      LAMINA_RETURN_IF_FAILED(from.allocatePinned(size, "weights"));
      LAMINA_RETURN_IF_FAILED(to.allocate(size, "weights"));
    }
    uint64_t bytes = static_cast<uint64_t>(rows) * weight.sourceRowBytes;
    memcpy(from.data(),
           weight.source + static_cast<uint64_t>(row) * weight.sourceRowBytes,
           bytes);
    LAMINA_RETURN_IF_FAILED(
        check(cudaMemcpyAsync(to.data(), from.data(), bytes,
                              cudaMemcpyHostToDevice, stream),
              weight.name));
    LAMINA_RETURN_IF_FAILED(check(
        launchExpandRows(
            to.data(), static_cast<int64_t>(weight.sourceRowBytes),
            weight.sourceType, rows, weight.inBegin, weight.inEnd, weight.type,
            static_cast<uint8_t *>(out) + static_cast<uint64_t>(row) * outRow,
            stream),
        weight.name));
    LAMINA_RETURN_IF_FAILED(
        check(cudaEventRecord(staged[which], stream), weight.name));
  }
  return LAMRT_OK;
}

lamrt_status CudaRank::loadWeight(const runtime::BackendWeight &weight,
                                  const void *&out) {
  LAMINA_RETURN_IF_FAILED(useDevice());
  int64_t width = weight.inEnd - weight.inBegin;
  // cuBLAS counts in 32 bits.
  if (weight.rows > INT_MAX || width > INT_MAX)
    return fail(LAMRT_UNSUPPORTED,
                "weight %s: %lld x %lld, the GPU takes at most %d", weight.name,
                static_cast<long long>(weight.rows),
                static_cast<long long>(width), INT_MAX);
  uint64_t bytes = alignUp(static_cast<uint64_t>(weight.rows * width) *
                           (weight.type == LAMRT_F32 ? sizeof(float) : 2));
  if (bytes > weights.size() - weightsUsed)
    return fail(LAMRT_INTERNAL, "weight %s: more bytes than were counted",
                weight.name);
  void *place = weights.data() + weightsUsed;
  weightsUsed += bytes;
  out = place;
  return expand(weight, place);
}

} // namespace lamina::cuda

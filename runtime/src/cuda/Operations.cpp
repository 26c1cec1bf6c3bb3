//===- Operations.cpp - The operations of a step --------------------------===//

#include "CudaRank.h"

namespace lamina::cuda {

lamrt_status CudaRank::embed(const EmbedWork &work) {
  return launched(launchEmbed(work, step.tokenIds, stream), "embed");
}

lamrt_status CudaRank::selectRows(const PairWork &work) {
  return launched(launchSelectRows(work, step.logitRows, stream),
                  "select_rows");
}

lamrt_status CudaRank::copy(const PairWork &work) {
  if (work.a.data == work.out.data)
    return LAMRT_OK;
  return launched(launchConvert(work.a, nullptr, work.out, work.features,
                                work.rows, stream),
                  "copy");
}

lamrt_status CudaRank::add(const PairWork &work) {
  return launched(launchAdd(work, stream), "add");
}

lamrt_status CudaRank::siluMul(const PairWork &work) {
  return launched(launchSiluMul(work, stream), "silu_mul");
}

lamrt_status CudaRank::norm(const NormWork &work) {
  return launched(launchNorm(work, stream),
                  work.update.data ? "residual_rms_norm" : "rms_norm");
}

lamrt_status CudaRank::rope(const RopeWork &work) {
  auto index = static_cast<size_t>(work.frequencies);
  float *cosines = angles[index];
  float *sines = cosines + options.maxTokens * work.pairs;
  // The positions are those of the step: all layers share the angles.
  if (!anglesAreKnown[index]) {
    LAMINA_RETURN_IF_FAILED(
        launched(launchAngles(step.positions, frequencies[index], work.pairs,
                              work.rows, cosines, sines, stream),
                 "rope"));
    anglesAreKnown[index] = 1;
  }
  return launched(launchRope(work, cosines, sines, stream), "rope");
}

lamrt_status CudaRank::attention(const AttentionWork &work) {
  if (work.rows == 0 || work.keyHeads == 0)
    return LAMRT_OK;
  int64_t positionBytes =
      options.headDim * (options.cacheType == LAMRT_F32 ? 4 : 2);
  int64_t headBytes = LAMRT_PAGE_POSITIONS * positionBytes;
  int64_t layerBytes = 2 * options.kvHeads * headBytes;
  CachePlaces places;
  places.keys = cache.data() + work.layer * layerBytes;
  places.values = places.keys + layerBytes / 2;
  places.pageBytes = options.numLayers * layerBytes;
  places.headBytes = headBytes;
  places.positionBytes = positionBytes;
  places.type = options.cacheType;
  places.headDim = options.headDim;
  LAMINA_RETURN_IF_FAILED(
      launched(launchWriteCache(work, places, step, stream), "attention"));
  AttentionShape shape = chooseAttentionShape(
      work, options.headDim, /*isDecode=*/numTokens == numSequences,
      options.pagesPerSequence * LAMRT_PAGE_POSITIONS, multiprocessors);
  return launched(
      launchAttention(work, places, step, shape, attentionScratch, stream),
      "attention");
}

lamrt_status CudaRank::readRows(const cpu::Rows &in, int64_t features,
                                int64_t rows, float *out) {
  if (rows == 0)
    return LAMRT_OK;
  cpu::Rows from = in;
  if (from.type != LAMRT_F32) {
    from = {wide, (features * 4 + 63) / 64 * 64, LAMRT_F32};
    LAMINA_RETURN_IF_FAILED(launched(
        launchConvert(in, nullptr, from, features, rows, stream), "result"));
  }
  auto rowBytes = static_cast<size_t>(features) * sizeof(float);
  LAMINA_RETURN_IF_FAILED(launched(
      cudaMemcpy2DAsync(
          out, rowBytes, from.data, static_cast<size_t>(from.rowBytes),
          rowBytes, static_cast<size_t>(rows), cudaMemcpyDeviceToHost, stream),
      "result"));
  bool isPinned = reinterpret_cast<uint8_t *>(out) == hostLogits.data();
  return isPinned ? LAMRT_OK
                  : check(cudaStreamSynchronize(stream), lastOperation);
}

} // namespace lamina::cuda

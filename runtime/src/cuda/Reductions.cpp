//===- Reductions.cpp - Sums over ranks, and gathers ----------------------===//
//
// Where ranks see each other's memory: one kernel (OneShot.cu, TwoShot.cu), if
// that is wanted for the size. Else the way that always works: NCCL sums or
// gathers, then one kernel does the rest.
//
//===----------------------------------------------------------------------===//

#include "CudaRank.h"

namespace lamina::cuda {

lamrt_status CudaRank::reduce(const ReduceWork &work) {
  if (work.rows == 0)
    return LAMRT_OK;
  const char *name = work.norm       ? "all_reduce_residual_rms_norm"
                     : work.keepsOwn ? "reduce_scatter"
                                     : "all_reduce";
  lastOperation = name;
  if (!seesPeers || work.algorithm == LAMRT_SEPARATE)
    return work.keepsOwn ? reduceOwnSeparately(work, name)
                         : reduceSeparately(work, name);
  // No rank has the residual of the rows that others keep.
  bool isOneShot = work.algorithm == LAMRT_ONE_SHOT && !work.keepsOwn;
  auto *launchReduction = isOneShot ? launchOneShot : launchTwoShot;
  return launched(launchReduction(work, peers, meetingBlocks, stream), name);
}

lamrt_status CudaRank::reduceSeparately(const ReduceWork &work,
                                        const char *name) {
  cpu::Rows sum = work.partial; // of a rank alone
  if (options.ranks > 1) {
    // Rows with what pads them: it is summed too, and not read.
    sum.data = wide;
    auto count =
        static_cast<size_t>(work.rows * work.partial.rowBytes) / sizeof(float);
    LAMINA_RETURN_IF_FAILED(
        finishCall(ncclAllReduce(work.partial.data, sum.data, count,
                                 ncclFloat32, ncclSum, comm, stream),
                   name));
  }
  return finishSum(work, sum, work.rows, name);
}

/// All ranks have equal parts, behind the last row too: slots have room.
lamrt_status CudaRank::reduceOwnSeparately(const ReduceWork &work,
                                           const char *name) {
  OwnRows own = getOwnRows(work.rows, options.ranks, options.rank);
  cpu::Rows sum = work.partial;
  if (options.ranks > 1) {
    sum.data = wide;
    auto count =
        static_cast<size_t>(own.most * work.partial.rowBytes) / sizeof(float);
    LAMINA_RETURN_IF_FAILED(
        finishCall(ncclReduceScatter(work.partial.data, sum.data, count,
                                     ncclFloat32, ncclSum, comm, stream),
                   name));
  }
  ReduceWork part = work;
  NormWork norm = {};
  if (work.norm) {
    norm = *work.norm;
    norm.normed.data += options.rank * own.most * norm.normed.rowBytes;
    part.norm = &norm;
  }
  LAMINA_RETURN_IF_FAILED(finishSum(part, sum, own.end - own.begin, name));
  if (!work.norm)
    return LAMRT_OK;
  return gatherParts(norm.normed.data, own.most * norm.normed.rowBytes,
                     work.norm->normed.data, name);
}

/// out = rnd(sum + bias), or residual and norm, of `rows` rows.
lamrt_status CudaRank::finishSum(const ReduceWork &work, const cpu::Rows &sum,
                                 int64_t rows, const char *name) {
  if (!work.norm)
    return launched(
        launchConvert(sum, work.bias, work.out, work.features, rows, stream),
        name);
  NormWork norm = *work.norm;
  norm.update = sum;
  norm.rows = rows;
  return launched(launchNorm(norm, stream), name);
}

lamrt_status CudaRank::gatherParts(const uint8_t *in, int64_t bytes,
                                   uint8_t *out, const char *name) {
  if (options.ranks == 1)
    return in == out
               ? lamrt_status(LAMRT_OK)
               : launched(cudaMemcpyAsync(out, in, static_cast<size_t>(bytes),
                                          cudaMemcpyDeviceToDevice, stream),
                          name);
  return finishCall(ncclAllGather(in, out, static_cast<size_t>(bytes), ncclInt8,
                                  comm, stream),
                    name);
}

lamrt_status CudaRank::gatherRows(const PairWork &work) {
  if (work.rows == 0)
    return LAMRT_OK;
  lastOperation = "all_gather";
  OwnRows own = getOwnRows(work.rows, options.ranks, options.rank);
  return gatherParts(work.a.data, own.most * work.a.rowBytes, work.out.data,
                     lastOperation);
}

lamrt_status CudaRank::gather(const runtime::GatherWork &work) {
  if (work.rows == 0)
    return LAMRT_OK;
  const char *name = work.toAll ? "all_gather" : "gather";
  lastOperation = name;
  int64_t bytes = work.rows * work.in.rowBytes;
  const cpu::Rows &in = work.in;
  uint8_t *columns = options.ranks > 1 ? gathered : in.data;
  LAMINA_RETURN_IF_FAILED(gatherParts(in.data, bytes, columns, name));
  if (!work.toAll && options.rank != 0)
    return LAMRT_OK;
  for (int32_t r = 0; r < options.ranks; ++r) {
    cpu::Rows from = {columns + r * bytes, in.rowBytes, in.type};
    LAMINA_RETURN_IF_FAILED(
        launched(launchJoinColumns(from, work.rows, work.begins[r],
                                   work.begins[r + 1] - work.begins[r],
                                   work.out, stream),
                 name));
  }
  return LAMRT_OK;
}

} // namespace lamina::cuda

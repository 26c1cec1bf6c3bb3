//===- Backend.cpp - What the plugin exports ------------------------------===//

#include "CudaRank.h"

#include <cstdio>
#include <new>

using namespace lamina;
using lamina::cuda::CudaRank;

namespace lamina::runtime {
struct BackendRank {
  CudaRank rank;
};
} // namespace lamina::runtime

namespace {

/// The oldest GPUs that the plugin has code for: 8.0, Ampere.
constexpr int kLeastMajor = 8;

lamrt_status describe(int32_t index, char *text, size_t size) {
  int count = 0;
  LAMINA_RETURN_IF_FAILED(
      cuda::check(cudaGetDeviceCount(&count), "cudaGetDeviceCount"));
  if (count == 0)
    return cuda::check(cudaErrorNoDevice, "cudaGetDeviceCount");
  cudaDeviceProp properties;
  LAMINA_RETURN_IF_FAILED(cuda::check(
      cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties"));
  if (properties.major < kLeastMajor)
    return cuda::fail(LAMRT_DEVICE,
                      "GPU %d (%s): compute capability %d.%d, expected %d.0 or "
                      "later; run with --device cpu",
                      index, properties.name, properties.major,
                      properties.minor, kLeastMajor);
  snprintf(text, size, "%s, compute capability %d.%d, %zu MiB%s",
           properties.name, properties.major, properties.minor,
           properties.totalGlobalMem >> 20,
           count > 1 ? ", the first of several" : "");
  return LAMRT_OK;
}

int32_t countDevices() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

lamrt_status create(const runtime::BackendOptions *options,
                    runtime::BackendRank **out,
                    runtime::BackendPlaces *places) {
  *out = nullptr;
  char text[512];
  LAMINA_RETURN_IF_FAILED(describe(0, text, sizeof(text)));
  auto *made = new (std::nothrow) runtime::BackendRank;
  if (!made)
    return cuda::fail(LAMRT_LIMIT, "memory: cannot make the rank");
  lamrt_status status = made->rank.create(*options, *places);
  if (status)
    delete made;
  else
    *out = made;
  return status;
}

/// A function of the table that calls a member.
template <auto kMember>
struct Call;
template <typename Work, lamrt_status (CudaRank::*kMember)(const Work &)>
struct Call<kMember> {
  static lamrt_status run(runtime::BackendRank *rank, const Work *work) {
    return (rank->rank.*kMember)(*work);
  }
};

/// An operation of a step: a graph that is replayed holds it already.
template <auto kMember>
struct Queue;
template <typename Work, lamrt_status (CudaRank::*kMember)(const Work &)>
struct Queue<kMember> {
  static lamrt_status run(runtime::BackendRank *rank, const Work *work) {
    return rank->rank.isReplaying() ? lamrt_status(LAMRT_OK)
                                    : (rank->rank.*kMember)(*work);
  }
};

const runtime::BackendTable table = {
    sizeof(runtime::BackendTable),
    runtime::kBackendVersion,
    describe,
    countDevices,
    create,
    [](runtime::BackendRank *rank) { delete rank; },
    [](runtime::BackendRank *rank, const runtime::BackendWeight *weight,
       const void **out) { return rank->rank.loadWeight(*weight, *out); },
    [](runtime::BackendRank *rank) { return rank->rank.start(); },
    Call<&CudaRank::beginStep>::run,
    [](runtime::BackendRank *rank) { return rank->rank.endStep(); },
    [](runtime::BackendRank *rank) { return rank->rank.stop(); },
    [](runtime::BackendRank *rank, const cpu::Rows *in, int64_t features,
       int64_t rows, float *out) {
      return rank->rank.isReplaying()
                 ? lamrt_status(LAMRT_OK)
                 : rank->rank.readRows(*in, features, rows, out);
    },
    Queue<&CudaRank::embed>::run,
    Queue<&CudaRank::selectRows>::run,
    Queue<&CudaRank::copy>::run,
    Queue<&CudaRank::add>::run,
    Queue<&CudaRank::siluMul>::run,
    Queue<&CudaRank::norm>::run,
    Queue<&CudaRank::linear>::run,
    Queue<&CudaRank::rope>::run,
    Queue<&CudaRank::attention>::run,
    Queue<&CudaRank::reduce>::run,
    Queue<&CudaRank::gather>::run,
    Queue<&CudaRank::gatherRows>::run,
};

} // namespace

/// The plugin's only name.
extern "C" [[gnu::visibility("default")]] const runtime::BackendTable *
lamrt_cuda_backend(uint32_t abiVersion, const runtime::BackendHost *program) {
  if (abiVersion != LAMRT_ABI_VERSION || !program ||
      program->version != runtime::kBackendVersion ||
      program->structSize != sizeof(runtime::BackendHost))
    return nullptr;
  cuda::host = program;
  return &table;
}

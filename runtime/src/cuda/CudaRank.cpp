//===- CudaRank.cpp - One rank on one GPU: creation and steps -------------===//

#include "CudaRank.h"

#include "lamina/Support/CheckedMath.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace lamina::cuda {

namespace {

/// What NVIDIA recommends for Hopper:
/// https://docs.nvidia.com/cuda/cublas/#cublassetworkspace
constexpr uint64_t kWorkspaceBytes = uint64_t(32) << 20;

/// Memory that is left to the driver and the libraries.
constexpr uint64_t kReserve = uint64_t(256) << 20;

constexpr uint64_t kAlignment = 256;

unsigned long long toMebibytes(uint64_t bytes) {
  return (bytes + (1 << 20) - 1) >> 20;
}

/// A sum of products that remembers whether it fits 64 bits.
class SizeSum {
public:
  /// Returns where the product begins.
  uint64_t add(std::initializer_list<int64_t> factors) {
    uint64_t begin = sum.value_or(0);
    auto product = checkedProduct<int64_t>(factors);
    auto aligned =
        product ? checkedAlignUp(static_cast<uint64_t>(*product), kAlignment)
                : std::optional<uint64_t>();
    sum = sum && aligned ? checkedAdd(*sum, *aligned) : std::nullopt;
    return begin;
  }
  std::optional<uint64_t> get() const { return sum; }

private:
  std::optional<uint64_t> sum = 0;
};

} // namespace

/// Bytes, and places in the scratch memory.
struct CudaRank::Sizes {
  uint64_t arena, cache, scratch, logits, step;
  uint64_t stepArrays, converted, wide, attention, gathered;
  std::vector<uint64_t> frequencies, angles;

  uint64_t all() const { return arena + cache + scratch + kWorkspaceBytes; }
};

lamrt_status Buffer::allocate(uint64_t size, const char *what) {
  void *made = nullptr;
  if (lamrt_status status =
          check(cudaMalloc(&made, std::max<uint64_t>(size, kAlignment)), what))
    return status;
  bytes = static_cast<uint8_t *>(made);
  length = size;
  return LAMRT_OK;
}

lamrt_status Buffer::allocatePinned(uint64_t size, const char *what) {
  void *made = nullptr;
  isPinned = true;
  if (lamrt_status status =
          check(cudaHostAlloc(&made, std::max<uint64_t>(size, kAlignment),
                              cudaHostAllocDefault),
                what))
    return status;
  bytes = static_cast<uint8_t *>(made);
  length = size;
  return LAMRT_OK;
}

/// What fails here fails because the device is lost: there is nothing to do.
void Buffer::release() {
  if (bytes)
    (void)(isPinned ? cudaFreeHost(bytes) : cudaFree(bytes));
  bytes = nullptr;
  length = 0;
}

CudaRank::~CudaRank() {
  (void)cudaSetDevice(device);
  dropCapture();
  destroyGraphs();
  abortCommunicator();
  if (stream)
    (void)cudaStreamSynchronize(stream);
  for (cudaEvent_t event : staged)
    if (event)
      (void)cudaEventDestroy(event);
  if (blas)
    (void)cublasDestroy(blas);
  if (stream)
    (void)cudaStreamDestroy(stream);
}

lamrt_status CudaRank::useDevice() {
  return check(cudaSetDevice(device), "cudaSetDevice");
}

lamrt_status CudaRank::planMemory(Sizes &sizes) {
  const runtime::BackendOptions &o = options;
  SizeSum arenaSize, cacheSize, scratchSize, logitsSize, stepSize;
  for (int64_t bytes : o.sectionBytes)
    arenaSize.add({bytes});
  int64_t element = o.cacheType == LAMRT_F32 ? 4 : 2;
  cacheSize.add({o.numPages, o.numLayers, 2, o.kvHeads, o.headDim,
                 LAMRT_PAGE_POSITIONS, element});
  logitsSize.add({o.maxLogitRows, o.resultFeatures, 4});
  // Token ids, positions, sequences of rows, begins, rows of logits, pages.
  stepSize.add(
      {int64_t(3) * o.maxTokens + o.maxSequences + 1 + o.maxLogitRows, 4});
  stepSize.add({o.maxSequences, o.pagesPerSequence, 4});
  auto step = stepSize.get();
  if (step)
    sizes.stepArrays = scratchSize.add({static_cast<int64_t>(*step)});
  auto rowBytes = [](int64_t features) {
    return (features * 4 + 63) / 64 * 64;
  };
  auto addRows = [&] {
    uint64_t place = scratchSize.add({o.maxTokens, rowBytes(o.widest[0])});
    scratchSize.add({o.maxLogitRows, rowBytes(o.widest[1])});
    return place;
  };
  sizes.converted = addRows();
  sizes.wide = addRows();
  sizes.attention = scratchSize.get().value_or(0);
  int64_t floats = 0;
  for (int32_t rows = 1; o.keyHeads > 0 && rows <= o.maxSequences; ++rows) {
    AttentionWork work = {};
    work.rows = rows;
    work.heads = o.heads;
    work.keyHeads = o.keyHeads;
    work.groupSize = std::max(1, o.heads / o.keyHeads);
    AttentionShape shape = chooseAttentionShape(
        work, o.headDim, /*isDecode=*/true,
        o.pagesPerSequence * LAMRT_PAGE_POSITIONS, multiprocessors);
    floats =
        std::max(floats, getAttentionScratch(shape, rows, o.heads, o.headDim));
  }
  scratchSize.add({floats, 4});
  sizes.gathered = scratchSize.add({o.gatherBytes});
  for (int32_t i = 0; i < o.numFrequencies; ++i) {
    sizes.frequencies.push_back(scratchSize.add({o.frequencies[i].size, 8}));
    sizes.angles.push_back(
        scratchSize.add({o.maxTokens, o.frequencies[i].size, 2, 4}));
  }
  if (!arenaSize.get() || !cacheSize.get() || !scratchSize.get() ||
      !logitsSize.get() || !step)
    return fail(LAMRT_LIMIT, "memory: needs more than 2^64 bytes");
  sizes.arena = *arenaSize.get();
  sizes.cache = *cacheSize.get();
  sizes.scratch = *scratchSize.get();
  sizes.logits = *logitsSize.get();
  sizes.step = *step;
  return LAMRT_OK;
}

/// Before anything is allocated or loaded.
lamrt_status CudaRank::checkMemory(const Sizes &sizes) const {
  size_t unused = 0, total = 0;
  LAMINA_RETURN_IF_FAILED(
      check(cudaMemGetInfo(&unused, &total), "cudaMemGetInfo"));
  auto needed = checkedAdd(options.weightBytes, sizes.all() + kReserve);
  if (needed && *needed <= unused)
    return LAMRT_OK;
  return fail(LAMRT_DEVICE,
              "memory of GPU %d: needs %llu MiB (weights %llu, KV cache %llu, "
              "activations %llu, libraries %llu), it has %llu MiB free of %llu",
              device, toMebibytes(needed.value_or(UINT64_MAX)),
              toMebibytes(options.weightBytes), toMebibytes(sizes.cache),
              toMebibytes(sizes.arena + sizes.scratch),
              toMebibytes(kWorkspaceBytes + kReserve), toMebibytes(unused),
              toMebibytes(total));
}

lamrt_status CudaRank::allocate(const Sizes &sizes,
                                runtime::BackendPlaces &places) {
  LAMINA_RETURN_IF_FAILED(workspace.allocate(kWorkspaceBytes, "workspace"));
  LAMINA_RETURN_IF_FAILED(weights.allocate(options.weightBytes, "weights"));
  LAMINA_RETURN_IF_FAILED(arena.allocate(sizes.arena, "activations"));
  LAMINA_RETURN_IF_FAILED(cache.allocate(sizes.cache, "KV cache"));
  LAMINA_RETURN_IF_FAILED(scratch.allocate(sizes.scratch, "activations"));
  LAMINA_RETURN_IF_FAILED(hostLogits.allocatePinned(sizes.logits, "logits"));
  LAMINA_RETURN_IF_FAILED(hostStep.allocatePinned(sizes.step, "step arrays"));
  uint64_t begin = 0;
  for (int s = 0; s < LAMRT_NUM_SECTIONS; ++s) {
    places.sections[s] = arena.data() + begin;
    begin += *checkedAlignUp(static_cast<uint64_t>(options.sectionBytes[s]),
                             kAlignment);
  }
  places.logits = reinterpret_cast<float *>(hostLogits.data());
  places.arenaBytes = sizes.arena + sizes.scratch + kWorkspaceBytes;
  places.cacheBytes = sizes.cache;
  stepArrays = reinterpret_cast<int32_t *>(scratch.data() + sizes.stepArrays);
  converted = scratch.data() + sizes.converted;
  wide = scratch.data() + sizes.wide;
  attentionScratch =
      reinterpret_cast<float *>(scratch.data() + sizes.attention);
  gathered = scratch.data() + sizes.gathered;
  for (int32_t i = 0; i < options.numFrequencies; ++i) {
    auto index = static_cast<size_t>(i);
    frequencies.push_back(
        reinterpret_cast<double *>(scratch.data() + sizes.frequencies[index]));
    angles.push_back(
        reinterpret_cast<float *>(scratch.data() + sizes.angles[index]));
  }
  anglesAreKnown.assign(angles.size(), 0);
  placeStepArrays();
  return LAMRT_OK;
}

/// The same places in the pinned copy: one transfer a step.
void CudaRank::placeStepArrays() {
  int64_t tokens = options.maxTokens;
  step.tokenIds = stepArrays;
  step.positions = stepArrays + tokens;
  step.sequenceOfRow = stepArrays + 2 * tokens;
  step.rowBegin = stepArrays + 3 * tokens;
  step.logitRows = step.rowBegin + options.maxSequences + 1;
  step.pageTable = step.logitRows + options.maxLogitRows;
  step.pagesPerSequence = options.pagesPerSequence;
}

lamrt_status CudaRank::copyFrequencies() {
  for (int32_t i = 0; i < options.numFrequencies; ++i) {
    const lamrt_frequencies &list = options.frequencies[i];
    LAMINA_RETURN_IF_FAILED(
        check(cudaMemcpyAsync(frequencies[static_cast<size_t>(i)], list.values,
                              static_cast<size_t>(list.size) * sizeof(double),
                              cudaMemcpyHostToDevice, stream),
              "frequencies"));
  }
  return check(cudaStreamSynchronize(stream), "frequencies");
}

lamrt_status CudaRank::create(const runtime::BackendOptions &wanted,
                              runtime::BackendPlaces &places) {
  options = wanted;
  int count = 0;
  LAMINA_RETURN_IF_FAILED(
      check(cudaGetDeviceCount(&count), "cudaGetDeviceCount"));
  if (options.rank >= count)
    return fail(LAMRT_DEVICE,
                "GPU %d of rank %d: this host has %d; run with fewer ranks, or "
                "--device cpu",
                options.rank, options.rank, count);
  device = options.rank;
  LAMINA_RETURN_IF_FAILED(useDevice());
  LAMINA_RETURN_IF_FAILED(
      check(cudaDeviceGetAttribute(&multiprocessors,
                                   cudaDevAttrMultiProcessorCount, device),
            "cudaDeviceGetAttribute"));
  const char *sync = getenv("LAMINA_CUDA_SYNC");
  waitsForEach = sync && *sync && strcmp(sync, "0") != 0;
  const char *graph = getenv("LAMINA_CUDA_GRAPHS");
  usesGraphs = options.canCapture && !waitsForEach &&
               !(graph && strcmp(graph, "0") == 0);
  Sizes sizes = {};
  LAMINA_RETURN_IF_FAILED(planMemory(sizes));
  LAMINA_RETURN_IF_FAILED(checkMemory(sizes));
  LAMINA_RETURN_IF_FAILED(
      check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
            "cudaStreamCreateWithFlags"));
  LAMINA_RETURN_IF_FAILED(allocate(sizes, places));
  LAMINA_RETURN_IF_FAILED(check(cublasCreate(&blas), "cublasCreate"));
  // The stream first: setting it goes back to the handle's own workspace.
  LAMINA_RETURN_IF_FAILED(
      check(cublasSetStream(blas, stream), "cublasSetStream"));
  LAMINA_RETURN_IF_FAILED(
      check(cublasSetWorkspace(blas, workspace.data(), kWorkspaceBytes),
            "cublasSetWorkspace"));
  LAMINA_RETURN_IF_FAILED(
      check(cublasSetMathMode(
                blas, static_cast<cublasMath_t>(
                          CUBLAS_DEFAULT_MATH |
                          CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)),
            "cublasSetMathMode"));
  if (options.ranks > 1)
    LAMINA_RETURN_IF_FAILED(preparePeers());
  return copyFrequencies();
}

lamrt_status CudaRank::start() {
  LAMINA_RETURN_IF_FAILED(useDevice());
  LAMINA_RETURN_IF_FAILED(check(cudaStreamSynchronize(stream), "weights"));
  for (int i = 0; i < 2; ++i) {
    hostStaging[i].release();
    staging[i].release();
  }
  return LAMRT_OK;
}

lamrt_status CudaRank::beginStep(const runtime::BackendStep &now) {
  LAMINA_RETURN_IF_FAILED(useDevice());
  dropCapture();
  if (options.ranks > 1 && !comm)
    LAMINA_RETURN_IF_FAILED(connect());
  numTokens = now.numTokens;
  numSequences = now.numSequences;
  std::fill(anglesAreKnown.begin(), anglesAreKnown.end(), 0);
  auto *base = reinterpret_cast<int32_t *>(hostStep.data());
  auto put = [&](const int32_t *place, const int32_t *values, int64_t count) {
    memcpy(base + (place - stepArrays), values,
           static_cast<size_t>(count) * sizeof(int32_t));
  };
  put(step.tokenIds, now.tokenIds, now.numTokens);
  put(step.positions, now.positions, now.numTokens);
  put(step.sequenceOfRow, now.sequenceOfRow, now.numTokens);
  put(step.rowBegin, now.rowBegin, now.numSequences + 1);
  put(step.logitRows, now.logitRows, now.numLogitRows);
  int64_t pages = now.numSequences * now.pagesPerSequence;
  put(step.pageTable, now.pageTable, pages);
  auto words = static_cast<size_t>(step.pageTable - stepArrays + pages);
  LAMINA_RETURN_IF_FAILED(
      launched(cudaMemcpyAsync(stepArrays, base, words * sizeof(int32_t),
                               cudaMemcpyHostToDevice, stream),
               "step_begin"));
  return beginGraph(now.numLogitRows);
}

lamrt_status CudaRank::endStep() {
  LAMINA_RETURN_IF_FAILED(useDevice());
  LAMINA_RETURN_IF_FAILED(endGraph());
  if (comm)
    LAMINA_RETURN_IF_FAILED(waitForStream());
  cudaError_t status = cudaStreamSynchronize(stream);
  if (status == cudaSuccess)
    return LAMRT_OK;
  return fail(LAMRT_DEVICE,
              "cuda: a kernel failed, before or in %s: %s (%s); with "
              "LAMINA_CUDA_SYNC=1 in the environment the operation is known",
              lastOperation, cudaGetErrorString(status),
              cudaGetErrorName(status));
}

lamrt_status CudaRank::launched(cudaError_t status, const char *operation) {
  lastOperation = operation;
  if (status == cudaSuccess && waitsForEach)
    status = cudaStreamSynchronize(stream);
  return check(status, operation);
}

} // namespace lamina::cuda

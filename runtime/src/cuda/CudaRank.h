//===- CudaRank.h - One rank on one GPU ------------------------*- C++ -*-===//
//
// Owns the memory, the stream and the handle of cuBLAS of a rank; the functions
// of the backend table are its members. All work of a rank is queued on its own
// stream; nothing is allocated in a step, and endStep alone waits.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CUDA_CUDARANK_H
#define LAMINA_RUNTIME_CUDA_CUDARANK_H

#include "Errors.h"
#include "Kernels.h"

#include <vector>

namespace lamina::cuda {

/// Memory on the current device, or pinned memory of the host.
class Buffer {
public:
  Buffer() = default;
  ~Buffer() { release(); }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;

  lamrt_status allocate(uint64_t size, const char *what);
  lamrt_status allocatePinned(uint64_t size, const char *what);
  void release();
  uint8_t *data() const { return bytes; }
  uint64_t size() const { return length; }

private:
  uint8_t *bytes = nullptr;
  uint64_t length = 0;
  bool isPinned = false;
};

class CudaRank {
public:
  CudaRank() = default;
  ~CudaRank();

  lamrt_status create(const runtime::BackendOptions &wanted,
                      runtime::BackendPlaces &places);
  lamrt_status loadWeight(const runtime::BackendWeight &weight,
                          const void *&out);
  lamrt_status start();

  /// A graph of this step exists: endStep launches it, and operations are not
  /// queued one by one.
  bool isReplaying() const { return phase == Phase::Replay; }

  lamrt_status beginStep(const runtime::BackendStep &step);
  lamrt_status endStep();
  lamrt_status stop();
  lamrt_status readRows(const cpu::Rows &in, int64_t features, int64_t rows,
                        float *out);

  lamrt_status embed(const EmbedWork &work);
  lamrt_status selectRows(const PairWork &work);
  lamrt_status copy(const PairWork &work);
  lamrt_status add(const PairWork &work);
  lamrt_status siluMul(const PairWork &work);
  lamrt_status norm(const NormWork &work);
  lamrt_status linear(const LinearWork &work);
  lamrt_status rope(const RopeWork &work);
  lamrt_status attention(const AttentionWork &work);
  lamrt_status reduce(const ReduceWork &work);
  lamrt_status gather(const runtime::GatherWork &work);
  lamrt_status gatherRows(const PairWork &work);

private:
  struct Sizes;
  // Creation (CudaRank.cpp).
  lamrt_status useDevice();
  lamrt_status planMemory(Sizes &sizes);
  lamrt_status checkMemory(const Sizes &sizes) const;
  lamrt_status allocate(const Sizes &sizes, runtime::BackendPlaces &places);
  void placeStepArrays();
  lamrt_status copyFrequencies();

  // What ranks do together (Collectives.cpp).
  /// Before the first step: makes the communicator of NCCL.
  lamrt_status connect();
  /// What a rank shows the others of itself.
  struct Card;
  lamrt_status openPeers(const Card *all);
  lamrt_status preparePeers();

  // What they do then (Reductions.cpp): sums by NCCL, of all rows or of those
  // that this rank keeps, and the rest in a kernel of this rank.
  lamrt_status reduceSeparately(const ReduceWork &work, const char *name);
  lamrt_status reduceOwnSeparately(const ReduceWork &work, const char *name);
  lamrt_status finishSum(const ReduceWork &work, const cpu::Rows &sum,
                         int64_t rows, const char *name);
  /// out = `bytes` from `in` of each rank, one after another; `in` may be its
  /// part of `out`.
  lamrt_status gatherParts(const uint8_t *in, int64_t bytes, uint8_t *out,
                           const char *name);
  /// Calls `isDone` until it is true, the group has failed, or the time limit
  /// has passed.
  template <typename Condition>
  lamrt_status waitFor(const char *what, Condition isDone);
  /// A call of NCCL goes on in the background.
  lamrt_status finishCall(ncclResult_t status, const char *what);
  lamrt_status waitForStream();
  /// Ends what the other ranks may never come to.
  void abortCommunicator();

  // Steps as graphs (Graphs.cpp).
  lamrt_status beginGraph(int32_t numLogitRows);
  lamrt_status endGraph();
  void dropCapture();
  void destroyGraphs();

  // Weights (Weights.cpp).
  lamrt_status expand(const runtime::BackendWeight &weight, void *out);
  lamrt_status waitForStaging(int32_t which);

  // Operations (Operations.cpp, Products.cpp).
  /// Turns the status of a launch into ours; `operation` is for messages.
  lamrt_status launched(cudaError_t status, const char *operation);
  lamrt_status multiply(const LinearWork &work, const cpu::Rows &input,
                        const cpu::Rows &out);

  runtime::BackendOptions options = {};
  int32_t device = 0;
  int32_t multiprocessors = 1;
  bool waitsForEach = false; ///< of LAMINA_CUDA_SYNC
  cudaStream_t stream = nullptr;
  cublasHandle_t blas = nullptr;
  ncclComm_t comm = nullptr; ///< null with one rank
  const char *lastOperation = "start";

  Buffer workspace, weights, arena, cache, scratch;
  Buffer hostStep, hostLogits;
  uint64_t weightsUsed = 0;
  /// While weights load: bytes of the file, twice, so that the next copy does
  /// not wait for the last.
  Buffer hostStaging[2], staging[2];
  cudaEvent_t staged[2] = {};
  int32_t nextStaging = 0;

  // Peers whose memory kernels read, if all ranks can.
  Buffer meetingFlags, stopFlag;
  PeerPlaces peers = {};
  bool seesPeers = false;
  int32_t meetingBlocks = 0;

  // Parts of `scratch`.
  StepPlaces step = {};
  int32_t *stepArrays = nullptr;
  uint8_t *converted = nullptr; ///< the input of a product, in another type
  uint8_t *wide = nullptr;      ///< the result of a product in f32
  float *attentionScratch = nullptr;
  uint8_t *gathered = nullptr; ///< columns, one rank after another
  std::vector<double *> frequencies;
  std::vector<float *> angles; ///< cosines, then sines
  std::vector<char> anglesAreKnown;

  // The current step.
  int32_t numTokens = 0, numSequences = 0;
  enum class Phase { Eager, Capture, Replay };
  Phase phase = Phase::Eager;
  bool usesGraphs = false;
  /// What is launched for steps of these counts; null until it is captured.
  struct Graph {
    int32_t tokens, sequences, logitRows;
    cudaGraphExec_t executable;
  };
  std::vector<Graph> graphs;
  size_t currentGraph = 0; ///< while capturing or replaying
};

} // namespace lamina::cuda

#endif // LAMINA_RUNTIME_CUDA_CUDARANK_H

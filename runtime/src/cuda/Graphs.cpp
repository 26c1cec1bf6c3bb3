//===- Graphs.cpp - Decode steps as graphs --------------------------------===//
//
// A step in which no sequence has more than one row looks the same each time
// its counts are the same: the launches depend on counts alone, and lengths,
// pages and ids are read from device memory. So the second such step is
// captured, and later ones are one launch. The first one runs as it is: the
// libraries prepare themselves then, which they may not do in a capture.
//
//===----------------------------------------------------------------------===//

#include "CudaRank.h"

namespace lamina::cuda {

namespace {

/// Steps of so many counts are kept; others run as they are.
constexpr size_t kMostGraphs = 64;

} // namespace

void CudaRank::destroyGraphs() {
  for (Graph &graph : graphs)
    if (graph.executable)
      (void)cudaGraphExecDestroy(graph.executable);
  graphs.clear();
}

/// A step that failed while it was captured has left the capture open.
void CudaRank::dropCapture() {
  cudaGraph_t captured = nullptr;
  if (phase == Phase::Capture) {
    (void)cudaStreamEndCapture(stream, &captured);
    if (captured)
      (void)cudaGraphDestroy(captured);
  }
  phase = Phase::Eager;
}

lamrt_status CudaRank::beginGraph(int32_t numLogitRows) {
  if (!usesGraphs || numTokens == 0 || numTokens != numSequences)
    return LAMRT_OK;
  for (size_t i = 0; i < graphs.size(); ++i) {
    const Graph &graph = graphs[i];
    if (graph.tokens != numTokens || graph.sequences != numSequences ||
        graph.logitRows != numLogitRows)
      continue;
    currentGraph = i;
    if (graph.executable) {
      phase = Phase::Replay;
      return LAMRT_OK;
    }
    LAMINA_RETURN_IF_FAILED(
        check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
              "cudaStreamBeginCapture"));
    phase = Phase::Capture;
    return LAMRT_OK;
  }
  if (graphs.size() < kMostGraphs)
    graphs.push_back({numTokens, numSequences, numLogitRows, nullptr});
  return LAMRT_OK;
}

lamrt_status CudaRank::endGraph() {
  if (phase == Phase::Eager)
    return LAMRT_OK;
  Graph &graph = graphs[currentGraph];
  if (phase == Phase::Capture) {
    phase = Phase::Eager;
    cudaGraph_t captured = nullptr;
    LAMINA_RETURN_IF_FAILED(
        check(cudaStreamEndCapture(stream, &captured), "cudaStreamEndCapture"));
    lamrt_status status =
        check(cudaGraphInstantiate(&graph.executable, captured, 0),
              "cudaGraphInstantiate");
    (void)cudaGraphDestroy(captured);
    LAMINA_RETURN_IF_FAILED(status);
  }
  phase = Phase::Eager;
  lastOperation = "a step as a graph";
  return check(cudaGraphLaunch(graph.executable, stream), "cudaGraphLaunch");
}

} // namespace lamina::cuda

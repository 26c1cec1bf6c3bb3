//===- Capture.h - Work that becomes a graph -------------------*- C++ -*-===//

#ifndef LAMINA_TEST_EMULATION_CAPTURE_H
#define LAMINA_TEST_EMULATION_CAPTURE_H

#include "Stream.h"

namespace emulation {

/// Makes `operation` a node if the stream is captured, and says so.
cudaError_t capture(cudaStream_t stream, Operation &operation, bool &captured);
/// Whether the record of an event went into a capture.
bool captureRecord(cudaEvent_t event, cudaStream_t stream);
/// As capture, for a wait: a stream that waits for captured work joins it.
cudaError_t captureWait(cudaStream_t stream, cudaEvent_t event, bool &captured);

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_CAPTURE_H

//===- ConfigLimits.h - What sizes a config may state ----------*- C++ -*-===//
//
// Limits are far above every model that exists, and far below what could make
// a product of two sizes overflow.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_LIB_IMPORT_CONFIGLIMITS_H
#define LAMINA_LIB_IMPORT_CONFIGLIMITS_H

#include <cstdint>

namespace lamina {

constexpr int64_t kMaxFeatures = 1 << 24;
constexpr int64_t kMaxVocabulary = 1 << 28;
constexpr int64_t kMaxLayers = 100000;
constexpr int64_t kMaxHeads = 1 << 16;
constexpr int64_t kMaxPositions = 1 << 30;
constexpr double kMinEps = 1e-30;

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_CONFIGLIMITS_H

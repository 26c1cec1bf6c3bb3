//===- Elementwise.cpp - Conversions, add, norm and SiLU ------------------===//

#include "Conversions.h"
#include "Elementary.h"
#include "LevelKernels.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

void widenRows(Rows in, int64_t features, float *out, int64_t outStride,
               int64_t rowBegin, int64_t rowEnd) {
  for (int64_t t = rowBegin; t < rowEnd; ++t) {
    uint8_t *to = reinterpret_cast<uint8_t *>(out + t * outStride);
    for (int64_t i = 0; i < features; i += kLanes)
      roundAt(LAMRT_F32, to, i, features,
              widenAt(in.type, getRow(in, t), i, features));
  }
}

void roundRow(const float *in, int64_t features, int32_t type, void *out) {
  const uint8_t *from = reinterpret_cast<const uint8_t *>(in);
  for (int64_t i = 0; i < features; i += kLanes)
    roundAt(type, static_cast<uint8_t *>(out), i, features,
            widenAt(LAMRT_F32, from, i, features));
}

void add(Rows residual, Rows update, Rows out, int64_t features,
         int64_t rowBegin, int64_t rowEnd) {
  for (int64_t t = rowBegin; t < rowEnd; ++t)
    for (int64_t i = 0; i < features; i += kLanes) {
      Floats a = widenAt(residual.type, getRow(residual, t), i, features);
      Floats b = widenAt(update.type, getRow(update, t), i, features);
      roundAt(out.type, getRow(out, t), i, features, a + b);
    }
}

void rmsNorm(Rows in, const float *weight, float eps, int32_t norm, Rows out,
             int64_t features, int64_t rowBegin, int64_t rowEnd) {
  const uint8_t *weights = reinterpret_cast<const uint8_t *>(weight);
  for (int64_t t = rowBegin; t < rowEnd; ++t) {
    const uint8_t *row = getRow(in, t);
    Floats squares = {};
    for (int64_t i = 0; i < features; i += kLanes) {
      Floats x = widenAt(in.type, row, i, features);
      squares = fma(x, x, squares);
    }
    float mean = addLanes(squares) / static_cast<float>(features);
    float q = 1.0f / __builtin_sqrtf(mean + eps);
    for (int64_t i = 0; i < features; i += kLanes) {
      Floats y = widenAt(in.type, row, i, features) * q;
      Floats w = widenAt(LAMRT_F32, weights, i, features);
      if (norm == LAMRT_NORM_HF)
        y = roundThrough(out.type, y);
      else if (norm == LAMRT_NORM_ZERO_CENTERED)
        w = 1.0f + w;
      roundAt(out.type, getRow(out, t), i, features, y * w);
    }
  }
}

void siluMul(Rows gate, Rows up, Rows out, int64_t features, int64_t rowBegin,
             int64_t rowEnd) {
  for (int64_t t = rowBegin; t < rowEnd; ++t)
    for (int64_t i = 0; i < features; i += kLanes) {
      Floats g = widenAt(gate.type, getRow(gate, t), i, features);
      Floats u = widenAt(up.type, getRow(up, t), i, features);
      roundAt(out.type, getRow(out, t), i, features,
              (g / (1.0f + exp(-g))) * u);
    }
}

void exponentials(float *values, int64_t count, float shift, float divisor) {
  auto *bytes = reinterpret_cast<uint8_t *>(values);
  for (int64_t i = 0; i < count; i += kLanes)
    roundAt(LAMRT_F32, bytes, i, count,
            exp((widenAt(LAMRT_F32, bytes, i, count) - shift) / divisor));
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

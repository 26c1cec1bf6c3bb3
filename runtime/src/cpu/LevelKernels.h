//===- LevelKernels.h - The kernels of one x86 level -----------*- C++ -*-===//
//
// The functions behind the table of Kernels.h, in the namespace of a level.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_LEVELKERNELS_H
#define LAMINA_RUNTIME_CPU_LEVELKERNELS_H

#include "Level.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// Of the level with pairs: if not, this CPU is no member of it.
bool addsPairsAsStated();
double multiplyAdd(int64_t rounds);
void pack(const PackTask &task);
int64_t getInputBytes(int32_t weightType, SumOrder order, int64_t features);
void prepareInput(const InputTask &task);
void linear(const LinearTask &task);
void attention(const AttentionTask &task);
void widenRows(Rows in, int64_t features, float *out, int64_t outStride,
               int64_t rowBegin, int64_t rowEnd);
void roundRow(const float *in, int64_t features, int32_t type, void *out);
void embed(int32_t type, const uint8_t *source, int64_t in, const int32_t *ids,
           Rows out, int64_t rowBegin, int64_t rowEnd);
void add(Rows residual, Rows update, Rows out, int64_t features,
         int64_t rowBegin, int64_t rowEnd);
void rmsNorm(Rows in, const float *weight, float eps, int32_t norm, Rows out,
             int64_t features, int64_t rowBegin, int64_t rowEnd);
void sumRanks(const float *const *addends, int32_t ranks,
              const int32_t *radices, int32_t numRadices, const float *bias,
              int64_t features, int32_t type, void *out);
void siluMul(Rows gate, Rows up, Rows out, int64_t features, int64_t rowBegin,
             int64_t rowEnd);
void exponentials(float *values, int64_t count, float shift, float divisor);
void angles(const int32_t *positions, const double *frequencies, int64_t pairs,
            float *cosines, float *sines, int64_t rowBegin, int64_t rowEnd);
void rope(Rows in, const float *cosines, const float *sines, int64_t pairs,
          int64_t features, int32_t pairing, Rows out, int64_t rowBegin,
          int64_t rowEnd);

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_LEVELKERNELS_H

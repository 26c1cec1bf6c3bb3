//===- Product.cpp - Matrix products by definition ------------------------===//

#include "Product.h"
#include "Device.h"
#include "Elements.h"
#include "Entry.h"
#include "Tsan.h"

#include <algorithm>

namespace emulation {
namespace {

size_t matrixBytes(const Matrix &matrix, int batch) {
  if (matrix.rows == 0 || matrix.columns == 0)
    return 0;
  size_t elements = static_cast<size_t>(matrix.stride) * (batch - 1) +
                    static_cast<size_t>(matrix.leading) * (matrix.columns - 1) +
                    matrix.rows;
  return elements * elementSize(matrix.type);
}

template <typename Input, typename Output>
void multiply(const Product &p, const Input *a, const Input *b, Output *c) {
  // Element (row, inner) of op(A) and (inner, column) of op(B).
  size_t aRow = p.transposeA ? p.a.leading : 1;
  size_t aInner = p.transposeA ? 1 : p.a.leading;
  size_t bInner = p.transposeB ? p.b.leading : 1;
  size_t bColumn = p.transposeB ? 1 : p.b.leading;
  for (int column = 0; column < p.n; ++column)
    for (int row = 0; row < p.m; ++row) {
      double sum = 0;
      for (int inner = 0; inner < p.k; ++inner)
        sum += double(toFloat(a[row * aRow + inner * aInner])) *
               double(toFloat(b[inner * bInner + column * bColumn]));
      Output &out = c[row + size_t(column) * p.c.leading];
      // With beta = 0 the output may hold anything, also NaN.
      double before = p.beta == 0 ? 0 : p.beta * double(toFloat(out));
      out = fromDouble<Output>(p.alpha * sum + before);
    }
}

template <typename Input, typename Output>
void multiplyAll(const Product &p) {
  for (int i = 0; i < p.batch; ++i)
    multiply(p, static_cast<const Input *>(hostView(p.a.data)) + p.a.stride * i,
             static_cast<const Input *>(hostView(p.b.data)) + p.b.stride * i,
             static_cast<Output *>(hostView(p.c.data)) + p.c.stride * i);
}

} // namespace

/// https://docs.nvidia.com/cuda/cublas/#cublasgemmex: the combinations with
/// sums in f32 that the project uses.
bool typesFit(const Product &p) {
  if (p.a.type != p.b.type)
    return false;
  switch (p.a.type) {
  case CUDA_R_32F:
    return p.c.type == CUDA_R_32F;
  case CUDA_R_16BF:
  case CUDA_R_16F:
    return p.c.type == p.a.type || p.c.type == CUDA_R_32F;
  default:
    return false;
  }
}

bool matrixFits(const char *function, const Matrix &matrix, int batch) {
  if (matrix.leading < std::max(1, matrix.rows)) {
    report(function, "%s has leading dimension %d, expected at least %d rows",
           matrix.name, matrix.leading, std::max(1, matrix.rows));
    return false;
  }
  size_t bytes = matrixBytes(matrix, batch);
  if (bytes == 0)
    return true;
  Range range = findRange(matrix.data);
  if (range.place != Place::Device || !range.alive) {
    report(function, "%s is not in device memory: %s", matrix.name,
           describe(matrix.data).c_str());
    return false;
  }
  if (!peerEnabled(currentDevice(), range.device)) {
    report(function, "%s is memory of device %d, the current device is %d",
           matrix.name, range.device, currentDevice());
    return false;
  }
  if (reinterpret_cast<uintptr_t>(matrix.data) % elementSize(matrix.type)) {
    report(function, "%s is not aligned to its elements", matrix.name);
    return false;
  }
  size_t left = range.bytes - static_cast<size_t>(matrix.data - range.begin);
  if (bytes > left) {
    report(function,
           "%s of %d x %d, leading dimension %d, needs %zu bytes, "
           "its memory has %zu",
           matrix.name, matrix.rows, matrix.columns, matrix.leading, bytes,
           left);
    return false;
  }
  return true;
}

void run(const Product &p) {
  tsan::read(hostView(p.a.data), matrixBytes(p.a, p.batch));
  tsan::read(hostView(p.b.data), matrixBytes(p.b, p.batch));
  for (int i = 0; i < p.batch; ++i)
    for (int column = 0; column < p.n; ++column)
      tsan::write(static_cast<char *>(hostView(p.c.data)) +
                      (p.c.stride * i + ptrdiff_t(column) * p.c.leading) *
                          static_cast<ptrdiff_t>(elementSize(p.c.type)),
                  elementSize(p.c.type) * static_cast<size_t>(p.m));
  bool toFloat32 = p.c.type == CUDA_R_32F;
  if (p.a.type == CUDA_R_32F)
    multiplyAll<float, float>(p);
  else if (p.a.type == CUDA_R_16BF && toFloat32)
    multiplyAll<__nv_bfloat16, float>(p);
  else if (p.a.type == CUDA_R_16BF)
    multiplyAll<__nv_bfloat16, __nv_bfloat16>(p);
  else if (toFloat32)
    multiplyAll<__half, float>(p);
  else
    multiplyAll<__half, __half>(p);
}

} // namespace emulation

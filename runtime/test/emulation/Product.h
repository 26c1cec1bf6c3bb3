//===- Product.h - Matrix products by definition ---------------*- C++ -*-===//

#ifndef LAMINA_TEST_EMULATION_PRODUCT_H
#define LAMINA_TEST_EMULATION_PRODUCT_H

#include <library_types.h>

#include <cstddef>

namespace emulation {

/// One matrix of a product as it is stored.
struct Matrix {
  const char *name;
  char *data;
  cudaDataType type;
  int rows, columns, leading;
  long long stride; ///< elements from one matrix of a batch to the next
};

struct Product {
  int m, n, k, batch;
  bool transposeA, transposeB;
  double alpha, beta;
  Matrix a, b, c;
};

/// Whether the types of a product are a combination that exists.
bool typesFit(const Product &product);

/// Whether a matrix, `batch` times, lies in memory that the current device may
/// use; else reports for `function` what is wrong.
bool matrixFits(const char *function, const Matrix &matrix, int batch);

/// Column-major, summed in f64, rounded once.
void run(const Product &product);

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_PRODUCT_H

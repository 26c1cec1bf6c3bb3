//===- Tensor.h - A value of the interpreter ------------------------------===//

#ifndef LAMINA_INTERPRETER_TENSOR_H
#define LAMINA_INTERPRETER_TENSOR_H

#include "lamina/Interpreter/Numerics.h"
#include <memory>
#include <string>
#include <vector>

namespace lamina {

/// A dense row-major tensor. Elements are held as f64; with the `stated`
/// arithmetic each is a value of `element`, so that nothing is lost.
struct Tensor {
  Element element = Element::f32;
  std::vector<int64_t> shape; // empty for a scalar
  std::vector<double> data;

  Tensor() = default;
  Tensor(Element element, std::vector<int64_t> shape)
      : element(element), shape(std::move(shape)), data(getCount(this->shape)) {
  }

  static int64_t getCount(llvm::ArrayRef<int64_t> shape) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    return count;
  }

  /// Rows and columns of a tokens x features tensor.
  int64_t rows() const { return shape[0]; }
  int64_t columns() const { return shape[1]; }
  double *row(int64_t t) { return data.data() + t * columns(); }
  const double *row(int64_t t) const { return data.data() + t * columns(); }

  /// Returns the type as MLIR prints it: `tensor<5x64xf32>`.
  std::string getTypeName() const;

  /// Returns the little-endian bytes of the elements in their type.
  std::vector<uint8_t> getBytes() const;

  /// Returns the SHA-256 of `getBytes()` as 64 hexadecimal digits.
  std::string getSha256() const;
};

/// A tensor that several values and ranks share. Null stands for a value that a
/// rank does not have (`#llama.root` on ranks other than 0).
using TensorRef = std::shared_ptr<const Tensor>;

/// Returns the bytes of a safetensors file that holds `result.0`, `result.1`,
/// ...
std::string toSafetensors(llvm::ArrayRef<Tensor> results);

} // namespace lamina

#endif // LAMINA_INTERPRETER_TENSOR_H

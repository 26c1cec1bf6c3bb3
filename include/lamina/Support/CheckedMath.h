//===- CheckedMath.h - Overflow-checked size arithmetic ---------*- C++ -*-===//
//
// Every size that is computed from numbers of a file goes through these
// helpers: shapes, byte counts, offsets. Needs neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_SUPPORT_CHECKEDMATH_H
#define LAMINA_SUPPORT_CHECKEDMATH_H

#include <cstdint>
#include <optional>
#include <type_traits>

namespace lamina {

namespace detail {
/// The integer types that sizes and offsets have here.
template <typename Int>
constexpr bool isSizeType =
    std::is_same_v<Int, uint64_t> || std::is_same_v<Int, int64_t>;
} // namespace detail

/// Returns `a + b`, or nothing if the sum does not fit `Int`.
template <typename Int>
constexpr std::optional<Int> checkedAdd(Int a, Int b) {
  static_assert(detail::isSizeType<Int>, "sizes are 64-bit integers");
  Int sum = 0;
  if (__builtin_add_overflow(a, b, &sum))
    return std::nullopt;
  return sum;
}

/// Returns `a * b`, or nothing if the product does not fit `Int`.
template <typename Int>
constexpr std::optional<Int> checkedMul(Int a, Int b) {
  static_assert(detail::isSizeType<Int>, "sizes are 64-bit integers");
  Int product = 0;
  if (__builtin_mul_overflow(a, b, &product))
    return std::nullopt;
  return product;
}

/// Returns the product of all numbers of `range` (1 for none), or nothing if
/// it does not fit `Int`. A zero makes the product zero only if no partial
/// product before it overflows, so the answer depends on no order but the
/// given one.
template <typename Int, typename Range>
constexpr std::optional<Int> checkedProduct(const Range &range) {
  std::optional<Int> product = Int(1);
  for (Int factor : range) {
    product = checkedMul(*product, factor);
    if (!product)
      return std::nullopt;
  }
  return product;
}

/// Returns `size` rounded up to a multiple of `alignment`, or nothing if that
/// does not fit. `alignment` must not be 0.
constexpr std::optional<uint64_t> checkedAlignUp(uint64_t size,
                                                 uint64_t alignment) {
  uint64_t rest = size % alignment;
  return rest == 0 ? size : checkedAdd(size, alignment - rest);
}

} // namespace lamina

#endif // LAMINA_SUPPORT_CHECKEDMATH_H

//===- Random.h - Counter-based random choices ----------------------------===//
//
// Every choice of a program is a hash of (seed, program, number of the choice),
// so that any one program of a run can be made again alone.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_GENERATOR_RANDOM_H
#define LAMINA_TEST_GENERATOR_RANDOM_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace lamina::generator {

class Random {
public:
  Random(uint64_t seed, uint64_t program) : key(mix(mix(seed) ^ program)) {}

  /// Returns the next number in [0, bound).
  int64_t below(int64_t bound) {
    return int64_t(mix(key ^ counter++) % uint64_t(bound));
  }

  /// Returns the next number in [first, last].
  int64_t between(int64_t first, int64_t last) {
    return first + below(last - first + 1);
  }

  /// True with a probability of `percent` in 100.
  bool chance(int64_t percent) { return below(100) < percent; }

  template <typename T>
  T pick(llvm::ArrayRef<T> choices) {
    return choices[below(choices.size())];
  }
  template <typename T>
  T pick(std::initializer_list<T> choices) {
    return pick(llvm::ArrayRef<T>(choices.begin(), choices.size()));
  }

private:
  /// The finaliser of SplitMix64.
  static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  uint64_t key;
  uint64_t counter = 0;
};

} // namespace lamina::generator

#endif // LAMINA_TEST_GENERATOR_RANDOM_H

//===- Kernels.h - The loops of the CPU backend ----------------*- C++ -*-===//
//
// One table of functions for each x86 level, all compiled from the same source
// with the same results, bit for bit: docs/numerics.md. The functions know no
// rank, no slot and no thread: they get plain arrays and a range of work, so
// that any split of the work gives the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_KERNELS_H
#define LAMINA_RUNTIME_CPU_KERNELS_H

#include "lamina/runtime.h"

#include <cstddef>
#include <cstdint>

namespace lamina::cpu {

/// Output columns of one panel of a packed weight.
constexpr int64_t kPanelColumns = 32;

/// Elements of one block of a storage type: 1, 32 or 256; and its bytes.
int64_t getBlockElements(int32_t type);
int64_t getBlockBytes(int32_t type);

/// `f32`, `q4_k`, ...; `unknown` for what is no type.
const char *getTypeName(int32_t type);

/// Bytes of one packed panel of a matrix with `in` features: 32 columns in the
/// layout of the type (see Pack.cpp). The last panel of a matrix is padded with
/// columns of zeros.
int64_t getPanelBytes(int32_t type, int64_t in);

/// Packs the panels [panelBegin, panelEnd) of a row-major `[out, in]` matrix at
/// `source` (as in the checkpoint) to `packed` (panel 0's address).
struct PackTask {
  int32_t type;
  int64_t out;
  int64_t in;
  const uint8_t *source;
  uint8_t *packed;
  int64_t panelBegin;
  int64_t panelEnd;
};

/// Rows of activations: row t begins at data + t*rowBytes.
struct Rows {
  uint8_t *data;
  int64_t rowBytes;
  int32_t type; ///< LAMRT_F32, LAMRT_F16 or LAMRT_BF16
};

/// How the sums within a leaf of a product run: "linear" of docs/numerics.md.
/// Paired if the activations are bf16, where the page knows that order.
enum class SumOrder : int32_t { Ascending, Paired, Int8 };

/// Writes rows of activations as the products with weights of one type and
/// order read them; the form is that of a level. All products of an input share
/// it.
struct InputTask {
  int32_t weightType;
  SumOrder order;
  Rows input;
  int64_t features; ///< of the product: kEnd - kBegin
  int64_t rows;     ///< of the product
  /// A call does the tiles of rows that begin in [rowBegin, rowEnd).
  int64_t rowBegin, rowEnd;
  uint8_t *prepared; ///< rows * getInputBytes() bytes
};
/// No level needs more bytes than this for a row.
int64_t getMaxInputBytes(int64_t features);

/// output[t, c - columnBegin] = rnd(tree over leaves of input . weight[c] +
/// bias) for the columns [columnBegin, columnEnd) of the rank, of which this
/// call does [workBegin, workEnd), all logical columns. The sum covers the
/// input features [kBegin, kEnd) of the logical weight; `input` holds just
/// these.
struct LinearTask {
  int32_t type; ///< storage type of the weight
  int64_t out;
  int64_t in;
  const uint8_t *packed; ///< panel 0
  int64_t kBegin, kEnd;
  const uint8_t *input; ///< as prepareInput of the same level writes it
  int64_t rows;
  SumOrder order;
  const int32_t *radices;
  int32_t numRadices;
  const float *bias; ///< widened, indexed by logical column; or null
  int64_t columnBegin, columnEnd;
  int64_t workBegin, workEnd;
  Rows output;
};

/// Attention of the query rows [rowBegin, rowEnd) x heads [headBegin, headEnd)
/// of one sequence. Keys and values lie in pages of LAMRT_PAGE_POSITIONS
/// positions: the key of position p, KV head g starts at
/// keys + pages[p / 64]*pageBytes + g*headBytes + (p % 64)*positionBytes.
struct AttentionTask {
  Rows query; ///< row 0 is row `rowBegin` 's sequence's first row in the step
  Rows output;
  const int32_t *positions; ///< of the same rows
  int64_t rowBegin, rowEnd;
  int64_t headBegin, headEnd; ///< query heads of the rank
  int64_t headDim;
  int64_t groupSize; ///< query heads that read one KV head
  int64_t
      firstGroupOffset; ///< global query head 0 of the rank modulo groupSize
  float scale;
  const uint8_t *keys;
  const uint8_t *values;
  const int32_t *pages;
  int64_t pageBytes, headBytes, positionBytes;
  int32_t cacheType;
  /// Scratch of getAttentionScratch() floats, of this thread.
  float *scratch;
};
int64_t getAttentionScratch(int64_t headDim, int64_t maxContext);

struct Kernels {
  const char *level;
  /// Does `rounds` rounds of independent fused multiply-adds in registers, to
  /// measure what the CPU can do, and returns the number of floating-point
  /// operations; 0 at a level without the instruction.
  double (*multiplyAdd)(int64_t rounds);
  void (*pack)(const PackTask &task);
  /// Bytes of a prepared row of `features` features.
  int64_t (*getInputBytes)(int32_t weightType, SumOrder order,
                           int64_t features);
  void (*prepareInput)(const InputTask &task);
  void (*linear)(const LinearTask &task);
  void (*attention)(const AttentionTask &task);
  /// Widens `features` elements a row to f32.
  void (*widenRows)(Rows in, int64_t features, float *out, int64_t outStride,
                    int64_t rowBegin, int64_t rowEnd);
  /// Rounds f32 to the type of `out`.
  void (*roundRow)(const float *in, int64_t features, int32_t type, void *out);
  /// out[t] = rnd(row ids[t] of the row-major source weight).
  void (*embed)(int32_t type, const uint8_t *source, int64_t in,
                const int32_t *ids, Rows out, int64_t rowBegin, int64_t rowEnd);
  void (*add)(Rows residual, Rows update, Rows out, int64_t features,
              int64_t rowBegin, int64_t rowEnd);
  /// `weight` is widened to f32. `in` and `out` may be one buffer.
  void (*rmsNorm)(Rows in, const float *weight, float eps, int32_t norm,
                  Rows out, int64_t features, int64_t rowBegin, int64_t rowEnd);
  /// out = rnd(tree over ranks of addends[rank] + bias), a row of f32 each;
  /// `bias` may be null. The radices are at least 2, their product is `ranks`.
  void (*sumRanks)(const float *const *addends, int32_t ranks,
                   const int32_t *radices, int32_t numRadices,
                   const float *bias, int64_t features, int32_t type,
                   void *out);
  void (*siluMul)(Rows gate, Rows up, Rows out, int64_t features,
                  int64_t rowBegin, int64_t rowEnd);
  /// values[i] = exp((values[i] - shift) / divisor), the stated exponential.
  void (*exponentials)(float *values, int64_t count, float shift,
                       float divisor);
  /// Cosine and sine of position*frequency for rows, [rows][pairs] each.
  void (*angles)(const int32_t *positions, const double *frequencies,
                 int64_t pairs, float *cosines, float *sines, int64_t rowBegin,
                 int64_t rowEnd);
  /// Rotates all heads of the rows; `in` and `out` may be one buffer.
  void (*rope)(Rows in, const float *cosines, const float *sines, int64_t pairs,
               int64_t features, int32_t pairing, Rows out, int64_t rowBegin,
               int64_t rowEnd);
};

/// The levels that selectKernels knows, each with what the one before has.
constexpr const char *kLevels[] = {"v2", "v3", "v4", "bf16"};

/// The kernels of the best level of this CPU, or of the level named: `v2`, `v3`
/// and `v4` of x86-64, and `bf16`, which is v4 with AVX512-BF16 and VNNI. Null
/// if the CPU lacks it or the name is unknown.
const Kernels *selectKernels(const char *level);

} // namespace lamina::cpu

#endif // LAMINA_RUNTIME_CPU_KERNELS_H

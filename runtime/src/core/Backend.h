//===- Backend.h - What a device does for a rank ---------------*- C++ -*-===//
//
// The table of a plugin: maths on addresses, types and ranges. Ids, slots and
// programs end in Rank, which has checked all that is called here, for every
// backend. Both sides are compiled apart: plain structs, no exceptions, nothing
// owned across the boundary but the handle.
//
// A function that fails has called BackendHost::fail and returns the status.
// Work is queued in call order; only endStep, readRows and the functions of
// creation wait for the device.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_BACKEND_H
#define LAMINA_RUNTIME_CORE_BACKEND_H

#include "../cpu/Kernels.h"
#include "lamina/runtime.h"

#include <cstddef>
#include <cstdint>

namespace lamina::runtime {

/// Changes with every change of this file; LAMRT_ABI_VERSION is asked for too.
constexpr uint32_t kBackendVersion = 2;

/// What a plugin may ask of the program that has loaded it.
struct BackendHost {
  uint32_t structSize;
  uint32_t version; ///< kBackendVersion
  /// Keeps one line for lamrt_last_error of this thread; returns `status`.
  lamrt_status (*fail)(lamrt_status status, const char *message);
  /// Whether a rank of the group has failed: then nobody waits for it.
  int32_t (*hasFailed)(void *group);
  /// Collective: gives `mine` of every rank, `bytes` each, in rank order.
  lamrt_status (*exchange)(void *group, int32_t rank, const void *mine,
                           void *all, uint64_t bytes);
};

/// The largest step, and all that is made for it.
struct BackendOptions {
  uint32_t structSize;
  int32_t ranks, rank;
  int32_t timeoutMilliseconds; ///< for what ranks do together
  void *group;                 ///< for the host's functions
  int32_t maxTokens, maxLogitRows, maxSequences;
  int64_t pagesPerSequence;
  /// Of the arena. Slots of tokens have room for so many rows that all ranks
  /// have equal parts.
  int64_t sectionBytes[LAMRT_NUM_SECTIONS];
  // The KV cache of this rank.
  int32_t numPages, numLayers, kvHeads, headDim, cacheType;
  int32_t heads;    ///< query heads of this rank
  int32_t keyHeads; ///< that its attention reads, kvHeads at most
  int64_t widest[LAMRT_NUM_SECTIONS]; ///< features of a slot
  int64_t resultFeatures;             ///< of a row of logits
  int64_t gatherBytes;                ///< of columns of all ranks, the most
  uint64_t weightBytes;               ///< that loadWeight will ask for
  int32_t numFrequencies;
  const lamrt_frequencies *frequencies;
  int32_t canCapture; ///< 0: steps are looked into, and never replayed
  /// What algorithms are chosen by: the same on all ranks, or none starts.
  uint64_t choicesHash;
};

/// Where things are, once a rank is made.
struct BackendPlaces {
  uint8_t *sections[LAMRT_NUM_SECTIONS]; ///< on the device
  float *logits;                   ///< pinned: maxLogitRows x resultFeatures
  uint64_t arenaBytes, cacheBytes; ///< with what else steps need
};

/// A rectangle of a matrix of the checkpoint, or a vector, in its device form:
/// row-major, `type` (F32, F16, BF16).
struct BackendWeight {
  const char *name;      ///< for messages
  const uint8_t *source; ///< rows [outBegin, outEnd) of all features
  uint64_t sourceRowBytes;
  int32_t sourceType;
  int32_t type;
  int64_t rows;
  int64_t inBegin, inEnd; ///< features of a row that are kept
};

struct BackendStep {
  int32_t numTokens, numSequences, numLogitRows;
  int64_t pagesPerSequence; ///< columns of pageTable
  const int32_t *tokenIds, *positions, *sequenceOfRow, *rowBegin, *logitRows;
  const int32_t *pageTable;
};

/// out[t] = row ids[t] of the table, of which the device has the rows
/// [firstId, lastId); other rows are -0.0.
struct EmbedWork {
  const void *table;
  int32_t tableType;
  int64_t firstId, lastId, features;
  cpu::Rows out;
  int64_t rows;
};

/// normed = rms_norm(next), next = rnd(residual + update); without `update`,
/// next is residual. The update may have a bias, and is then, or if isSum is
/// not 0, rounded to the type of the residual first (all_reduce).
struct NormWork {
  cpu::Rows update;  ///< data null: none
  const float *bias; ///< or null
  int32_t isSum;
  cpu::Rows residual, next, normed;
  const float *weight;
  float eps;
  int32_t norm;
  int64_t features, rows;
};

/// out = rnd(input . weight^T + bias). An input of another type than the weight
/// takes that type first.
struct LinearWork {
  cpu::Rows input;
  const void *weight; ///< its first row and feature of this product
  int32_t weightType;
  int64_t weightRow; ///< elements from one row to the next
  const float *bias; ///< of the first output; or null
  cpu::Rows out;
  int64_t inFeatures, outFeatures, rows;
};

/// Two inputs, one output, all `features` wide.
struct PairWork {
  cpu::Rows a, b, out;
  int64_t features, rows;
};

struct RopeWork {
  cpu::Rows in, out;
  int32_t frequencies; ///< a list of BackendOptions
  int32_t pairing;
  int64_t pairs, features, rows;
};

struct AttentionWork {
  cpu::Rows query, key, value, out;
  int32_t layer;
  int64_t heads, keyHeads;             ///< of this rank
  int64_t groupSize, firstGroupOffset; ///< as cpu::AttentionTask
  float scale;
  int64_t rows;
};

/// out = rnd(sum over ranks of partial + bias); or, with `norm`, as NormWork
/// with that sum as its update. With `keepsOwn` a rank has its own rows only of
/// `out`, or of residual and next; normed is whole. Rank r of n has the rows
/// [r*ceil(rows/n), (r+1)*ceil(rows/n)).
struct ReduceWork {
  cpu::Rows partial;
  const float *bias;
  cpu::Rows out;
  int64_t features, rows;
  const NormWork *norm; ///< or null
  int32_t algorithm;    ///< wanted: LAMRT_ONE_SHOT, TWO_SHOT or SEPARATE
  int32_t keepsOwn;
};

/// Joins columns of the ranks: rank r has the features [begins[r],
/// begins[r+1]).
struct GatherWork {
  cpu::Rows in, out;
  const int64_t *begins;
  int32_t toAll; ///< else to rank 0
  int64_t rows;
};

/// A device that works for one rank: the plugin's.
struct BackendRank;

struct BackendTable {
  uint32_t structSize;
  uint32_t version; ///< kBackendVersion

  /// Says what device `index` is, in one line without newline. Fails with
  /// LAMRT_DEVICE if there is none that the plugin has code for.
  lamrt_status (*describe)(int32_t index, char *text, size_t size);
  int32_t (*countDevices)();

  lamrt_status (*create)(const BackendOptions *options, BackendRank **out,
                         BackendPlaces *places);
  void (*destroy)(BackendRank *rank);
  /// Stores where the weight is now.
  lamrt_status (*loadWeight)(BackendRank *rank, const BackendWeight *weight,
                             const void **out);
  /// After the last weight.
  lamrt_status (*start)(BackendRank *rank);

  lamrt_status (*beginStep)(BackendRank *rank, const BackendStep *step);
  lamrt_status (*endStep)(BackendRank *rank);
  /// After a step that failed: returns once the device does nothing more for
  /// this rank. There is no step after it.
  lamrt_status (*stop)(BackendRank *rank);
  /// Widens rows to f32 and copies them to `out`, which is the pinned memory of
  /// the logits (queued) or any (waits).
  lamrt_status (*readRows)(BackendRank *rank, const cpu::Rows *in,
                           int64_t features, int64_t rows, float *out);

  lamrt_status (*embed)(BackendRank *rank, const EmbedWork *work);
  /// out[i] = in[logit_rows[i]]
  lamrt_status (*selectRows)(BackendRank *rank, const PairWork *work);
  lamrt_status (*copy)(BackendRank *rank, const PairWork *work);
  lamrt_status (*add)(BackendRank *rank, const PairWork *work);
  lamrt_status (*siluMul)(BackendRank *rank, const PairWork *work);
  lamrt_status (*norm)(BackendRank *rank, const NormWork *work);
  lamrt_status (*linear)(BackendRank *rank, const LinearWork *work);
  lamrt_status (*rope)(BackendRank *rank, const RopeWork *work);
  lamrt_status (*attention)(BackendRank *rank, const AttentionWork *work);
  lamrt_status (*reduce)(BackendRank *rank, const ReduceWork *work);
  lamrt_status (*gather)(BackendRank *rank, const GatherWork *work);
  /// out = the own rows `a` of all ranks, `rows` together.
  lamrt_status (*gatherRows)(BackendRank *rank, const PairWork *work);
};

/// What a plugin exports, as `lamrt_cuda_backend`. Null if it was made for
/// another version, or its host.
using BackendEntry = const BackendTable *(*)(uint32_t abiVersion,
                                             const BackendHost *host);

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_BACKEND_H

//===- Operations.cpp - The operations on rows ----------------------------===//

#include "Failure.h"
#include "Rank.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

namespace lamina::runtime {

namespace {

/// Rows that are worth a thread: about 4096 elements.
int64_t getGrain(int64_t features) {
  return std::max<int64_t>(1, 4096 / features);
}

bool isFinite(const float *values, int64_t count) {
  uint32_t bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    memcpy(&bits, values + i, sizeof(bits));
    bad |= (bits & 0x7f800000u) == 0x7f800000u;
  }
  return !bad;
}

/// A whole table gives whole rows, a split one addends.
bool canHoldRows(const SlotRows &out, const lamrt_weight &table,
                 int32_t ranks) {
  if (out.distribution == LAMRT_WHOLE)
    return true;
  return out.distribution == LAMRT_PARTIAL &&
         table.split == LAMRT_SPLIT_COLUMNS && table.split_unit > 0 &&
         table.out % table.split_unit == 0 &&
         table.out / table.split_unit >= ranks; // else a row is added twice
}

/// -0.0 changes no addend; 0.0 would change the sign of -0.0.
void fillNegativeZero(const SlotRows &out, int64_t row) {
  uint8_t *to = out.rows.data + row * out.rows.rowBytes;
  if (out.rows.type == LAMRT_F32)
    std::fill_n(reinterpret_cast<float *>(to), out.features, -0.0f);
  else
    std::fill_n(reinterpret_cast<uint16_t *>(to), out.features,
                uint16_t(0x8000));
}

} // namespace

void Rank::embed(int32_t weight, int32_t out) {
  SlotRows to;
  if (!getSlot(out, to))
    return;
  if (weight < 0 || weight >= weights->size()) {
    failStep(fail(LAMRT_MALFORMED, "program: weight %d of %d", weight,
                  weights->size()));
    return;
  }
  const Weight &table = (*weights)[weight];
  const lamrt_weight &description = *table.description;
  if (!(table.uses & LAMRT_USE_EMBED) || table.layers.size() != 1 ||
      description.in != to.features || description.out < program->vocabulary ||
      to.section != LAMRT_ROWS_TOKENS ||
      !canHoldRows(to, description, options.ranks)) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: weight %s: is no table of "
                  "embeddings for slot %d",
                  description.name, out));
    return;
  }
  int64_t firstId = 0, lastId = description.out;
  if (to.distribution == LAMRT_PARTIAL) {
    getUnits(options.rank, description.out / description.split_unit, firstId,
             lastId);
    firstId *= description.split_unit;
    lastId *= description.split_unit;
  }
  if (device) {
    embedOnDevice(weight, to, firstId, lastId);
    return;
  }
  const int32_t *ids = stepArrays.tokenIds();
  pool.forRange(to.count, getGrain(to.features),
                [&](int64_t begin, int64_t end, int32_t) {
                  for (int64_t row = begin; row < end; ++row) {
                    if (ids[row] >= firstId && ids[row] < lastId)
                      kernels->embed(description.type, table.layers[0].source,
                                     description.in, ids, to.rows, row,
                                     row + 1);
                    else
                      fillNegativeZero(to, row);
                  }
                });
  lookAt({"lamrt_embed", weight, 0, out});
}

void Rank::selectRows(int32_t in, int32_t out) {
  SlotRows from, to;
  if (!getSlot(in, from) || !getSlot(out, to))
    return;
  if (from.section != LAMRT_ROWS_TOKENS || to.section != LAMRT_ROWS_LOGITS ||
      from.features != to.features || from.rows.type != to.rows.type ||
      from.distribution != to.distribution || from.splitUnit != to.splitUnit) {
    failStep(fail(LAMRT_MALFORMED, "program: rows of slot %d cannot be slot %d",
                  in, out));
    return;
  }
  if (device) {
    runOnDevice(&BackendTable::selectRows,
                PairWork{from.rows, {}, to.rows, from.width(), to.count});
    return;
  }
  for (int64_t i = 0; i < to.count; ++i)
    memcpy(to.rows.data + i * to.rows.rowBytes,
           from.rows.data + stepArrays.logitRows()[i] * from.rows.rowBytes,
           static_cast<size_t>(to.rows.rowBytes));
  lookAt({"lamrt_select_rows", -1, -1, out});
}

void Rank::shardRows(int32_t in, int32_t out) {
  SlotRows from, to;
  if (!getWhole(in, from) || !getSlot(out, to))
    return;
  if (from.section != LAMRT_ROWS_TOKENS || to.distribution != LAMRT_OWN_ROWS ||
      from.features != to.features || from.rows.type != to.rows.type) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: own rows of slot %d cannot be slot %d", in, out));
    return;
  }
  int64_t begin, end;
  getOwnRows(from.count, begin, end);
  from.rows.data += begin * from.rows.rowBytes;
  if (device) {
    runOnDevice(&BackendTable::copy,
                PairWork{from.rows, {}, to.rows, to.features, end - begin});
    return;
  }
  memcpy(to.rows.data, from.rows.data,
         static_cast<size_t>((end - begin) * from.rows.rowBytes));
  lookAt({"lamrt_shard_rows", -1, -1, out});
}

void Rank::copy(int32_t in, int32_t out) {
  SlotRows from, to;
  if (!getSlot(in, from) || !getMatching(out, from, to))
    return;
  if (from.rows.type != to.rows.type) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: a copy of slot %d to slot %d "
                  "would change its type",
                  in, out));
    return;
  }
  if (device) {
    runOnDevice(&BackendTable::copy,
                PairWork{from.rows, {}, to.rows, from.width(), to.count});
    return;
  }
  memmove(to.rows.data, from.rows.data,
          static_cast<size_t>(to.count * to.rows.rowBytes));
  lookAt({"lamrt_copy", -1, -1, out});
}

void Rank::add(int32_t residual, int32_t update, int32_t out) {
  SlotRows a, b, to;
  if (!getSlot(residual, a) || !getMatching(update, a, b) ||
      !getMatching(out, a, to) || !checkReadable(residual, a))
    return;
  if (device) {
    runOnDevice(&BackendTable::add,
                PairWork{a.rows, b.rows, to.rows, to.width(), to.count});
    return;
  }
  pool.forRange(to.count, getGrain(to.width()),
                [&](int64_t begin, int64_t end, int32_t) {
                  kernels->add(a.rows, b.rows, to.rows, to.width(), begin, end);
                });
  lookAt({"lamrt_add", -1, -1, out});
}

void Rank::rmsNorm(int32_t in, int32_t weight, int32_t layer, double eps,
                   int32_t norm, int32_t out) {
  SlotRows from, to;
  const float *scale = nullptr;
  if (!getRows(in, from) || !getMatching(out, from, to) ||
      !getVector(weight, layer, from.features, scale))
    return;
  if (device) {
    runOnDevice(&BackendTable::norm, NormWork{{},
                                              nullptr,
                                              0,
                                              from.rows,
                                              from.rows,
                                              to.rows,
                                              scale,
                                              static_cast<float>(eps),
                                              norm,
                                              to.features,
                                              to.count});
    return;
  }
  pool.forRange(to.count, getGrain(to.features),
                [&](int64_t begin, int64_t end, int32_t) {
                  kernels->rmsNorm(from.rows, scale, static_cast<float>(eps),
                                   norm, to.rows, to.features, begin, end);
                });
  lookAt({"lamrt_rms_norm", weight, layer, out});
}

bool Rank::getResidualNorm(int32_t residual, int32_t weight, int32_t layer,
                           double eps, int32_t norm, int32_t outNormed,
                           int32_t outResidual, ResidualNorm &out) {
  out.eps = static_cast<float>(eps);
  out.norm = norm;
  if (!getRows(residual, out.old) ||
      !getMatching(outResidual, out.old, out.next) ||
      !getVector(weight, layer, out.old.features, out.scale))
    return false;
  out.keepsOwn = out.old.distribution == LAMRT_OWN_ROWS;
  SlotRows whole = out.old;
  whole.distribution = LAMRT_WHOLE;
  if (out.keepsOwn)
    whole.section = LAMRT_ROWS_TOKENS;
  return getMatching(outNormed, whole, out.normed);
}

void Rank::addAndNorm(const ResidualNorm &rows, const cpu::Rows &update) {
  int64_t features = rows.old.features;
  pool.forRange(rows.old.count, getGrain(features),
                [&](int64_t begin, int64_t end, int32_t) {
                  kernels->add(rows.old.rows, update, rows.next.rows, features,
                               begin, end);
                  kernels->rmsNorm(rows.next.rows, rows.scale, rows.eps,
                                   rows.norm, rows.normed.rows, features, begin,
                                   end);
                });
}

void Rank::addThenNorm(const ResidualNorm &rows, const cpu::Rows &update) {
  int64_t features = rows.old.features;
  pool.forRange(rows.old.count, getGrain(features),
                [&](int64_t begin, int64_t end, int32_t) {
                  kernels->add(rows.old.rows, update, rows.next.rows, features,
                               begin, end);
                });
  pool.forRange(rows.old.count, getGrain(features),
                [&](int64_t begin, int64_t end, int32_t) {
                  kernels->rmsNorm(rows.next.rows, rows.scale, rows.eps,
                                   rows.norm, rows.normed.rows, features, begin,
                                   end);
                });
}

void Rank::residualRmsNorm(int32_t update, int32_t residual, int32_t weight,
                           int32_t layer, double eps, int32_t norm,
                           int32_t outNormed, int32_t outResidual) {
  SlotRows added;
  ResidualNorm rows;
  if (!getWhole(residual, added) ||
      !getResidualNorm(residual, weight, layer, eps, norm, outNormed,
                       outResidual, rows) ||
      !getMatching(update, rows.old, added))
    return;
  if (device) {
    runOnDevice(&BackendTable::norm,
                NormWork{added.rows, nullptr, 0, rows.old.rows, rows.next.rows,
                         rows.normed.rows, rows.scale, rows.eps, rows.norm,
                         rows.old.features, rows.old.count});
    return;
  }
  bool isSeparate = chooseAlgorithm(LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM,
                                    rows.old) == LAMRT_SEPARATE;
  if (isSeparate)
    addThenNorm(rows, added.rows);
  else
    addAndNorm(rows, added.rows);
  lookAt({"lamrt_residual_rms_norm", -1, -1, outResidual});
  lookAt({"lamrt_residual_rms_norm", weight, layer, outNormed});
}

void Rank::siluMul(int32_t gate, int32_t up, int32_t out) {
  SlotRows a, b, to;
  if (!getSlot(gate, a) || !getMatching(up, a, b) || !getMatching(out, a, to) ||
      !checkReadable(gate, a))
    return;
  if (device) {
    runOnDevice(&BackendTable::siluMul,
                PairWork{a.rows, b.rows, to.rows, to.width(), to.count});
    return;
  }
  pool.forRange(
      to.count, getGrain(to.width()), [&](int64_t begin, int64_t end, int32_t) {
        kernels->siluMul(a.rows, b.rows, to.rows, to.width(), begin, end);
      });
  lookAt({"lamrt_silu_mul", -1, -1, out});
}

void Rank::rope(int32_t in, int32_t frequencies, int32_t pairing, int32_t out) {
  SlotRows from, to;
  if (!getSlot(in, from) || !getMatching(out, from, to))
    return;
  if (frequencies < 0 || frequencies >= program->num_frequencies ||
      from.section != LAMRT_ROWS_TOKENS ||
      from.begin % (2 * int64_t(program->frequencies[frequencies].size)) ||
      from.end % (2 * int64_t(program->frequencies[frequencies].size)) ||
      !checkReadable(in, from)) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: slot %d has no heads that the "
                  "frequencies %d rotate",
                  in, frequencies));
    return;
  }
  const lamrt_frequencies &list = program->frequencies[frequencies];
  int64_t pairs = list.size;
  if (device) {
    runOnDevice(&BackendTable::rope,
                RopeWork{from.rows, to.rows, frequencies, pairing, pairs,
                         to.width(), to.count});
    return;
  }
  float *cosines = angles[static_cast<size_t>(frequencies)];
  float *sines = cosines + options.max_tokens * pairs;
  // The positions are those of the step: all layers share the angles.
  if (!anglesAreKnown[static_cast<size_t>(frequencies)]) {
    pool.forRange(to.count, getGrain(8 * pairs),
                  [&](int64_t begin, int64_t end, int32_t) {
                    kernels->angles(stepArrays.positions(), list.values, pairs,
                                    cosines, sines, begin, end);
                  });
    anglesAreKnown[static_cast<size_t>(frequencies)] = 1;
  }
  pool.forRange(to.count, getGrain(to.width()),
                [&](int64_t begin, int64_t end, int32_t) {
                  kernels->rope(from.rows, cosines, sines, pairs, to.width(),
                                pairing, to.rows, begin, end);
                });
  lookAt({"lamrt_rope", -1, -1, out});
}

void Rank::tap(int32_t tap, int32_t layer, int32_t in) {
  SlotRows from;
  if (!getWhole(in, from))
    return;
  if (tap < 0 || tap >= program->num_taps) {
    failStep(
        fail(LAMRT_MALFORMED, "program: tap %d of %d", tap, program->num_taps));
    return;
  }
  if (!options.tap || nonFinite.isSought)
    return;
  if (device) {
    tapOnDevice(tap, layer, from);
    return;
  }
  auto *widened = reinterpret_cast<float *>(prepared);
  kernels->widenRows(from.rows, from.features, widened, from.features, 0,
                     from.count);
  options.tap(options.context, program->tap_names[tap], layer, widened,
              from.count, from.features);
}

void Rank::result(int32_t in) {
  SlotRows from;
  if (!getSlot(in, from))
    return;
  bool isWhole = from.distribution == LAMRT_WHOLE;
  if (from.section != LAMRT_ROWS_LOGITS ||
      from.features != program->result_features ||
      (!isWhole && from.distribution != LAMRT_ROOT)) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: slot %d does not hold logits of "
                  "the wanted rows",
                  in));
    return;
  }
  hasResult = true;
  if (!isWhole && options.rank != 0)
    return;
  if (device) {
    resultOnDevice(from);
    return;
  }
  bool isContiguous =
      from.rows.type == LAMRT_F32 && from.rows.rowBytes == from.features * 4;
  const float *values =
      isContiguous ? reinterpret_cast<const float *>(from.rows.data) : logits;
  std::atomic<int64_t> firstBad{from.count};
  pool.forRange(from.count, 1, [&](int64_t begin, int64_t end, int32_t) {
    if (!isContiguous)
      kernels->widenRows(from.rows, from.features, logits, from.features, begin,
                         end);
    for (int64_t row = begin; row < end; ++row) {
      if (isFinite(values + row * from.features, from.features))
        continue;
      int64_t known = firstBad.load();
      while (row < known && !firstBad.compare_exchange_weak(known, row)) {
      }
      break;
    }
  });
  if (firstBad.load() < from.count) {
    logitsAreNotFinite = true;
    failStep(fail(LAMRT_CHECK_FAILED, "logits of row %d are not finite",
                  stepArrays.logitRows()[firstBad.load()]));
    return;
  }
  stepResult = values;
}

} // namespace lamina::runtime

//===- Collectives.cpp - What the ranks of a group do together ------------===//
//
// Each collective has two meetings. Between them a rank reads the addends of
// its peers and writes results to their memory: their slots lie where its own
// do, and they wait. Two ways, which give the same bits: every rank does all
// rows for itself, or its own rows for all. Where it keeps only its own rows of
// the residual, it does these. What is fused with the sum may also be done
// behind it, on every rank: these bits are the same, too.
//
//===----------------------------------------------------------------------===//

#include "Failure.h"
#include "Rank.h"

#include <algorithm>
#include <cstring>

namespace lamina::runtime {

namespace {

template <typename... Words>
uint64_t hashWords(Words... words) {
  const uint64_t all[] = {static_cast<uint64_t>(words)...};
  return hashBytes(reinterpret_cast<const uint8_t *>(all), sizeof(all));
}

uint64_t getBits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// One row of several.
cpu::Rows getRow(const cpu::Rows &rows, int64_t row) {
  return {rows.data + row * rows.rowBytes, rows.rowBytes, rows.type};
}

} // namespace

/// The sum over ranks that a collective begins with.
struct Rank::Reduction {
  SlotRows partial;
  const float *bias;
  const lamrt_list *tree;
};

bool Rank::getReduction(int32_t partial, int32_t bias, int32_t biasLayer,
                        int32_t tree, Reduction &out) {
  if (!getSlot(partial, out.partial) || !getTree(tree, out.tree))
    return false;
  out.bias = nullptr;
  if (bias != -1 && !getVector(bias, biasLayer, out.partial.features, out.bias))
    return false;
  if (out.partial.distribution == LAMRT_PARTIAL &&
      out.partial.rows.type == LAMRT_F32)
    return true;
  return failStep(fail(LAMRT_MALFORMED,
                       "program: slot %d: is no addend in f32 of a sum over "
                       "the ranks",
                       partial));
}

bool Rank::openMeeting(const Offer &offer) {
  lamrt_status status = group->getCommunicator().open(options.rank, offer);
  if (status && !stepStatus)
    stepStatus = status;
  return status == LAMRT_OK;
}

void Rank::closeMeeting() {
  lamrt_status status = group->getCommunicator().close(options.rank);
  if (status && !stepStatus)
    stepStatus = status;
}

void Rank::meetAtEnd() {
  Offer offer;
  offer.key.name = "the end of the step";
  offer.key.operation = LAMRT_NUM_COLLECTIVES;
  offer.key.rows = stepArrays.numTokens();
  if (openMeeting(offer))
    (void)group->getCommunicator().leave(options.rank);
}

void Rank::getOwnRows(int64_t rows, int64_t &begin, int64_t &end) const {
  int64_t each = getMostOwnRows(rows);
  begin = std::min(rows, options.rank * each);
  end = std::min(rows, begin + each);
}

/// out = rnd(tree over ranks of row `row` + bias).
void Rank::sumRow(const Reduction &reduction, int64_t row, int32_t type,
                  void *out) {
  const float *addends[kMaxRanks];
  Communicator &communicator = group->getCommunicator();
  for (int32_t r = 0; r < options.ranks; ++r) {
    const cpu::Rows &rows = communicator.offerOf(r).in;
    addends[r] =
        reinterpret_cast<const float *>(rows.data + row * rows.rowBytes);
  }
  kernels->sumRanks(addends, options.ranks, reduction.tree->values,
                    reduction.tree->size, reduction.bias,
                    reduction.partial.features, type, out);
}

/// Copies a row of result `result` to the other ranks.
void Rank::sendRow(const cpu::Rows &from, int32_t result, int64_t row) {
  for (int32_t r = 0; r < options.ranks; ++r)
    if (r != options.rank) {
      const cpu::Rows &to = group->getCommunicator().offerOf(r).outs[result];
      memcpy(to.data + row * to.rowBytes, from.data + row * from.rowBytes,
             static_cast<size_t>(from.rowBytes));
    }
}

Rank::OwnRows Rank::chooseRows(int64_t rows, int32_t algorithm,
                               bool keepsOwn) const {
  OwnRows own = {0, rows,
                 keepsOwn || (isGroup() && algorithm == LAMRT_TWO_SHOT)};
  if (own.isForAll)
    getOwnRows(rows, own.begin, own.end);
  return own;
}

template <typename Body, typename Send>
void Rank::forOwnRows(OwnRows own, int64_t features, Body body, Send send) {
  int64_t grain = std::max<int64_t>(1, 4096 / features);
  pool.forRange(own.end - own.begin, grain,
                [&](int64_t first, int64_t last, int32_t thread) {
                  for (int64_t row = own.begin + first; row < own.begin + last;
                       ++row) {
                    body(row, thread);
                    if (own.isForAll)
                      send(row);
                  }
                });
}

/// to = the sum over ranks of all rows, as the collective `offer` says.
bool Rank::reduce(const Reduction &reduction, Offer offer, const SlotRows &to) {
  int32_t algorithm = chooseAlgorithm(LAMRT_ALL_REDUCE, to);
  if (device) {
    runOnDevice(&BackendTable::reduce,
                ReduceWork{reduction.partial.rows, reduction.bias, to.rows,
                           to.features, to.count, nullptr, algorithm, 0});
    return !stepStatus;
  }
  offer.in = reduction.partial.rows;
  offer.outs[0] = to.rows;
  if (!openMeeting(offer))
    return false;
  forOwnRows(
      chooseRows(to.count, algorithm, /*keepsOwn=*/false), to.features,
      [&](int64_t row, int32_t) {
        sumRow(reduction, row, to.rows.type,
               to.rows.data + row * to.rows.rowBytes);
      },
      [&](int64_t row) { sendRow(to.rows, 0, row); });
  closeMeeting();
  return !stepStatus;
}

void Rank::allReduce(int32_t partial, int32_t bias, int32_t biasLayer,
                     int32_t tree, int32_t out) {
  Reduction sum;
  SlotRows to;
  if (!getReduction(partial, bias, biasLayer, tree, sum) || !getWhole(out, to))
    return;
  if (to.features != sum.partial.features ||
      to.section != sum.partial.section) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: the sum of slot %d does not fit slot %d", partial,
                  out));
    return;
  }
  Offer offer;
  offer.key = {"all_reduce", LAMRT_ALL_REDUCE,
               LAMRT_F32,    to.count,
               to.features,  hashWords(bias, biasLayer, tree, out)};
  reduce(sum, offer, to);
}

void Rank::reduceScatter(int32_t partial, int32_t bias, int32_t biasLayer,
                         int32_t tree, int32_t out) {
  Reduction sum;
  SlotRows to;
  if (!getReduction(partial, bias, biasLayer, tree, sum) || !getSlot(out, to))
    return;
  if (to.distribution != LAMRT_OWN_ROWS ||
      to.features != sum.partial.features ||
      sum.partial.section != LAMRT_ROWS_TOKENS) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: own rows of the sum of slot %d do not fit slot %d",
                  partial, out));
    return;
  }
  if (device) {
    runOnDevice(&BackendTable::reduce,
                ReduceWork{sum.partial.rows, sum.bias, to.rows, to.features,
                           sum.partial.count, nullptr,
                           chooseAlgorithm(LAMRT_ALL_REDUCE, sum.partial), 1});
    return;
  }
  Offer offer;
  offer.key = {"reduce_scatter", LAMRT_REDUCE_SCATTER,
               LAMRT_F32,        sum.partial.count,
               to.features,      hashWords(bias, biasLayer, tree, out)};
  offer.in = sum.partial.rows;
  if (!openMeeting(offer))
    return;
  OwnRows own =
      chooseRows(sum.partial.count, LAMRT_TWO_SHOT, /*keepsOwn=*/true);
  forOwnRows(
      own, to.features,
      [&](int64_t row, int32_t) {
        sumRow(sum, row, to.rows.type, getRow(to.rows, row - own.begin).data);
      },
      [](int64_t) {});
  closeMeeting();
}

void Rank::allReduceResidualRmsNorm(int32_t partial, int32_t residual,
                                    int32_t weight, int32_t layer, int32_t bias,
                                    int32_t biasLayer, double eps, int32_t norm,
                                    int32_t tree, int32_t outNormed,
                                    int32_t outResidual) {
  Reduction sum;
  ResidualNorm rows;
  if (!getReduction(partial, bias, biasLayer, tree, sum) ||
      !getResidualNorm(residual, weight, layer, eps, norm, outNormed,
                       outResidual, rows))
    return;
  const SlotRows &normed = rows.normed;
  if (normed.features != sum.partial.features ||
      normed.section != sum.partial.section) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: the sum of slot %d is no update of slot %d",
                  partial, residual));
    return;
  }
  Offer offer;
  offer.key = {"all_reduce_residual_rms_norm",
               LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM,
               LAMRT_F32,
               normed.count,
               normed.features,
               hashWords(residual, weight, layer, bias, biasLayer, getBits(eps),
                         norm, tree, outNormed, outResidual)};
  int32_t algorithm = chooseAlgorithm(offer.key.operation, normed);
  if (device) {
    reduceAndNormOnDevice(sum, rows, algorithm);
    return;
  }
  if (algorithm == LAMRT_SEPARATE && !rows.keepsOwn) {
    // Between products nobody reads their input. Its rows are no narrower.
    SlotRows whole = rows.old;
    whole.rows.data = prepared;
    if (reduce(sum, offer, whole))
      addThenNorm(rows, whole.rows);
    return;
  }
  reduceAndNorm(sum, offer, chooseRows(normed.count, algorithm, rows.keepsOwn),
                rows);
}

void Rank::reduceAndNormOnDevice(const Reduction &reduction,
                                 const ResidualNorm &rows, int32_t algorithm) {
  NormWork norm = {reduction.partial.rows,
                   reduction.bias,
                   1,
                   rows.old.rows,
                   rows.next.rows,
                   rows.normed.rows,
                   rows.scale,
                   rows.eps,
                   rows.norm,
                   rows.normed.features,
                   rows.normed.count};
  runOnDevice(&BackendTable::reduce, ReduceWork{reduction.partial.rows,
                                                reduction.bias,
                                                {},
                                                norm.features,
                                                norm.rows,
                                                &norm,
                                                algorithm,
                                                rows.keepsOwn});
}

/// Sums, adds and norms a row in one go.
void Rank::reduceAndNorm(const Reduction &reduction, Offer offer, OwnRows own,
                         const ResidualNorm &rows) {
  const SlotRows &old = rows.old, &next = rows.next, &normed = rows.normed;
  offer.in = reduction.partial.rows;
  offer.outs[0] = normed.rows;
  offer.outs[1] = next.rows;
  if (!openMeeting(offer))
    return;
  // Normed rows that cannot be sent lie in front until they are gathered.
  bool gathers = rows.keepsOwn && !group->getCommunicator().sharesMemory();
  int64_t firstKept = rows.keepsOwn ? own.begin : 0;
  int64_t firstNormed = gathers ? own.begin : 0;
  forOwnRows(
      own, old.features,
      [&](int64_t row, int32_t thread) {
        auto *sums = threadScratch + thread * threadScratchFloats;
        sumRow(reduction, row, old.rows.type, sums);
        cpu::Rows update = {reinterpret_cast<uint8_t *>(sums), 0,
                            old.rows.type};
        cpu::Rows added = getRow(next.rows, row - firstKept);
        kernels->add(getRow(old.rows, row - firstKept), update, added,
                     old.features, 0, 1);
        kernels->rmsNorm(added, rows.scale, rows.eps, rows.norm,
                         getRow(normed.rows, row - firstNormed), old.features,
                         0, 1);
      },
      [&](int64_t row) {
        if (!gathers)
          sendRow(normed.rows, 0, row);
        if (!rows.keepsOwn)
          sendRow(next.rows, 1, row);
      });
  closeMeeting();
  if (gathers)
    joinRows(normed.rows, normed, offer.key.arguments);
}

/// Joins the rows of all ranks in `to`. This rank brings its own from `from`
/// on, which may be the begin of `to`.
void Rank::joinRows(const cpu::Rows &from, const SlotRows &to,
                    uint64_t arguments) {
  // Every rank has room for as many rows, also if it keeps fewer.
  int64_t each = getMostOwnRows(to.count);
  Offer offer;
  offer.key = {"all_gather", LAMRT_ALL_GATHER, from.type,
               each,         to.features,      arguments};
  offer.in = from;
  if (!openMeeting(offer))
    return;
  int64_t begin, end;
  getOwnRows(to.count, begin, end);
  memmove(getRow(to.rows, begin).data, from.data,
          static_cast<size_t>((end - begin) * from.rowBytes));
  for (int32_t r = 0; r < options.ranks; ++r) {
    int64_t first = std::min(to.count, r * each);
    int64_t last = std::min(to.count, first + each);
    if (r != options.rank)
      memcpy(getRow(to.rows, first).data,
             group->getCommunicator().offerOf(r).in.data,
             static_cast<size_t>((last - first) * from.rowBytes));
  }
  closeMeeting();
}

void Rank::gatherRows(int32_t in, const SlotRows &from, int32_t out,
                      const SlotRows &to) {
  if (to.distribution != LAMRT_WHOLE || to.section != LAMRT_ROWS_TOKENS ||
      from.features != to.features || from.rows.type != to.rows.type) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: the rows of slot %d cannot be joined in slot %d",
                  in, out));
    return;
  }
  if (device) {
    runOnDevice(&BackendTable::gatherRows,
                PairWork{from.rows, {}, to.rows, to.features, to.count});
    return;
  }
  joinRows(from.rows, to, hashWords(in, out, to.count));
}

void Rank::gather(int32_t in, int32_t out, bool toAll) {
  SlotRows from, to;
  if (!getSlot(in, from) || !getSlot(out, to))
    return;
  if (from.distribution == LAMRT_OWN_ROWS && toAll)
    return gatherRows(in, from, out, to);
  if (from.distribution != LAMRT_COLUMNS ||
      from.features / from.splitUnit < options.ranks ||
      to.distribution != (toAll ? LAMRT_WHOLE : LAMRT_ROOT) ||
      from.features != to.features || from.section != to.section ||
      from.rows.type != to.rows.type) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: the columns of slot %d cannot be joined in slot %d",
                  in, out));
    return;
  }
  Offer offer;
  offer.key = {toAll ? "all_gather" : "gather",
               toAll ? LAMRT_ALL_GATHER : LAMRT_GATHER,
               from.rows.type,
               from.count,
               from.features,
               hashWords(in, out)};
  offer.in = from.rows;
  offer.isForRoot = !toAll;
  if (device) {
    // Rows are as long on all ranks.
    device->noteGather(from.rows.rowBytes * options.ranks *
                       sectionRows[from.section]);
    std::vector<int64_t> begins;
    for (int32_t r = 0; r < options.ranks; ++r) {
      int64_t begin, end;
      getUnits(r, from.features / from.splitUnit, begin, end);
      begins.push_back(begin * from.splitUnit);
    }
    begins.push_back(from.features);
    runOnDevice(
        &BackendTable::gather,
        GatherWork{from.rows, to.rows, begins.data(), toAll, from.count});
    return;
  }
  if (!openMeeting(offer))
    return;
  int64_t bytes = cpu::getBlockBytes(from.rows.type);
  int32_t senders = toAll || options.rank == 0 ? options.ranks : 0;
  for (int32_t r = 0; r < senders; ++r) {
    const cpu::Rows &source = group->getCommunicator().offerOf(r).in;
    int64_t begin, end;
    getUnits(r, from.features / from.splitUnit, begin, end);
    int64_t place = begin * from.splitUnit * bytes;
    int64_t width = (end - begin) * from.splitUnit * bytes;
    for (int64_t row = 0; row < from.count; ++row)
      memcpy(to.rows.data + row * to.rows.rowBytes + place,
             source.data + row * source.rowBytes, static_cast<size_t>(width));
  }
  closeMeeting();
}

} // namespace lamina::runtime

//===- Collectives.cpp - What the ranks of a group do together ------------===//
//
// Each collective has two meetings. Between them a rank reads the addends of
// its peers and writes results to their memory: their slots lie where its own
// do, and they wait. Two ways, which give the same bits: every rank does all
// rows for itself, or its own rows for all.
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
  int64_t each = (rows + options.ranks - 1) / options.ranks;
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

template <typename Body, typename Send>
void Rank::forOwnRows(int64_t rows, int64_t features, Body body, Send send) {
  bool sends = group->sharesRows(rows);
  int64_t begin = 0, end = rows;
  if (sends)
    getOwnRows(rows, begin, end);
  int64_t grain = std::max<int64_t>(1, 4096 / features);
  pool.forRange(end - begin, grain,
                [&](int64_t first, int64_t last, int32_t thread) {
                  for (int64_t row = begin + first; row < begin + last; ++row) {
                    body(row, thread);
                    if (sends)
                      send(row);
                  }
                });
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
  offer.in = sum.partial.rows;
  offer.outs[0] = to.rows;
  if (!openMeeting(offer))
    return;
  forOwnRows(
      to.count, to.features,
      [&](int64_t row, int32_t) {
        sumRow(sum, row, to.rows.type, to.rows.data + row * to.rows.rowBytes);
      },
      [&](int64_t row) { sendRow(to.rows, 0, row); });
  closeMeeting();
}

void Rank::allReduceResidualRmsNorm(int32_t partial, int32_t residual,
                                    int32_t weight, int32_t layer, int32_t bias,
                                    int32_t biasLayer, double eps, int32_t norm,
                                    int32_t tree, int32_t outNormed,
                                    int32_t outResidual) {
  Reduction sum;
  SlotRows old, normed, next;
  const float *scale = nullptr;
  if (!getReduction(partial, bias, biasLayer, tree, sum) ||
      !getWhole(residual, old) || !getMatching(outNormed, old, normed) ||
      !getMatching(outResidual, old, next) ||
      !getVector(weight, layer, old.features, scale))
    return;
  if (old.features != sum.partial.features ||
      old.section != sum.partial.section) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: the sum of slot %d is no update of slot %d",
                  partial, residual));
    return;
  }
  Offer offer;
  offer.key = {"all_reduce_residual_rms_norm",
               LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM,
               LAMRT_F32,
               old.count,
               old.features,
               hashWords(residual, weight, layer, bias, biasLayer, getBits(eps),
                         norm, tree, outNormed, outResidual)};
  offer.in = sum.partial.rows;
  offer.outs[0] = normed.rows;
  offer.outs[1] = next.rows;
  if (!openMeeting(offer))
    return;
  forOwnRows(
      old.count, old.features,
      [&](int64_t row, int32_t thread) {
        auto *update = threadScratch + thread * threadScratchFloats;
        sumRow(sum, row, old.rows.type, update);
        // One row for any number.
        cpu::Rows single = {reinterpret_cast<uint8_t *>(update), 0,
                            old.rows.type};
        kernels->add(old.rows, single, next.rows, old.features, row, row + 1);
        kernels->rmsNorm(next.rows, scale, static_cast<float>(eps), norm,
                         normed.rows, old.features, row, row + 1);
      },
      [&](int64_t row) {
        sendRow(normed.rows, 0, row);
        sendRow(next.rows, 1, row);
      });
  closeMeeting();
}

void Rank::gather(int32_t in, int32_t out, bool toAll) {
  SlotRows from, to;
  if (!getSlot(in, from) || !getSlot(out, to))
    return;
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

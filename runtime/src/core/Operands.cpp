//===- Operands.cpp - Ids of a program to memory --------------------------===//

#include "Failure.h"
#include "Rank.h"

namespace lamina::runtime {

namespace {

/// Most leaves of a summation tree.
constexpr int64_t kMaxLeaves = 64;

} // namespace

int64_t getRowBytes(const lamrt_slot &slot, int32_t ranks) {
  int64_t features = slot.features;
  if (slot.distribution == LAMRT_COLUMNS) {
    int64_t units = features / slot.split_unit;
    features = (units + ranks - 1) / ranks * slot.split_unit;
  }
  return (features * cpu::getBlockBytes(slot.type) + 63) / 64 * 64;
}

bool Rank::failStep(lamrt_status status) {
  if (stepStatus)
    return false;
  stepStatus = status;
  // The others wait for this rank otherwise.
  if (isGroup())
    group->getCommunicator().abort(options.rank, status, getLastError());
  return false;
}

void Rank::getUnits(int32_t rank, int64_t units, int64_t &begin,
                    int64_t &end) const {
  auto boundary = [&](int64_t number) {
    return static_cast<int64_t>(static_cast<__int128>(number) * units /
                                options.ranks);
  };
  begin = boundary(rank);
  end = units < options.ranks ? begin + 1 : boundary(int64_t(rank) + 1);
}

bool Rank::getSlot(int32_t slot, SlotRows &out) {
  if (slot < 0 || slot >= variant->num_slots)
    return failStep(fail(LAMRT_MALFORMED, "program: slot %d of %d", slot,
                         variant->num_slots));
  const lamrt_slot &description = variant->slots[slot];
  int64_t rowBytes = getRowBytes(description, options.ranks);
  out.rows = {sections[description.rows] +
                  description.offset * sectionRows[description.rows],
              rowBytes, description.type};
  out.features = description.features;
  out.distribution = description.distribution;
  out.splitUnit = description.split_unit;
  out.begin = 0;
  out.end = description.features;
  if (out.distribution == LAMRT_COLUMNS) {
    getUnits(options.rank, out.features / out.splitUnit, out.begin, out.end);
    out.begin *= out.splitUnit;
    out.end *= out.splitUnit;
  }
  out.count = description.rows == LAMRT_ROWS_TOKENS ? stepArrays.numTokens()
                                                    : stepArrays.numLogitRows();
  out.section = description.rows;
  return true;
}

bool Rank::getWhole(int32_t slot, SlotRows &out) {
  if (!getSlot(slot, out))
    return false;
  if (out.distribution != LAMRT_WHOLE)
    return failStep(fail(LAMRT_MALFORMED,
                         "program: slot %d: this rank has a part of it only",
                         slot));
  return true;
}

/// Addends, and what one rank has, are for collectives only.
bool Rank::checkReadable(int32_t slot, const SlotRows &rows) {
  if (rows.distribution == LAMRT_WHOLE || rows.distribution == LAMRT_COLUMNS)
    return true;
  return failStep(fail(LAMRT_MALFORMED,
                       "program: slot %d: its value is spread over the ranks",
                       slot));
}

bool Rank::getMatching(int32_t slot, const SlotRows &like, SlotRows &out) {
  if (!getSlot(slot, out))
    return false;
  if (out.distribution != like.distribution || out.splitUnit != like.splitUnit)
    return failStep(fail(LAMRT_MALFORMED,
                         "program: slot %d: this rank has another part of it",
                         slot));
  if (out.features != like.features || out.section != like.section)
    return failStep(fail(LAMRT_MALFORMED,
                         "program: slot %d: %lld features, expected %lld in "
                         "the same section",
                         slot, static_cast<long long>(out.features),
                         static_cast<long long>(like.features)));
  return true;
}

bool Rank::getVector(int32_t weight, int32_t layer, int64_t features,
                     const float *&out) {
  if (weight < 0 || weight >= weights->size())
    return failStep(fail(LAMRT_MALFORMED, "program: weight %d of %d", weight,
                         weights->size()));
  const Weight &found = (*weights)[weight];
  auto numLayers = static_cast<int32_t>(found.layers.size());
  if (layer < 0 || layer >= numLayers)
    return failStep(fail(LAMRT_MALFORMED, "program: weight %s: layer %d of %d",
                         found.description->name, layer, numLayers));
  out = found.layers[static_cast<size_t>(layer)].vector;
  if (!out || found.description->out != features)
    return failStep(fail(
        LAMRT_MALFORMED, "program: weight %s: is no vector of %lld features",
        found.description->name, static_cast<long long>(features)));
  return true;
}

bool Rank::getList(int32_t list, const lamrt_list *&out) {
  if (list < 0 || list >= variant->num_lists)
    return failStep(fail(LAMRT_MALFORMED, "program: list %d of %d", list,
                         variant->num_lists));
  out = &variant->lists[list];
  return true;
}

/// The tree of a product over `features` of the weight's input features.
bool Rank::getRadices(int32_t leaves, const lamrt_weight &weight,
                      int64_t features, const lamrt_list *&out) {
  if (!getList(leaves, out))
    return false;
  int64_t product = 1;
  for (int32_t i = 0; i < out->size; ++i) {
    int32_t radix = out->values[i];
    product = radix < 1 || radix > kMaxLeaves ? 0 : product * radix;
    if (product < 1 || product > kMaxLeaves)
      return failStep(fail(LAMRT_MALFORMED,
                           "program: weight %s: its tree has "
                           "no number of leaves from 1 to 64",
                           weight.name));
  }
  // A leaf ends between blocks, or between sub-blocks of 32 of one.
  int64_t unit = cpu::getBlockElements(weight.type) == 1 ? 1 : 32;
  if (features % (product * unit) != 0)
    return failStep(fail(LAMRT_MALFORMED,
                         "program: weight %s: %lld features in %lld leaves",
                         weight.name, static_cast<long long>(features),
                         static_cast<long long>(product)));
  return true;
}

/// The tree of a sum over the ranks.
bool Rank::getTree(int32_t tree, const lamrt_list *&out) {
  if (!getList(tree, out))
    return false;
  int64_t product = 1;
  for (int32_t i = 0; i < out->size && product > 0; ++i) {
    int32_t radix = out->values[i];
    product = radix < 2 || radix > options.ranks ? 0 : product * radix;
    if (product > options.ranks)
      product = 0;
  }
  if (product == options.ranks)
    return true;
  return failStep(fail(LAMRT_MALFORMED,
                       "program: list %d is no tree over %d ranks", tree,
                       options.ranks));
}

} // namespace lamina::runtime

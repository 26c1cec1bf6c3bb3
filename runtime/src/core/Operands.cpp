//===- Operands.cpp - Ids of a program to memory --------------------------===//

#include "Failure.h"
#include "Rank.h"

namespace lamina::runtime {

namespace {

/// Most leaves of a summation tree.
constexpr int64_t kMaxLeaves = 64;

int64_t getRowBytes(const lamrt_slot &slot) {
  return (slot.features * (slot.type == LAMRT_F32 ? 4 : 2) + 63) / 64 * 64;
}

} // namespace

bool Rank::failStep(lamrt_status status) {
  if (!stepStatus)
    stepStatus = status;
  return false;
}

bool Rank::getSlot(int32_t slot, SlotRows &out) {
  if (slot < 0 || slot >= variant->num_slots)
    return failStep(fail(LAMRT_MALFORMED, "program: slot %d of %d", slot,
                         variant->num_slots));
  const lamrt_slot &description = variant->slots[slot];
  int64_t rowBytes = getRowBytes(description);
  out.rows = {sections[description.rows] +
                  description.offset * sectionRows[description.rows],
              rowBytes, description.type};
  out.features = description.features;
  out.count = description.rows == LAMRT_ROWS_TOKENS ? stepArrays.numTokens()
                                                    : stepArrays.numLogitRows();
  out.section = description.rows;
  return true;
}

bool Rank::getMatching(int32_t slot, const SlotRows &like, SlotRows &out) {
  if (!getSlot(slot, out))
    return false;
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
  if (weight < 0 || weight >= weights.size())
    return failStep(fail(LAMRT_MALFORMED, "program: weight %d of %d", weight,
                         weights.size()));
  const Weight &found = weights[weight];
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
  if (list < 0 || list >= program->num_lists)
    return failStep(fail(LAMRT_MALFORMED, "program: list %d of %d", list,
                         program->num_lists));
  out = &program->lists[list];
  return true;
}

bool Rank::getRadices(int32_t leaves, const lamrt_weight &weight,
                      const lamrt_list *&out) {
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
  if (weight.in % (product * unit) != 0)
    return failStep(fail(LAMRT_MALFORMED,
                         "program: weight %s: %lld features in %lld leaves",
                         weight.name, static_cast<long long>(weight.in),
                         static_cast<long long>(product)));
  return true;
}

} // namespace lamina::runtime

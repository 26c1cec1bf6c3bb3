//===- NonFinite.cpp - Where values first are not finite ------------------===//
//
// A step whose logits are not finite runs again, and each operation looks at
// what it made: nothing is spent on this in a step that succeeds. A step may
// run twice, since it reads nothing of the arena that it has not written.
//
//===----------------------------------------------------------------------===//

#include "Failure.h"
#include "Rank.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace lamina::runtime {

namespace {

/// The bits of the exponent, which are all set in what is not finite.
template <typename Bits>
bool hasNonFinite(const uint8_t *row, int64_t features, Bits exponent) {
  for (int64_t i = 0; i < features; ++i) {
    Bits bits;
    memcpy(&bits, row + i * int64_t(sizeof(bits)), sizeof(bits));
    if ((bits & exponent) == exponent)
      return true;
  }
  return false;
}

bool hasNonFinite(const SlotRows &slot, int64_t row) {
  const uint8_t *values = slot.rows.data + row * slot.rows.rowBytes;
  if (slot.rows.type == LAMRT_F32)
    return hasNonFinite(values, slot.width(), uint32_t(0x7f800000));
  return hasNonFinite(values, slot.width(),
                      slot.rows.type == LAMRT_F16 ? uint16_t(0x7c00)
                                                  : uint16_t(0x7f80));
}

} // namespace

/// Prints the name of the weight in the checkpoint, with the number of its
/// layer instead of the `*`.
void Rank::nameWeight(int32_t weight, int32_t layer, char *text,
                      size_t size) const {
  const lamrt_weight *description = (*weights)[weight].description;
  for (int32_t i = 0, first = 0;
       description->kind == LAMRT_WEIGHT_LAYERS && i < description->num_parts;
       ++i) {
    const lamrt_part &part = description->parts[i];
    int32_t count = part.layer_end - part.layer_begin;
    if (layer < first + count) {
      layer = part.layer_begin + layer - first;
      description = (*weights)[part.weight].description;
      break;
    }
    first += count;
  }
  const char *name = description->name ? description->name : "?";
  const char *star = strchr(name, '*');
  if (star)
    snprintf(text, size, "%.*s%d%s", static_cast<int>(star - name), name, layer,
             star + 1);
  else
    snprintf(text, size, "%s", name);
}

void Rank::noteNonFinite(const Made &made) {
  char name[200] = "";
  if (made.weight >= 0)
    nameWeight(made.weight, made.layer, name, sizeof(name));
  else if (made.layer >= 0)
    snprintf(name, sizeof(name), "layer %d", made.layer);
  if (name[0])
    snprintf(nonFinite.last, sizeof(nonFinite.last), "%s", name);
  SlotRows slot;
  if (nonFinite.first[0] || !getSlot(made.slot, slot))
    return;
  for (int64_t row = 0; row < slot.count; ++row) {
    if (!hasNonFinite(slot, row))
      continue;
    bool isLater = !name[0] && nonFinite.last[0];
    snprintf(nonFinite.first, sizeof(nonFinite.first), "%s%s%s, row %lld",
             made.operation,
             name[0]   ? " of "
             : isLater ? " after "
                       : "",
             isLater ? nonFinite.last : name, static_cast<long long>(row));
    return;
  }
}

/// Runs the failed step again to say where it went wrong.
lamrt_status Rank::explainNonFinite(const lamrt_step &step,
                                    lamrt_rank *handle) {
  char message[200];
  snprintf(message, sizeof(message), "%s", getLastError());
  nonFinite = {};
  nonFinite.isSought = true;
  runCode(step, handle);
  nonFinite.isSought = false;
  if (!nonFinite.first[0])
    return fail(LAMRT_CHECK_FAILED, "%s", message);
  return fail(LAMRT_CHECK_FAILED, "%s; the first values that are not: %s",
              message, nonFinite.first);
}

} // namespace lamina::runtime

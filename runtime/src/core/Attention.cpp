//===- Attention.cpp - Keys and values, and attention over them -----------===//

#include "Failure.h"
#include "Rank.h"

#include <algorithm>
#include <cstring>

namespace lamina::runtime {

namespace {

constexpr int32_t kPage = LAMRT_PAGE_POSITIONS;

/// Key-value pairs read that are worth a thread.
constexpr int64_t kAttentionGrain = 256;

} // namespace

/// Rounds the keys and values of all rows to the cache.
void Rank::writeCache(const SlotRows &key, const SlotRows &value,
                      int32_t layer) {
  const lamrt_cache &kv = program->cache;
  int64_t dim = kv.head_dim;
  int64_t positionBytes = headBytes / kPage;
  auto writeRow = [&](const SlotRows &from, int64_t row, uint8_t *to,
                      float *wide) {
    const uint8_t *source = from.rows.data + row * from.rows.rowBytes;
    bool isCopy = from.rows.type == kv.type;
    if (!isCopy) {
      cpu::Rows single = {const_cast<uint8_t *>(source), from.rows.rowBytes,
                          from.rows.type};
      kernels->widenRows(single, from.width(), wide, from.width(), 0, 1);
    }
    for (int64_t g = 0; g < from.width() / dim; ++g, to += headBytes) {
      if (isCopy)
        memcpy(to, source + g * positionBytes,
               static_cast<size_t>(positionBytes));
      else
        kernels->roundRow(wide + g * dim, dim, kv.type, to);
    }
  };
  pool.forRange(key.count, std::max<int64_t>(1, 4096 / key.width()),
                [&](int64_t begin, int64_t end, int32_t thread) {
                  float *wide = threadScratch + thread * threadScratchFloats;
                  for (int64_t row = begin; row < end; ++row) {
                    int32_t position = stepArrays.positions()[row];
                    int32_t page = stepArrays.pages(
                        stepArrays.sequenceOfRow()[row])[position / kPage];
                    uint8_t *to = cache.data() + page * pageBytes +
                                  layer * layerBytes +
                                  position % kPage * positionBytes;
                    writeRow(key, row, to, wide);
                    writeRow(value, row, to + layerBytes / 2, wide);
                  }
                });
}

/// Attends for the pairs of row and query head [begin, end), counted along the
/// heads of a row first. `task` holds what all have in common, its rows
/// counted from row 0 of the step.
void Rank::attendRange(const cpu::AttentionTask &task, int64_t heads,
                       int64_t begin, int64_t end, int32_t thread) {
  while (begin < end) {
    int64_t row = begin / heads;
    int32_t sequence = stepArrays.sequenceOfRow()[row];
    int64_t firstRow = stepArrays.rowBegin(sequence);
    int64_t lastRow = stepArrays.rowBegin(sequence + 1);
    cpu::AttentionTask part = task;
    part.query.data += firstRow * part.query.rowBytes;
    part.output.data += firstRow * part.output.rowBytes;
    part.positions += firstRow;
    part.pages = stepArrays.pages(sequence);
    part.scratch = threadScratch + thread * threadScratchFloats;
    part.rowBegin = row - firstRow;
    part.headBegin = begin % heads;
    int64_t wholeRows = std::min(end / heads, lastRow) - row;
    if (part.headBegin == 0 && wholeRows > 0) {
      part.rowEnd = part.rowBegin + wholeRows;
      part.headEnd = heads;
      begin += wholeRows * heads;
    } else {
      part.rowEnd = part.rowBegin + 1;
      part.headEnd = std::min(heads, part.headBegin + end - begin);
      begin += part.headEnd - part.headBegin;
    }
    kernels->attention(part);
  }
}

/// True if this rank has whole heads, and the keys that its queries read.
bool Rank::ownsHeads(const SlotRows &query, const SlotRows &key) const {
  int64_t dim = program->cache.head_dim;
  int64_t group = query.features / key.features;
  for (int64_t boundary : {query.begin, query.end, key.begin, key.end})
    if (boundary % dim != 0)
      return false;
  int64_t firstKey = query.begin / dim / group;
  int64_t lastKey = (query.end / dim - 1) / group;
  bool isSplit = query.distribution == LAMRT_COLUMNS;
  return (isSplit || query.distribution == LAMRT_WHOLE) &&
         (key.distribution == LAMRT_COLUMNS ||
          key.distribution == LAMRT_WHOLE) &&
         key.width() / dim <= variant->kv_heads &&
         firstKey >= key.begin / dim && lastKey < key.end / dim;
}

void Rank::attention(int32_t query, int32_t key, int32_t value, int32_t layer,
                     int32_t heads, int32_t kvHeads, double scale,
                     int32_t out) {
  const lamrt_cache &kv = program->cache;
  SlotRows q, k, v, to;
  if (!getSlot(query, q) || !getMatching(out, q, to) || !getSlot(key, k) ||
      !getMatching(value, k, v))
    return;
  if (layer < 0 || layer >= kv.num_layers || kvHeads != kv.kv_heads ||
      heads < kvHeads || heads % kvHeads != 0 ||
      q.features != int64_t(heads) * kv.head_dim ||
      k.features != int64_t(kvHeads) * kv.head_dim ||
      q.section != LAMRT_ROWS_TOKENS || k.section != LAMRT_ROWS_TOKENS ||
      !ownsHeads(q, k)) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: attention of layer %d: %d and %d "
                  "heads do not fit the KV cache",
                  layer, heads, kvHeads));
    return;
  }
  if (device) {
    attendOnDevice(q, k, v, to, layer, static_cast<float>(scale),
                   heads / kvHeads);
    return;
  }
  writeCache(k, v, layer);
  if (q.width() == 0)
    return;
  // From here on the heads that this rank has.
  int64_t group = heads / kvHeads;
  heads = static_cast<int32_t>(q.width() / kv.head_dim);

  cpu::AttentionTask task = {};
  task.query = q.rows;
  task.output = to.rows;
  task.positions = stepArrays.positions();
  task.headDim = kv.head_dim;
  task.groupSize = group;
  task.firstGroupOffset = q.begin / kv.head_dim - k.begin / kv.head_dim * group;
  task.scale = static_cast<float>(scale);
  task.keys = cache.data() + layer * layerBytes;
  task.values = task.keys + layerBytes / 2;
  task.pageBytes = pageBytes;
  task.headBytes = headBytes;
  task.positionBytes = headBytes / kPage;
  task.cacheType = kv.type;

  // A row costs as much as it has keys; threads get equal costs.
  int64_t cost = 0;
  for (int64_t row = 0; row < q.count; ++row)
    cost += stepArrays.positions()[row] + 1;
  auto findItem = [&](int64_t target) {
    int64_t row = 0, keys = 0;
    for (; row < q.count; ++row) {
      keys = stepArrays.positions()[row] + 1;
      if (target < keys * heads)
        return row * heads + target / keys;
      target -= keys * heads;
    }
    return row * heads;
  };
  pool.forRange(cost * heads, kAttentionGrain,
                [&](int64_t begin, int64_t end, int32_t thread) {
                  attendRange(task, heads, findItem(begin), findItem(end),
                              thread);
                });
  lookAt({"lamrt_attention", -1, layer, out});
}

} // namespace lamina::runtime

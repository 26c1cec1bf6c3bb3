//===- Linear.cpp - Products with packed weights --------------------------===//
//
// Strips of panels outside, tiles of rows inside: a strip stays in the cache
// while all rows pass.
//
//===----------------------------------------------------------------------===//

#include "LevelKernels.h"
#include "TileLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

constexpr int64_t kStripColumns = kStripPanels * kPanelColumns;
/// A strip of this size leaves room in a second-level cache.
constexpr int64_t kStripBytes = 256 << 10;
/// Radices above one of a tree with less than 2^32 leaves.
constexpr int kMaxDepth = 32;

/// Adds leaves, which come in order, as the tree of docs/numerics.md.
class Tree {
public:
  Tree(const int32_t *values, int32_t count) {
    // The node of a radix of one is its child.
    for (int32_t i = 0; i < count; ++i)
      if (values[i] > 1 && depth < kMaxDepth)
        radices[depth++] = values[i];
    for (int32_t i = 0; i < depth; ++i)
      leaves *= radices[i];
  }

  int64_t getLeaves() const { return leaves; }

  /// Adds `count` sums beside each other. After the last leaf they are the
  /// root's.
  void addLeaf(float *sums, int64_t count) {
    for (int32_t level = depth; level-- > 0;) {
      float *node = nodes[level];
      if (children[level] == 0)
        copy(node, sums, count);
      else
        for (int64_t i = 0; i < count; i += kLanes)
          store(node + i, load(node + i) + load(sums + i));
      if (++children[level] < radices[level])
        return;
      children[level] = 0;
      copy(sums, node, count);
    }
  }

private:
  static void copy(float *to, const float *from, int64_t count) {
    __builtin_memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
  }

  int64_t leaves = 1;
  int32_t depth = 0;
  int32_t radices[kMaxDepth];
  int32_t children[kMaxDepth] = {};
  float nodes[kMaxDepth][kMostRows * kStripColumns];
};

struct Strip {
  int64_t firstPanel;
  int64_t panels;
  int64_t endPanel; ///< of the work
};

/// Adds the bias, rounds and stores the wanted columns of a tile.
void storeResults(const LinearTask &task, const Strip &strip, int64_t row,
                  int64_t rows, const float *sums) {
  int64_t base = strip.firstPanel * kPanelColumns;
  int64_t begin = larger(task.workBegin, base);
  int64_t end = smaller(task.workEnd, base + strip.panels * kPanelColumns);
  int64_t bytes = getElementBytes(task.output.type);
  for (int64_t r = 0; r < rows; ++r) {
    float line[kStripColumns + kLanes];
    for (int64_t p = 0; p < strip.panels; ++p)
      __builtin_memcpy(line + p * kPanelColumns,
                       sums + (p * rows + r) * kPanelColumns,
                       kPanelColumns * sizeof(float));
    const float *first = line + (begin - base);
    uint8_t *out =
        getRow(task.output, row + r) + (begin - task.columnBegin) * bytes;
    int64_t n = end - begin;
    for (int64_t i = 0; i < n; i += kLanes) {
      Floats value = load(first + i);
      if (task.bias) {
        const float *bias = task.bias + begin + i;
        value = value + (i + kLanes <= n ? load(bias) : loadPart(bias, n - i));
      }
      roundAt(task.output.type, out, i, n, value);
    }
  }
}

/// The bytes of the prepared features from k on, in each row.
int64_t getOffset(const Method &method, int64_t k) {
  return k / method.unit * method.unitBytes;
}

/// What the tile of rows [row, row + rows) asks for: what comes a little later
/// if it reads the weights alone, else its share of the next strip.
Prefetch getPrefetch(const LinearTask &task, const Strip &strip, int64_t row,
                     int64_t rows) {
  int64_t panelBytes = getPanelBytes(task.type, task.in);
  const uint8_t *first = task.packed + strip.firstPanel * panelBytes;
  if (rows == task.rows)
    return {first + getPanelBytes(task.type, task.kBegin) + kPrefetchDistance,
            task.packed + strip.endPanel * panelBytes};
  int64_t next = strip.firstPanel + strip.panels;
  int64_t panels = smaller(strip.panels, strip.endPanel - next);
  // A rank that reads parts of panels would ask for those of others.
  if (task.kEnd - task.kBegin < task.in)
    panels = 0;
  const uint8_t *begin = task.packed + next * panelBytes;
  int64_t lines = panels * panelBytes / 64;
  return {begin + lines * row / task.rows * 64,
          begin + lines * (row + rows) / task.rows * 64};
}

void multiplyStrip(const LinearTask &task, const Method &method,
                   const Strip &strip, Tree &tree) {
  int64_t n = (task.kEnd - task.kBegin) / tree.getLeaves();
  int64_t rowBytes = method.getRowBytes(task.kEnd - task.kBegin);
  float sums[kMostRows * kStripColumns];
  Prefetch prefetch;
  LeafTask leaf;
  leaf.panelBytes = getPanelBytes(task.type, task.in);
  leaf.panel = task.packed + strip.firstPanel * leaf.panelBytes;
  leaf.panels = strip.panels;
  leaf.n = n;
  leaf.inputStride = rowBytes / static_cast<int64_t>(sizeof(float));
  leaf.prefetch = &prefetch;
  leaf.sums = sums;
  for (int64_t row = 0; row < task.rows;) {
    int64_t rows = method.getTileRows(row, task.rows);
    const uint8_t *tile = task.input + row * rowBytes;
    Leaf run = method.getLeaf(task.type, task.order, rows);
    leaf.isOrdinary = method.isInterleaved && isOrdinary(tile, rows, rowBytes);
    prefetch = getPrefetch(task, strip, row, rows);
    for (int64_t l = 0; l < tree.getLeaves(); ++l) {
      leaf.k = task.kBegin + l * n;
      leaf.inputFeature = l * n;
      leaf.input =
          tile + getOffset(method, l * n) * (method.isInterleaved ? rows : 1);
      run(leaf);
      tree.addLeaf(sums, strip.panels * rows * kPanelColumns);
    }
    storeResults(task, strip, row, rows, sums);
    row += rows;
  }
}

} // namespace

int64_t getInputBytes(int32_t weightType, SumOrder order, int64_t features) {
  return getMethod(weightType, order).getRowBytes(features);
}

void prepareInput(const InputTask &task) {
  Method method = getMethod(task.weightType, task.order);
  int64_t rowBytes = method.getRowBytes(task.features);
  for (int64_t row = 0; row < task.rowEnd;) {
    int64_t height = method.getTileRows(row, task.rows);
    if (row >= task.rowBegin)
      method.prepareTile(task, row, height, task.prepared + row * rowBytes);
    row += height;
  }
}

void linear(const LinearTask &task) {
  if (task.workBegin >= task.workEnd || task.rows == 0)
    return;
  Method method = getMethod(task.type, task.order);
  Tree tree(task.radices, task.numRadices);
  int64_t panelBytes = getPanelBytes(task.type, task.in);
  // A single tile reads its panels in one stream.
  int64_t panels =
      method.isInterleaved && method.getTileRows(0, task.rows) == task.rows
          ? 1
          : smaller(kStripPanels,
                    larger(1, kStripBytes / larger(1, panelBytes)));
  int64_t end = (task.workEnd + kPanelColumns - 1) / kPanelColumns;
  for (int64_t p = task.workBegin / kPanelColumns; p < end; p += panels)
    multiplyStrip(task, method, {p, smaller(panels, end - p), end}, tree);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

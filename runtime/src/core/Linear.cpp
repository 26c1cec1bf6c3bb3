//===- Linear.cpp - Products with packed weights --------------------------===//

#include "Failure.h"
#include "Rank.h"

#include <algorithm>

namespace lamina::runtime {

namespace {

/// Most parts of a merged weight.
constexpr int32_t kMaxParts = 16;

/// The panels that hold a rank's columns of a product.
int64_t getFirstPanel(const SlotRows &out) {
  return out.begin / cpu::kPanelColumns;
}
int64_t countPanels(const SlotRows &out) {
  return (out.end + cpu::kPanelColumns - 1) / cpu::kPanelColumns -
         getFirstPanel(out);
}

bool overlap(const SlotRows &a, const SlotRows &b) {
  const uint8_t *aEnd = a.rows.data + a.count * a.rows.rowBytes;
  const uint8_t *bEnd = b.rows.data + b.count * b.rows.rowBytes;
  return a.count > 0 && b.count > 0 && a.rows.data < bEnd && b.rows.data < aEnd;
}

cpu::SumOrder getOrder(const SlotRows &input, int32_t flags) {
  if (flags & LAMRT_LINEAR_INT8)
    return cpu::SumOrder::Int8;
  return input.rows.type == LAMRT_BF16 ? cpu::SumOrder::Paired
                                       : cpu::SumOrder::Ascending;
}

} // namespace

/// One source matrix, and the slot that its features go to.
struct Rank::Product {
  const Weight *weight;
  int32_t index; ///< of it in the table
  const uint8_t *packed;
  const float *bias;
  SlotRows out;
};

/// Part `index` of a weight, checked.
bool Rank::getProduct(int32_t weight, int32_t layer, int32_t bias,
                      int32_t index, int32_t slot, Product &out) {
  const Weight &whole = (*weights)[weight];
  out.index = whole.parts[static_cast<size_t>(index)];
  out.weight = &(*weights)[out.index];
  const lamrt_weight &description = *out.weight->description;
  auto numLayers = static_cast<int32_t>(out.weight->layers.size());
  if (layer < 0 || layer >= numLayers)
    return failStep(fail(LAMRT_MALFORMED, "program: weight %s: layer %d of %d",
                         description.name, layer, numLayers));
  out.packed = device ? device->getMatrix(out.index, layer)
                      : out.weight->layers[static_cast<size_t>(layer)].packed;
  if (!out.packed)
    return failStep(fail(LAMRT_MALFORMED,
                         "program: weight %s: is not packed for products",
                         description.name));
  if (!getSlot(slot, out.out))
    return false;
  if (out.out.features != description.out)
    return failStep(fail(
        LAMRT_MALFORMED, "program: slot %d: %lld features, weight %s has %lld",
        slot, static_cast<long long>(out.out.features), description.name,
        static_cast<long long>(description.out)));
  out.bias = nullptr;
  if (bias == -1)
    return true;
  // The bias of a merged weight is merged of as many parts.
  int32_t part = bias;
  if (bias >= 0 && bias < weights->size()) {
    const std::vector<int32_t> &parts = (*weights)[bias].parts;
    if (parts.size() != whole.parts.size())
      return failStep(fail(LAMRT_MALFORMED,
                           "program: weight %s: its bias has other parts",
                           description.name));
    part = parts[static_cast<size_t>(index)];
  }
  return getVector(part, layer, description.out, out.bias);
}

/// The input as products with weights of `type` read it.
void Rank::prepareInput(const SlotRows &in, int32_t type, cpu::SumOrder order) {
  cpu::InputTask task = {};
  task.weightType = type;
  task.order = order;
  task.input = in.rows;
  task.features = in.width();
  task.rows = in.count;
  task.prepared = prepared;
  pool.forRange(in.count, std::max<int64_t>(1, 16384 / in.width()),
                [&](int64_t begin, int64_t end, int32_t) {
                  cpu::InputTask part = task;
                  part.rowBegin = begin;
                  part.rowEnd = end;
                  kernels->prepareInput(part);
                });
}

/// Products of one weight type.
void Rank::runProducts(const Product *products, int32_t count,
                       const lamrt_list &radices, const SlotRows &input,
                       cpu::SumOrder order) {
  prepareInput(input, products[0].weight->description->type, order);
  int64_t allPanels = 0;
  for (int32_t i = 0; i < count; ++i)
    allPanels += countPanels(products[i].out);
  // A thread gets a range of the panels of all parts, one part after another.
  pool.forRange(allPanels, 1, [&](int64_t begin, int64_t end, int32_t) {
    int64_t first = 0;
    for (int32_t i = 0; i < count; ++i) {
      const lamrt_weight &weight = *products[i].weight->description;
      const SlotRows &out = products[i].out;
      int64_t panels = countPanels(out);
      int64_t from = std::max(begin - first, int64_t(0));
      int64_t to = std::min(end - first, panels);
      first += panels;
      if (from >= to)
        continue;
      from += getFirstPanel(out);
      to += getFirstPanel(out);
      cpu::LinearTask task = {};
      task.type = weight.type;
      task.out = weight.out;
      task.in = weight.in;
      task.packed = products[i].packed;
      task.kBegin = input.begin;
      task.kEnd = input.end;
      task.input = prepared;
      task.rows = input.count;
      task.order = order;
      task.radices = radices.values;
      task.numRadices = radices.size;
      task.bias = products[i].bias;
      task.columnBegin = out.begin;
      task.columnEnd = out.end;
      task.workBegin = std::max(from * cpu::kPanelColumns, out.begin);
      task.workEnd = std::min(to * cpu::kPanelColumns, out.end);
      task.output = out.rows;
      kernels->linear(task);
    }
  });
  for (int32_t i = 0; i < count; ++i) {
    const lamrt_weight &weight = *products[i].weight->description;
    auto panels = static_cast<uint64_t>(countPanels(products[i].out));
    auto bytes =
        static_cast<uint64_t>(cpu::getPanelBytes(weight.type, weight.in));
    // A rank reads its features of the panels.
    weightBytesRead += panels * bytes * static_cast<uint64_t>(input.width()) /
                       static_cast<uint64_t>(weight.in);
    multiplyAdds += static_cast<uint64_t>(input.count) *
                    static_cast<uint64_t>(input.width()) *
                    static_cast<uint64_t>(products[i].out.width());
  }
}

/// The device has its own order of sums.
void Rank::runOnDevice(const Product &product, const SlotRows &input,
                       int32_t layer) {
  const SlotRows &out = product.out;
  if (device->isPlanning()) {
    device->noteUse(product.index, {out.begin, out.end, input.begin, input.end},
                    input.rows.type);
    return;
  }
  const WeightPart &part = device->getPart(product.index);
  runOnDevice(&BackendTable::linear,
              LinearWork{input.rows,
                         device->getElement(product.index, layer, out.begin,
                                            input.begin),
                         part.type, part.inEnd - part.inBegin,
                         product.bias ? product.bias + out.begin : nullptr,
                         out.rows, input.width(), out.width(), input.count});
  multiplyAdds += static_cast<uint64_t>(input.count) *
                  static_cast<uint64_t>(input.width()) *
                  static_cast<uint64_t>(out.width());
  weightBytesRead += static_cast<uint64_t>(input.width() * out.width() *
                                           cpu::getBlockBytes(part.type));
}

/// A product of columns is an addend; of whole rows it is whole, or columns.
bool Rank::checkDistribution(const SlotRows &in, const SlotRows &out,
                             int32_t weight) {
  const lamrt_weight &description = *(*weights)[weight].description;
  int64_t unit = cpu::getBlockElements(description.type) == 1 ? 1 : 32;
  // With fewer units than ranks some are on two of them, and would be added
  // twice.
  bool isValid = in.distribution == LAMRT_COLUMNS
                     ? out.distribution == LAMRT_PARTIAL &&
                           out.rows.type == LAMRT_F32 && in.begin % unit == 0 &&
                           in.features / in.splitUnit >= options.ranks
                     : in.distribution == LAMRT_WHOLE &&
                           (out.distribution == LAMRT_WHOLE ||
                            out.distribution == LAMRT_COLUMNS);
  if (isValid)
    return true;
  return failStep(fail(LAMRT_MALFORMED,
                       "program: weight %s: its product is split otherwise",
                       description.name));
}

void Rank::linear(int32_t in, int32_t weight, int32_t layer, int32_t bias,
                  int32_t leaves, int32_t outs, int32_t flags) {
  SlotRows input;
  const lamrt_list *slots = nullptr, *radices = nullptr;
  if (!getSlot(in, input) || !getList(outs, slots))
    return;
  if (weight < 0 || weight >= weights->size()) {
    failStep(fail(LAMRT_MALFORMED, "program: weight %d of %d", weight,
                  weights->size()));
    return;
  }
  const Weight &whole = (*weights)[weight];
  const lamrt_weight &description = *whole.description;
  bool isBlocks = cpu::getBlockElements(description.type) > 1;
  if (description.in != input.features || whole.parts.empty() ||
      whole.parts.size() > kMaxParts ||
      slots->size != static_cast<int32_t>(whole.parts.size()) ||
      (flags & ~LAMRT_LINEAR_INT8) || (flags && !isBlocks)) {
    failStep(fail(LAMRT_MALFORMED,
                  "program: weight %s: does not fit the product of slot %d",
                  description.name, in));
    return;
  }
  Product products[kMaxParts];
  for (int32_t i = 0; i < slots->size; ++i) {
    if (!getProduct(weight, layer, bias, i, slots->values[i], products[i]))
      return;
    if (products[i].out.section != input.section ||
        overlap(products[i].out, input)) {
      failStep(fail(LAMRT_MALFORMED,
                    "program: weight %s: the product of slot %d cannot go to "
                    "slot %d",
                    description.name, in, slots->values[i]));
      return;
    }
    if (!checkDistribution(input, products[i].out, weight) ||
        !getRadices(leaves, *products[i].weight->description, input.width(),
                    radices))
      return;
  }
  if (device) {
    for (int32_t i = 0; i < slots->size; ++i)
      runOnDevice(products[i], input, layer);
    return;
  }
  cpu::SumOrder order = getOrder(input, flags);
  // Parts of one type share the prepared input.
  for (int32_t i = 0, end = 0; input.count > 0 && i < slots->size; i = end) {
    int32_t type = products[i].weight->description->type;
    while (end < slots->size && products[end].weight->description->type == type)
      ++end;
    runProducts(products + i, end - i, *radices, input, order);
  }
  for (int32_t i = 0; i < slots->size; ++i)
    lookAt({"lamrt_linear", whole.parts[static_cast<size_t>(i)], layer,
            slots->values[i]});
}

} // namespace lamina::runtime

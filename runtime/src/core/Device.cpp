//===- Device.cpp - The device of a rank, seen from the host --------------===//

#include "Device.h"

#include "Failure.h"
#include "Plugin.h"

#include <algorithm>

namespace lamina::runtime {

namespace {

/// Stands for an address while planning: never followed.
alignas(64) const float kNowhere[16] = {};

/// Block types are expanded; nothing else changes unless it must.
int32_t getDeviceType(int32_t type) {
  return cpu::getBlockElements(type) > 1 ? int32_t(LAMRT_BF16) : type;
}

} // namespace

void WeightPart::include(const WeightPart &other) {
  if (isEmpty()) {
    outBegin = other.outBegin;
    outEnd = other.outEnd;
    inBegin = other.inBegin;
    inEnd = other.inEnd;
    return;
  }
  outBegin = std::min(outBegin, other.outBegin);
  outEnd = std::max(outEnd, other.outEnd);
  inBegin = std::min(inBegin, other.inBegin);
  inEnd = std::max(inEnd, other.inEnd);
}

Device::~Device() {
  if (handle)
    table->destroy(handle);
}

lamrt_status Device::open() { return loadCudaPlugin(table); }

void Device::beginPlanning(const WeightTable &source) {
  weights = &source;
  auto count = static_cast<size_t>(source.size());
  parts.resize(count);
  layers.resize(count);
  for (int32_t i = 0; i < source.size(); ++i)
    parts[static_cast<size_t>(i)].type =
        getDeviceType(source[i].description->type);
}

void Device::noteUse(int32_t weight, const WeightPart &part,
                     int32_t inputType) {
  WeightPart &known = parts[static_cast<size_t>(weight)];
  known.include(part);
  // A product reads both in one type: the weight is widened, which is exact.
  int32_t source = (*weights)[weight].description->type;
  if (inputType >= 0 && cpu::getBlockElements(source) == 1 &&
      inputType != source)
    known.type = LAMRT_F32;
}

void Device::noteAttention(int32_t heads, int32_t keyHeads) {
  mostHeads = std::max(mostHeads, heads);
  mostKeyHeads = std::max(mostKeyHeads, keyHeads);
}

void Device::noteGather(int64_t bytes) {
  mostGathered = std::max(mostGathered, bytes);
}

/// Bytes of all layers of a source weight on the device, each a multiple of
/// 256. WeightTable has checked that the whole weight fits 64 bits.
uint64_t Device::countBytes(int32_t weight) const {
  const Weight &source = (*weights)[weight];
  const WeightPart &part = parts[static_cast<size_t>(weight)];
  auto align = [](int64_t bytes) {
    return (static_cast<uint64_t>(bytes) + 255) / 256 * 256;
  };
  uint64_t bytes = 0;
  if (!part.isEmpty())
    bytes += align((part.outEnd - part.outBegin) * (part.inEnd - part.inBegin) *
                   cpu::getBlockBytes(part.type));
  if (source.uses & LAMRT_USE_VECTOR)
    bytes += align(source.description->out * int64_t(sizeof(float)));
  return bytes * source.layers.size();
}

lamrt_status Device::create(BackendOptions options) {
  allBytes = 0;
  for (int32_t i = 0; i < weights->size(); ++i)
    if ((*weights)[i].description->kind == LAMRT_WEIGHT_SOURCE)
      allBytes += countBytes(i);
  options.weightBytes = allBytes;
  options.heads = mostHeads;
  options.gatherBytes = mostGathered;
  options.keyHeads = mostKeyHeads;
  return table->create(&options, &handle, &places);
}

lamrt_status Device::loadLayer(int32_t weight, int32_t layer) {
  const Weight &source = (*weights)[weight];
  const lamrt_weight &description = *source.description;
  const WeightPart &part = parts[static_cast<size_t>(weight)];
  Layer &to = layers[static_cast<size_t>(weight)][static_cast<size_t>(layer)];
  const uint8_t *bytes = source.layers[static_cast<size_t>(layer)].source;
  BackendWeight work = {};
  work.name = description.name;
  work.sourceType = description.type;
  if (!part.isEmpty()) {
    work.sourceRowBytes =
        source.sourceBytes / static_cast<uint64_t>(description.out);
    work.source =
        bytes + static_cast<uint64_t>(part.outBegin) * work.sourceRowBytes;
    work.type = part.type;
    work.rows = part.outEnd - part.outBegin;
    work.inBegin = part.inBegin;
    work.inEnd = part.inEnd;
    if (lamrt_status status = table->loadWeight(handle, &work, &to.matrix))
      return status;
  }
  if (source.uses & LAMRT_USE_VECTOR) {
    work.source = bytes;
    work.sourceRowBytes = source.sourceBytes;
    work.type = LAMRT_F32;
    work.rows = 1;
    work.inBegin = 0;
    work.inEnd = description.out;
    if (lamrt_status status = table->loadWeight(handle, &work, &to.vector))
      return status;
  }
  return LAMRT_OK;
}

lamrt_status Device::load(const lamrt_rank_options &options) {
  uint64_t done = 0;
  for (int32_t i = 0; i < weights->size(); ++i) {
    const Weight &source = (*weights)[i];
    if (source.description->kind != LAMRT_WEIGHT_SOURCE)
      continue;
    layers[static_cast<size_t>(i)].resize(source.layers.size());
    uint64_t bytes = countBytes(i) / source.layers.size();
    for (size_t layer = 0; bytes > 0 && layer < source.layers.size(); ++layer) {
      if (lamrt_status status = loadLayer(i, static_cast<int32_t>(layer)))
        return status;
      // Other ranks read their part of the same pages.
      if (options.ranks == 1)
        FileMapping::dropPages(source.layers[layer].source, source.sourceBytes);
      done += bytes;
      if (options.progress)
        options.progress(options.context, done, allBytes);
    }
  }
  for (int32_t i = 0; i < weights->size(); ++i) {
    const lamrt_weight &joined = *(*weights)[i].description;
    if (joined.kind != LAMRT_WEIGHT_LAYERS)
      continue;
    for (int32_t p = 0; p < joined.num_parts; ++p) {
      const lamrt_part &part = joined.parts[p];
      const auto &source = layers[static_cast<size_t>(part.weight)];
      auto &all = layers[static_cast<size_t>(i)];
      all.insert(all.end(), source.begin() + part.layer_begin,
                 source.begin() + part.layer_end);
    }
  }
  return table->start(handle);
}

const float *Device::getVector(int32_t weight, int32_t layer) const {
  if (isPlanning())
    return (*weights)[weight].uses & LAMRT_USE_VECTOR ? kNowhere : nullptr;
  return static_cast<const float *>(
      layers[static_cast<size_t>(weight)][static_cast<size_t>(layer)].vector);
}

const uint8_t *Device::getMatrix(int32_t weight, int32_t layer) const {
  // Of some weights a rank has nothing.
  if (isPlanning() || getPart(weight).isEmpty())
    return (*weights)[weight].uses & LAMRT_USE_LINEAR
               ? reinterpret_cast<const uint8_t *>(kNowhere)
               : nullptr;
  return static_cast<const uint8_t *>(
      layers[static_cast<size_t>(weight)][static_cast<size_t>(layer)].matrix);
}

const void *Device::getElement(int32_t weight, int32_t layer, int64_t out,
                               int64_t in) const {
  const WeightPart &part = getPart(weight);
  int64_t elements =
      (out - part.outBegin) * (part.inEnd - part.inBegin) + in - part.inBegin;
  return getMatrix(weight, layer) + elements * cpu::getBlockBytes(part.type);
}

} // namespace lamina::runtime

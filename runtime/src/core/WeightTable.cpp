//===- WeightTable.cpp - The weights of a rank ----------------------------===//

#include "WeightTable.h"

#include "Failure.h"
#include "lamina/Support/CheckedMath.h"

#include <algorithm>

namespace lamina::runtime {

namespace {

lamrt_status malformed(const lamrt_weight &weight, const char *what) {
  return fail(LAMRT_MALFORMED, "program: weight %s: %s",
              weight.name ? weight.name : "without name", what);
}

/// No dimension is larger: then the bytes of a panel and of a widened vector
/// fit 64 bits.
constexpr int64_t kLargest = int64_t(1) << 40;

/// Bytes of one layer in the file, or nothing if the shape cannot be.
std::optional<uint64_t> getSourceBytes(const lamrt_weight &weight) {
  // A vector is stored as one row.
  int64_t features = weight.in ? weight.in : weight.out;
  int64_t rows = weight.in ? weight.out : 1;
  int64_t block = cpu::getBlockElements(weight.type);
  if (features <= 0 || features > kLargest || rows <= 0 || rows > kLargest ||
      features % block != 0)
    return std::nullopt;
  auto row = checkedMul(static_cast<uint64_t>(features / block),
                        static_cast<uint64_t>(cpu::getBlockBytes(weight.type)));
  return row ? checkedMul(*row, static_cast<uint64_t>(rows)) : row;
}

/// Adds the layers of a weight, `bytes` each, to `total`. Returns false if that
/// fits no 64 bits.
bool addLayers(uint64_t &total, std::optional<uint64_t> bytes,
               int32_t numLayers) {
  auto all = bytes ? checkedMul(*bytes, static_cast<uint64_t>(numLayers))
                   : std::nullopt;
  auto sum = all ? checkedAdd(total, *all) : std::nullopt;
  total = sum.value_or(0);
  return sum.has_value();
}

/// A place in the memory of a table that is being filled.
uint8_t *getOwned(const void *place) {
  return static_cast<uint8_t *>(const_cast<void *>(place));
}

} // namespace

lamrt_status WeightTable::resolve(const lamina_program &program,
                                  const WeightFiles *files) {
  weights.resize(static_cast<size_t>(program.num_weights));
  for (int32_t i = 0; i < program.num_weights; ++i) {
    const lamrt_weight &description = program.weights[i];
    Weight &weight = weights[static_cast<size_t>(i)];
    weight.description = &description;
    weight.uses |= description.uses;
    if (description.type < LAMRT_F32 || description.type > LAMRT_Q6_K)
      return malformed(description, "unknown type");
    if (description.num_layers < 1)
      return malformed(description, "no layers");
    lamrt_status status = LAMRT_OK;
    switch (description.kind) {
    case LAMRT_WEIGHT_SOURCE:
      status = resolveSource(program, files, i);
      break;
    case LAMRT_WEIGHT_LAYERS:
    case LAMRT_WEIGHT_COLUMNS:
      status = resolveDerived(program, i);
      break;
    default:
      status = malformed(description, "unknown kind");
    }
    if (status)
      return status;
  }
  return computeSizes();
}

lamrt_status WeightTable::resolveSource(const lamina_program &program,
                                        const WeightFiles *files,
                                        int32_t index) {
  Weight &weight = weights[static_cast<size_t>(index)];
  const lamrt_weight &description = *weight.description;
  auto bytes = getSourceBytes(description);
  if (!bytes)
    return malformed(description, "impossible shape");
  weight.sourceBytes = *bytes;
  weight.parts = {index};
  if (!files)
    weight.layers.resize(static_cast<size_t>(description.num_layers));
  for (int32_t layer = 0; files && layer < description.num_layers; ++layer) {
    int32_t file = description.files[layer];
    if (file < 0 || file >= program.num_files)
      return malformed(description, "names no file of the program");
    auto end = checkedAdd(description.offsets[layer], *bytes);
    if (!end || *end > files->size(file))
      return malformed(description, "ends after its file");
    weight.layers.push_back(
        {files->bytes(file) + description.offsets[layer], nullptr, nullptr});
  }
  return LAMRT_OK;
}

lamrt_status WeightTable::resolveDerived(const lamina_program &program,
                                         int32_t index) {
  Weight &weight = weights[static_cast<size_t>(index)];
  const lamrt_weight &description = *weight.description;
  int64_t layers = 0;
  std::optional<int64_t> out = 0;
  for (int32_t i = 0; i < description.num_parts; ++i) {
    const lamrt_part &part = description.parts[i];
    if (part.weight < 0 || part.weight >= program.num_weights)
      return malformed(description, "names no weight of the program");
    const lamrt_weight &source = program.weights[part.weight];
    if (source.kind != LAMRT_WEIGHT_SOURCE)
      return malformed(description, "has a part that is no source weight");
    if (source.in != description.in)
      return malformed(description, "has a part of another width");
    weights[static_cast<size_t>(part.weight)].uses |= description.uses;
    if (description.kind == LAMRT_WEIGHT_COLUMNS) {
      if (source.num_layers != description.num_layers)
        return malformed(description, "has a part with other layers");
      weight.parts.push_back(part.weight);
      out = out ? checkedAdd(*out, source.out) : out;
      continue;
    }
    if (part.layer_begin < 0 || part.layer_end < part.layer_begin ||
        part.layer_end > source.num_layers || source.out != description.out)
      return malformed(description, "has a part without such layers");
    layers += part.layer_end - part.layer_begin;
  }
  bool fits = description.kind == LAMRT_WEIGHT_COLUMNS
                  ? out == description.out
                  : layers == description.num_layers;
  if (!fits)
    return malformed(description, "is not the sum of its parts");
  if (description.kind == LAMRT_WEIGHT_LAYERS) {
    if (description.in != 0 || description.uses & ~LAMRT_USE_VECTOR)
      return malformed(description, "layers of matrices cannot be joined");
    weight.parts = {index};
  }
  return LAMRT_OK;
}

/// Counts what each use of `weight` needs. Returns false if a sum does not fit
/// 64 bits.
bool WeightTable::countBytes(Weight &weight) {
  const lamrt_weight &description = *weight.description;
  bool fits = true;
  if (weight.uses & LAMRT_USE_VECTOR) {
    weight.vectorBytes = *checkedAlignUp(
        static_cast<uint64_t>(description.out) * sizeof(float), 64);
    fits = addLayers(vectorTotal, weight.vectorBytes, description.num_layers);
  }
  if (weight.uses & LAMRT_USE_EMBED)
    fits = addLayers(rowsTotal, checkedAlignUp(weight.sourceBytes, 64),
                     description.num_layers) &&
           fits;
  if ((weight.uses & LAMRT_USE_LINEAR) == 0)
    return fits;
  int64_t panels =
      (description.out + cpu::kPanelColumns - 1) / cpu::kPanelColumns;
  auto bytes = checkedMul(static_cast<uint64_t>(panels),
                          static_cast<uint64_t>(cpu::getPanelBytes(
                              description.type, description.in)));
  auto aligned = bytes ? checkedAlignUp(*bytes, 64) : bytes;
  weight.packedBytes = aligned.value_or(0);
  return addLayers(packedTotal, aligned, description.num_layers) && fits;
}

lamrt_status WeightTable::computeSizes() {
  for (Weight &weight : weights) {
    const lamrt_weight &description = *weight.description;
    if (description.kind != LAMRT_WEIGHT_SOURCE)
      continue;
    if ((weight.uses & LAMRT_USE_VECTOR) != 0 && description.in != 0)
      return malformed(description, "a matrix is used as a vector");
    if ((weight.uses & (LAMRT_USE_LINEAR | LAMRT_USE_EMBED)) != 0 &&
        description.in == 0)
      return malformed(description, "a vector is used as a matrix");
    if (!countBytes(weight))
      return malformed(description, "its size is no 64-bit number");
  }
  auto loaded = checkedAdd(packedTotal, vectorTotal);
  if (!loaded || !checkedAdd(*loaded, rowsTotal))
    return fail(LAMRT_LIMIT, "memory: weights need more than 2^64 bytes");
  return LAMRT_OK;
}

/// Gives weights made of layers the layers of their parts.
void WeightTable::joinLayers() {
  for (Weight &weight : weights) {
    const lamrt_weight &description = *weight.description;
    if (description.kind != LAMRT_WEIGHT_LAYERS)
      continue;
    for (int32_t i = 0; i < description.num_parts; ++i) {
      const lamrt_part &part = description.parts[i];
      const Weight &source = weights[static_cast<size_t>(part.weight)];
      weight.layers.insert(weight.layers.end(),
                           source.layers.begin() + part.layer_begin,
                           source.layers.begin() + part.layer_end);
    }
  }
}

/// Gives the layers their places in two runs of memory.
void WeightTable::placeWeights(const uint8_t *panels, const uint8_t *vectors) {
  for (Weight &weight : weights) {
    const lamrt_weight &description = *weight.description;
    if (description.kind != LAMRT_WEIGHT_SOURCE)
      continue;
    for (WeightLayer &layer : weight.layers) {
      if (weight.uses & LAMRT_USE_LINEAR) {
        layer.packed = panels;
        panels += weight.packedBytes;
      }
      if (weight.uses & LAMRT_USE_VECTOR) {
        layer.vector = reinterpret_cast<const float *>(vectors);
        vectors += weight.vectorBytes;
      }
    }
  }
}

/// Gives the tables of embeddings their places in a packed file.
void WeightTable::placeRows(const uint8_t *rows) {
  for (Weight &weight : weights) {
    if (weight.description->kind != LAMRT_WEIGHT_SOURCE)
      continue;
    for (WeightLayer &layer : weight.layers) {
      layer.source = nullptr;
      if ((weight.uses & LAMRT_USE_EMBED) == 0)
        continue;
      layer.source = rows;
      rows += *checkedAlignUp(weight.sourceBytes, 64);
    }
  }
}

void WeightTable::map(const uint8_t *payload) {
  placeWeights(payload, payload + packedTotal);
  placeRows(payload + packedTotal + vectorTotal);
  joinLayers();
  isMapped = true;
}

lamrt_status WeightTable::writePayload(
    const std::function<lamrt_status(const uint8_t *, uint64_t)> &write) const {
  if (lamrt_status status = write(packedMemory.data(), packedTotal))
    return status;
  if (lamrt_status status = write(vectorMemory.data(), vectorTotal))
    return status;
  const uint8_t zeros[64] = {};
  for (const Weight &weight : weights) {
    if (weight.description->kind != LAMRT_WEIGHT_SOURCE ||
        (weight.uses & LAMRT_USE_EMBED) == 0)
      continue;
    uint64_t padding =
        *checkedAlignUp(weight.sourceBytes, 64) - weight.sourceBytes;
    for (const WeightLayer &layer : weight.layers) {
      if (lamrt_status status = write(layer.source, weight.sourceBytes))
        return status;
      if (lamrt_status status = write(zeros, padding))
        return status;
    }
  }
  return LAMRT_OK;
}

void WeightTable::packMatrix(const cpu::Kernels &kernels, ThreadPool &pool,
                             const Weight &weight, const WeightLayer &layer) {
  const lamrt_weight &description = *weight.description;
  int64_t panels =
      (description.out + cpu::kPanelColumns - 1) / cpu::kPanelColumns;
  pool.forRange(panels, 1, [&](int64_t begin, int64_t end, int32_t) {
    kernels.pack({description.type, description.out, description.in,
                  layer.source, getOwned(layer.packed), begin, end});
  });
  FileMapping::dropPages(layer.source, weight.sourceBytes);
}

lamrt_status WeightTable::load(const cpu::Kernels &kernels, ThreadPool &pool,
                               const lamrt_rank_options &options) {
  if (lamrt_status status = packedMemory.allocate(packedTotal, "weights"))
    return status;
  if (lamrt_status status = vectorMemory.allocate(vectorTotal, "norm weights"))
    return status;
  placeWeights(packedMemory.data(), vectorMemory.data());
  uint64_t done = 0;
  const int32_t firstRow = 0;
  for (const Weight &weight : weights) {
    const lamrt_weight &description = *weight.description;
    if (description.kind != LAMRT_WEIGHT_SOURCE)
      continue;
    for (const WeightLayer &layer : weight.layers) {
      if (layer.packed) {
        packMatrix(kernels, pool, weight, layer);
        done += weight.packedBytes;
      }
      if (layer.vector)
        kernels.embed(description.type, layer.source, description.out,
                      &firstRow,
                      {getOwned(layer.vector),
                       description.out * int64_t(sizeof(float)), LAMRT_F32},
                      0, 1);
      if (options.progress && layer.packed)
        options.progress(options.context, done, packedTotal);
    }
  }
  joinLayers();
  return LAMRT_OK;
}

} // namespace lamina::runtime

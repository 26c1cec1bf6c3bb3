//===- StoriesProgram.cpp - A program written by hand ---------------------===//

#include "StoriesProgram.h"

#include "core/WeightFiles.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace lamina::test {

namespace {

constexpr int32_t kLayers = 5;
constexpr int64_t kHidden = 64, kInner = 172, kVocabulary = 512;
constexpr int32_t kHeads = 8, kKvHeads = 4, kHeadDim = 8;
constexpr int64_t kKvFeatures = kKvHeads * kHeadDim;
constexpr double kEps = 1e-5;

const int32_t eightLeaves[] = {2, 2, 2}, fourLeaves[] = {2, 2};
const int32_t toQueryKeyValue[] = {kQuery, kKey, kValue};
const int32_t toUpdate[] = {kUpdate}, toGateUp[] = {kGate, kUp};
const int32_t toLogits[] = {kLogits};
const lamrt_list lists[] = {{3, eightLeaves},     {2, fourLeaves},
                            {3, toQueryKeyValue}, {1, toUpdate},
                            {2, toGateUp},        {1, toLogits}};
// 10000^(-2i/8).
const double frequencies[] = {1.0, 0.1, 0.01, 0.001};
const lamrt_frequencies frequencyLists[] = {{4, frequencies}};
const lamrt_part nextNormParts[] = {{kAttentionNorm, 1, kLayers},
                                    {kFinalNorm, 0, 1}};
const lamrt_part queryKeyValueParts[] = {
    {kQueryWeight, 0, 0}, {kKeyWeight, 0, 0}, {kValueWeight, 0, 0}};
const lamrt_part gateUpParts[] = {{kGateWeight, 0, 0}, {kUpWeight, 0, 0}};
const char *const tapNames[] = {"hidden.L", "hidden.norm"};

std::string readWholeFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    fprintf(stderr, "%s: cannot open\n", path.c_str());
    abort();
  }
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

} // namespace

std::string getDataFolder() {
  const char *folder = getenv("LAMINA_TEST_DATA");
  return std::string(folder ? folder : LAMINA_TEST_DATA) + "/";
}

lamrt_status runStoriesStep(lamrt_rank *rank, const lamrt_step *step) {
  lamrt_step_begin(rank, step);
  lamrt_embed(rank, kEmbedding, kResidual);
  lamrt_rms_norm(rank, kResidual, kAttentionNorm, 0, kEps, LAMRT_NORM_HF,
                 kNormed);
  for (int32_t layer = 0; layer < kLayers; ++layer) {
    lamrt_linear(rank, kNormed, kQueryKeyValue, layer, -1, kEightLeaves,
                 kToQueryKeyValue, 0);
    lamrt_rope(rank, kQuery, 0, LAMRT_PAIRING_HALVES, kQuery);
    lamrt_rope(rank, kKey, 0, LAMRT_PAIRING_HALVES, kKey);
    lamrt_attention(rank, kQuery, kKey, kValue, layer, kHeads, kKvHeads,
                    0.35355339059327379, kAttended);
    lamrt_linear(rank, kAttended, kOutputWeight, layer, -1, kEightLeaves,
                 kToUpdate, 0);
    lamrt_residual_rms_norm(rank, kUpdate, kResidual, kFeedForwardNorm, layer,
                            kEps, LAMRT_NORM_HF, kNormed, kResidual);
    lamrt_linear(rank, kNormed, kGateUp, layer, -1, kEightLeaves, kToGateUp, 0);
    lamrt_silu_mul(rank, kGate, kUp, kGated);
    lamrt_linear(rank, kGated, kDownWeight, layer, -1, kFourLeaves, kToUpdate,
                 0);
    lamrt_residual_rms_norm(rank, kUpdate, kResidual, kNextNorm, layer, kEps,
                            LAMRT_NORM_HF, kNormed, kResidual);
    lamrt_tap(rank, 0, layer, kResidual);
  }
  lamrt_tap(rank, 1, -1, kNormed);
  lamrt_select_rows(rank, kNormed, kWanted);
  lamrt_linear(rank, kWanted, kEmbedding, 0, -1, kEightLeaves, kToLogits, 0);
  lamrt_result(rank, kLogits);
  return lamrt_step_end(rank);
}

void StoriesProgram::readHeader() {
  std::string path = options.folder + "/model.safetensors";
  std::string bytes = readWholeFile(path);
  uint64_t length = 0;
  memcpy(&length, bytes.data(), sizeof(length));
  headerSize = length + 8;
  header = bytes.substr(8, length);
  auto *data = reinterpret_cast<const uint8_t *>(bytes.data());
  file.name = "model.safetensors";
  file.size = bytes.size();
  file.header_size = headerSize;
  file.header_hash = runtime::hashBytes(data, headerSize);
  file.sample_hash = runtime::hashSampledBlocks(data, bytes.size());
  file.full_hash = runtime::hashBytes(data, bytes.size());
  file.has_full_hash = options.hasFullHash;
}

void StoriesProgram::addSource(const char *name, int64_t out, int64_t in,
                               int32_t uses) {
  std::string pattern = name;
  size_t star = pattern.find('*');
  int32_t layers = star == pattern.npos ? 1 : kLayers;
  std::vector<uint64_t> offsets;
  for (int32_t layer = 0; layer < layers; ++layer) {
    std::string tensor = pattern;
    if (layers > 1)
      tensor.replace(star, 1, std::to_string(layer));
    size_t place = header.find("\"" + tensor + "\"");
    place = header.find("[", header.find("data_offsets", place));
    offsets.push_back(headerSize +
                      strtoull(header.c_str() + place + 1, nullptr, 10));
  }
  fileLists.emplace_back(layers, 0);
  offsetLists.push_back(std::move(offsets));
  lamrt_weight weight = {};
  weight.name = name;
  weight.out = out;
  weight.in = in;
  weight.num_layers = layers;
  weight.uses = uses;
  weights.push_back(weight);
}

void StoriesProgram::addSlot(int32_t rows, int32_t type, int64_t features) {
  int64_t bytes = (features * (type == LAMRT_F32 ? 4 : 2) + 63) / 64 * 64;
  slots.push_back(
      {rows, type, features, LAMRT_WHOLE, 0, variant.arena_bytes[rows]});
  variant.arena_bytes[rows] += bytes;
}

void StoriesProgram::makeTables() {
  addSource("model.embed_tokens.weight", kVocabulary, kHidden,
            LAMRT_USE_EMBED | LAMRT_USE_LINEAR);
  addSource("model.layers.*.input_layernorm.weight", kHidden, 0,
            LAMRT_USE_VECTOR);
  addSource("model.layers.*.self_attn.q_proj.weight", kHidden, kHidden, 0);
  addSource("model.layers.*.self_attn.k_proj.weight", kKvFeatures, kHidden, 0);
  addSource("model.layers.*.self_attn.v_proj.weight", kKvFeatures, kHidden, 0);
  addSource("model.layers.*.self_attn.o_proj.weight", kHidden, kHidden,
            LAMRT_USE_LINEAR);
  addSource("model.layers.*.post_attention_layernorm.weight", kHidden, 0,
            LAMRT_USE_VECTOR);
  addSource("model.layers.*.mlp.gate_proj.weight", kInner, kHidden, 0);
  addSource("model.layers.*.mlp.up_proj.weight", kInner, kHidden, 0);
  addSource("model.layers.*.mlp.down_proj.weight", kHidden, kInner,
            LAMRT_USE_LINEAR);
  addSource("model.norm.weight", kHidden, 0, 0);
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].files = fileLists[i].data();
    weights[i].offsets = offsetLists[i].data();
  }
  auto addDerived = [&](const char *name, int32_t kind, int64_t out, int64_t in,
                        int32_t count, const lamrt_part *parts, int32_t uses) {
    lamrt_weight weight = {};
    weight.name = name;
    weight.kind = kind;
    weight.out = out;
    weight.in = in;
    weight.num_layers = kLayers;
    weight.num_parts = count;
    weight.parts = parts;
    weight.uses = uses;
    weights.push_back(weight);
  };
  addDerived("next_norm", LAMRT_WEIGHT_LAYERS, kHidden, 0, 2, nextNormParts,
             LAMRT_USE_VECTOR);
  addDerived("qkv", LAMRT_WEIGHT_COLUMNS, kHidden + 2 * kKvFeatures, kHidden, 3,
             queryKeyValueParts, LAMRT_USE_LINEAR);
  addDerived("gate_up", LAMRT_WEIGHT_COLUMNS, 2 * kInner, kHidden, 2,
             gateUpParts, LAMRT_USE_LINEAR);

  int32_t act = options.activations;
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, kHidden);
  addSlot(LAMRT_ROWS_TOKENS, act, kHidden);
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, kHidden);
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, kKvFeatures);
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, kKvFeatures);
  addSlot(LAMRT_ROWS_TOKENS, act, kHidden);
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, kHidden);
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, kInner);
  addSlot(LAMRT_ROWS_TOKENS, LAMRT_F32, kInner);
  addSlot(LAMRT_ROWS_TOKENS, act, kInner);
  addSlot(LAMRT_ROWS_LOGITS, act, kHidden);
  addSlot(LAMRT_ROWS_LOGITS, LAMRT_F32, kVocabulary);
}

StoriesProgram::StoriesProgram(const StoriesOptions &chosen) : options(chosen) {
  readHeader();
  makeTables();
  variant.ranks = 1;
  variant.num_slots = static_cast<int32_t>(slots.size());
  variant.slots = slots.data();
  variant.num_lists = 6;
  variant.lists = lists;
  variant.kv_heads = kKvHeads;
  variant.step = runStoriesStep;
  program.struct_size = sizeof(program);
  program.abi_version = LAMRT_ABI_VERSION;
  program.json = "{}";
  program.model_path = options.folder.c_str();
  program.num_files = 1;
  program.files = &file;
  program.num_weights = static_cast<int32_t>(weights.size());
  program.weights = weights.data();
  program.num_frequencies = 1;
  program.frequencies = frequencyLists;
  program.num_taps = 2;
  program.tap_names = tapNames;
  program.num_variants = 1;
  program.variants = &variant;
  program.cache = {kLayers, kKvHeads, kHeadDim, options.cache};
  program.result_features = kVocabulary;
  program.vocabulary = kVocabulary;
  program.max_context = 512;
}

lamrt_rank_options getRankOptions(int32_t sequences, int32_t threads) {
  lamrt_rank_options options = {};
  options.struct_size = sizeof(options);
  options.ranks = 1;
  options.threads = threads;
  options.max_tokens = 512;
  options.max_logit_rows = 64;
  options.max_sequences = sequences;
  options.num_pages = 8 * sequences;
  return options;
}

} // namespace lamina::test

//===- StoriesProgram.h - A program written by hand ------------*- C++ -*-===//
//
// stories260K as the compiler would make it, with its step written by hand: the
// tables and the calls that the ABI of runtime.h asks for. Residual in f32,
// first norm in front of the layers, merged projections, tied embeddings.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_UNITTESTS_RUNTIME_STORIESPROGRAM_H
#define LAMINA_UNITTESTS_RUNTIME_STORIESPROGRAM_H

#include "lamina/runtime.h"

#include <string>
#include <vector>

namespace lamina::test {

/// Folder of the test data, ending in a slash.
std::string getDataFolder();

struct StoriesOptions {
  int32_t activations = LAMRT_F32; ///< type of what products read
  int32_t cache = LAMRT_F32;
  bool hasFullHash = true;
  std::string folder = getDataFolder() + "stories260K";
};

/// Owns the tables that a lamina_program points to.
class StoriesProgram {
public:
  explicit StoriesProgram(const StoriesOptions &options = {});

  lamina_program program = {};
  // For tests that damage a table.
  lamrt_file file = {};
  std::vector<lamrt_weight> weights;
  std::vector<lamrt_slot> slots;
  lamrt_variant variant = {};

private:
  void addSource(const char *name, int64_t out, int64_t in, int32_t uses);
  void addSlot(int32_t rows, int32_t type, int64_t features);
  void readHeader();
  void makeTables();

  StoriesOptions options;
  std::string header;
  uint64_t headerSize = 0;
  std::vector<std::vector<int32_t>> fileLists;
  std::vector<std::vector<uint64_t>> offsetLists;
};

/// Ids of slots and weights of the program, for tests that call operations.
enum StoriesSlot {
  kResidual,
  kNormed,
  kQuery,
  kKey,
  kValue,
  kAttended,
  kUpdate,
  kGate,
  kUp,
  kGated,
  kWanted,
  kLogits
};
enum StoriesWeight {
  kEmbedding,
  kAttentionNorm,
  kQueryWeight,
  kKeyWeight,
  kValueWeight,
  kOutputWeight,
  kFeedForwardNorm,
  kGateWeight,
  kUpWeight,
  kDownWeight,
  kFinalNorm,
  kNextNorm,
  kQueryKeyValue,
  kGateUp
};
enum StoriesList {
  kEightLeaves,
  kFourLeaves,
  kToQueryKeyValue,
  kToUpdate,
  kToGateUp,
  kToLogits
};

/// The step of the model.
lamrt_status runStoriesStep(lamrt_rank *rank, const lamrt_step *step);

/// The tokenizer of the model, as a program carries it.
std::string makeStoriesTokenizer(const std::string &chatTemplate);

/// Options of a rank that holds `sequences` of the whole context.
lamrt_rank_options getRankOptions(int32_t sequences, int32_t threads);

} // namespace lamina::test

#endif // LAMINA_UNITTESTS_RUNTIME_STORIESPROGRAM_H

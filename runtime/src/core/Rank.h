//===- Rank.h - One rank on the CPU ----------------------------*- C++ -*-===//
//
// What a lamrt_rank handle stands for: weights, arena, KV cache, threads, and
// the operations, which resolve the ids of a program to memory and split the
// loops of the CPU backend over the threads. An id that the program's tables do
// not have fails the step; nothing is read or written then.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_RANK_H
#define LAMINA_RUNTIME_CORE_RANK_H

#include "../cpu/Kernels.h"
#include "Device.h"
#include "Group.h"
#include "StepArrays.h"
#include "ThreadPool.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace lamina::runtime {

/// Bytes of a row of the largest part that one of `ranks` ranks has.
int64_t getRowBytes(const lamrt_slot &slot, int32_t ranks);

/// A slot of the current step.
struct SlotRows {
  cpu::Rows rows;
  int64_t features; ///< of the whole value
  int64_t begin;    ///< features that this rank has: [begin, end)
  int64_t end;
  int64_t count; ///< rows that the step has
  int32_t section;
  int32_t distribution;
  int64_t splitUnit;

  int64_t width() const { return end - begin; }
};

class Rank {
public:
  Rank() = default;
  ~Rank();
  /// `handle` is what the program's code gets, for this rank.
  lamrt_status create(const lamina_program &program,
                      const lamrt_rank_options &options, lamrt_rank *handle);
  lamrt_status step(const lamrt_step &step, const float **outLogits,
                    lamrt_rank *handle);
  void getStatistics(lamrt_statistics &statistics) const;

  void beginStep(const lamrt_step &step);
  lamrt_status endStep();
  /// The number of this rank in its group.
  int32_t number() const { return options.rank; }

  /// True while a step is open in which nothing has failed, here or elsewhere
  /// in the group: a rank that was given up must not touch what the caller has
  /// freed since.
  bool isRunning() const {
    return isOpen && !stepStatus && !group->getCommunicator().hasFailed();
  }

  /// Nanoseconds on a steady clock; 0 if times are not wanted.
  uint64_t startMeasuring() const;
  void addMeasured(int32_t phase, uint64_t start);

  /// The KV cache. Tests fill it with NaN: no stale position may be read.
  Memory &cacheMemory() { return cache; }

  void embed(int32_t weight, int32_t out);
  void selectRows(int32_t in, int32_t out);
  void shardRows(int32_t in, int32_t out);
  void copy(int32_t in, int32_t out);
  void add(int32_t residual, int32_t update, int32_t out);
  void rmsNorm(int32_t in, int32_t weight, int32_t layer, double eps,
               int32_t norm, int32_t out);
  void residualRmsNorm(int32_t update, int32_t residual, int32_t weight,
                       int32_t layer, double eps, int32_t norm,
                       int32_t outNormed, int32_t outResidual);
  void linear(int32_t in, int32_t weight, int32_t layer, int32_t bias,
              int32_t leaves, int32_t outs, int32_t flags);
  void siluMul(int32_t gate, int32_t up, int32_t out);
  void rope(int32_t in, int32_t frequencies, int32_t pairing, int32_t out);
  void attention(int32_t query, int32_t key, int32_t value, int32_t layer,
                 int32_t heads, int32_t kvHeads, double scale, int32_t out);
  void allReduce(int32_t partial, int32_t bias, int32_t biasLayer, int32_t tree,
                 int32_t out);
  void reduceScatter(int32_t partial, int32_t bias, int32_t biasLayer,
                     int32_t tree, int32_t out);
  void allReduceResidualRmsNorm(int32_t partial, int32_t residual,
                                int32_t weight, int32_t layer, int32_t bias,
                                int32_t biasLayer, double eps, int32_t norm,
                                int32_t tree, int32_t outNormed,
                                int32_t outResidual);
  /// To every rank, or to rank 0 only.
  void gather(int32_t in, int32_t out, bool toAll);
  void tap(int32_t tap, int32_t layer, int32_t in);
  void result(int32_t in);

  /// Remembers for reports what this rank does.
  void note(const char *operation) {
    if (isGroup())
      group->getCommunicator().note(options.rank, operation);
  }

private:
  // Creation (Rank.cpp).
  lamrt_status checkProgram(const lamina_program &program,
                            const lamrt_rank_options &options);
  lamrt_status checkOptions(const lamrt_rank_options &options) const;
  lamrt_status joinGroup();
  lamrt_status checkForDevice() const;
  lamrt_status prepare(const lamina_program &program,
                       const lamrt_rank_options &options, lamrt_rank *handle);
  /// The most bytes that this rank brings to a collective.
  uint64_t getOfferBytes() const;
  lamrt_status planMemory();
  // The same on a device (DeviceRank.cpp).
  lamrt_status prepareDevice(lamrt_rank *handle);
  lamrt_status planDevice(lamrt_rank *handle);
  lamrt_status describeDevice(BackendOptions &wanted) const;
  lamrt_status checkMemory() const;
  lamrt_status allocateMemory();

  // Ids to memory (Operands.cpp). Each fails the step and returns false.
  bool failStep(lamrt_status status);
  bool getSlot(int32_t slot, SlotRows &out);
  bool getWhole(int32_t slot, SlotRows &out);
  /// Whole rows: all of the step, or those that this rank keeps.
  bool getRows(int32_t slot, SlotRows &out);
  bool checkReadable(int32_t slot, const SlotRows &rows);
  bool getMatching(int32_t slot, const SlotRows &like, SlotRows &out);
  bool getVector(int32_t weight, int32_t layer, int64_t features,
                 const float *&out);
  bool getList(int32_t list, const lamrt_list *&out);
  bool getRadices(int32_t leaves, const lamrt_weight &weight, int64_t features,
                  const lamrt_list *&out);
  bool getTree(int32_t tree, const lamrt_list *&out);
  /// Units [begin, end) of `units` that a rank has.
  void getUnits(int32_t rank, int64_t units, int64_t &begin,
                int64_t &end) const;
  /// Rows of the step that this rank does for all, or keeps.
  void getOwnRows(int64_t rows, int64_t &begin, int64_t &end) const;
  /// Most of them that a rank has.
  int64_t getMostOwnRows(int64_t rows) const {
    return rows / options.ranks + (rows % options.ranks != 0);
  }
  bool isGroup() const { return options.ranks > 1; }

  // What runs on a device (DeviceRank.cpp).
  /// Calls an operation of the backend; fails the step if that fails.
  template <typename Operation, typename Work>
  void runOnDevice(Operation operation, const Work &work) {
    if (lamrt_status status = device->run(operation, &work))
      failStep(status);
  }
  void embedOnDevice(int32_t weight, const SlotRows &to, int64_t firstId,
                     int64_t lastId);
  void tapOnDevice(int32_t tap, int32_t layer, const SlotRows &from);
  void resultOnDevice(const SlotRows &from);
  void attendOnDevice(const SlotRows &query, const SlotRows &key,
                      const SlotRows &value, const SlotRows &out, int32_t layer,
                      float scale, int64_t groupSize);
  void beginOnDevice();
  /// Waits for the device; the logits are there then.
  void endOnDevice();
  /// Fails the step if logits of the first `rows` rows are not finite.
  bool checkLogits(const float *values, int64_t rows);

  // Parts of linear (Linear.cpp).
  struct Product;
  bool getProduct(int32_t weight, int32_t layer, int32_t bias, int32_t index,
                  int32_t slot, Product &out);
  bool checkDistribution(const SlotRows &in, const SlotRows &out,
                         int32_t weight);
  void prepareInput(const SlotRows &in, int32_t type, cpu::SumOrder order);
  void runProducts(const Product *products, int32_t count,
                   const lamrt_list &radices, const SlotRows &input,
                   cpu::SumOrder order);
  void runOnDevice(const Product &product, const SlotRows &input,
                   int32_t layer);

  // Parts of collectives (Collectives.cpp).
  struct Reduction;
  bool getReduction(int32_t partial, int32_t bias, int32_t biasLayer,
                    int32_t tree, Reduction &out);
  void meetAtEnd();
  bool openMeeting(const Offer &offer);
  void closeMeeting();
  void sumRow(const Reduction &reduction, int64_t row, int32_t type, void *out);
  void sendRow(const cpu::Rows &from, int32_t result, int64_t row);
  /// The rows of a collective that this rank does.
  struct OwnRows {
    int64_t begin, end;
    bool isForAll; ///< the others do not do them too
  };
  /// All rows or its own, as the algorithm says; its own if it keeps only
  /// these.
  OwnRows chooseRows(int64_t rows, int32_t algorithm, bool keepsOwn) const;
  /// Calls body(row, thread) for these rows, and sends them if they are for
  /// all.
  template <typename Body, typename Send>
  void forOwnRows(OwnRows own, int64_t features, Body body, Send send);
  /// LAMRT_ONE_SHOT, TWO_SHOT or SEPARATE.
  int32_t chooseAlgorithm(int32_t operation, const SlotRows &rows) const {
    return group->chooseAlgorithm(operation, rows.features, rows.count,
                                  device ? RankDevice::Cuda : RankDevice::Cpu);
  }
  struct ResidualNorm;
  bool reduce(const Reduction &reduction, Offer offer, const SlotRows &to);
  void reduceAndNorm(const Reduction &reduction, Offer offer, OwnRows own,
                     const ResidualNorm &rows);
  void reduceAndNormOnDevice(const Reduction &reduction,
                             const ResidualNorm &rows, int32_t algorithm);
  void joinRows(const cpu::Rows &from, const SlotRows &to, uint64_t arguments);
  void gatherRows(int32_t in, const SlotRows &from, int32_t out,
                  const SlotRows &to);

  /// What both operations with a residual norm end with. The normed rows are
  /// whole, whatever rows of the residual a rank has.
  struct ResidualNorm {
    SlotRows old, next, normed;
    bool keepsOwn = false; ///< of the residual, this rank has its own rows only
    const float *scale = nullptr;
    float eps = 0;
    int32_t norm = 0;
  };
  bool getResidualNorm(int32_t residual, int32_t weight, int32_t layer,
                       double eps, int32_t norm, int32_t outNormed,
                       int32_t outResidual, ResidualNorm &out);
  /// next = old + update, then its norm: one pass over the rows, or two.
  void addAndNorm(const ResidualNorm &rows, const cpu::Rows &update);
  void addThenNorm(const ResidualNorm &rows, const cpu::Rows &update);

  // Parts of attention (Attention.cpp).
  void writeCache(const SlotRows &key, const SlotRows &value, int32_t layer);
  bool ownsHeads(const SlotRows &query, const SlotRows &key) const;
  void attendRange(const cpu::AttentionTask &task, int64_t heads, int64_t begin,
                   int64_t end, int32_t thread);

  /// Runs the program's code; its status is in stepStatus.
  void runCode(const lamrt_step &step, lamrt_rank *handle);

  // Values that are not finite (NonFinite.cpp).
  /// What an operation wrote: `weight` and `layer` are -1 if it has none.
  struct Made {
    const char *operation;
    int32_t weight, layer, slot;
  };
  void lookAt(const Made &made) {
    if (nonFinite.isSought)
      noteNonFinite(made);
  }
  void noteNonFinite(const Made &made);
  void nameWeight(int32_t weight, int32_t layer, char *text, size_t size) const;
  lamrt_status explainNonFinite(const lamrt_step &step, lamrt_rank *handle);

  const lamina_program *program = nullptr;
  const lamrt_variant *variant = nullptr;
  lamrt_rank_options options = {};
  const cpu::Kernels *kernels = nullptr;
  std::unique_ptr<lamrt_group> ownGroup;
  bool hasJoined = false;
  Group *group = nullptr;
  const WeightTable *weights = nullptr;

  /// Null: this is a rank on the CPU.
  std::unique_ptr<Device> device;

  // Memory, all of it made by create.
  Memory arena, cache, scratch;
  uint8_t *sections[LAMRT_NUM_SECTIONS] = {};
  int64_t sectionRows[LAMRT_NUM_SECTIONS] = {};
  uint64_t arenaBytes = 0, cacheBytes = 0, scratchBytes = 0;
  /// headBytes is of one head and page, layerBytes of what a rank caches.
  int64_t headBytes = 0, layerBytes = 0, pageBytes = 0;
  uint8_t *prepared = nullptr; ///< the input of products, or f32 for a tap
  int64_t preparedFloats = 0;  ///< a row
  float *logits = nullptr;
  float *threadScratch = nullptr;
  int64_t threadScratchFloats = 0; ///< a thread
  /// Cosines, then sines, of each list of frequencies.
  std::vector<float *> angles;
  std::vector<char> anglesAreKnown;

  StepArrays stepArrays;
  bool isOpen = false;
  lamrt_status stepStatus = LAMRT_OK;
  const lamrt_step *expectedStep = nullptr;
  bool isEnded = false;
  bool hasResult = false; ///< the step named one
  bool logitsAreNotFinite = false;
  const float *stepResult = nullptr;
  struct {
    bool isSought = false;
    char last[200] = {};  ///< weight or layer named last
    char first[300] = {}; ///< operation that made the first such value
  } nonFinite;

  uint64_t numSteps = 0;
  uint64_t phaseNanoseconds[LAMRT_NUM_PHASES] = {};
  uint64_t weightBytesRead = 0;
  uint64_t multiplyAdds = 0;

  // Last, so that workers end before what they use.
  ThreadPool pool;
};

} // namespace lamina::runtime

struct lamrt_rank final {
  lamina::runtime::Rank rank;
};

#endif // LAMINA_RUNTIME_CORE_RANK_H

//===- api.cpp - The C interface of the runtime ---------------------------===//
//
// Checks of handles and pointers, then one call. What operations do is in
// Rank.h; nothing here throws or ends the process.
//
//===----------------------------------------------------------------------===//

#include "Failure.h"
#include "Rank.h"

#include <memory>
#include <new>

using namespace lamina::runtime;

lamrt_status lamrt_group_create(const lamina_program *program,
                                const lamrt_group_options *options,
                                lamrt_group **out_group) {
  if (!program || !options || !out_group)
    return fail(LAMRT_USAGE, "lamrt_group_create: an argument is null");
  *out_group = nullptr;
  std::unique_ptr<lamrt_group> created;
  if (lamrt_status status = Group::create(*program, *options, created))
    return status;
  *out_group = created.release();
  return LAMRT_OK;
}

void lamrt_group_destroy(lamrt_group *group) { delete group; }

int32_t lamrt_group_rank(const lamrt_group *group) {
  return group ? group->group.getCommunicator().ownRank() : -1;
}

lamrt_status lamrt_group_broadcast(lamrt_group *group, const void *data,
                                   uint64_t size) {
  if (!group || !data)
    return fail(LAMRT_USAGE, "lamrt_group_broadcast: an argument is null");
  return group->group.getCommunicator().broadcast(data, size);
}

lamrt_status lamrt_group_receive(lamrt_group *group, int32_t patience,
                                 const void **out_data, uint64_t *out_size) {
  if (!group || !out_data || !out_size)
    return fail(LAMRT_USAGE, "lamrt_group_receive: an argument is null");
  if (patience < 0)
    return fail(LAMRT_USAGE,
                "lamrt_group_receive: patience: %d, expected 0 or "
                "more time limits",
                patience);
  const std::vector<uint8_t> *data = nullptr;
  if (lamrt_status status =
          group->group.getCommunicator().receive(patience, data))
    return status;
  *out_data = data->data();
  *out_size = data->size();
  return LAMRT_OK;
}

lamrt_status lamrt_group_meet(lamrt_group *group) {
  if (!group)
    return fail(LAMRT_USAGE, "lamrt_group_meet: the group is null");
  return group->group.meet();
}

void lamrt_group_end(lamrt_group *group, int32_t code) {
  if (group)
    group->group.getCommunicator().end(code);
}

lamrt_status lamrt_group_failure(const lamrt_group *group,
                                 const char **out_message) {
  if (!group || !group->group.getCommunicator().hasFailed())
    return LAMRT_OK;
  if (out_message)
    *out_message = group->group.getCommunicator().failureMessage();
  return group->group.getCommunicator().failureStatus();
}

lamrt_status lamrt_rank_create(const lamina_program *program,
                               const lamrt_rank_options *options,
                               lamrt_rank **out_rank) {
  if (!program || !options || !out_rank)
    return fail(LAMRT_USAGE, "lamrt_rank_create: an argument is null");
  *out_rank = nullptr;
  std::unique_ptr<lamrt_rank> created(new (std::nothrow) lamrt_rank);
  if (!created)
    return fail(LAMRT_LIMIT, "memory: cannot get %zu bytes",
                sizeof(lamrt_rank));
  if (lamrt_status status =
          created->rank.create(*program, *options, created.get()))
    return status;
  *out_rank = created.release();
  return LAMRT_OK;
}

void lamrt_rank_destroy(lamrt_rank *rank) { delete rank; }

lamrt_status lamrt_rank_step(lamrt_rank *rank, const lamrt_step *step,
                             const float **out_logits) {
  if (!rank || !step || !out_logits)
    return fail(LAMRT_USAGE, "lamrt_rank_step: an argument is null");
  *out_logits = nullptr;
  return rank->rank.step(*step, out_logits, rank);
}

void lamrt_rank_statistics(const lamrt_rank *rank,
                           lamrt_statistics *out_statistics) {
  if (rank && out_statistics &&
      out_statistics->struct_size >= sizeof(lamrt_statistics))
    rank->rank.getStatistics(*out_statistics);
}

const char *lamrt_last_error(void) { return getLastError(); }

void lamrt_step_begin(lamrt_rank *rank, const lamrt_step *step) {
  if (rank && step)
    rank->rank.beginStep(*step);
}

lamrt_status lamrt_step_end(lamrt_rank *rank) {
  if (!rank)
    return fail(LAMRT_USAGE, "lamrt_step_end: the rank is null");
  return rank->rank.endStep();
}

namespace {

using lamina::runtime::Rank;

/// Runs an operation if a step is open in which nothing has failed, and keeps
/// its time if that is wanted.
template <typename Operation>
void runOperation(lamrt_rank *rank, const char *name, int32_t phase,
                  Operation operation) {
  if (!rank || !rank->rank.isRunning())
    return;
  rank->rank.note(name);
  uint64_t start = rank->rank.startMeasuring();
  operation(rank->rank);
  rank->rank.addMeasured(phase, start);
}

} // namespace

void lamrt_embed(lamrt_rank *rank, int32_t weight, int32_t out) {
  runOperation(rank, "embed", LAMRT_PHASE_OTHER,
               [&](Rank &r) { r.embed(weight, out); });
}

void lamrt_select_rows(lamrt_rank *rank, int32_t in, int32_t out) {
  runOperation(rank, "select_rows", LAMRT_PHASE_OTHER,
               [&](Rank &r) { r.selectRows(in, out); });
}

void lamrt_shard_rows(lamrt_rank *rank, int32_t in, int32_t out) {
  runOperation(rank, "shard_rows", LAMRT_PHASE_OTHER,
               [&](Rank &r) { r.shardRows(in, out); });
}

void lamrt_copy(lamrt_rank *rank, int32_t in, int32_t out) {
  runOperation(rank, "copy", LAMRT_PHASE_OTHER,
               [&](Rank &r) { r.copy(in, out); });
}

void lamrt_add(lamrt_rank *rank, int32_t residual, int32_t update,
               int32_t out) {
  runOperation(rank, "add", LAMRT_PHASE_NORMS,
               [&](Rank &r) { r.add(residual, update, out); });
}

void lamrt_rms_norm(lamrt_rank *rank, int32_t in, int32_t weight, int32_t layer,
                    double eps, int32_t norm, int32_t out) {
  runOperation(rank, "rms_norm", LAMRT_PHASE_NORMS,
               [&](Rank &r) { r.rmsNorm(in, weight, layer, eps, norm, out); });
}

void lamrt_residual_rms_norm(lamrt_rank *rank, int32_t update, int32_t residual,
                             int32_t weight, int32_t layer, double eps,
                             int32_t norm, int32_t out_normed,
                             int32_t out_residual) {
  runOperation(rank, "residual_rms_norm", LAMRT_PHASE_NORMS, [&](Rank &r) {
    r.residualRmsNorm(update, residual, weight, layer, eps, norm, out_normed,
                      out_residual);
  });
}

void lamrt_linear(lamrt_rank *rank, int32_t in, int32_t weight, int32_t layer,
                  int32_t bias, int32_t leaves, int32_t outs, int32_t flags) {
  runOperation(rank, "linear", LAMRT_PHASE_PRODUCTS, [&](Rank &r) {
    r.linear(in, weight, layer, bias, leaves, outs, flags);
  });
}

void lamrt_silu_mul(lamrt_rank *rank, int32_t gate, int32_t up, int32_t out) {
  runOperation(rank, "silu_mul", LAMRT_PHASE_OTHER,
               [&](Rank &r) { r.siluMul(gate, up, out); });
}

void lamrt_rope(lamrt_rank *rank, int32_t in, int32_t frequencies,
                int32_t pairing, int32_t out) {
  runOperation(rank, "rope", LAMRT_PHASE_ATTENTION,
               [&](Rank &r) { r.rope(in, frequencies, pairing, out); });
}

void lamrt_attention(lamrt_rank *rank, int32_t query, int32_t key,
                     int32_t value, int32_t layer, int32_t heads,
                     int32_t kv_heads, double scale, int32_t out) {
  runOperation(rank, "attention", LAMRT_PHASE_ATTENTION, [&](Rank &r) {
    r.attention(query, key, value, layer, heads, kv_heads, scale, out);
  });
}

void lamrt_all_reduce(lamrt_rank *rank, int32_t partial, int32_t bias,
                      int32_t bias_layer, int32_t tree, int32_t out) {
  runOperation(rank, "all_reduce", LAMRT_PHASE_COLLECTIVES, [&](Rank &r) {
    r.allReduce(partial, bias, bias_layer, tree, out);
  });
}

void lamrt_reduce_scatter(lamrt_rank *rank, int32_t partial, int32_t bias,
                          int32_t bias_layer, int32_t tree, int32_t out) {
  runOperation(rank, "reduce_scatter", LAMRT_PHASE_COLLECTIVES, [&](Rank &r) {
    r.reduceScatter(partial, bias, bias_layer, tree, out);
  });
}

void lamrt_all_reduce_residual_rms_norm(
    lamrt_rank *rank, int32_t partial, int32_t residual, int32_t weight,
    int32_t layer, int32_t bias, int32_t bias_layer, double eps, int32_t norm,
    int32_t tree, int32_t out_normed, int32_t out_residual) {
  runOperation(rank, "all_reduce_residual_rms_norm", LAMRT_PHASE_COLLECTIVES,
               [&](Rank &r) {
                 r.allReduceResidualRmsNorm(partial, residual, weight, layer,
                                            bias, bias_layer, eps, norm, tree,
                                            out_normed, out_residual);
               });
}

void lamrt_all_gather(lamrt_rank *rank, int32_t in, int32_t out) {
  runOperation(rank, "all_gather", LAMRT_PHASE_COLLECTIVES,
               [&](Rank &r) { r.gather(in, out, /*toAll=*/true); });
}

void lamrt_gather(lamrt_rank *rank, int32_t in, int32_t out) {
  runOperation(rank, "gather", LAMRT_PHASE_COLLECTIVES,
               [&](Rank &r) { r.gather(in, out, /*toAll=*/false); });
}

void lamrt_tap(lamrt_rank *rank, int32_t tap, int32_t layer, int32_t in) {
  runOperation(rank, "tap", LAMRT_PHASE_OTHER,
               [&](Rank &r) { r.tap(tap, layer, in); });
}

void lamrt_result(lamrt_rank *rank, int32_t in) {
  runOperation(rank, "result", LAMRT_PHASE_OTHER,
               [&](Rank &r) { r.result(in); });
}

/*===- runtime.h - The ABI between programs and the runtime ------*- C -*-===*\
|*
|* Everything that compiled programs and the runtime share. A program exports
|* `lamina_program_v1`; the runtime reads its tables and calls its step. The
|* step calls the operations below. C11; nothing throws, exits or prints across
|* this boundary.
|*
|* Operands of operations are ids: of slots, weights and lists of the program's
|* tables, never pointers. An absent operand is -1. A layer is the index into
|* the layers of a weight, 0 for a weight without layers.
|*
|* Orders and roundings of every operation: docs/numerics.md.
|*
\*===----------------------------------------------------------------------===*/

#ifndef LAMINA_RUNTIME_H
#define LAMINA_RUNTIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Changes with every change of a struct or a signature below. */
#define LAMRT_ABI_VERSION 5

/** Positions of one page of the KV cache. */
#define LAMRT_PAGE_POSITIONS 64

/** What an operation returns: the exit code that the failure deserves. */
typedef int32_t lamrt_status;
enum {
  LAMRT_OK = 0,
  LAMRT_INTERNAL = 1,
  LAMRT_USAGE = 2,
  LAMRT_MALFORMED = 3,
  LAMRT_UNSUPPORTED = 4,
  LAMRT_IO = 5,
  LAMRT_LIMIT = 6,
  LAMRT_DEVICE = 7,
  LAMRT_CHECK_FAILED = 8
};

/** Element and block types. Block types are GGUF's. */
enum {
  LAMRT_F32 = 0,
  LAMRT_F16 = 1,
  LAMRT_BF16 = 2,
  LAMRT_Q8_0 = 3,
  LAMRT_Q4_0 = 4,
  LAMRT_Q4_1 = 5,
  LAMRT_Q5_0 = 6,
  LAMRT_Q5_1 = 7,
  LAMRT_Q4_K = 8,
  LAMRT_Q5_K = 9,
  LAMRT_Q6_K = 10
};

/** Rounding of a norm. */
enum { LAMRT_NORM_HF = 0, LAMRT_NORM_SINGLE = 1, LAMRT_NORM_ZERO_CENTERED = 2 };

/** Columns that a rotation pairs: (i, i + d/2) or (2i, 2i + 1). */
enum { LAMRT_PAIRING_HALVES = 0, LAMRT_PAIRING_ADJACENT = 1 };

/** What the number of rows of a slot is. */
enum {
  LAMRT_ROWS_TOKENS = 0, /**< rows of the step: num_tokens */
  LAMRT_ROWS_LOGITS = 1, /**< rows whose logits are wanted: num_logit_rows */
  /** Rows of the step that rank r of n keeps: [r*s, (r+1)*s) of num_tokens with
      s = ceil(num_tokens/n), those that there are; the section is made for
      ceil(max_tokens/n). The distribution of its slots is OWN_ROWS. */
  LAMRT_ROWS_OWN_TOKENS = 2,
  LAMRT_NUM_SECTIONS = 3
};

/** Which part of a slot's value a rank has. */
enum {
  LAMRT_WHOLE = 0,
  LAMRT_PARTIAL = 1, /**< an addend: the value is the sum over the ranks */
  /** Units [floor(r*U/n), floor((r+1)*U/n)) of the U = features/split_unit;
      with U < n, the one unit floor(r*U/n). */
  LAMRT_COLUMNS = 2,
  LAMRT_ROOT = 3,    /**< rank 0 has all of it, the others nothing */
  LAMRT_OWN_ROWS = 4 /**< its rows: LAMRT_ROWS_OWN_TOKENS */
};

/** What the ranks do together. */
enum {
  LAMRT_ALL_REDUCE = 0,
  LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM = 1,
  LAMRT_ALL_GATHER = 2,
  LAMRT_GATHER = 3,
  LAMRT_REDUCE_SCATTER = 4,
  LAMRT_NUM_COLLECTIVES = 5
};

/** Flags of lamrt_linear. */
enum {
  /** Quantise the input to 8 bits, a scale for each 32 features. */
  LAMRT_LINEAR_INT8 = 1
};

/** How a weight is split over the ranks. */
enum { LAMRT_SPLIT_NONE = 0, LAMRT_SPLIT_COLUMNS = 1, LAMRT_SPLIT_ROWS = 2 };

/** What a weight is made of. */
enum {
  LAMRT_WEIGHT_SOURCE = 0, /**< bytes of the checkpoint */
  LAMRT_WEIGHT_LAYERS = 1, /**< layers of other vectors, in order */
  LAMRT_WEIGHT_COLUMNS = 2 /**< output features of other matrices, joined */
};

/** Which operations use a weight; a set of bits. It decides what is made when
    a rank is created, since nothing is made in a step. */
enum {
  LAMRT_USE_EMBED = 1,  /**< lamrt_embed: rows are read from the file */
  LAMRT_USE_LINEAR = 2, /**< lamrt_linear: packed into panels */
  LAMRT_USE_VECTOR = 4  /**< a norm or a bias: widened to f32 */
};

/*===----------------------------------------------------------------------===*\
|* The program
\*===----------------------------------------------------------------------===*/

/** A file of the checkpoint. Hashes are XXH3-64 with seed 0. */
typedef struct lamrt_file {
  const char *name;     /**< relative to the model's folder; never a path */
  uint64_t size;        /**< bytes */
  uint64_t header_size; /**< bytes before the tensor data */
  uint64_t header_hash; /**< of these bytes */
  /** Of the concatenation of the blocks of 4096 bytes that start at
      i*size/64 rounded down to 4096, for i in 0..63, each cut at the end. */
  uint64_t sample_hash;
  uint64_t full_hash; /**< of all bytes, if has_full_hash */
  int32_t has_full_hash;
} lamrt_file;

/** A part of a derived weight. */
typedef struct lamrt_part {
  int32_t weight;      /**< a source weight */
  int32_t layer_begin; /**< for LAYERS: its layers [begin, end) */
  int32_t layer_end;
} lamrt_part;

/** A weight: `[out, in]`, or `[out]` with `in` 0. */
typedef struct lamrt_weight {
  const char *name; /**< the checkpoint's name pattern; symbol if derived */
  int32_t kind;
  int32_t type;
  int64_t out;
  int64_t in;
  int32_t num_layers; /**< at least 1 */
  int32_t split;
  int64_t split_unit;      /**< features that stay together */
  const int32_t *files;    /**< source: [num_layers], index of a file */
  const uint64_t *offsets; /**< source: [num_layers], bytes from its start */
  int32_t num_parts;
  const lamrt_part *parts;
  /** LAMRT_USE_* of the operations that name this weight. What uses a derived
      weight uses its parts: they need not repeat it. An operation that uses a
      weight otherwise fails. */
  int32_t uses;
} lamrt_weight;

/** A buffer of the arena, at the same place on all ranks. Row t of a slot is at
    section base + offset*capacity + t*row bytes, where capacity is the number
    of rows the section was made for, and row bytes are those of the largest
    part that a rank has, rounded up to 64. */
typedef struct lamrt_slot {
  int32_t rows;         /**< LAMRT_ROWS_* */
  int32_t type;         /**< LAMRT_F32, F16 or BF16 */
  int64_t features;     /**< of the whole value */
  int32_t distribution; /**< LAMRT_WHOLE, PARTIAL, COLUMNS, ROOT or OWN_ROWS */
  int64_t split_unit;   /**< of COLUMNS: features that stay together; else 0 */
  int64_t offset;       /**< bytes a row from the start of the section */
} lamrt_slot;

/** A list of integers that an operation names by its id. */
typedef struct lamrt_list {
  int32_t size;
  const int32_t *values;
} lamrt_list;

/** The inverse frequencies of a rotary embedding. */
typedef struct lamrt_frequencies {
  int32_t size;
  const double *values;
} lamrt_frequencies;

/** The KV cache that the attention operations use, of all ranks together. */
typedef struct lamrt_cache {
  int32_t num_layers;
  int32_t kv_heads;
  int32_t head_dim;
  int32_t type;
} lamrt_cache;

/** One collective of a step, as all ranks run it. */
typedef struct lamrt_collective {
  int32_t operation; /**< LAMRT_ALL_REDUCE ... */
  int32_t rows;      /**< LAMRT_ROWS_* */
  int32_t type;      /**< of the elements that are sent */
  int32_t times;     /**< in a step: the layers of the loops around it */
  int64_t features;
} lamrt_collective;

typedef struct lamrt_group lamrt_group;
typedef struct lamrt_rank lamrt_rank;
typedef struct lamrt_step lamrt_step;

/** The code of one number of ranks. */
typedef struct lamrt_variant {
  int32_t ranks;
  int32_t num_slots;
  const lamrt_slot *slots;
  /** Bytes a row of each section. */
  int64_t arena_bytes[LAMRT_NUM_SECTIONS];
  int32_t num_lists;
  int32_t num_collectives;
  int32_t kv_heads; /**< most that a rank caches */
  const lamrt_list *lists;
  const lamrt_collective *collectives; /**< in program order */
  lamrt_status (*step)(lamrt_rank *rank, const lamrt_step *step);
} lamrt_variant;

typedef struct lamina_program {
  uint32_t struct_size;
  uint32_t abi_version;
  /** How the program was made, with the model's config: one JSON object. */
  const char *json;
  const char *model_path; /**< folder of the files when it was compiled */
  const char *relative_model_path; /**< the same, from the program's folder */
  int32_t num_files;
  int32_t num_weights;
  int32_t num_frequencies;
  int32_t num_taps;
  int32_t num_variants;
  const lamrt_file *files;
  const lamrt_weight *weights;
  const lamrt_frequencies *frequencies;
  const char *const *tap_names; /**< `hidden.L`; a layer follows, if any */
  const lamrt_variant *variants;
  lamrt_cache cache;
  /** Features of the step's result (the vocabulary), and its type. */
  int64_t result_features;
  /** Rows of the embedding table: ids are below. */
  int64_t vocabulary;
  /** Largest position + 1. */
  int64_t max_context;
  /** The tokenizer, as TokenizerModel::serialize wrote it; may be empty. */
  const uint8_t *tokenizer;
  uint64_t tokenizer_size;
  /** Name of a file beside the program that holds the weights as operations
     read them; then the files above are not opened. Null: they are. */
  const char *packed_weights;
} lamina_program;

/** What a program exports. */
const lamina_program *lamina_program_v1(void);

/*===----------------------------------------------------------------------===*\
|* Ranks that work together
\*===----------------------------------------------------------------------===*/

/** How ranks do a sum over them, and what is fused with it; the bits are the
    same. Where ranks keep their own rows of the sum or of the residual, each
    does these in any case. */
enum {
  LAMRT_BY_SIZE = 0,
  LAMRT_ONE_SHOT = 1, /**< every rank does all rows, for itself */
  LAMRT_TWO_SHOT = 2, /**< every rank does its rows, for all */
  /** The sum, by one of the two, then residual and norm of all rows on every
      rank: a fused operation as its expansion. */
  LAMRT_SEPARATE = 3
};

/** The algorithm that was measured to be the fastest for a size. */
typedef struct lamrt_choice {
  int32_t operation; /**< LAMRT_ALL_REDUCE, or that with residual and norm */
  int32_t ranks;     /**< 1: residual and norm alone */
  int64_t features;
  int64_t rows;
  int32_t algorithm; /**< LAMRT_ONE_SHOT, TWO_SHOT or SEPARATE */
} lamrt_choice;

/** Where the ranks of a group are. */
enum {
  LAMRT_LOCAL = 0, /**< in threads of one process */
  LAMRT_MPI = 1    /**< one in each process that mpirun or srun has started */
};

typedef struct lamrt_group_options {
  uint32_t struct_size;
  int32_t ranks; /**< a variant of the program has this number */
  /** Milliseconds that a rank waits for the others in a collective; 0: 30000.
   */
  int32_t timeout_ms;
  int32_t algorithm;    /**< LAMRT_BY_SIZE, ONE_SHOT, TWO_SHOT or SEPARATE */
  int32_t communicator; /**< LAMRT_LOCAL or LAMRT_MPI */
  /** For LAMRT_BY_SIZE: the nearest size counts. Null: as the runtime ships. */
  int32_t num_choices;
  const lamrt_choice *choices;
} lamrt_group_options;

/** Makes what the ranks of one process share: the weights, which the first of
    them loads, and the place where they meet. With LAMRT_LOCAL the ranks run in
    threads of the caller, one each. With LAMRT_MPI a process has one rank; it
    waits here, and in lamrt_rank_create, for the other processes, and fails if
    they run another program, were given other options, or cannot go on. All
    calls for such a group come from one thread at a time. */
lamrt_status lamrt_group_create(const lamina_program *program,
                                const lamrt_group_options *options,
                                lamrt_group **out_group);
/** After all its ranks. */
void lamrt_group_destroy(lamrt_group *group);

/** The rank that this process is; -1 if the group has all ranks in it. */
int32_t lamrt_group_rank(const lamrt_group *group);

/** Of a group over processes, on rank 0: tells the others `size` bytes, which
    they get from lamrt_group_receive. */
lamrt_status lamrt_group_broadcast(lamrt_group *group, const void *data,
                                   uint64_t size);
/** On the other ranks: waits for what rank 0 tells, no longer than `patience`
    time limits; 0 for any time. `*out_data` is valid until the next call. */
lamrt_status lamrt_group_receive(lamrt_group *group, int32_t patience,
                                 const void **out_data, uint64_t *out_size);
/** Of a group over processes: waits for all ranks, between steps or when there
    is nothing more to do. Fails if one of them is lost. */
lamrt_status lamrt_group_meet(lamrt_group *group);
/** Ends the processes of all ranks with `code`, as far as MPI can. May not
    return. Does nothing if all ranks are in this process. */
void lamrt_group_end(lamrt_group *group, int32_t code);

/** LAMRT_OK, or the status of the first failure of a rank; then `*out_message`
    says what it was: lines without a last newline, valid as long as the
    group. */
lamrt_status lamrt_group_failure(const lamrt_group *group,
                                 const char **out_message);

/*===----------------------------------------------------------------------===*\
|* The handle of a rank
\*===----------------------------------------------------------------------===*/

/** What the time of a step goes to. */
enum {
  LAMRT_PHASE_PRODUCTS = 0,
  LAMRT_PHASE_ATTENTION = 1, /**< with rotation and the cache */
  LAMRT_PHASE_NORMS = 2,
  LAMRT_PHASE_OTHER = 3,
  LAMRT_PHASE_COLLECTIVES = 4, /**< with the waiting, and the fused norms */
  LAMRT_NUM_PHASES = 5
};

typedef struct lamrt_rank_options {
  uint32_t struct_size;
  int32_t ranks; /**< a variant of the program has this number */
  int32_t rank;
  lamrt_group *group;     /**< of this many ranks; may be null for one */
  int32_t threads;        /**< 0: as many as quota and affinity allow */
  int32_t max_tokens;     /**< rows of the largest step */
  int32_t max_logit_rows; /**< rows whose logits one step returns */
  int32_t max_sequences;  /**< sequences of one step */
  int32_t num_pages;      /**< pages of the KV cache */
  /** Folder of the files, or of the packed file; null: as recorded. */
  const char *model_path;
  const char *cpu_level;  /**< null: the best; `v2`, `v3`, `v4`, `bf16` */
  int32_t verify_weights; /**< hash every byte */
  /** Called while weights load; may be null. */
  void (*progress)(void *context, uint64_t done_bytes, uint64_t all_bytes);
  /** Called for each tap with `rows` x `features` f32; may be null. */
  void (*tap)(void *context, const char *name, int32_t layer,
              const float *values, int64_t rows, int64_t features);
  void *context;
  int32_t measure;    /**< keep the time of each phase */
  const char *device; /**< null or `cpu`, or `cuda` */
} lamrt_rank_options;

/** One step: rows of any number of sequences, the rows of a sequence
    contiguous. The arrays are read during lamrt_rank_step only. */
struct lamrt_step {
  uint32_t struct_size;
  int32_t num_tokens;
  int32_t num_sequences;
  int32_t num_logit_rows;
  int32_t bucket_tokens;    /**< rows to pad to; num_tokens for none */
  int32_t max_pages;        /**< columns of page_table */
  const int32_t *token_ids; /**< [num_tokens] */
  const int32_t *positions; /**< [num_tokens], ascending by 1 in a sequence */
  const int32_t *sequence_of_row; /**< [num_tokens] */
  const int32_t *row_begin;       /**< [num_sequences + 1] */
  const int32_t *kv_length;  /**< [num_sequences], positions after the step */
  const int32_t *page_table; /**< [num_sequences][max_pages] */
  const int32_t *logit_rows; /**< [num_logit_rows], ascending */
};

/** Maps, checks and packs the weights, and allocates arena and KV cache:
    nothing is allocated later. On failure `*out_rank` is null and
    lamrt_last_error says why. */
lamrt_status lamrt_rank_create(const lamina_program *program,
                               const lamrt_rank_options *options,
                               lamrt_rank **out_rank);
void lamrt_rank_destroy(lamrt_rank *rank);

/** Runs one step, the same on all ranks of a group. `*out_logits` is
    num_logit_rows x result_features f32, valid until the next step; null on
    ranks that do not have the result. */
lamrt_status lamrt_rank_step(lamrt_rank *rank, const lamrt_step *step,
                             const float **out_logits);

/** What a rank holds and has done; bytes. */
typedef struct lamrt_statistics {
  uint32_t struct_size;
  int32_t threads;
  const char *cpu_level;
  uint64_t packed_weight_bytes;
  uint64_t arena_bytes;
  uint64_t cache_bytes;
  uint64_t steps;
  uint64_t weight_bytes_read; /**< packed, by products, in all steps */
  uint64_t multiply_adds;     /**< of products, in all steps */
  /** Of all steps, with lamrt_rank_options.measure; else 0. */
  uint64_t phase_nanoseconds[LAMRT_NUM_PHASES];
} lamrt_statistics;
void lamrt_rank_statistics(const lamrt_rank *rank,
                           lamrt_statistics *out_statistics);

/** Which device `wanted` (`auto`, `cpu` or `cuda`) stands for here, as
    lamrt_rank_options names it, and in `*out_why` what it is, or why it is not
    the other one: one line. `auto` is `cpu` unless there is a GPU that the CUDA
    backend can use. Fails if `wanted` cannot be had. Both strings are valid
    until the next call of this thread. */
lamrt_status lamrt_choose_device(const char *wanted, const char **out_device,
                                 const char **out_why);

/** The message of the last failure on this thread: one line without newline. */
const char *lamrt_last_error(void);

/*===----------------------------------------------------------------------===*\
|* Operations, called by a program's step. After the first that fails the others
|* do nothing; lamrt_step_end returns its status.
\*===----------------------------------------------------------------------===*/

void lamrt_step_begin(lamrt_rank *rank, const lamrt_step *step);
lamrt_status lamrt_step_end(lamrt_rank *rank);

/** out[t] = row token_ids[t] of the weight. With a partial slot, of the rows
    that this rank has by the weight's split, else -0.0. */
void lamrt_embed(lamrt_rank *rank, int32_t weight, int32_t out);
/** out[i] = in[logit_rows[i]]. */
void lamrt_select_rows(lamrt_rank *rank, int32_t in, int32_t out);
/** The rows of a whole slot that the rank keeps. */
void lamrt_shard_rows(lamrt_rank *rank, int32_t in, int32_t out);
void lamrt_copy(lamrt_rank *rank, int32_t in, int32_t out);
void lamrt_add(lamrt_rank *rank, int32_t residual, int32_t update, int32_t out);
void lamrt_rms_norm(lamrt_rank *rank, int32_t in, int32_t weight, int32_t layer,
                    double eps, int32_t norm, int32_t out);
void lamrt_residual_rms_norm(lamrt_rank *rank, int32_t update, int32_t residual,
                             int32_t weight, int32_t layer, double eps,
                             int32_t norm, int32_t out_normed,
                             int32_t out_residual);
/** `outs` lists the result slots, one for each part of the weight; `leaves`
    the radices of the summation tree; `bias` is at the same layer; `flags` are
    LAMRT_LINEAR_*. */
void lamrt_linear(lamrt_rank *rank, int32_t in, int32_t weight, int32_t layer,
                  int32_t bias, int32_t leaves, int32_t outs, int32_t flags);
void lamrt_silu_mul(lamrt_rank *rank, int32_t gate, int32_t up, int32_t out);
void lamrt_rope(lamrt_rank *rank, int32_t in, int32_t frequencies,
                int32_t pairing, int32_t out);
/** Writes keys and values to the cache, then attends. */
void lamrt_attention(lamrt_rank *rank, int32_t query, int32_t key,
                     int32_t value, int32_t layer, int32_t heads,
                     int32_t kv_heads, double scale, int32_t out);
/** out = rnd(tree over ranks of partial + bias), in f32; `tree` lists the
    radices, `bias` may be absent. */
void lamrt_all_reduce(lamrt_rank *rank, int32_t partial, int32_t bias,
                      int32_t bias_layer, int32_t tree, int32_t out);
/** The rows of that sum that the rank keeps. */
void lamrt_reduce_scatter(lamrt_rank *rank, int32_t partial, int32_t bias,
                          int32_t bias_layer, int32_t tree, int32_t out);
/** That sum as the update of lamrt_residual_rms_norm, in one operation. With
    residuals of own rows a rank does its rows, and all get the normed ones. */
void lamrt_all_reduce_residual_rms_norm(
    lamrt_rank *rank, int32_t partial, int32_t residual, int32_t weight,
    int32_t layer, int32_t bias, int32_t bias_layer, double eps, int32_t norm,
    int32_t tree, int32_t out_normed, int32_t out_residual);
/** Joins the columns, or the own rows, of all ranks, on every rank. */
void lamrt_all_gather(lamrt_rank *rank, int32_t in, int32_t out);
/** Joins them on rank 0. */
void lamrt_gather(lamrt_rank *rank, int32_t in, int32_t out);
/** Shows the slot to the tap's observer; `layer` is -1 for none. */
void lamrt_tap(lamrt_rank *rank, int32_t tap, int32_t layer, int32_t in);
/** Declares the slot that holds the step's result, whole or of rank 0. */
void lamrt_result(lamrt_rank *rank, int32_t in);

#ifdef __cplusplus
}
#endif

#endif /* LAMINA_RUNTIME_H */

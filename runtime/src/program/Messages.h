//===- Messages.h - What rank 0 tells the other processes ------*- C++ -*-===//
//
// Ranks that are processes: rank 0 has the prompts, samples and prints; it
// tells the others which rank to make and which steps to run, as lists of
// int32.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_PROGRAM_MESSAGES_H
#define LAMINA_RUNTIME_PROGRAM_MESSAGES_H

#include "lamina/runtime.h"

#include <cstdint>
#include <vector>

namespace lamina::program {

enum class Message : int32_t {
  Create = 1, ///< make a rank of this size
  Step = 2,   ///< run this step
  Wait = 3,   ///< the next message may take any time
  End = 4,    ///< end the process with this code
  Meet = 5    ///< all ranks meet: what has been computed is kept
};

using Words = std::vector<int32_t>;

Words encodeCreate(const lamrt_rank_options &options);
Words encodeStep(const lamrt_step &step);
Words encodeWait();
Words encodeMeet();
Words encodeEnd(int32_t code);

/// The kind of a message of `size` words; one that is not there for none.
Message getKind(const int32_t *words, uint64_t size);
// Each returns false if the message is not as it is encoded.
/// Sets the sizes in `options`.
bool decodeCreate(const int32_t *words, uint64_t size,
                  lamrt_rank_options &options);
/// The step points into the words.
bool decodeStep(const int32_t *words, uint64_t size, lamrt_step &step);
bool decodeEnd(const int32_t *words, uint64_t size, int32_t &code);

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_MESSAGES_H

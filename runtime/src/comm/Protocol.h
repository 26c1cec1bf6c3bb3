//===- Protocol.h - What a rank may do when --------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_COMM_PROTOCOL_H
#define LAMINA_RUNTIME_COMM_PROTOCOL_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace lamina::runtime {

/// Of one rank of a group; see Protocol.def.
enum class RankState : uint8_t {
#define STATE(name) name,
#define EVENT(name)
#define TRANSITION(from, event, to)
#include "Protocol.def"
#undef STATE
#undef EVENT
};

enum class RankEvent : uint8_t {
#define STATE(name)
#define EVENT(name) name,
#include "Protocol.def"
#undef STATE
#undef EVENT
#undef TRANSITION
};

namespace detail {

constexpr const char *kRankStates[] = {
#define STATE(name) #name,
#define EVENT(name)
#define TRANSITION(from, event, to)
#include "Protocol.def"
#undef STATE
#undef EVENT
};

constexpr const char *kRankEvents[] = {
#define STATE(name)
#define EVENT(name) #name,
#include "Protocol.def"
#undef STATE
#undef EVENT
#undef TRANSITION
};

/// A state that is none: the event is not possible.
constexpr uint8_t kImpossible = 0xff;

using NextStates = std::array<std::array<uint8_t, std::size(kRankEvents)>,
                              std::size(kRankStates)>;

constexpr NextStates makeNextStates() {
  NextStates next = {};
  for (auto &row : next)
    for (uint8_t &state : row)
      state = kImpossible;
#define STATE(name)
#define EVENT(name)
#define TRANSITION(from, event, to)                                            \
  next[size_t(RankState::from)][size_t(RankEvent::event)] =                    \
      uint8_t(RankState::to);
#include "Protocol.def"
#undef STATE
#undef EVENT
#undef TRANSITION
  return next;
}

constexpr NextStates kNextStates = makeNextStates();

} // namespace detail

inline const char *getName(RankState state) {
  return detail::kRankStates[size_t(state)];
}
inline const char *getName(RankEvent event) {
  return detail::kRankEvents[size_t(event)];
}

/// Goes to the state that `event` leads to. Returns false if it is not possible
/// in `state`.
inline bool advance(RankState &state, RankEvent event) {
  uint8_t next = detail::kNextStates[size_t(state)][size_t(event)];
  if (next == detail::kImpossible)
    return false;
  state = RankState(next);
  return true;
}

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_PROTOCOL_H

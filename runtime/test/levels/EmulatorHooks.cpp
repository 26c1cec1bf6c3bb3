//===- EmulatorHooks.cpp - What emulate.py puts into the emulator ---------===//
//
// Loaded in front of the library of bochscpu_python, so that some of its calls
// lead here: which processor it is, and what it tells about each instruction.
// The library's own ways to these are a model that is fixed, and a call into
// Python for each instruction.
//
//===----------------------------------------------------------------------===//

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#define EXPORT __attribute__((visibility("default")))

extern "C" {

//===----------------------------------------------------------------------===//
// Set by emulate.py before the processor runs
//===----------------------------------------------------------------------===//

struct Range {
  uint64_t begin, end;
};

/// Guest memory: address 0 of the guest, and its bytes.
EXPORT const uint8_t *hooks_memory;
EXPORT uint64_t hooks_memory_bytes;
/// Where EVEX instructions are counted: ascending, disjoint addresses.
EXPORT const Range *hooks_ranges;
EXPORT uint64_t hooks_num_ranges;
/// The handler of system calls.
EXPORT uint64_t hooks_handler;
/// Functions of the library.
EXPORT void *(*hooks_make_cpu)(void *cpu);
EXPORT uint64_t (*hooks_get_pc)(unsigned cpu);
/// Of Python: the guest made a system call, or an exception came up.
EXPORT void (*hooks_system_call)();
EXPORT void (*hooks_exception)(unsigned vector, unsigned error);

/// Instructions that were begun, and EVEX ones of them within the ranges by
/// opcode map (3 bits), prefix (2 bits) and opcode.
EXPORT uint64_t hooks_instructions;
EXPORT uint64_t hooks_evex[8][4][256];

//===----------------------------------------------------------------------===//
// Called by the library
//===----------------------------------------------------------------------===//

/// The library makes a Cannon Lake, always.
EXPORT void *_Z23create_corei3_cnl_cpuidP8BX_CPU_C(void *cpu) {
  return hooks_make_cpu(cpu);
}

static bool isInRanges(uint64_t address) {
  uint64_t first = 0, count = hooks_num_ranges;
  while (count > 0) { // the first range that ends behind the address
    uint64_t half = count / 2;
    if (hooks_ranges[first + half].end <= address) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first < hooks_num_ranges && hooks_ranges[first].begin <= address;
}

EXPORT void bx_instr_before_execution(unsigned cpu, void *) {
  ++hooks_instructions;
  if (hooks_num_ranges == 0)
    return;
  uint64_t pc = hooks_get_pc(cpu);
  // 0x62 begins an EVEX instruction and no other in 64-bit mode.
  if (pc + 5 > hooks_memory_bytes || hooks_memory[pc] != 0x62 ||
      !isInRanges(pc))
    return;
  const uint8_t *bytes = hooks_memory + pc;
  ++hooks_evex[bytes[1] & 7][bytes[2] & 3][bytes[4]];
}

/// SYSCALL is over: the next instruction is the handler's.
EXPORT void bx_instr_far_branch(unsigned, unsigned, uint16_t, uint64_t,
                                uint16_t, uint64_t target) {
  if (target == hooks_handler)
    hooks_system_call();
}

EXPORT void bx_instr_exception(unsigned, unsigned vector, unsigned error) {
  hooks_exception(vector, error);
}

// What nobody wants to hear.
EXPORT void bx_instr_after_execution(unsigned, void *) {}
EXPORT void bx_instr_repeat_iteration(unsigned, void *) {}
EXPORT void bx_instr_opcode(unsigned, void *, const uint8_t *, unsigned, bool,
                            bool) {}
EXPORT void bx_instr_lin_access(unsigned, uint64_t, uint64_t, unsigned,
                                unsigned, unsigned) {}
EXPORT void bx_instr_phy_access(unsigned, uint64_t, unsigned, unsigned,
                                unsigned) {}
EXPORT void bx_instr_cnear_branch_taken(unsigned, uint64_t, uint64_t) {}
EXPORT void bx_instr_cnear_branch_not_taken(unsigned, uint64_t) {}
EXPORT void bx_instr_ucnear_branch(unsigned, unsigned, uint64_t, uint64_t) {}
EXPORT void bx_instr_prefetch_hint(unsigned, unsigned, unsigned, uint64_t) {}

// The library was linked with glibc 2.38. Debian 12 has 2.36, where the same
// functions have other names.

EXPORT int __isoc23_sscanf(const char *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int count = std::vsscanf(text, format, arguments);
  va_end(arguments);
  return count;
}

EXPORT unsigned long long __isoc23_strtoull(const char *text, char **end,
                                            int base) {
  return std::strtoull(text, end, base);
}

} // extern "C"

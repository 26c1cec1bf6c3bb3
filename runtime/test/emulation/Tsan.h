//===- Tsan.h - What ThreadSanitizer is told -------------------*- C++ -*-===//
//
// The emulation itself is not instrumented, and its own locks say nothing about
// the kernels: each CUDA thread, and each copy, has a context of its own, which
// learns of others only by what is written here. All is empty in programs
// without ThreadSanitizer.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_EMULATION_TSAN_H
#define LAMINA_TEST_EMULATION_TSAN_H

#include <cstddef>
#include <mutex>
#include <vector>

extern "C" {
[[gnu::weak]] void *__tsan_get_current_fiber(void);
[[gnu::weak]] void *__tsan_create_fiber(unsigned flags);
[[gnu::weak]] void __tsan_destroy_fiber(void *fiber);
[[gnu::weak]] void __tsan_switch_to_fiber(void *fiber, unsigned flags);
[[gnu::weak]] void __tsan_acquire(void *address);
[[gnu::weak]] void __tsan_release(void *address);
[[gnu::weak]] void __tsan_read_range(void *address, unsigned long bytes);
[[gnu::weak]] void __tsan_write_range(void *address, unsigned long bytes);
[[gnu::weak]] void AnnotateIgnoreSyncBegin(const char *file, int line);
[[gnu::weak]] void AnnotateIgnoreSyncEnd(const char *file, int line);
[[gnu::weak]] void AnnotateIgnoreReadsBegin(const char *file, int line);
[[gnu::weak]] void AnnotateIgnoreReadsEnd(const char *file, int line);
[[gnu::weak]] void AnnotateIgnoreWritesBegin(const char *file, int line);
[[gnu::weak]] void AnnotateIgnoreWritesEnd(const char *file, int line);
}

namespace emulation::tsan {

inline bool present() { return __tsan_create_fiber != nullptr; }

/// A context that knows what a thread which is left out knew at its start.
inline void *create() {
  if (!present())
    return nullptr;
  AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
  void *made = __tsan_create_fiber(0);
  AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
  return made;
}
inline void destroy(void *fiber) {
  if (fiber)
    __tsan_destroy_fiber(fiber);
}
inline void *self() { return present() ? __tsan_get_current_fiber() : nullptr; }
/// Goes on as `fiber`, without an order between the two.
inline void switchTo(void *fiber) {
  if (fiber)
    __tsan_switch_to_fiber(fiber, 1);
}
/// What is done before a release happens before what follows the acquire.
inline void acquire(void *address) {
  if (present())
    __tsan_acquire(address);
}
inline void release(void *address) {
  if (present())
    __tsan_release(address);
}

/// Guards tables of the emulation that all host threads use, and orders nothing
/// between these: a table of the real libraries might have no lock, or another.
class Mutex {
public:
  void lock() {
    setIgnored(true);
    mutex.lock();
    setIgnored(false);
  }
  void unlock() {
    setIgnored(true);
    mutex.unlock();
    setIgnored(false);
  }

private:
  static void setIgnored(bool ignored) {
    if (present())
      (ignored ? AnnotateIgnoreSyncBegin : AnnotateIgnoreSyncEnd)(__FILE__,
                                                                  __LINE__);
  }
  std::mutex mutex;
};

/// Tells those who acquire `address` what a thread that is left out has done
/// outside of ThreadSanitizer's sight, such as making a stack.
inline void releaseAnyway(void *address) {
  if (!present())
    return;
  AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
  __tsan_release(address);
  AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
}

/// The contexts of the CUDA threads of one stream. To make one takes longer
/// than most threads run, so they are used again: by later kernels of the
/// stream, never in the same one, where it would order threads that are not.
class Contexts {
public:
  ~Contexts() { clear(); }
  void clear() {
    endKernel();
    for (void *context : idle)
      destroy(context);
    idle.clear();
  }
  void *take() {
    if (!present())
      return nullptr;
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (!idle.empty()) {
        void *context = idle.back();
        idle.pop_back();
        return context;
      }
    }
    return create();
  }
  /// Of a thread that has ended; one that was abandoned is destroyed instead.
  void giveBack(void *context) {
    std::unique_lock<std::mutex> lock(mutex);
    if (used.size() < kMost)
      return used.push_back(context);
    lock.unlock();
    destroy(context);
  }
  void endKernel() {
    std::lock_guard<std::mutex> lock(mutex);
    idle.insert(idle.end(), used.begin(), used.end());
    used.clear();
  }

private:
  static constexpr size_t kMost = 1024; ///< of the 8128 that there can be
  std::mutex mutex;
  std::vector<void *> idle, used;
};

/// A thread of the emulation is left out while it has one of these: its locks
/// order nothing, and its memory is not watched. What it creates or switches to
/// is.
class LeftOut {
public:
  LeftOut() {
    if (!present())
      return;
    AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~LeftOut() {
    if (!present())
      return;
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
  }
  LeftOut(const LeftOut &) = delete;
  LeftOut &operator=(const LeftOut &) = delete;
};

/// Accesses by code that is not instrumented.
inline void read(const void *address, unsigned long bytes) {
  if (present())
    __tsan_read_range(const_cast<void *>(address), bytes);
}
inline void write(void *address, unsigned long bytes) {
  if (present())
    __tsan_write_range(address, bytes);
}

} // namespace emulation::tsan

#endif // LAMINA_TEST_EMULATION_TSAN_H

//===- MpiLibrary.cpp - An MPI library, opened at run time ----------------===//

#include "MpiLibrary.h"

#include "../core/Failure.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <dlfcn.h>
#include <new>

namespace lamina::runtime {

namespace {

// The same in both interfaces.
constexpr int kThreadSerialized = 2;
/// No error of MPI: those are positive.
constexpr int kNoThreads = -1;
constexpr size_t kMaxText = 8192; // MPI_MAX_LIBRARY_VERSION_STRING and more

template <typename Handle>
struct Functions {
  int (*initialized)(int *flag);
  int (*initThread)(int *argc, char ***argv, int required, int *provided);
  int (*finalize)();
  int (*abort)(Handle communicator, int code);
  int (*commDup)(Handle communicator, Handle *copy);
  int (*commSize)(Handle communicator, int *size);
  int (*commRank)(Handle communicator, int *rank);
  int (*commSetErrhandler)(Handle communicator, Handle handler);
  int (*isend)(const void *data, int count, Handle type, int peer, int tag,
               Handle communicator, Handle *request);
  int (*irecv)(void *data, int count, Handle type, int peer, int tag,
               Handle communicator, Handle *request);
  int (*test)(Handle *request, int *flag, void *status);
  int (*errorString)(int error, char *text, int *length);
  int (*getLibraryVersion)(char *text, int *length);
};

/// What the headers of an interface define as constants.
template <typename Handle>
struct Constants {
  Handle world, byte, errorsReturn;
  void *ignoredStatus;
};

int *getHandle(MpiLibrary::Request &request, const int *) {
  return &request.number;
}
void **getHandle(MpiLibrary::Request &request, void *const *) {
  return &request.pointer;
}

template <typename Handle>
class Library final : public MpiLibrary {
public:
  Library(const Functions<Handle> &functions,
          const Constants<Handle> &constants, std::string path)
      : mpi(functions), constants(constants), communicator(constants.world) {
    file = std::move(path);
  }

  int start() override {
    int isStarted = 0, provided = 0;
    if (int error = mpi.initialized(&isStarted))
      return error;
    if (!isStarted) {
      if (int error =
              mpi.initThread(nullptr, nullptr, kThreadSerialized, &provided))
        return error;
      isOwn = true;
      if (provided < kThreadSerialized)
        return kNoThreads;
    }
    if (int error =
            mpi.commSetErrhandler(constants.world, constants.errorsReturn))
      return error;
    if (int error = mpi.commDup(constants.world, &communicator))
      return error;
    // A copy has the error handler of the original.
    if (int error = mpi.commSize(communicator, &numRanks))
      return error;
    return mpi.commRank(communicator, &ownRank);
  }

  int finish() override { return isOwn ? mpi.finalize() : 0; }
  int abort(int code) override { return mpi.abort(constants.world, code); }

  int send(const void *data, int size, int peer, int tag,
           Request &request) override {
    return mpi.isend(data, size, constants.byte, peer, tag, communicator,
                     get(request));
  }
  int receive(void *data, int size, int peer, int tag,
              Request &request) override {
    return mpi.irecv(data, size, constants.byte, peer, tag, communicator,
                     get(request));
  }
  int test(Request &request, bool &isDone) override {
    int flag = 0;
    int error = mpi.test(get(request), &flag, constants.ignoredStatus);
    isDone = flag != 0;
    return error;
  }

  std::string describe(int error) override {
    char text[kMaxText] = {};
    int length = 0;
    if (error == kNoThreads)
      return "gives one thread only, expected MPI_THREAD_SERIALIZED";
    if (mpi.errorString(error, text, &length))
      return "error " + std::to_string(error);
    return firstLine(text);
  }
  std::string version() override {
    char text[kMaxText] = {};
    int length = 0;
    if (mpi.getLibraryVersion(text, &length))
      return "of an unknown version";
    return firstLine(text);
  }

private:
  static Handle *get(Request &request) {
    return getHandle(request, static_cast<const Handle *>(nullptr));
  }
  /// Open MPI goes on after a comma, MPICH after a line; tabs in between.
  static std::string firstLine(std::string text) {
    text.resize(std::min(text.find_first_of(",\n"), text.size()));
    std::string line;
    for (char c : text)
      if (static_cast<unsigned char>(c) > ' ')
        line += c;
      else if (!line.empty() && line.back() != ' ')
        line += ' ';
    return line;
  }

  Functions<Handle> mpi;
  Constants<Handle> constants;
  Handle communicator;
  bool isOwn = false;
};

/// Fails with LAMRT_DEVICE if a function is not there.
template <typename Handle>
lamrt_status makeLibrary(void *library, const Constants<Handle> &constants,
                         const std::string &path,
                         std::unique_ptr<MpiLibrary> &out) {
  Functions<Handle> functions = {};
  const struct {
    const char *name;
    void *field;
  } symbols[] = {
      {"MPI_Initialized", &functions.initialized},
      {"MPI_Init_thread", &functions.initThread},
      {"MPI_Finalize", &functions.finalize},
      {"MPI_Abort", &functions.abort},
      {"MPI_Comm_dup", &functions.commDup},
      {"MPI_Comm_size", &functions.commSize},
      {"MPI_Comm_rank", &functions.commRank},
      {"MPI_Comm_set_errhandler", &functions.commSetErrhandler},
      {"MPI_Isend", &functions.isend},
      {"MPI_Irecv", &functions.irecv},
      {"MPI_Test", &functions.test},
      {"MPI_Error_string", &functions.errorString},
      {"MPI_Get_library_version", &functions.getLibraryVersion},
  };
  for (const auto &symbol : symbols) {
    void *address = dlsym(library, symbol.name);
    if (!address)
      return fail(LAMRT_DEVICE, "mpi: %s: has no %s, expected an MPI library",
                  path.c_str(), symbol.name);
    // POSIX: a function's address fits a pointer to an object.
    *static_cast<void **>(symbol.field) = address;
  }
  out.reset(new (std::nothrow) Library<Handle>(functions, constants, path));
  return out ? LAMRT_OK : fail(LAMRT_LIMIT, "memory: cannot open MPI");
}

} // namespace

lamrt_status MpiLibrary::open(const std::vector<std::string> &candidates,
                              std::unique_ptr<MpiLibrary> &out) {
  std::string tried;
  for (const std::string &path : candidates) {
    // Its own plugins look for its functions among those of the process.
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
      const char *reason = dlerror();
      tried += (tried.empty() ? "" : "; ") +
               std::string(reason ? reason : "cannot be opened");
      continue;
    }
    if (void *world = dlsym(library, "ompi_mpi_comm_world"))
      return makeLibrary<void *>(library,
                                 {world, dlsym(library, "ompi_mpi_byte"),
                                  dlsym(library, "ompi_mpi_errors_return"),
                                  nullptr},
                                 path, out);
    // mpi.h of MPICH: MPI_COMM_WORLD, MPI_BYTE, MPI_ERRORS_RETURN,
    // MPI_STATUS_IGNORE.
    return makeLibrary<int>(library,
                            {0x44000000, 0x4c00010d, 0x54000001,
                             reinterpret_cast<void *>(uintptr_t(1))},
                            path, out);
  }
  return fail(LAMRT_DEVICE, "mpi: %s", tried.c_str());
}

} // namespace lamina::runtime

//===- MpiLibrary.h - An MPI library, opened at run time -------*- C++ -*-===//
//
// The few functions of MPI that move bytes. Neither its headers nor its library
// are needed to build, or to run one rank. Two binary interfaces are known,
// which differ in what a handle is: Open MPI's (a pointer to an object) and
// MPICH's (a number; also that of Intel MPI, MVAPICH and Cray). The names and
// meanings are those of the MPI standard, 3.1.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_COMM_MPILIBRARY_H
#define LAMINA_RUNTIME_COMM_MPILIBRARY_H

#include "lamina/runtime.h"

#include <memory>
#include <string>
#include <vector>

namespace lamina::runtime {

/// All functions that return int return an MPI error code, 0 for none.
class MpiLibrary {
public:
  /// A send or receive that is under way.
  union Request {
    void *pointer;
    int number;
  };

  /// Opens the first of `candidates` that is there; nothing of it is called.
  /// Fails with LAMRT_DEVICE, naming what was looked for.
  static lamrt_status open(const std::vector<std::string> &candidates,
                           std::unique_ptr<MpiLibrary> &out);
  virtual ~MpiLibrary() = default;

  /// MPI_Init_thread with MPI_THREAD_SERIALIZED, unless the process has done
  /// so; then a communicator of its own over all processes, whose errors
  /// return.
  virtual int start() = 0;
  /// MPI_Finalize, if start has initialized MPI.
  virtual int finish() = 0;
  /// MPI_Abort: may not return.
  virtual int abort(int code) = 0;
  virtual int send(const void *data, int size, int peer, int tag,
                   Request &request) = 0;
  virtual int receive(void *data, int size, int peer, int tag,
                      Request &request) = 0;
  virtual int test(Request &request, bool &isDone) = 0;
  /// What an error code means, one line.
  virtual std::string describe(int error) = 0;

  /// Of the processes; after start.
  int size() const { return numRanks; }
  int rank() const { return ownRank; }
  /// The file, and what it says of itself: `Open MPI v4.1.4`.
  const std::string &path() const { return file; }
  virtual std::string version() = 0;

protected:
  int numRanks = 0, ownRank = 0;
  std::string file;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_MPILIBRARY_H

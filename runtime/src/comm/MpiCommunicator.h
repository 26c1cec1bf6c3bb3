//===- MpiCommunicator.h - Ranks that are processes ------------*- C++ -*-===//
//
// The communicator `mpi`: mpirun or srun starts one process a rank, on any
// hosts. MPI moves bytes only. In a collective each rank sends one message to
// each peer, a header (number, operation, shape, type, arguments, what it did
// last) with its rows behind, and reads those of its peers: every rank does all
// rows. No reduction of MPI is used: its order is the library's.
//
// All waiting is polling with a time limit; what may block inside MPI (its
// start and its end) is called in a thread that can be left behind.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_COMM_MPICOMMUNICATOR_H
#define LAMINA_RUNTIME_COMM_MPICOMMUNICATOR_H

#include "../core/HostResources.h"
#include "Communicator.h"
#include "MpiLibrary.h"
#include "lamina/Support/Launch.h"

namespace lamina::runtime {

class MpiCommunicator final : public Communicator {
public:
  /// Starts MPI and waits until all processes of `launch` have. Fails with
  /// LAMRT_DEVICE.
  static lamrt_status create(const Launch &launch, int64_t timeoutMilliseconds,
                             std::unique_ptr<Communicator> &out);
  /// Ends MPI, unless the group has failed.
  ~MpiCommunicator() override;

  int32_t ownRank() const override { return mpi->rank(); }
  bool sharesMemory() const override { return false; }
  lamrt_status open(int32_t rank, const Offer &offer) override;
  /// What was received stays until the next collective, what was sent is sent.
  lamrt_status close(int32_t rank) override;
  lamrt_status reserve(uint64_t bytes) override;
  lamrt_status agree(int32_t rank, const Statement &statement,
                     int32_t patience) override;
  lamrt_status broadcast(const void *data, uint64_t size) override;
  lamrt_status receive(int32_t patience,
                       const std::vector<uint8_t> *&data) override;
  void end(int32_t code) override;

private:
  /// What goes before the rows of a message.
  struct Header;
  /// Messages from and to another rank.
  struct Peer {
    int32_t rank = 0;
    Memory received;
    MpiLibrary::Request send = {}, receive = {};
    bool isSent = true, isReceived = true;
  };

  MpiCommunicator(std::unique_ptr<MpiLibrary> library,
                  int64_t timeoutMilliseconds);
  void wakeWaiting() override {}
  void describeRank(int32_t rank, Report &report) const override;

  Header *getHeader(const Memory &memory) const;
  void fillHeader(int32_t rank, const Offer &offer);
  /// Sends what is laid out, a header and `size` bytes, to each peer, and
  /// receives what they send; if `isForRoot` only rank 0 gets more than the
  /// header. Returns false if `limit` nanoseconds have passed, or MPI reports
  /// an error.
  bool exchange(int tag, uint64_t size, bool isForRoot, int64_t limit);
  bool poll(int64_t limit);
  /// Tests what is under way. Returns true if nothing is.
  bool test();
  bool isWaiting() const;
  /// True, and the error is kept, if it is one.
  bool isError(int error, int32_t peer);
  Report nameMissing() const;
  lamrt_status failTransfer(int32_t rank, int32_t limits = 1);

  /// What MPI may read and write while something is under way.
  struct Transfers {
    explicit Transfers(size_t numPeers) : peers(numPeers) {}
    std::vector<Peer> peers;
    Memory laidOut;
    uint64_t size = 0;
    std::vector<uint8_t> data;
  };

  std::unique_ptr<MpiLibrary> mpi;
  std::unique_ptr<Transfers> transfers;
  std::vector<Peer> &peers;
  Memory &laidOut;
  uint64_t capacity = 0; ///< bytes of rows
  uint64_t numCollectives = 0;
  Report firstError;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_MPICOMMUNICATOR_H

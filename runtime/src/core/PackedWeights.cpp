//===- PackedWeights.cpp - Weights as operations read them, in a file -----===//

#include "PackedWeights.h"

#include "Failure.h"
#include "FloatingPointMode.h"
#include "HostResources.h"
#include "ThreadPool.h"
#include "WeightFiles.h"
#include "WeightTable.h"
#include "lamina/Support/FatalErrors.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace lamina::runtime {

namespace {

constexpr char kMagic[8] = {'l', 'a', 'm', 'i', 'n', 'a', 'p', 'w'};
static_assert(sizeof(PackedHeader) <= kPackedHeaderBytes);

/// Hashes what the payload depends on.
class TablesHasher {
public:
  TablesHasher() { XXH3_64bits_reset(&state); }

  void add(uint64_t number) {
    XXH3_64bits_update(&state, &number, sizeof(number));
  }
  void add(const char *text) {
    size_t size = text ? strlen(text) : 0;
    add(uint64_t(size));
    XXH3_64bits_update(&state, text ? text : "", size);
  }
  void add(const lamrt_file &file) {
    add(file.name);
    add(file.size);
    add(file.header_size);
    add(file.header_hash);
    add(file.sample_hash);
  }
  void add(const lamrt_weight &weight);

  uint64_t finish() const { return XXH3_64bits_digest(&state); }

private:
  XXH3_state_t state;
};

void TablesHasher::add(const lamrt_weight &weight) {
  add(weight.name);
  for (int64_t number : {int64_t(weight.kind), int64_t(weight.type), weight.out,
                         weight.in, int64_t(weight.num_layers),
                         int64_t(weight.uses), int64_t(weight.num_parts)})
    add(static_cast<uint64_t>(number));
  for (int32_t i = 0; i < weight.num_parts; ++i) {
    const lamrt_part &part = weight.parts[i];
    for (int32_t number : {part.weight, part.layer_begin, part.layer_end})
      add(static_cast<uint64_t>(number));
  }
  if (weight.kind != LAMRT_WEIGHT_SOURCE)
    return;
  for (int32_t i = 0; i < weight.num_layers; ++i) {
    add(static_cast<uint64_t>(weight.files[i]));
    add(weight.offsets[i]);
  }
}

} // namespace

uint64_t hashTables(const lamina_program &program) {
  TablesHasher hasher;
  hasher.add(static_cast<uint64_t>(program.num_files));
  for (int32_t i = 0; i < program.num_files; ++i)
    hasher.add(program.files[i]);
  hasher.add(static_cast<uint64_t>(program.num_weights));
  for (int32_t i = 0; i < program.num_weights; ++i)
    hasher.add(program.weights[i]);
  return hasher.finish();
}

namespace {

uint64_t hashHeader(const PackedHeader &header) {
  return hashBytes(reinterpret_cast<const uint8_t *>(&header),
                   offsetof(PackedHeader, headerHash));
}

/// Writes all bytes, or returns an errno.
int writeAll(int descriptor, const uint8_t *bytes, uint64_t size) {
  // Linux writes at most 2 GiB at once.
  constexpr uint64_t most = uint64_t(1) << 30;
  while (size > 0) {
    ssize_t count =
        write(descriptor, bytes, static_cast<size_t>(std::min(size, most)));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return errno;
    bytes += count;
    size -= static_cast<uint64_t>(count);
  }
  return 0;
}

lamrt_status failToWrite(const std::string &path, int error) {
  return fail(LAMRT_IO, "%s: cannot write: %s", path.c_str(), strerror(error));
}

/// Loads the weights as a rank does.
lamrt_status load(const lamina_program &program,
                  const lamrt_rank_options &options, WeightFiles &files,
                  ThreadPool &pool, WeightTable &weights) {
  const cpu::Kernels *kernels = cpu::selectKernels(options.cpu_level);
  if (!kernels)
    return fail(LAMRT_DEVICE, "cpu: this processor has no level %s",
                options.cpu_level ? options.cpu_level : "v2");
  if (lamrt_status status =
          files.open(program, options.model_path, options.verify_weights != 0))
    return status;
  if (lamrt_status status = weights.resolve(program, &files))
    return status;
  MemoryLimit limit = getMemoryLimit();
  if (weights.requiredBytes() > limit.bytes)
    return fail(
        LAMRT_LIMIT, "memory: packing needs %llu MiB, limit %llu MiB (%s)",
        static_cast<unsigned long long>(weights.requiredBytes() >> 20),
        static_cast<unsigned long long>(limit.bytes >> 20), limit.source);
  if (lamrt_status status =
          pool.start(options.threads ? options.threads : getUsableProcessors()))
    return status;
  return weights.load(*kernels, pool, options);
}

/// Writes header and payload to the new file `path`.
lamrt_status writeFile(const lamina_program &program, WeightTable &weights,
                       const std::string &path, int descriptor) {
  uint8_t page[kPackedHeaderBytes] = {};
  auto append = [&](const uint8_t *bytes, uint64_t size) {
    int error = writeAll(descriptor, bytes, size);
    return error ? failToWrite(path, error) : lamrt_status(LAMRT_OK);
  };
  if (lamrt_status status = append(page, sizeof(page)))
    return status;
  if (lamrt_status status = weights.writePayload(append))
    return status;
  // The hashes are of what lies in the file.
  FileMapping file;
  if (lamrt_status status = file.open(path))
    return status;
  PackedHeader header = {};
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  header.layout = kPackedLayout;
  header.headerBytes = kPackedHeaderBytes;
  header.tablesHash = hashTables(program);
  header.payloadBytes = file.size() - kPackedHeaderBytes;
  if (header.payloadBytes != weights.payloadBytes())
    return fail(LAMRT_INTERNAL, "%s: %llu bytes of weights, expected %llu",
                path.c_str(),
                static_cast<unsigned long long>(header.payloadBytes),
                static_cast<unsigned long long>(weights.payloadBytes()));
  const uint8_t *payload = file.data() + kPackedHeaderBytes;
  header.sampleHash = hashSampledBlocks(payload, header.payloadBytes);
  header.fullHash = hashBytes(payload, header.payloadBytes);
  header.headerHash = hashHeader(header);
  if (pwrite(descriptor, &header, sizeof(header), 0) != sizeof(header) ||
      fsync(descriptor) != 0)
    return failToWrite(path, errno);
  return LAMRT_OK;
}

} // namespace

std::string getPackedPath(const lamina_program &program, const char *folder) {
  std::string path = folder ? folder : getProgramFolder();
  if (!folder || !isRegularFile(path))
    path += std::string("/") + program.packed_weights;
  return path;
}

lamrt_status PackedWeights::open(const lamina_program &program,
                                 const char *folder, uint64_t payloadBytes,
                                 bool verifyAll) {
  if (!isPlainName(program.packed_weights))
    return fail(LAMRT_MALFORMED,
                "program: the name of its packed weights is no file name");
  std::string path = getPackedPath(program, folder);
  if (access(path.c_str(), F_OK) != 0)
    return fail(LAMRT_IO,
                "%s: not found, expected the packed weights beside the "
                "program%s",
                path.c_str(), folder ? "" : ", or --model with their folder");
  if (lamrt_status status = file.open(path))
    return status;
  auto differs = [&](const char *how) {
    return fail(LAMRT_CHECK_FAILED,
                "%s: is not the file of this program's weights: %s",
                path.c_str(), how);
  };
  PackedHeader header;
  if (file.size() < kPackedHeaderBytes)
    return differs("it is too short");
  memcpy(&header, file.data(), sizeof(header));
  if (memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 ||
      header.headerHash != hashHeader(header))
    return differs("its header is damaged");
  if (header.layout != kPackedLayout ||
      header.headerBytes != kPackedHeaderBytes)
    return differs("it has another layout");
  if (header.tablesHash != hashTables(program))
    return differs("it was made of other weights");
  if (header.payloadBytes != payloadBytes ||
      file.size() - kPackedHeaderBytes != payloadBytes)
    return differs("its size differs");
  if (payloadBytes > 0 &&
      hashSampledBlocks(payload(), payloadBytes) != header.sampleHash)
    return differs("sampled blocks differ");
  if (verifyAll && hashBytes(payload(), payloadBytes) != header.fullHash)
    return differs("its bytes differ");
  return LAMRT_OK;
}

lamrt_status writePackedWeights(const lamina_program &program,
                                const lamrt_rank_options &options,
                                const std::string &path, bool isGiven) {
  FloatingPointMode mode;
  WeightFiles files;
  WeightTable weights;
  ThreadPool pool;
  if (lamrt_status status = load(program, options, files, pool, weights))
    return status;
  // Past RLIMIT_FSIZE a write fails with EFBIG instead of ending the process.
  signal(SIGXFSZ, SIG_IGN);
  std::string temporary =
      isGiven ? path : path + ".tmp." + std::to_string(getpid());
  int descriptor =
      open(temporary.c_str(),
           O_RDWR | O_CLOEXEC | (isGiven ? 0 : O_CREAT | O_EXCL), 0666);
  if (descriptor < 0)
    return failToWrite(path, errno);
  setUnfinishedFile(temporary.c_str());
  lamrt_status status = writeFile(program, weights, temporary, descriptor);
  close(descriptor);
  if (status == LAMRT_OK && !isGiven &&
      rename(temporary.c_str(), path.c_str()) != 0)
    status = failToWrite(path, errno);
  if (status)
    unlink(temporary.c_str());
  setUnfinishedFile(nullptr);
  return status;
}

} // namespace lamina::runtime

//===- KernelsRecord.cpp - Results of an earlier run ----------------------===//
//
// A record: the bytes of the name, the number of values, both of them.
//
//===----------------------------------------------------------------------===//

#include "KernelsRecord.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace lamina::reference {

namespace {

[[noreturn]] void fail(const char *path, const std::string &what) {
  std::fprintf(stderr, "error: %s: %s\n", path, what.c_str());
  std::exit(3);
}

/// A file that the whole run reads or writes, if the variable names one.
struct Record {
  Record(const char *variable, const char *mode)
      : path(std::getenv(variable)),
        file(path ? std::fopen(path, mode) : nullptr) {
    if (path && !file)
      fail(path, "cannot be opened");
  }
  ~Record() {
    if (file && std::fclose(file) != 0)
      fail(path, "cannot be written");
  }

  void read(void *data, size_t bytes) {
    if (std::fread(data, 1, bytes, file) != bytes)
      fail(path, "ends, expected another result");
  }
  void write(const void *data, size_t bytes) {
    if (std::fwrite(data, 1, bytes, file) != bytes)
      fail(path, "cannot be written");
  }

  const char *path;
  std::FILE *file;
};

std::vector<float> readResult(Record &record, const std::string &name) {
  uint64_t sizes[2];
  record.read(sizes, sizeof(sizes));
  std::string found(sizes[0] < 1000 ? sizes[0] : 0, ' ');
  record.read(found.data(), found.size());
  if (found != name)
    fail(record.path, "has " + found + ", expected " + name);
  std::vector<float> values(sizes[1]);
  record.read(values.data(), values.size() * sizeof(float));
  return values;
}

} // namespace

std::vector<float>
remember(const std::string &name,
         const std::function<std::vector<float>()> &compute) {
  static Record in("LAMINA_REFERENCE_READ", "rb");
  static Record out("LAMINA_REFERENCE_WRITE", "wb");
  if (in.file)
    return readResult(in, name);
  std::vector<float> values = compute();
  if (out.file) {
    const uint64_t sizes[] = {name.size(), values.size()};
    out.write(sizes, sizeof(sizes));
    out.write(name.data(), name.size());
    out.write(values.data(), values.size() * sizeof(float));
  }
  return values;
}

} // namespace lamina::reference

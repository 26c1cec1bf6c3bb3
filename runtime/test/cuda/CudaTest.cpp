//===- CudaTest.cpp - Operations of the plugin on a device ----------------===//

#include "CudaTest.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

namespace lamina::cuda {

namespace {

thread_local std::string lastMessage;

lamrt_status keepMessage(lamrt_status status, const char *message) {
  lastMessage = message;
  return status;
}
int32_t hasFailed(void *group) {
  return group && static_cast<TestGroup *>(group)->hasFailed;
}
lamrt_status exchange(void *group, int32_t rank, const void *mine, void *all,
                      uint64_t bytes) {
  return static_cast<TestGroup *>(group)->exchange(rank, mine, all, bytes);
}

const runtime::BackendHost host = {sizeof(runtime::BackendHost),
                                   runtime::kBackendVersion, keepMessage,
                                   hasFailed, exchange};

/// Bits of the significand with the hidden one, and the least exponent.
int digits(int32_t type) {
  return type == LAMRT_F32 ? 24 : type == LAMRT_F16 ? 11 : 8;
}
int leastExponent(int32_t type) { return type == LAMRT_F16 ? -14 : -126; }

int64_t bytesOf(int32_t type) { return type == LAMRT_F32 ? 4 : 2; }

} // namespace

const std::string &getLastMessage() { return lastMessage; }

double getUlp(int32_t type, double value) {
  int exponent = leastExponent(type);
  if (value != 0 && std::isfinite(value))
    exponent = std::max(exponent, std::ilogb(value));
  return std::ldexp(1.0, exponent - digits(type) + 1);
}

double roundToType(int32_t type, double value) {
  if (!std::isfinite(value))
    return value;
  double ulp = getUlp(type, value);
  return std::nearbyint(value / ulp) * ulp;
}

Values makeValues(int64_t count, int32_t type, uint32_t seed, double scale) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> any(-scale, scale);
  Values values(static_cast<size_t>(count));
  for (double &value : values)
    value = roundToType(type, any(engine));
  return values;
}

void expectNear(const Values &actual, const Values &expected,
                const Values &bounds, const std::string &what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (size_t i = 0; i < actual.size(); ++i)
    if (!(std::fabs(actual[i] - expected[i]) <= bounds[i])) {
      ADD_FAILURE() << what << ": value " << i << " is " << actual[i]
                    << ", expected " << expected[i] << " +- " << bounds[i];
      return;
    }
}

std::vector<uint8_t> encode(const Values &values, int32_t type) {
  std::vector<uint8_t> bytes;
  for (double value : values) {
    uint32_t bits = 0;
    auto single = static_cast<float>(value);
    memcpy(&bits, &single, 4);
    if (type == LAMRT_BF16)
      bits >>= 16; // exact: the value has the type
    if (type == LAMRT_F16) {
      uint32_t sign = bits >> 16 & 0x8000;
      int exponent = value == 0 ? -15 : std::max(-15, std::ilogb(value));
      double unit = std::ldexp(1.0, std::max(exponent, -14) - 10);
      auto significand = static_cast<uint32_t>(std::fabs(value) / unit);
      bits =
          sign | (exponent < -14 ? significand
                                 : static_cast<uint32_t>(exponent + 15) << 10 |
                                       (significand & 0x3ff));
    }
    for (int i = 0; i < bytesOf(type); ++i)
      bytes.push_back(static_cast<uint8_t>(bits >> (8 * i)));
  }
  return bytes;
}

Values decode(const uint8_t *bytes, int32_t type, int64_t count) {
  Values values;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits = 0;
    memcpy(&bits, bytes + i * bytesOf(type),
           static_cast<size_t>(bytesOf(type)));
    if (type == LAMRT_F16) {
      int exponent = bits >> 10 & 31;
      double significand = bits & 0x3ff;
      double value = exponent == 31
                         ? (significand != 0 ? NAN : INFINITY)
                         : std::ldexp(significand + (exponent ? 1024 : 0),
                                      std::max(exponent, 1) - 25);
      values.push_back(bits & 0x8000 ? -value : value);
      continue;
    }
    if (type == LAMRT_BF16)
      bits <<= 16;
    float single;
    memcpy(&single, &bits, 4);
    values.push_back(single);
  }
  return values;
}

lamrt_status TestGroup::exchange(int32_t rank, const void *mine, void *all,
                                 uint64_t bytes) {
  std::unique_lock<std::mutex> lock(mutex);
  uint64_t own = round;
  std::vector<uint8_t> &place = shown[own % 2];
  place.resize(bytes * static_cast<uint64_t>(ranks));
  memcpy(place.data() + bytes * static_cast<uint64_t>(rank), mine, bytes);
  if (++arrived == ranks) {
    arrived = 0;
    ++round;
    changed.notify_all();
  }
  if (!changed.wait_for(lock, std::chrono::seconds(60),
                        [&] { return round != own; }))
    return LAMRT_DEVICE;
  memcpy(all, place.data(), place.size());
  return LAMRT_OK;
}

void TestRank::create(int64_t features) {
  table = lamrt_cuda_backend(LAMRT_ABI_VERSION, &host);
  ASSERT_TRUE(table);
  slotBytes = (features * 4 + 63) / 64 * 64;
  options.structSize = sizeof(options);
  options.ranks = std::max(options.ranks, 1);
  options.maxTokens = options.maxLogitRows = tokens;
  options.maxSequences = 8;
  for (int s = 0; s < LAMRT_NUM_SECTIONS; ++s) {
    options.sectionBytes[s] = 8 * slotBytes * tokens;
    options.widest[s] = features;
  }
  options.resultFeatures = features;
  if (!options.weightBytes)
    options.weightBytes = uint64_t(64) << 20;
  if (!options.numPages) {
    options.numPages = options.numLayers = options.kvHeads = 1;
    options.headDim = 8;
    options.pagesPerSequence = 1;
  }
  ASSERT_EQ(table->create(&options, &rank, &places), LAMRT_OK) << lastMessage;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
            cudaSuccess);
}

void TestRank::destroy() {
  if (rank)
    table->destroy(rank);
  if (stream) {
    EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  }
  rank = nullptr;
  stream = nullptr;
}

cpu::Rows TestRank::slot(int32_t index, int64_t features, int32_t type,
                         int32_t section) const {
  return {places.sections[section] + index * slotBytes * tokens,
          (features * bytesOf(type) + 63) / 64 * 64, type};
}

void TestRank::write(const cpu::Rows &rows, const Values &values,
                     int64_t features) {
  std::vector<uint8_t> bytes = encode(values, rows.type);
  auto width = static_cast<size_t>(features * bytesOf(rows.type));
  ASSERT_EQ(cudaMemcpy2DAsync(rows.data, static_cast<size_t>(rows.rowBytes),
                              bytes.data(), width, width, bytes.size() / width,
                              cudaMemcpyHostToDevice, stream),
            cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
}

Values TestRank::read(const cpu::Rows &rows, int64_t features, int64_t count) {
  auto width = static_cast<size_t>(features * bytesOf(rows.type));
  std::vector<uint8_t> bytes(width * static_cast<size_t>(count));
  EXPECT_EQ(cudaMemcpy2DAsync(bytes.data(), width, rows.data,
                              static_cast<size_t>(rows.rowBytes), width,
                              static_cast<size_t>(count),
                              cudaMemcpyDeviceToHost, stream),
            cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  return decode(bytes.data(), rows.type, features * count);
}

void TestRank::fill(const cpu::Rows &rows, int32_t byte, int64_t count) {
  auto bytes = static_cast<size_t>(rows.rowBytes * count);
  ASSERT_EQ(cudaMemsetAsync(rows.data, byte, bytes, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
}

std::vector<uint8_t> TestRank::readBytes(const cpu::Rows &rows, int64_t count) {
  std::vector<uint8_t> bytes(static_cast<size_t>(rows.rowBytes * count));
  EXPECT_EQ(cudaMemcpyAsync(bytes.data(), rows.data, bytes.size(),
                            cudaMemcpyDeviceToHost, stream),
            cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  return bytes;
}

const void *TestRank::load(const std::vector<uint8_t> &source,
                           int32_t sourceType, int64_t rows, int64_t rowBytes,
                           int64_t inBegin, int64_t inEnd, int32_t type) {
  runtime::BackendWeight weight = {};
  weight.name = "weight";
  weight.source = source.data();
  weight.sourceRowBytes = static_cast<uint64_t>(rowBytes);
  weight.sourceType = sourceType;
  weight.type = type;
  weight.rows = rows;
  weight.inBegin = inBegin;
  weight.inEnd = inEnd;
  const void *place = nullptr;
  EXPECT_EQ(table->loadWeight(rank, &weight, &place), LAMRT_OK) << lastMessage;
  EXPECT_EQ(table->start(rank), LAMRT_OK) << lastMessage;
  return place;
}

const float *TestRank::loadVector(const Values &values) {
  auto count = static_cast<int64_t>(values.size());
  return static_cast<const float *>(load(encode(values, LAMRT_F32), LAMRT_F32,
                                         1, count * 4, 0, count, LAMRT_F32));
}

const float *TestRank::writeVector(int32_t index, const Values &values) {
  auto count = static_cast<int64_t>(values.size());
  cpu::Rows place = slot(index, count, LAMRT_F32);
  write(place, values, count);
  return reinterpret_cast<const float *>(place.data);
}

void TestRank::begin(const std::vector<int32_t> &lengths,
                     const std::vector<int32_t> &starts,
                     const std::vector<int32_t> &ids,
                     const std::vector<int32_t> &logitRows) {
  std::vector<int32_t> rowBegin = {0}, tokenIds = ids;
  positions.clear();
  sequenceOfRow.clear();
  for (size_t s = 0; s < lengths.size(); ++s) {
    rowBegin.push_back(rowBegin.back() + lengths[s]);
    for (int32_t i = 0; i < lengths[s]; ++i) {
      positions.push_back(starts[s] + i);
      sequenceOfRow.push_back(static_cast<int32_t>(s));
    }
  }
  tokenIds.resize(positions.size());
  pageTable.resize(lengths.size() *
                   static_cast<size_t>(options.pagesPerSequence));
  runtime::BackendStep step = {rowBegin.back(),
                               static_cast<int32_t>(lengths.size()),
                               static_cast<int32_t>(logitRows.size()),
                               options.pagesPerSequence,
                               tokenIds.data(),
                               positions.data(),
                               sequenceOfRow.data(),
                               rowBegin.data(),
                               logitRows.data(),
                               pageTable.data()};
  ASSERT_EQ(table->beginStep(rank, &step), LAMRT_OK) << lastMessage;
}

void TestRank::end() {
  ASSERT_EQ(table->endStep(rank), LAMRT_OK) << lastMessage;
}

} // namespace lamina::cuda

//===- EmulatedTest.h - What the tests of the emulation share --*- C++ -*-===//

#ifndef LAMINA_TEST_EMULATION_TESTS_EMULATEDTEST_H
#define LAMINA_TEST_EMULATION_TESTS_EMULATEDTEST_H

#include "Emulation.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <memory>
#include <vector>

/// Starts each test with new devices, and ends it with no report left over.
class EmulatedTest : public ::testing::Test {
protected:
  void SetUp() override { use({}); }
  void TearDown() override {
    streams.clear();
    EXPECT_THAT(emulation::takeReports(), ::testing::IsEmpty());
  }

  void use(const emulation::Options &options) {
    streams.clear();
    emulation::reset(options);
  }

  struct DestroyStream {
    void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
  };

  /// A stream of the current device that lives as long as the test.
  cudaStream_t stream() {
    cudaStream_t made = nullptr;
    EXPECT_EQ(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking),
              cudaSuccess);
    streams.emplace_back(made);
    return made;
  }

  template <typename T>
  T *allocate(size_t count) {
    T *made = nullptr;
    EXPECT_EQ(cudaMalloc(&made, count * sizeof(T)), cudaSuccess);
    return made;
  }

  template <typename T>
  T *upload(const std::vector<T> &values, cudaStream_t on) {
    T *made = allocate<T>(values.size());
    EXPECT_EQ(cudaMemcpyAsync(made, values.data(), values.size() * sizeof(T),
                              cudaMemcpyHostToDevice, on),
              cudaSuccess);
    return made;
  }

  template <typename T>
  std::vector<T> download(const T *from, size_t count, cudaStream_t on) {
    std::vector<T> values(count);
    EXPECT_EQ(cudaMemcpyAsync(values.data(), from, count * sizeof(T),
                              cudaMemcpyDeviceToHost, on),
              cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(on), cudaSuccess);
    return values;
  }

  /// Launches and waits; the error of either.
  template <typename... Parameters, typename... Arguments>
  cudaError_t run(cudaStream_t on, dim3 grid, dim3 block,
                  void (*kernel)(Parameters...), Arguments... arguments) {
    if (cudaError_t status = launch(on, grid, block, kernel, arguments...))
      return status;
    return cudaStreamSynchronize(on);
  }

  template <typename... Parameters, typename... Arguments>
  cudaError_t launch(cudaStream_t on, dim3 grid, dim3 block,
                     void (*kernel)(Parameters...), Arguments... arguments) {
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = block;
    config.stream = on;
    config.dynamicSmemBytes = sharedBytes;
    return cudaLaunchKernelEx(&config, kernel, arguments...);
  }

  /// Expects one report, which holds all the texts.
  void expectReport(const std::vector<std::string> &texts) {
    auto reports = emulation::takeReports();
    ASSERT_EQ(reports.size(), 1u);
    for (const std::string &text : texts)
      EXPECT_THAT(reports[0], ::testing::HasSubstr(text));
  }

  size_t sharedBytes = 0;

private:
  std::vector<std::unique_ptr<CUstream_st, DestroyStream>> streams;
};

#endif // LAMINA_TEST_EMULATION_TESTS_EMULATEDTEST_H

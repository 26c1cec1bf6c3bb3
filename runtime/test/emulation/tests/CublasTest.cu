//===- CublasTest.cu - Products -------------------------------------------===//

#include "EmulatedTest.h"

#include <cublas_v2.h>

namespace {

class CublasTest : public EmulatedTest {
protected:
  void SetUp() override {
    EmulatedTest::SetUp();
    on = stream();
    ASSERT_EQ(cublasCreate(&handle), CUBLAS_STATUS_SUCCESS);
    ASSERT_EQ(cublasSetStream(handle, on), CUBLAS_STATUS_SUCCESS);
  }
  void TearDown() override {
    EXPECT_EQ(cublasDestroy(handle), CUBLAS_STATUS_SUCCESS);
    EmulatedTest::TearDown();
  }

  /// The rows of `weights` times the rows of `in`, as row-major programs ask
  /// for it: out[t][n] = sum over k of in[t][k] * weights[n][k].
  cublasStatus_t rows(const void *weights, const void *in, void *out,
                      cudaDataType type, cudaDataType outType, int n, int k,
                      int tokens, int leadingWeights, float beta = 0) {
    float alpha = 1;
    return cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, tokens, k, &alpha,
                        weights, type, leadingWeights, in, type, k, &beta, out,
                        outType, n, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
  }

  cudaStream_t on = nullptr;
  cublasHandle_t handle = nullptr;
};

TEST_F(CublasTest, row_major_products_are_right) {
  const int n = 3, k = 5, tokens = 2;
  std::vector<float> weights(n * k), in(tokens * k);
  for (int i = 0; i < n * k; ++i)
    weights[i] = static_cast<float>(i % 4) - 1;
  for (int i = 0; i < tokens * k; ++i)
    in[i] = static_cast<float>(i * i % 11);
  float *out = allocate<float>(tokens * n);
  // The output is NaN so far, and beta is 0.
  ASSERT_EQ(rows(upload(weights, on), upload(in, on), out, CUDA_R_32F,
                 CUDA_R_32F, n, k, tokens, k),
            CUBLAS_STATUS_SUCCESS);
  auto got = download(out, tokens * n, on);
  for (int t = 0; t < tokens; ++t)
    for (int row = 0; row < n; ++row) {
      float expected = 0;
      for (int i = 0; i < k; ++i)
        expected += in[t * k + i] * weights[row * k + i];
      EXPECT_EQ(got[t * n + row], expected);
    }
}

TEST_F(CublasTest, column_major_products_are_right) {
  // [1 3; 2 4] * [5 7; 6 8] + [1 1; 1 1]
  float *a = upload(std::vector<float>{1, 2, 3, 4}, on);
  float *b = upload(std::vector<float>{5, 6, 7, 8}, on);
  float *c = upload(std::vector<float>{1, 1, 1, 1}, on);
  float one = 1;
  ASSERT_EQ(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, a, 2,
                        b, 2, &one, c, 2),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(download(c, 4, on), (std::vector<float>{24, 35, 32, 47}));
}

TEST_F(CublasTest, narrow_types_round_once) {
  std::vector<__nv_bfloat16> weights(2), in(2);
  weights[0] = __float2bfloat16(256);
  weights[1] = __float2bfloat16(1);
  in[0] = in[1] = __float2bfloat16(1);
  auto *narrow = allocate<__nv_bfloat16>(1);
  float *wide = allocate<float>(1);
  auto *w = upload(weights, on), *x = upload(in, on);
  ASSERT_EQ(rows(w, x, narrow, CUDA_R_16BF, CUDA_R_16BF, 1, 2, 1, 2),
            CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(rows(w, x, wide, CUDA_R_16BF, CUDA_R_32F, 1, 2, 1, 2),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(__bfloat162float(download(narrow, 1, on)[0]), 256);
  EXPECT_EQ(download(wide, 1, on)[0], 257);
}

TEST_F(CublasTest, wrong_leading_dimensions_and_extents_are_refused) {
  float *weights = allocate<float>(12), *in = allocate<float>(4);
  float *out = allocate<float>(3);
  EXPECT_EQ(rows(weights, in, out, CUDA_R_32F, CUDA_R_32F, 3, 4, 1, 3),
            CUBLAS_STATUS_INVALID_VALUE);
  expectReport({"A has leading dimension 3, expected at least 4 rows"});
  EXPECT_EQ(rows(weights, in, out, CUDA_R_32F, CUDA_R_32F, 3, 4, 1, 5),
            CUBLAS_STATUS_INVALID_VALUE);
  expectReport({"A of 4 x 3, leading dimension 5, needs 56 bytes, its memory "
                "has 48"});
  EXPECT_EQ(rows(weights, in, out, CUDA_R_32F, CUDA_R_32F, 3, 4, 2, 4),
            CUBLAS_STATUS_INVALID_VALUE);
  expectReport({"B of 4 x 2", "needs 32 bytes, its memory has 16"});
  float host[12];
  EXPECT_EQ(rows(host, in, out, CUDA_R_32F, CUDA_R_32F, 3, 4, 1, 4),
            CUBLAS_STATUS_INVALID_VALUE);
  expectReport({"A is not in device memory"});
}

TEST_F(CublasTest, types_and_modes_that_lose_bits_are_refused) {
  float *weights = allocate<float>(12), *in = allocate<float>(4);
  float *out = allocate<float>(3);
  EXPECT_EQ(rows(weights, in, out, CUDA_R_32F, CUDA_R_16BF, 3, 4, 1, 4),
            CUBLAS_STATUS_NOT_SUPPORTED);
  expectReport({"types"});
  EXPECT_EQ(cublasSetMathMode(handle, CUBLAS_TF32_TENSOR_OP_MATH),
            CUBLAS_STATUS_NOT_SUPPORTED);
  expectReport({"cublasSetMathMode"});
  float one = 1, zero = 0;
  EXPECT_EQ(cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, 3, 1, 4, &one,
                         weights, CUDA_R_32F, 4, in, CUDA_R_32F, 4, &zero, out,
                         CUDA_R_32F, 3, CUBLAS_COMPUTE_32F_FAST_TF32,
                         CUBLAS_GEMM_DEFAULT),
            CUBLAS_STATUS_NOT_SUPPORTED);
  expectReport({"compute type"});
}

TEST_F(CublasTest, a_capture_needs_a_workspace_of_its_own) {
  float *weights = upload(std::vector<float>{2}, on);
  float *in = upload(std::vector<float>{3}, on);
  float *out = allocate<float>(1);
  void *workspace = allocate<char>(4096);
  ASSERT_EQ(cublasSetWorkspace(handle, workspace, 4096), CUBLAS_STATUS_SUCCESS);
  // This forgets the workspace.
  ASSERT_EQ(cublasSetStream(handle, on), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeThreadLocal),
            cudaSuccess);
  EXPECT_EQ(rows(weights, in, out, CUDA_R_32F, CUDA_R_32F, 1, 1, 1, 1),
            CUBLAS_STATUS_NOT_SUPPORTED);
  expectReport({"without cublasSetWorkspace after cublasSetStream"});
  ASSERT_EQ(cublasSetWorkspace(handle, workspace, 4096), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(rows(weights, in, out, CUDA_R_32F, CUDA_R_32F, 1, 1, 1, 1),
            CUBLAS_STATUS_SUCCESS);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(on, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(exec, on), cudaSuccess);
  EXPECT_EQ(download(out, 1, on)[0], 6);
  EXPECT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

TEST_F(CublasTest, faults_can_be_planned) {
  emulation::failAt("cublasGemmEx", 1, CUBLAS_STATUS_EXECUTION_FAILED);
  float *one = allocate<float>(1);
  EXPECT_EQ(rows(one, one, one, CUDA_R_32F, CUDA_R_32F, 1, 1, 1, 1),
            CUBLAS_STATUS_EXECUTION_FAILED);
  emulation::failAt("cublasSetStream", 1, CUBLAS_STATUS_ALLOC_FAILED);
  EXPECT_EQ(cublasSetStream(handle, on), CUBLAS_STATUS_ALLOC_FAILED);
}

} // namespace

// RUN: lamina-opt %s --llama-merge-projections --remarks-filter=llama-merge --remark-policy=all -o /dev/null 2>&1 | FileCheck %s

llama.weight private @wq[2] : tensor<64x64xf32> from "q.*"
llama.weight private @wk[2] : tensor<16x64xf32> from "k.*"
llama.weight private @wv[2] : tensor<16x64xf32> from "v.*"
llama.weight private @bk[2] : tensor<16xf32> from "bk.*"
llama.weight private @b16[2] : tensor<16xbf16> from "b16.*"
llama.weight private @half[2] : tensor<16x64xbf16> from "half.*"

// Two launches saved, and the input of 64 f32 read twice less.

// CHECK: [Passed] Merged | Category:llama-merge | Function=merged | ActivationBytesSavedPerToken=512, LaunchesSaved=2, Remark="merged 3 products"
func.func @merged(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %q = llama.linear %x, @wq[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %k = llama.linear %x, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %q, %k, %v : tensor<?x64xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// As often as the layers run.

// CHECK: [Passed] Merged | Category:llama-merge | Function=merged_in_layers | ActivationBytesSavedPerToken=512, LaunchesSaved=2, Remark="merged 2 products"
func.func @merged_in_layers(%x: tensor<?x64xf32>) {
  llama.layers %l to 2 {
    %k = llama.linear %x, @wk[%l] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
    %v = llama.linear %x, @wv[%l] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
    llama.yield
  }
  return
}

// CHECK: [Missed] StorageDiffers | Category:llama-merge | Function=storage | Reason="the weights differ in storage type", Suggestion="store the weights of one layer in one type"
func.func @storage(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %k = llama.linear %x, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %o = llama.linear %x, @half[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %o : tensor<?x16xf32>, tensor<?x16xf32>
}

// CHECK: [Missed] LayerDiffers | Category:llama-merge | Function=layer | Reason="the weights are read at different layers", Suggestion="read both weights at one layer"
func.func @layer(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %k = llama.linear %x, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv[1] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %v : tensor<?x16xf32>, tensor<?x16xf32>
}

// CHECK: [Missed] LeavesDiffer | Category:llama-merge | Function=leaves | Reason="the products differ in `leaves`", Suggestion="give both products one summation tree"
func.func @leaves(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %k = llama.linear %x, @wk[0] leaves [2, 2] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv[0] leaves [4] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %v : tensor<?x16xf32>, tensor<?x16xf32>
}

// CHECK: [Missed] BiasDiffers | Category:llama-merge | Function=bias | Reason="only some of the products have a bias", Suggestion="give each product a bias, or none"
func.func @bias(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %k = llama.linear %x, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv[0] bias @bk leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %v : tensor<?x16xf32>, tensor<?x16xf32>
}

llama.weight private @q8[2] : tensor<16x64x!llama.block<q8_0>> from "q8.*"
llama.weight private @r8[2] : tensor<16x64x!llama.block<q8_0>> from "r8.*"

// CHECK: [Missed] InputRoundingDiffers | Category:llama-merge | Function=input_rounding | Reason="only some of the products round their input to int8", Suggestion="give each product `int8`, or none"
func.func @input_rounding(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %k = llama.linear %x, @q8[0] int8 leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @r8[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %v : tensor<?x16xf32>, tensor<?x16xf32>
}

// CHECK: [Missed] BiasStorageDiffers | Category:llama-merge | Function=bias_storage | Reason="the biases differ in storage type", Suggestion="store the biases of one layer in one type"
// CHECK-NOT: remark
func.func @bias_storage(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %k = llama.linear %x, @wk[0] bias @bk leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv[0] bias @b16 leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %v : tensor<?x16xf32>, tensor<?x16xf32>
}

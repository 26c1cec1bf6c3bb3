// RUN: lamina-opt %s --llama-hoist-first-norm --remarks-filter=llama-hoist --remark-policy=all -o /dev/null 2>&1 | FileCheck %s

llama.weight private @norm[4] : tensor<8xf32> from "norm.*"
llama.weight private @final : tensor<8xf32> from "final"
llama.weight private @final_bf16 : tensor<8xbf16> from "final_bf16"
llama.weight private @derived[4] : tensor<8xf32> = layers [@norm[0 to 4]]

// Each layer's end becomes a site.

// CHECK: [Passed] Hoisted | Category:llama-hoist | Function=hoisted | Reason="the final norm is that of the last layer", Remark="the first norm moved in front of the layers", SitesGained=4
func.func @hoisted(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// The final norm reads the peeled layer's add, which is a site too.

// CHECK: [Passed] Peeled | Category:llama-hoist | Function=eps | Reason="the final norm has another eps", Remark="the first norm moved in front of the layers", SitesGained=4
func.func @eps(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 0.5 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK: [Passed] Peeled | {{.*}}Function=mode | Reason="the final norm has another mode"
func.func @mode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm single : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK: [Passed] Peeled | {{.*}}Function=result_type | Reason="the final norm has another result type"
func.func @result_type(%x: tensor<?x8xf32>) -> tensor<?x8xbf16> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32> -> tensor<?x8xbf16>
  return %n : tensor<?x8xbf16>
}

// CHECK: [Passed] Peeled | {{.*}}Function=weight_type | Reason="the weight of the final norm has another type"
func.func @weight_type(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final_bf16 eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK: [Passed] Peeled | {{.*}}Function=no_final_norm | Reason="no norm reads the loop's result", {{.*}}SitesGained=3
func.func @no_final_norm(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK: [Passed] Peeled | {{.*}}Function=derived_final_weight | Reason="the weight of the final norm is derived or read at a layer"
func.func @derived_final_weight(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @derived[1] eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK: [Missed] SeveralNorms | Category:llama-hoist | Function=several_norms | Reason="more than one norm reads an iteration value", Suggestion="let the layer read its input through one norm"
func.func @several_norms(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %m = llama.rms_norm %h, @norm[%l] eps 0.5 norm hf : tensor<?x8xf32>
    %r = llama.add %n, %m : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK: [Missed] WeightNotByLayer | Category:llama-hoist | Function=weight_not_by_layer | Reason="the weight of the first norm is not read at the layer", Suggestion="give each layer its own norm weight"
func.func @weight_not_by_layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK: [Missed] DerivedWeight | Category:llama-hoist | Function=derived_weight | Reason="the weight of the first norm is derived", Suggestion="name the weight that it is taken from"
func.func @derived_weight(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @derived[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK: [Missed] NoResidualAdd | Category:llama-hoist | Function=no_residual_add | Reason="the layer does not end in a residual add", Suggestion="yield the sum of the residual stream and the last product"
func.func @no_residual_add(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    llama.yield %n : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// No remark on a loop that runs no layer, or without a first norm.

// CHECK-NOT: Category
func.func @no_remark(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 0 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    llama.yield %n : tensor<?x8xf32>
  }
  %z = llama.layers %l to 2 iter (%h = %y) : tensor<?x8xf32> {
    llama.yield %h : tensor<?x8xf32>
  }
  return %z : tensor<?x8xf32>
}

// RUN: lamina-opt %s --canonicalize > %t.once
// RUN: FileCheck %s < %t.once
// RUN: lamina-opt %t.once --canonicalize | diff %t.once -

// Iteration values of `llama.layers`.

llama.weight private @norm[32] : tensor<64xf32> from "norm.*"

// CHECK-LABEL: func @dead_value
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    %[[R:.+]] = llama.layers %{{.+}} to 2 iter (%{{.+}} = %[[X]]) : tensor<?x64xf32> {
// CHECK-NEXT:      llama.rms_norm
// CHECK-NEXT:      llama.yield
func.func @dead_value(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %0:2 = llama.layers %l to 2 iter (%h = %x, %dead = %y) : tensor<?x64xf32>, tensor<?x64xf32> {
    %1 = llama.rms_norm %h, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
    %2 = llama.rms_norm %dead, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield %1, %2 : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %0#0 : tensor<?x64xf32>
}

// Two values that depend on each other only.

// CHECK-LABEL: func @dead_values
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    %[[R:.+]] = llama.layers %{{.+}} to 2 iter (%{{.+}} = %[[X]]) : tensor<?x64xf32> {
// CHECK-NEXT:      llama.rms_norm
// CHECK-NEXT:      llama.yield
func.func @dead_values(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>, %c: i1) -> tensor<?x64xf32> {
  %0:3 = llama.layers %l to 2 iter (%a = %y, %h = %x, %b = %x) : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32> {
    %1 = llama.rms_norm %h, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
    %2 = scf.if %c -> tensor<?x64xf32> {
      %3 = llama.rms_norm %a, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
      scf.yield %3 : tensor<?x64xf32>
    } else {
      scf.yield %b : tensor<?x64xf32>
    }
    llama.yield %b, %1, %2 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %0#1 : tensor<?x64xf32>
}

// The result is not used, but the cache depends on the value.

// CHECK-LABEL: func @no_dead_value_that_is_cached
// CHECK:         llama.layers %[[L:.+]] to 2 iter (%[[K:.+]] = %{{.+}})
// CHECK-NEXT:      llama.attention %{{.+}}, %[[K]]
// CHECK-NEXT:      %[[N:.+]] = llama.rms_norm %[[K]]
// CHECK-NEXT:      llama.yield %[[N]]
func.func @no_dead_value_that_is_cached(%x: tensor<?x64xf32>, %p: tensor<?xi32>) {
  %0 = llama.layers %l to 2 iter (%k = %x) : tensor<?x64xf32> {
    %1 = llama.attention %x, %k, %k, %p, %p layer [%l] heads 8 kv_heads 8 scale 0.5 kv f32 : tensor<?x64xf32>, tensor<?x64xf32>
    %2 = llama.rms_norm %k, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield %2 : tensor<?x64xf32>
  }
  return
}

// The result is not used, but another value that is depends on it, from within a
// region.

// CHECK-LABEL: func @no_dead_value_with_user
// CHECK:         llama.layers %{{.+}} to 2 iter (%{{.+}} = %{{.+}}, %{{.+}} = %{{.+}})
func.func @no_dead_value_with_user(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>, %c: i1) -> tensor<?x64xf32> {
  %0:2 = llama.layers %l to 2 iter (%h = %x, %a = %y) : tensor<?x64xf32>, tensor<?x64xf32> {
    %1 = scf.if %c -> tensor<?x64xf32> {
      %3 = llama.add %h, %a : tensor<?x64xf32>
      scf.yield %3 : tensor<?x64xf32>
    } else {
      scf.yield %h : tensor<?x64xf32>
    }
    %2 = llama.rms_norm %a, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield %1, %2 : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %0#0 : tensor<?x64xf32>
}

// CHECK-LABEL: func @invariant_value
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>, %[[Y:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    %[[R:.+]] = llama.layers %{{.+}} to 2 iter (%[[H:.+]] = %[[X]]) : tensor<?x64xf32> {
// CHECK-NEXT:      llama.add %[[H]], %[[Y]]
// CHECK:         return %[[R]], %[[Y]]
func.func @invariant_value(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %0:2 = llama.layers %l to 2 iter (%h = %x, %same = %y) : tensor<?x64xf32>, tensor<?x64xf32> {
    %1 = llama.add %h, %same : tensor<?x64xf32>
    llama.yield %1, %same : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %0#0, %0#1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func @repeated_value
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    %[[R:.+]] = llama.layers %{{.+}} to 2 iter (%[[H:.+]] = %[[X]]) : tensor<?x64xf32> {
// CHECK-NEXT:      llama.add %[[H]], %[[H]]
// CHECK:         return %[[R]], %[[R]]
func.func @repeated_value(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %0:2 = llama.layers %l to 2 iter (%g = %x, %h = %x) : tensor<?x64xf32>, tensor<?x64xf32> {
    %1 = llama.add %g, %h : tensor<?x64xf32>
    llama.yield %1, %1 : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %0#0, %0#1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// Swapped values with one init are the same; with two inits they stay.

// CHECK-LABEL: func @no_invariant_swapped
// CHECK:         llama.layers %{{.+}} to 3 iter (%[[G:.+]] = %{{.+}}, %[[H:.+]] = %{{.+}})
// CHECK-NEXT:      llama.yield %[[H]], %[[G]]
func.func @no_invariant_swapped(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %0:2 = llama.layers %l to 3 iter (%g = %x, %h = %y) : tensor<?x64xf32>, tensor<?x64xf32> {
    llama.yield %h, %g : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %0#0, %0#1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// A loop whose results are not used, and which has no effect, goes.

// CHECK-LABEL: func @dead_loop
// CHECK-NEXT:    return
func.func @dead_loop(%x: tensor<?x64xf32>) {
  %0 = llama.layers %l to 4 iter (%h = %x) : tensor<?x64xf32> {
    %1 = llama.rms_norm %h, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield %1 : tensor<?x64xf32>
  }
  return
}

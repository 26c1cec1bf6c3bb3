// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-sharded=ranks=2 | FileCheck %s
// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-sharded=ranks=2 --llama-to-sharded=ranks=2 > %t.twice
// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-sharded=ranks=2 | diff - %t.twice
// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-sharded="ranks=4 sum=native" | FileCheck %s --check-prefix=NATIVE
// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-sharded | FileCheck %s --check-prefix=ONE
// RUN: not lamina-opt %S/Inputs/model.mlir --llama-to-sharded=ranks=5 2>&1 | FileCheck %s --check-prefix=HEADS
// RUN: not lamina-opt %S/Inputs/model.mlir --llama-to-sharded=ranks=2 --llama-to-sharded=ranks=4 2>&1 | FileCheck %s --check-prefix=OTHER

// Three collectives a step and two a layer; the paper's order stays, with the
// residual first in the adds.

// CHECK-LABEL: func @step
// CHECK:         llama.embed {{.*}} #llama.partial>
// CHECK-NEXT:    llama.all_reduce
// CHECK-NEXT:    llama.layers %{{.+}} to 3 iter (%[[H:.+]] = %{{.+}})
// CHECK-NEXT:      llama.rms_norm
// CHECK-COUNT-3:   llama.linear {{.*}} #llama.columns<unit = {{8|16}}>>
// CHECK:           llama.linear {{.*}}@wo[%{{.+}}] leaves [2, 2]
// CHECK-NEXT:      %[[S:.+]] = llama.all_reduce {{.*}} bias @bo[%{{.+}}] sum f32 tree [2]
// CHECK-NEXT:      %[[R:.+]] = llama.add %[[H]], %[[S]]
// CHECK-NEXT:      llama.rms_norm %[[R]]
// CHECK:           llama.linear {{.*}}@down[%{{.+}}] leaves [2]
// CHECK-NEXT:      llama.all_reduce
// CHECK-NEXT:      llama.add
// CHECK-NEXT:      llama.yield
// CHECK:         llama.rms_norm
// CHECK:         llama.gather
// CHECK-NOT:     llama.all_reduce
// CHECK-NOT:     llama.all_gather

// NATIVE-COUNT-3: llama.all_reduce {{.*}} sum native tree [{{4|2, 2}}] : tensor<?x64xbf16, #llama.partial>

// ONE:     llama.ranks = 1
// ONE-NOT: llama.all_reduce
// ONE:     return

// HEADS: error: cannot be split over 5 ranks
// HEADS: help: ranks that would do, up to 128: 1, 2, 3, 4, 8{{$}}

// OTHER: error: is sharded for 2 ranks already, cannot be sharded for 4

// RUN: lamina-opt %s --llama-shard=ranks=2 --split-input-file --allow-unregistered-dialect | FileCheck %s
// RUN: lamina-opt %s --llama-shard=ranks=2 --split-input-file --allow-unregistered-dialect > %t.once
// RUN: lamina-opt %t.once --llama-shard=ranks=2 --split-input-file --allow-unregistered-dialect | diff %t.once -

// One rank: only the number is noted.

// RUN: lamina-opt %s --llama-shard --split-input-file --allow-unregistered-dialect | FileCheck %s --check-prefix=ONE
// ONE:     module attributes {llama.ranks = 1 : i64}
// ONE-NOT: split
// ONE-NOT: #llama.partial
// ONE-NOT: #llama.columns
// ONE-NOT: llama.all_reduce

// A whole layer: query, key, value, gate and up are split by columns, the output
// and down by rows. Heads are the units of attention, single columns those of the
// feed-forward; biases of columns are split with them.

// CHECK:     module attributes {llama.ranks = 2 : i64}
// CHECK-DAG: llama.weight private @embed {{.*}} split <columns, unit = 1>
// CHECK-DAG: llama.weight private @norm[2] : tensor<32xbf16> from "norm.*"{{$}}
// CHECK-DAG: llama.weight private @wq[2] {{.*}} split <columns, unit = 16>
// CHECK-DAG: llama.weight private @bq[2] {{.*}} split <columns, unit = 16>
// CHECK-DAG: llama.weight private @wk[2] {{.*}} split <columns, unit = 8>
// CHECK-DAG: llama.weight private @wv[2] {{.*}} split <columns, unit = 8>
// CHECK-DAG: llama.weight private @wo[2] {{.*}} split <rows, unit = 16>
// CHECK-DAG: llama.weight private @bo[2] : tensor<32xf32> from "bo.*"{{$}}
// CHECK-DAG: llama.weight private @gate[2] {{.*}} split <columns, unit = 1>
// CHECK-DAG: llama.weight private @up[2] {{.*}} split <columns, unit = 1>
// CHECK-DAG: llama.weight private @down[2] {{.*}} split <rows, unit = 1>
// CHECK-DAG: llama.weight private @head : tensor<50x32xbf16> from "head" split <columns, unit = 1>
llama.weight private @embed : tensor<50x32xbf16> from "embed"
llama.weight private @norm[2] : tensor<32xbf16> from "norm.*"
llama.weight private @wq[2] : tensor<32x32xbf16> from "q.*"
llama.weight private @bq[2] : tensor<32xf32> from "bq.*"
llama.weight private @wk[2] : tensor<16x32xbf16> from "k.*"
llama.weight private @wv[2] : tensor<16x32xbf16> from "v.*"
llama.weight private @wo[2] : tensor<32x32xbf16> from "o.*"
llama.weight private @bo[2] : tensor<32xf32> from "bo.*"
llama.weight private @gate[2] : tensor<24x32xbf16> from "gate.*"
llama.weight private @up[2] : tensor<24x32xbf16> from "up.*"
llama.weight private @down[2] : tensor<32x24xbf16> from "down.*"
llama.weight private @head : tensor<50x32xbf16> from "head"

// CHECK-LABEL: func @model
// CHECK-SAME:    -> tensor<?x50xf32, #llama.root>
// CHECK-NEXT:    %[[E:.+]] = llama.embed %{{.+}}, @embed : tensor<?x32xf32, #llama.partial>
// CHECK-NEXT:    %[[X:.+]] = llama.all_reduce %[[E]] sum f32 tree [2] : tensor<?x32xf32, #llama.partial> -> tensor<?x32xbf16>
// CHECK-NEXT:    %[[Y:.+]] = llama.layers %[[L:.+]] to 2 iter (%[[H:.+]] = %[[X]])
// CHECK-NEXT:      %[[N:.+]] = llama.rms_norm %[[H]]
// CHECK-NEXT:      llama.linear %[[N]], @wq[%[[L]]] bias @bq leaves [2, 2] : (tensor<?x32xbf16>) -> tensor<?x32xbf16, #llama.columns<unit = 16>>
// CHECK-NEXT:      llama.linear %[[N]], @wk[%[[L]]] leaves [2, 2] : (tensor<?x32xbf16>) -> tensor<?x16xbf16, #llama.columns<unit = 8>>
// CHECK-NEXT:      llama.linear %[[N]], @wv[%[[L]]]
// CHECK-NEXT:      llama.rope {{.*}} : tensor<?x32xbf16, #llama.columns<unit = 16>>
// CHECK-NEXT:      llama.rope {{.*}} : tensor<?x16xbf16, #llama.columns<unit = 8>>
// CHECK-NEXT:      %[[A:.+]] = llama.attention {{.*}} heads 4 kv_heads 2
// CHECK-NEXT:      %[[O:.+]] = llama.linear %[[A]], @wo[%[[L]]] leaves [2] : {{.*}} -> tensor<?x32xf32, #llama.partial>
// CHECK-NEXT:      %[[S:.+]] = llama.all_reduce %[[O]] bias @bo[%[[L]]] sum f32 tree [2] : {{.*}} -> tensor<?x32xbf16>
// CHECK-NEXT:      %[[R:.+]] = llama.add %[[H]], %[[S]] : tensor<?x32xbf16>
// CHECK-NEXT:      %[[M:.+]] = llama.rms_norm %[[R]]
// CHECK-NEXT:      llama.linear %[[M]], @gate[%[[L]]] {{.*}} -> tensor<?x24xbf16, #llama.columns<unit = 1>>
// CHECK-NEXT:      llama.linear %[[M]], @up[%[[L]]]
// CHECK-NEXT:      %[[G:.+]] = llama.silu_mul
// CHECK-NEXT:      %[[D:.+]] = llama.linear %[[G]], @down[%[[L]]] leaves [2] : {{.*}} -> tensor<?x32xf32, #llama.partial>
// CHECK-NEXT:      %[[F:.+]] = llama.all_reduce %[[D]] sum f32 tree [2]
// CHECK-NEXT:      %[[Q:.+]] = llama.add %[[R]], %[[F]]
// CHECK-NEXT:      llama.yield %[[Q]]
// CHECK:         %[[W:.+]] = llama.select_rows {{.*}} : tensor<?x32xbf16> -> tensor<?x32xbf16>
// CHECK-NEXT:    %[[C:.+]] = llama.linear %[[W]], @head {{.*}} -> tensor<?x50xf32, #llama.columns<unit = 1>>
// CHECK-NEXT:    %[[LOGITS:.+]] = llama.gather %[[C]] : {{.*}} -> tensor<?x50xf32, #llama.root>
// CHECK-NEXT:    return %[[LOGITS]]
func.func @model(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %wanted: tensor<?xi32>)
    -> tensor<?x50xf32> {
  %x = llama.embed %ids, @embed : tensor<?x32xbf16>
  %y = llama.layers %l to 2 iter (%h = %x) : tensor<?x32xbf16> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x32xbf16>
    %q = llama.linear %n, @wq[%l] bias @bq leaves [2, 2] : (tensor<?x32xbf16>) -> tensor<?x32xbf16>
    %k = llama.linear %n, @wk[%l] leaves [2, 2] : (tensor<?x32xbf16>) -> tensor<?x16xbf16>
    %v = llama.linear %n, @wv[%l] leaves [2, 2] : (tensor<?x32xbf16>) -> tensor<?x16xbf16>
    %qr = llama.rope %q, %positions frequencies #llama.rope<[1.0, 0.5, 0.25, 0.125]> pairing halves : tensor<?x32xbf16>
    %kr = llama.rope %k, %positions frequencies #llama.rope<[1.0, 0.5, 0.25, 0.125]> pairing halves : tensor<?x16xbf16>
    %a = llama.attention %qr, %kr, %v, %positions, %sequences layer [%l] heads 4 kv_heads 2 scale 0.5 kv bf16
        : tensor<?x32xbf16>, tensor<?x16xbf16>
    %o = llama.linear %a, @wo[%l] bias @bo leaves [2, 2] : (tensor<?x32xbf16>) -> tensor<?x32xbf16>
    %r = llama.add %h, %o : tensor<?x32xbf16>
    %m = llama.rms_norm %r, @norm[%l] eps 1.0e-05 norm hf : tensor<?x32xbf16>
    %g = llama.linear %m, @gate[%l] leaves [2] : (tensor<?x32xbf16>) -> tensor<?x24xbf16>
    %u = llama.linear %m, @up[%l] leaves [2] : (tensor<?x32xbf16>) -> tensor<?x24xbf16>
    %s = llama.silu_mul %g, %u : tensor<?x24xbf16>
    %d = llama.linear %s, @down[%l] leaves [2, 2] : (tensor<?x24xbf16>) -> tensor<?x32xbf16>
    %e = llama.add %r, %d : tensor<?x32xbf16>
    llama.yield %e : tensor<?x32xbf16>
  }
  %w = llama.select_rows %y, %wanted : tensor<?x32xbf16> -> tensor<?x32xbf16>
  %logits = llama.linear %w, @head leaves [2] : (tensor<?x32xbf16>) -> tensor<?x50xf32>
  return %logits : tensor<?x50xf32>
}

// CHECK-LABEL: func private @declaration
// CHECK-SAME:    (tensor<?x32xbf16>) -> tensor<?x32xbf16>
func.func private @declaration(tensor<?x32xbf16>) -> tensor<?x32xbf16>

// -----

// A table that is embedding and head at once.

// CHECK:       llama.weight private @tied {{.*}} split <columns, unit = 1>
// CHECK-LABEL: func @tied_head
// CHECK:         llama.all_reduce
// CHECK:         llama.gather
llama.weight private @tied : tensor<50x32xf32> from "tied"
func.func @tied_head(%ids: tensor<?xi32>) -> tensor<?x50xf32> {
  %x = llama.embed %ids, @tied : tensor<?x32xf32>
  %logits = llama.linear %x, @tied leaves [] : (tensor<?x32xf32>) -> tensor<?x50xf32>
  return %logits : tensor<?x50xf32>
}

// -----

// The logits of a function that is called stay whole, since its caller knows
// nothing of rank 0. A tied embedding is whole then, too; another one is not.

// CHECK:       llama.weight private @tied : tensor<50x32xf32> from "tied"{{$}}
// CHECK:       llama.weight private @embed {{.*}} split <columns, unit = 1>
// CHECK:       llama.weight private @head : tensor<50x32xf32> from "head"{{$}}
// CHECK-LABEL: func private @called
// CHECK-SAME:    -> (tensor<?x50xf32>, tensor<?x50xf32>)
// CHECK-NEXT:    llama.embed %{{.+}}, @tied : tensor<?x32xf32>{{$}}
// CHECK-NEXT:    llama.linear %{{.+}}, @tied {{.*}} -> tensor<?x50xf32>{{$}}
// CHECK-NEXT:    llama.embed %{{.+}}, @embed : tensor<?x32xf32, #llama.partial>
// CHECK-NEXT:    llama.all_reduce
// CHECK-NEXT:    llama.linear %{{.+}}, @head {{.*}} -> tensor<?x50xf32>{{$}}
// CHECK-NEXT:    return
llama.weight private @tied : tensor<50x32xf32> from "tied"
llama.weight private @embed : tensor<50x32xf32> from "embed"
llama.weight private @head : tensor<50x32xf32> from "head"
func.func private @called(%ids: tensor<?xi32>) -> (tensor<?x50xf32>, tensor<?x50xf32>) {
  %x = llama.embed %ids, @tied : tensor<?x32xf32>
  %a = llama.linear %x, @tied leaves [] : (tensor<?x32xf32>) -> tensor<?x50xf32>
  %y = llama.embed %ids, @embed : tensor<?x32xf32>
  %b = llama.linear %y, @head leaves [] : (tensor<?x32xf32>) -> tensor<?x50xf32>
  return %a, %b : tensor<?x50xf32>, tensor<?x50xf32>
}
func.func @caller(%ids: tensor<?xi32>) -> (tensor<?x50xf32>, tensor<?x50xf32>) {
  %a, %b = call @called(%ids) : (tensor<?xi32>) -> (tensor<?x50xf32>, tensor<?x50xf32>)
  return %a, %b : tensor<?x50xf32>, tensor<?x50xf32>
}

// -----

// Logits that have another user, or that a loop yields, stay whole.

// CHECK-LABEL: func @no_gather
// CHECK-NOT:     llama.gather
// CHECK:         return
llama.weight private @head : tensor<32x32xf32> from "head"
func.func @no_gather(%x: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  %a = llama.linear %x, @head leaves [] : (tensor<?x32xf32>) -> tensor<?x32xf32>
  %b = llama.add %x, %a : tensor<?x32xf32>
  %c = llama.layers %l to 2 iter (%h = %x) : tensor<?x32xf32> {
    %d = llama.linear %h, @head leaves [] : (tensor<?x32xf32>) -> tensor<?x32xf32>
    llama.yield %d : tensor<?x32xf32>
  }
  return %a, %b, %c : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// A function of several blocks may return another value elsewhere.

// CHECK-LABEL: func @no_gather_in_blocks
// CHECK-SAME:    -> tensor<?x50xf32>
// CHECK-NOT:     llama.gather
// CHECK:         llama.linear
llama.weight private @head : tensor<50x32xf32> from "head"
func.func @no_gather_in_blocks(%x: tensor<?x32xf32>, %y: tensor<?x50xf32>) -> tensor<?x50xf32> {
  "test.branch"()[^a, ^b] : () -> ()
^a:
  %logits = llama.linear %x, @head leaves [] : (tensor<?x32xf32>) -> tensor<?x50xf32>
  return %logits : tensor<?x50xf32>
^b:
  return %y : tensor<?x50xf32>
}

// -----

// 3 KV heads on 2 ranks: 1 + 2, and the 2 query heads of each go with it. 23
// columns: 11 + 12. Neither sum has the bits of one rank, so the ranks are the
// tree and each rank sums in one leaf.

// CHECK-DAG:   llama.weight private @wq {{.*}} split <columns, unit = 8>
// CHECK-DAG:   llama.weight private @wk {{.*}} split <columns, unit = 4>
// CHECK-DAG:   llama.weight private @wo {{.*}} split <rows, unit = 8>
// CHECK-DAG:   llama.weight private @up {{.*}} split <columns, unit = 1>
// CHECK-LABEL: func @uneven
// CHECK:         llama.linear %{{.+}}, @wo leaves [] : (tensor<?x24xf32, #llama.columns<unit = 8>>)
// CHECK-NEXT:    llama.all_reduce %{{.+}} tree [2]
// CHECK:         llama.linear %{{.+}}, @down leaves [] : (tensor<?x23xf32, #llama.columns<unit = 1>>)
// CHECK-NEXT:    llama.all_reduce %{{.+}} tree [2]
llama.weight private @wq : tensor<24x8xf32> from "q"
llama.weight private @wk : tensor<12x8xf32> from "k"
llama.weight private @wv : tensor<12x8xf32> from "v"
llama.weight private @wo : tensor<8x24xf32> from "o"
llama.weight private @up : tensor<23x8xf32> from "up"
llama.weight private @down : tensor<8x23xf32> from "down"
func.func @uneven(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) -> tensor<?x8xf32> {
  %q = llama.linear %x, @wq leaves [] : (tensor<?x8xf32>) -> tensor<?x24xf32>
  %k = llama.linear %x, @wk leaves [] : (tensor<?x8xf32>) -> tensor<?x12xf32>
  %v = llama.linear %x, @wv leaves [] : (tensor<?x8xf32>) -> tensor<?x12xf32>
  %a = llama.attention %q, %k, %v, %positions, %positions layer [0] heads 6 kv_heads 3 scale 0.5 kv f32
      : tensor<?x24xf32>, tensor<?x12xf32>
  %o = llama.linear %a, @wo leaves [2, 2] : (tensor<?x24xf32>) -> tensor<?x8xf32>
  %u = llama.linear %o, @up leaves [] : (tensor<?x8xf32>) -> tensor<?x23xf32>
  %d = llama.linear %u, @down leaves [] : (tensor<?x23xf32>) -> tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}

// -----

// One KV head for two ranks: both have a copy; queries are split by head.

// CHECK-DAG:   llama.weight private @wq {{.*}} split <columns, unit = 4>
// CHECK-DAG:   llama.weight private @wk {{.*}} split <columns, unit = 4>
// CHECK-DAG:   llama.weight private @wo {{.*}} split <rows, unit = 4>
// CHECK-LABEL: func @copies
// CHECK:         llama.attention {{.*}} : tensor<?x8xf32, #llama.columns<unit = 4>>, tensor<?x4xf32, #llama.columns<unit = 4>>
llama.weight private @wq : tensor<8x8xf32> from "q"
llama.weight private @wk : tensor<4x8xf32> from "k"
llama.weight private @wv : tensor<4x8xf32> from "v"
llama.weight private @wo : tensor<8x8xf32> from "o"
func.func @copies(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) -> tensor<?x8xf32> {
  %q = llama.linear %x, @wq leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %x, @wk leaves [] : (tensor<?x8xf32>) -> tensor<?x4xf32>
  %v = llama.linear %x, @wv leaves [] : (tensor<?x8xf32>) -> tensor<?x4xf32>
  %a = llama.attention %q, %k, %v, %positions, %positions layer [0] heads 2 kv_heads 1 scale 0.5 kv f32
      : tensor<?x8xf32>, tensor<?x4xf32>
  %o = llama.linear %a, @wo leaves [2] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %o : tensor<?x8xf32>
}

// -----

// Rows are split in whole blocks of 32, and so are the columns they multiply:
// those of both operands of an op, although only one is also read by a product
// of blocks itself.

// CHECK-DAG:   llama.weight private @gate {{.*}} split <columns, unit = 32>
// CHECK-DAG:   llama.weight private @up {{.*}} split <columns, unit = 32>
// CHECK-DAG:   llama.weight private @down {{.*}} split <rows, unit = 32>
// CHECK-DAG:   llama.weight private @also {{.*}} split <rows, unit = 32>
// CHECK-LABEL: func @blocks
// CHECK:         llama.silu_mul {{.*}} : tensor<?x96xf32, #llama.columns<unit = 32>>
// CHECK:         llama.linear %{{.+}}, @also leaves [] : (tensor<?x96xf32, #llama.columns<unit = 32>>)
llama.weight private @gate : tensor<96x8xf32> from "gate"
llama.weight private @up : tensor<96x8xf32> from "up"
llama.weight private @down : tensor<8x96xf32> from "down"
llama.weight private @also : tensor<8x96x!llama.block<q8_0>> from "also"
func.func @blocks(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %g = llama.linear %x, @gate leaves [] : (tensor<?x8xf32>) -> tensor<?x96xf32>
  %u = llama.linear %x, @up leaves [] : (tensor<?x8xf32>) -> tensor<?x96xf32>
  %s = llama.silu_mul %g, %u : tensor<?x96xf32>
  %d = llama.linear %s, @down leaves [] : (tensor<?x96xf32>) -> tensor<?x8xf32>
  %a = llama.linear %u, @also leaves [] : (tensor<?x96xf32>) -> tensor<?x8xf32>
  return %d, %a : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// Products that were merged before: each part has its own rule, each partial sum
// its own all_reduce with its own bias.

// CHECK-DAG:   llama.weight private @a {{.*}} split <columns, unit = 1>
// CHECK-DAG:   llama.weight private @b : tensor<16x8xf32> from "b"{{$}}
// CHECK-DAG:   llama.weight private @ba {{.*}} split <columns, unit = 1>
// CHECK-DAG:   llama.weight private @bb : tensor<16xf32> from "bb"{{$}}
// CHECK-DAG:   llama.weight private @c {{.*}} split <rows, unit = 1>
// CHECK-LABEL: func @merged
// CHECK-NEXT:    %{{.+}}, %[[A:.+]] = llama.linear %{{.+}}, @ba_ab bias @bias_ba leaves [] {{.*}} -> (tensor<?x16xf32>, tensor<?x16xf32, #llama.columns<unit = 1>>)
// CHECK:         %[[P:.+]], %[[Q:.+]] = llama.linear %[[A]], @cd leaves [2]
// CHECK-NEXT:    llama.all_reduce %[[P]] bias @bc sum f32 tree [2] : tensor<?x8xf32, #llama.partial> -> tensor<?x8xf32>
// CHECK-NEXT:    llama.all_reduce %[[Q]] bias @bd sum f32 tree [2] : tensor<?x4xf32, #llama.partial> -> tensor<?x4xbf16>
llama.weight private @a : tensor<16x8xf32> from "a"
llama.weight private @b : tensor<16x8xf32> from "b"
llama.weight private @ba_ab : tensor<32x8xf32> = columns [@b, @a]
llama.weight private @ba : tensor<16xf32> from "ba"
llama.weight private @bb : tensor<16xf32> from "bb"
llama.weight private @bias_ba : tensor<32xf32> = columns [@bb, @ba]
llama.weight private @c : tensor<8x16xf32> from "c"
llama.weight private @d : tensor<4x16xf32> from "d"
llama.weight private @cd : tensor<12x16xf32> = columns [@c, @d]
llama.weight private @bc : tensor<8xf32> from "bc"
llama.weight private @bd : tensor<4xf32> from "bd"
llama.weight private @bcd : tensor<12xf32> = columns [@bc, @bd]
func.func @merged(%x: tensor<?x8xf32>) -> (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x4xbf16>) {
  %b, %a = llama.linear %x, @ba_ab bias @bias_ba leaves [] : (tensor<?x8xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>)
  %s = llama.add %b, %b : tensor<?x16xf32>
  %c, %d = llama.linear %a, @cd bias @bcd leaves [2, 2] : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xbf16>)
  return %s, %c, %d : tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x4xbf16>
}

// -----

// Where no collective may stand, nothing is split that needs one.

// CHECK-LABEL: func @whole_in_if
// CHECK-NOT:     llama.all_reduce
// CHECK:         scf.if
// CHECK-NEXT:      llama.embed %{{.+}}, @embed : tensor<?x8xf32>{{$}}
// CHECK-NEXT:      llama.layers
// CHECK-NEXT:        llama.linear %{{.+}}, @up {{.*}} -> tensor<?x16xf32>{{$}}
// CHECK-NEXT:        llama.linear %{{.+}}, @down {{.*}} -> tensor<?x8xf32>{{$}}
llama.weight private @embed : tensor<50x8xf32> from "embed"
llama.weight private @up : tensor<16x8xf32> from "up"
llama.weight private @down : tensor<8x16xf32> from "down"
func.func @whole_in_if(%ids: tensor<?xi32>, %x: tensor<?x8xf32>, %c: i1) -> tensor<?x8xf32> {
  %z = scf.if %c -> tensor<?x8xf32> {
    %e = llama.embed %ids, @embed : tensor<?x8xf32>
    %y = llama.layers %l to 2 iter (%h = %e) : tensor<?x8xf32> {
      %u = llama.linear %h, @up leaves [] : (tensor<?x8xf32>) -> tensor<?x16xf32>
      %d = llama.linear %u, @down leaves [] : (tensor<?x16xf32>) -> tensor<?x8xf32>
      llama.yield %d : tensor<?x8xf32>
    }
    scf.yield %y : tensor<?x8xf32>
  } else {
    scf.yield %x : tensor<?x8xf32>
  }
  return %z : tensor<?x8xf32>
}

// -----

// So in a function that is called where none may stand, also by another one.

// CHECK-LABEL: func private @whole_in_called
// CHECK-NEXT:      llama.embed %{{.+}}, @embed : tensor<?x8xf32>{{$}}
// CHECK-NEXT:      llama.linear %{{.+}}, @up {{.*}} -> tensor<?x16xf32>{{$}}
// CHECK-NEXT:      llama.linear %{{.+}}, @down {{.*}} -> tensor<?x8xf32>{{$}}
// CHECK-LABEL: func private @shared_in_called
// CHECK-NEXT:      llama.linear %{{.+}}, @up2 {{.*}} -> tensor<?x16xf32, #llama.columns<unit = 1>>
// CHECK-NEXT:      llama.linear %{{.+}}, @down2 {{.*}} -> tensor<?x8xf32, #llama.partial>
llama.weight private @embed : tensor<50x8xf32> from "embed"
llama.weight private @up : tensor<16x8xf32> from "up"
llama.weight private @down : tensor<8x16xf32> from "down"
llama.weight private @up2 : tensor<16x8xf32> from "up2"
llama.weight private @down2 : tensor<8x16xf32> from "down2"
func.func private @whole_in_called(%ids: tensor<?xi32>) -> tensor<?x8xf32> {
  %e = llama.embed %ids, @embed : tensor<?x8xf32>
  %u = llama.linear %e, @up leaves [] : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %d = llama.linear %u, @down leaves [] : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}
func.func private @shared_in_called(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %u = llama.linear %x, @up2 leaves [] : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %d = llama.linear %u, @down2 leaves [] : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}
func.func private @between(%ids: tensor<?xi32>) -> tensor<?x8xf32> {
  %x = call @whole_in_called(%ids) : (tensor<?xi32>) -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}
func.func @calls(%ids: tensor<?xi32>, %x: tensor<?x8xf32>, %c: i1) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %y = scf.if %c -> tensor<?x8xf32> {
    %a = func.call @between(%ids) : (tensor<?xi32>) -> tensor<?x8xf32>
    scf.yield %a : tensor<?x8xf32>
  } else {
    scf.yield %x : tensor<?x8xf32>
  }
  %z = call @shared_in_called(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y, %z : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// A function that is called by its address may be run by some ranks only: there
// everything stays whole.

// CHECK-LABEL: func private @by_address
// CHECK-NOT:     llama.all_reduce
// CHECK:         return
llama.weight private @up3 : tensor<16x8xf32> from "up3"
llama.weight private @down3 : tensor<8x16xf32> from "down3"
func.func private @by_address(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %u = llama.linear %x, @up3 leaves [] : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %d = llama.linear %u, @down3 leaves [] : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}
func.func @calls_by_address(%x: tensor<?x8xf32>, %c: i1) -> tensor<?x8xf32> {
  %f = func.constant @by_address : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = scf.if %c -> tensor<?x8xf32> {
    %z = func.call_indirect %f(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    scf.yield %z : tensor<?x8xf32>
  } else {
    scf.yield %x : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// -----

// A tapped value is whole.

// CHECK-LABEL: func @tapped
// CHECK-NEXT:    %[[U:.+]] = llama.linear %{{.+}}, @up {{.*}} -> tensor<?x16xf32>{{$}}
// CHECK-NEXT:    llama.tap %[[U]], "up" : tensor<?x16xf32>{{$}}
llama.weight private @up : tensor<16x8xf32> from "up"
llama.weight private @down : tensor<8x16xf32> from "down"
func.func @tapped(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %u = llama.linear %x, @up leaves [] : (tensor<?x8xf32>) -> tensor<?x16xf32>
  llama.tap %u, "up" : tensor<?x16xf32>
  %d = llama.linear %u, @down leaves [] : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}

// -----

// A value that an op outside of the dialect, a call or a loop reads stays whole;
// so does a residual stream.

// CHECK-LABEL: func @whole_values
// CHECK-NOT:     #llama
// CHECK:         return
llama.weight private @w[2] : tensor<8x8xf32> from "w.*"
func.func private @callee(tensor<?x8xf32>) -> tensor<?x8xf32>
func.func @whole_values(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  %a = llama.linear %x, @w[0] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %b = "test.foreign"(%a) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %c = llama.linear %x, @w[0] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %d = call @callee(%c) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %e = llama.linear %x, @w[0] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %f = llama.layers %l to 2 iter (%h = %e) : tensor<?x8xf32> {
    %s = llama.add %h, %x : tensor<?x8xf32>
    llama.yield %s : tensor<?x8xf32>
  }
  %i = llama.linear %x, @w[1] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %j = llama.add %x, %i : tensor<?x8xf32>
  %k = llama.add %d, %f : tensor<?x8xf32>
  return %b, %k, %j, %x : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// A nested module has symbols of its own, and is left as it is.

// CHECK-LABEL: module @nested
// CHECK-NOT:     split
// CHECK-NOT:     #llama
// CHECK:         return
module {
module @nested {
  llama.weight private @up : tensor<16x8xf32> from "up"
  llama.weight private @down : tensor<8x16xf32> from "down"
  func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %u = llama.linear %x, @up leaves [] : (tensor<?x8xf32>) -> tensor<?x16xf32>
    %d = llama.linear %u, @down leaves [] : (tensor<?x16xf32>) -> tensor<?x8xf32>
    return %d : tensor<?x8xf32>
  }
}
}

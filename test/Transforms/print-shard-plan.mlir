// RUN: lamina-opt %s --llama-print-shard-plan=ranks=2 -o /dev/null 2>&1 | FileCheck %s
// RUN: lamina-opt %s --llama-shard=ranks=2 --llama-print-shard-plan -o /dev/null 2>&1 | FileCheck %s
// RUN: %exits 3 lamina-opt %s --llama-print-shard-plan=ranks=6 -o /dev/null 2>&1 | FileCheck %s --check-prefix=COPIES
// RUN: %exits 3 lamina-opt %s --llama-print-shard-plan=ranks=4 -o /dev/null 2>&1 | FileCheck %s --check-prefix=PROBLEMS
// RUN: lamina-opt %s --llama-print-shard-plan -o /dev/null 2>&1 | FileCheck %s --check-prefix=ONE

// The table goes to standard error; the module stays as it is.

// RUN: lamina-opt %s --llama-print-shard-plan=ranks=2 2> /dev/null > %t.after
// RUN: lamina-opt %s | diff - %t.after

// Before and after sharding. 3 KV heads: 1 + 2; 23 columns: 11 + 12; blocks of 34
// bytes; a derived weight has no bytes of its own; more bytes than 64 bits hold
// are said to be so.

// CHECK:      shard plan for 2 ranks, bytes
// CHECK-NEXT: {{^}}weight rule rank 0 rank 1{{$}}
// CHECK-NEXT: {{^}}@embed columns in units of 1 1152 1248{{$}}
// CHECK-NEXT: {{^}}@norm whole 96 96{{$}}
// CHECK-NEXT: {{^}}@wq columns in units of 8 768 1536{{$}}
// CHECK-NEXT: {{^}}@wk columns in units of 4 384 768{{$}}
// CHECK-NEXT: {{^}}@wv columns in units of 4 384 768{{$}}
// CHECK-NEXT: {{^}}@wo rows in units of 8 768 1536{{$}}
// CHECK-NEXT: {{^}}@up columns in units of 1 1056 1152{{$}}
// CHECK-NEXT: {{^}}@down rows in units of 1 1056 1152{{$}}
// CHECK-NEXT: {{^}}@wide columns in units of 32 3072 6144{{$}}
// CHECK-NEXT: {{^}}@narrow rows in units of 32 816 1632{{$}}
// CHECK-NEXT: {{^}}@a_name_that_is_longer_than_its_column whole 4 4{{$}}
// CHECK-NEXT: {{^}}total 9556 16036{{$}}

// Six ranks share 3 KV heads, two to a head, and have one query head each. The
// blocks and the weights that depend on them are too few.

// COPIES:     shard plan for 6 ranks
// COPIES:     {{^}}@wq columns in units of 4 384 384 384 384 384 384{{$}}
// COPIES:     {{^}}@wk columns in units of 4 384 384 384 384 384 384{{$}}
// COPIES:     cannot be: @wide: 96 output features in units of 32: 3 units for 6 ranks
// COPIES-NEXT: cannot be: @narrow: 96 input features in units of 32: 3 units for 6 ranks
// COPIES-NEXT: {{.*}}error: cannot be split over 6 ranks, for the reasons above
// COPIES-NOT: cannot be:

// PROBLEMS:      cannot be: @wk: 12 output features in units of 4: 3 units for 4 ranks
// PROBLEMS-NEXT: cannot be: @wv: 12 output features in units of 4: 3 units for 4 ranks
// PROBLEMS-NEXT: cannot be: llama.attention: needs ranks that are a multiple of the 3 units of key-value heads, got 4
// PROBLEMS:      error: cannot be split over 4 ranks, for the reasons above

// ONE:      shard plan for 1 ranks
// ONE:      {{^}}@wq whole 2304{{$}}
// ONE:      {{^}}total 25492{{$}}
// ONE-NOT:  cannot be

llama.weight private @embed : tensor<25x24xf32> from "embed"
llama.weight private @norm[2] : tensor<24xbf16> from "norm.*"
llama.weight private @wq : tensor<24x24xf32> from "q"
llama.weight private @wk : tensor<12x24xf32> from "k"
llama.weight private @wv : tensor<12x24xf32> from "v"
llama.weight private @wkv : tensor<24x24xf32> = columns [@wk, @wv]
llama.weight private @wo : tensor<24x24xf32> from "o"
llama.weight private @up : tensor<23x24xf32> from "up"
llama.weight private @down : tensor<24x23xf32> from "down"
llama.weight private @wide : tensor<96x24xf32> from "wide"
llama.weight private @narrow : tensor<24x96x!llama.block<q8_0>> from "narrow"
llama.weight private @a_name_that_is_longer_than_its_column : tensor<1xf32> from "a_name"

func.func @f(%ids: tensor<?xi32>) -> tensor<?x24xf32> {
  %x = llama.embed %ids, @embed : tensor<?x24xf32>
  %n = llama.rms_norm %x, @norm[1] eps 1.0e-05 norm hf : tensor<?x24xf32>
  %q = llama.linear %n, @wq leaves [] : (tensor<?x24xf32>) -> tensor<?x24xf32>
  %k, %v = llama.linear %n, @wkv leaves [] : (tensor<?x24xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>)
  %a = llama.attention %q, %k, %v, %ids, %ids layer [0] heads 6 kv_heads 3 scale 0.5 kv f32
      : tensor<?x24xf32>, tensor<?x12xf32>
  %o = llama.linear %a, @wo leaves [] : (tensor<?x24xf32>) -> tensor<?x24xf32>
  %u = llama.linear %o, @up leaves [] : (tensor<?x24xf32>) -> tensor<?x23xf32>
  %d = llama.linear %u, @down leaves [] : (tensor<?x23xf32>) -> tensor<?x24xf32>
  %w = llama.linear %d, @wide leaves [] : (tensor<?x24xf32>) -> tensor<?x96xf32>
  %e = llama.linear %w, @narrow leaves [] : (tensor<?x96xf32>) -> tensor<?x24xf32>
  return %e : tensor<?x24xf32>
}

// RUN: lamina-interpret %s --function=columns | FileCheck %s --check-prefix=COLUMNS
// RUN: lamina-interpret %s --function=partial | FileCheck %s --check-prefix=PARTIAL
// RUN: lamina-interpret %s --function=native | FileCheck %s --check-prefix=NATIVE
// RUN: lamina-interpret %s --function=rows --tokens=7 | FileCheck %s --check-prefix=ROWS
// RUN: lamina-interpret %s --function=rows --tokens=4 | FileCheck %s --check-prefix=ROWS
// RUN: lamina-interpret %s --function=rows --tokens=1 | FileCheck %s --check-prefix=ROWS
// RUN: lamina-interpret %s --function=rows --tokens=0 | FileCheck %s --check-prefix=ROWS
// RUN: lamina-interpret %s --function=scattered --tokens=4 > %t.scattered
// RUN: lamina-interpret %s --function=reduced --tokens=4 | diff - %t.scattered
// RUN: lamina-interpret %s --function=root | FileCheck %s --check-prefix=ROOT
// RUN: lamina-interpret %s --function=vocabulary --arith=f64 > %t.split
// RUN: lamina-interpret %s --function=whole_vocabulary --arith=f64 | diff - %t.split
// RUN: %exits 8 lamina-interpret %s --function=unequal 2>&1 | FileCheck %s --check-prefix=UNEQUAL

// Three ranks, and what they return is joined.

module attributes {llama.ranks = 3} {
  llama.weight private @table : tensor<5x4xf32> from "table" split <columns, unit = 1>
  llama.weight private @whole : tensor<5x4xf32> from "table"

  // An argument in columns is one value, whatever the ranks: 7 columns are
  // 2 + 2 + 3, and joining them gives back the drawn row.
  // COLUMNS:      result 0: tensor<1x7xf32> sha256=[[HASH:[0-9a-f]+]] first=[
  // COLUMNS-NEXT: result 1: tensor<1x7xf32> sha256=[[HASH]] first=[
  func.func @columns(%x: tensor<1x7xf32, #llama.columns<unit = 1>>)
      -> (tensor<1x7xf32, #llama.columns<unit = 1>>, tensor<1x7xf32>) {
    %y = llama.all_gather %x : tensor<1x7xf32, #llama.columns<unit = 1>> -> tensor<1x7xf32>
    return %x, %y : tensor<1x7xf32, #llama.columns<unit = 1>>, tensor<1x7xf32>
  }

  // The addends of "argument 0" with seed 0 are, on ranks 0 to 2 (f32):
  //   [-0.35904955863952637, -0.49889862537384033]
  //   [0.2430989295244217, -0.5370504260063171]
  //   [-0.6906028389930725, 0.26457226276397705]
  // PARTIAL: result 0: tensor<1x2xf32> {{.*}} first=[-0.806553483, -0.771376729]
  func.func @partial(%p: tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32> {
    %s = llama.all_reduce %p sum f32 tree [3] : tensor<1x2xf32, #llama.partial> -> tensor<1x2xf32>
    return %s : tensor<1x2xf32>
  }

  // The same as bf16, rounded after each add: (a0 + a1) is -0.1162109375 and
  // -1.0312500000 (from -1.033203125).
  // NATIVE: result 0: tensor<1x2xbf16> {{.*}} first=[-0.80859, -0.76562]
  func.func @native(%p: tensor<1x2xbf16, #llama.partial>) -> tensor<1x2xbf16> {
    %s = llama.all_reduce %p sum native tree [3] : tensor<1x2xbf16, #llama.partial> -> tensor<1x2xbf16>
    return %s : tensor<1x2xbf16>
  }

  // 7 rows are 3 + 3 + 1, 4 are 2 + 2 + 0, one is on rank 0.
  // ROWS:      result 0: tensor<[[T:[0-9]+]]x4xf32> sha256=[[HASH:[0-9a-f]+]]
  // ROWS-NEXT: result 1: tensor<[[T]]x4xf32> sha256=[[HASH]]
  // ROWS-NEXT: result 2: tensor<[[T]]x4xf32> sha256=[[HASH]]
  func.func @rows(%x: tensor<?x4xf32, #llama.rows>)
      -> (tensor<?x4xf32, #llama.rows>, tensor<?x4xf32>, tensor<?x4xf32, #llama.rows>) {
    %y = llama.all_gather %x : tensor<?x4xf32, #llama.rows> -> tensor<?x4xf32>
    %z = llama.shard_rows %y : tensor<?x4xf32> -> tensor<?x4xf32, #llama.rows>
    return %x, %y, %z : tensor<?x4xf32, #llama.rows>, tensor<?x4xf32>, tensor<?x4xf32, #llama.rows>
  }

  func.func @scattered(%p: tensor<?x5xf32, #llama.partial>) -> tensor<?x5xbf16, #llama.rows> {
    %s = llama.reduce_scatter %p sum f32 tree [3] : tensor<?x5xf32, #llama.partial> -> tensor<?x5xbf16, #llama.rows>
    return %s : tensor<?x5xbf16, #llama.rows>
  }
  func.func @reduced(%p: tensor<?x5xf32, #llama.partial>) -> tensor<?x5xbf16> {
    %s = llama.all_reduce %p sum f32 tree [3] : tensor<?x5xf32, #llama.partial> -> tensor<?x5xbf16>
    return %s : tensor<?x5xbf16>
  }

  // ROOT: result 0: tensor<1x7xf32>
  func.func @root(%x: tensor<1x7xf32, #llama.columns<unit = 1>>) -> tensor<1x7xf32, #llama.root> {
    %y = llama.gather %x : tensor<1x7xf32, #llama.columns<unit = 1>> -> tensor<1x7xf32, #llama.root>
    return %y : tensor<1x7xf32, #llama.root>
  }

  func.func @vocabulary(%ids: tensor<?xi32>) -> tensor<?x4xf32> {
    %p = llama.embed %ids, @table : tensor<?x4xf32, #llama.partial>
    %x = llama.all_reduce %p sum f32 tree [3] : tensor<?x4xf32, #llama.partial> -> tensor<?x4xf32>
    return %x : tensor<?x4xf32>
  }
  func.func @whole_vocabulary(%ids: tensor<?xi32>) -> tensor<?x4xf32> {
    %x = llama.embed %ids, @whole : tensor<?x4xf32>
    return %x : tensor<?x4xf32>
  }

  // A scalar is drawn on each rank anew, so this result is not replicated.
  // UNEQUAL: error: {{.*}}ranks.mlir: result 0: element 0 differs on rank {{[12]}}, expected the same on every rank
  func.func @unequal(%x: f32) -> f32 {
    return %x : f32
  }
}

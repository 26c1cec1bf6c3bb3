// The number of ranks is a number from 1 to 1024, for every pass and pipeline.

// RUN: %exits 2 lamina-opt %s --llama-shard=ranks=0 2>&1 | FileCheck %s -DVALUE=0
// RUN: %exits 2 lamina-opt %s --llama-shard=ranks=-1 2>&1 | FileCheck %s -DVALUE=-1
// RUN: %exits 2 lamina-opt %s --llama-shard=ranks=two 2>&1 | FileCheck %s -DVALUE=two
// RUN: %exits 2 lamina-opt %s --llama-shard=ranks=2.0 2>&1 | FileCheck %s -DVALUE=2.0
// RUN: %exits 2 lamina-opt %s --llama-shard=ranks=1025 2>&1 | FileCheck %s -DVALUE=1025
// RUN: %exits 2 lamina-opt %s --llama-shard=ranks=2147483648 2>&1 | FileCheck %s -DVALUE=2147483648
// RUN: %exits 2 lamina-opt %s --llama-shard=ranks=99999999999999999999 2>&1 | FileCheck %s -DVALUE=99999999999999999999
// RUN: %exits 2 lamina-opt %s --llama-print-shard-plan=ranks=0 2>&1 | FileCheck %s -DVALUE=0
// RUN: %exits 2 lamina-opt %s --llama-to-sharded=ranks=0 2>&1 | FileCheck %s -DVALUE=0
// RUN: %exits 2 lamina-opt %s --llama-to-fused=ranks=0 2>&1 | FileCheck %s -DVALUE=0
// CHECK: error: pass pipeline: option ranks: "[[VALUE]]", expected a number of ranks from 1 to 1024

// RUN: %exits 2 lamina-opt %s --llama-shard=sum=exact 2>&1 | FileCheck %s --check-prefix=SUM
// SUM: error: pass pipeline: option sum: "exact", expected one of the values that --help lists

// RUN: lamina-opt %s --llama-shard=ranks=1024 | FileCheck %s --check-prefix=MOST
// MOST: llama.ranks = 1024

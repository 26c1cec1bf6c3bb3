// RUN: lamina-interpret --help | FileCheck %s --check-prefix=HELP
// RUN: %exits 2 lamina-interpret %s --inputs=7 2>&1 | FileCheck %s --check-prefix=SEED
// RUN: %exits 2 lamina-interpret %s --weights=seed:-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: %exits 2 lamina-interpret %s --arith=f32 2>&1 | FileCheck %s --check-prefix=ARITH
// RUN: %exits 2 lamina-interpret %s --rnaks=2 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: %exits 2 lamina-interpret %s --ranks=0 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: %exits 2 lamina-interpret %s --ranks=4 2>&1 | FileCheck %s --check-prefix=RANKS
// RUN: %exits 2 lamina-interpret %s --tokens=-1 2>&1 | FileCheck %s --check-prefix=TOKENS
// RUN: %exits 2 lamina-interpret %s --compare-with=%s -o %t 2>&1 | FileCheck %s --check-prefix=BOTH
// RUN: %exits 2 lamina-interpret %s --compare-with= 2>&1 | FileCheck %s --check-prefix=EMPTY
// RUN: %exits 2 lamina-interpret %s -o "" 2>&1 | FileCheck %s --check-prefix=NO-FILE
// RUN: %exits 3 lamina-interpret %s --function=stpe 2>&1 | FileCheck %s --check-prefix=FUNCTION
// RUN: echo "func.func @step(" | %exits 3 lamina-interpret 2>&1 | FileCheck %s --check-prefix=MALFORMED
// RUN: %exits 5 lamina-interpret %t.absent 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: %exits 5 lamina-interpret %s --compare-with=%t.absent 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: %exits 5 lamina-interpret %s -o %t.no/folder 2>&1 | FileCheck %s --check-prefix=FOLDER

// HELP: lamina-interpret: the meaning of a module
// EMPTY: error: --compare-with: empty, expected a file
// NO-FILE: error: -o: empty, expected a file
// SEED: error: --inputs: "7", expected seed:N
// NEGATIVE: error: --weights: "seed:-1", expected seed:N
// ARITH: error: --arith: "f32", expected one of the values that --help lists
// UNKNOWN: error: --rnaks=2: unknown option, expected one that --help lists
// UNKNOWN: help: did you mean '--ranks=2'?
// ZERO: error: --ranks: "0", expected a number of ranks from 1 to 1024
// RANKS: error: {{.*}}options.mlir: --ranks: 4, expected 2, the module's llama.ranks
// TOKENS: error: --tokens: -1, expected 0 to 1048576
// BOTH: error: -o: with --compare-with, expected one of them
// FUNCTION: error: {{.*}}options.mlir: --function: no function @stpe, expected one of: @step, @other
// MALFORMED: error: expected
// ABSENT: error: {{.*}}.absent: file: No such file or directory, expected a readable file
// FOLDER: error: {{.*}}folder: output:

module attributes {llama.ranks = 2} {
  func.func @step(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    return %x : tensor<?x2xf32>
  }
  func.func @other() {
    return
  }
}

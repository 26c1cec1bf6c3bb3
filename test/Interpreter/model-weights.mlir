// Weights of files, and ids that are given.
// RUN: rm -rf %t && mkdir %t && %python -c "import struct, sys; open(sys.argv[1], 'wb').write(bytes(4) + struct.pack('<6f', 1, 2, 3, 4, 5, 6))" %t/w.bin
// RUN: lamina-interpret %s --weights=model:%t --inputs=ids:2,0,2 | FileCheck %s
// CHECK: result 0: tensor<3x2xf32> {{.*}} first=[5, 6, 1, 2, 5, 6]

// RUN: %exits 5 lamina-interpret %s --weights=model:%t/none --inputs=ids:0 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: error: {{.*}}: weight @table: {{.*}}none/w.bin: No such file or directory
// RUN: mkdir -p %t/folder/w.bin
// RUN: %exits 5 lamina-interpret %s --weights=model:%t/folder --inputs=ids:0 2>&1 | FileCheck %s --check-prefix=FOLDER
// FOLDER: error: {{.*}}: weight @table: {{.*}}folder/w.bin: expected a regular file
// RUN: %python -c "import os, sys; os.makedirs(sys.argv[1]); os.mkfifo(sys.argv[1] + '/w.bin')" %t/pipe
// RUN: %exits 5 lamina-interpret %s --weights=model:%t/pipe --inputs=ids:0 2>&1 | FileCheck %s --check-prefix=PIPE
// PIPE: error: {{.*}}: weight @table: {{.*}}pipe/w.bin: expected a regular file
// RUN: %python -c "import sys; open(sys.argv[1], 'r+b').truncate(27)" %t/w.bin
// RUN: %exits 3 lamina-interpret %s --weights=model:%t --inputs=ids:0 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: error: {{.*}}: weight @table: 24 bytes from byte 4 on, but {{.*}}w.bin has 27
// RUN: sed 's/ at <.*>$//' %s > %t/m.mlir
// RUN: %exits 3 lamina-interpret %t/m.mlir --weights=model:%t --inputs=ids:0 2>&1 | FileCheck %s --check-prefix=NOWHERE
// NOWHERE: error: {{.*}}: weight @table: no placement, expected one with --weights=model:FOLDER
// RUN: %exits 3 lamina-interpret %s --inputs=ids:0,3 2>&1 | FileCheck %s --check-prefix=OUTSIDE
// OUTSIDE: error: {{.*}}3
// RUN: %exits 2 lamina-interpret %s --weights=model: 2>&1 | FileCheck %s --check-prefix=SOURCE
// SOURCE: error: --weights: "model:", expected seed:N or model:FOLDER
// RUN: %exits 2 lamina-interpret %s --inputs=ids:1,x 2>&1 | FileCheck %s --check-prefix=ID
// ID: error: --inputs: "x", expected a token id
// RUN: %exits 2 lamina-interpret %s --inputs=ids:1 --tokens=2 2>&1 | FileCheck %s --check-prefix=BOTH
// BOTH: error: --tokens: beside --inputs=ids, expected one of them

llama.weight private @table : tensor<3x2xf32> from "table" at <["w.bin"], [0], [4]>
func.func @step(%ids: tensor<?xi32>) -> tensor<?x2xf32> {
  %x = llama.embed %ids, @table : tensor<?x2xf32>
  return %x : tensor<?x2xf32>
}

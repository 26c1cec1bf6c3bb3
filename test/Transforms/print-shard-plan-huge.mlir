// RUN: lamina-opt %s --llama-print-shard-plan -o /dev/null 2>&1 | FileCheck %s

// More bytes than 64 bits hold, by layers and in total.

// CHECK:      {{^}}@layers whole 2^63 or more{{$}}
// CHECK-NEXT: {{^}}@half whole 4611686018427387904{{$}}
// CHECK-NEXT: {{^}}@other_half whole 4611686018427387904{{$}}
// CHECK-NEXT: {{^}}total 2^63 or more{{$}}
llama.weight private @layers[4611686018427387904] : tensor<4xf32> from "layers.*"
llama.weight private @half : tensor<1152921504606846976xf32> from "half"
llama.weight private @other_half : tensor<1152921504606846976xf32> from "other_half"

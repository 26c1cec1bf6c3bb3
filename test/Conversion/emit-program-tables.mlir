// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-planned --llama-to-runtime --llama-to-llvm > %t
// RUN: FileCheck %s < %t
// RUN: lamina-emit-program --llvm-ir %t | FileCheck %s --check-prefix=IR
// RUN: lamina-opt %s --llama-emit-program-tables --split-input-file --verify-diagnostics

// The stage is the pass behind upstream's conversions; the text of the stage
// before can be resumed.

// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-planned --llama-to-runtime | lamina-opt - --llama-to-llvm | diff %t -

// Only the LLVM dialect is left.

// CHECK-NOT: llama.
// CHECK:     llvm.func @step_1(%{{.+}}: !llvm.ptr, %{{.+}}: !llvm.ptr) -> i32
// CHECK-NOT: func.call
// CHECK-NOT: llama.
// CHECK:     llvm.mlir.global internal constant @lamina.files()
// CHECK-NOT: llama.
// CHECK:     llvm.func @lamina_program_v1() -> !llvm.ptr

// name, size, header size, header hash, sample hash, full hash, if there is one

// IR:      @[[A:.+]] = internal constant [14 x i8] c"a.safetensors\00"
// IR-NEXT: @[[B:.+]] = internal constant [14 x i8] c"b.safetensors\00"
// IR-NEXT: @lamina.files = internal constant [2 x
// IR-SAME:   { ptr @[[A]], i64 4096, i64 64, i64 -2, i64 3, i64 0, i32 0 }
// IR-SAME:   { ptr @[[B]], i64 2048, i64 32, i64 4, i64 5, i64 6, i32 1 }

// Layers lie in several files; a derived weight has parts: of query, key and
// value, and layer 1 of @norm with all of @final.

// IR:      @lamina.weight.1.files = internal constant [2 x i32] [i32 0, i32 1]
// IR-NEXT: @lamina.weight.1.offsets = internal constant [2 x i64] [i64 704, i64 32]
// IR-NEXT: @[[NORM:.+]] = internal constant [7 x i8] c"norm.*\00"
// IR:      @lamina.weight.5.parts = internal constant [3 x {{.*}}{ i32 2, i32 0, i32 0 }{{.*}}{ i32 3, i32 0, i32 0 }{{.*}}{ i32 4, i32 0, i32 0 }]
// IR:      @lamina.weight.12.parts = internal constant [2 x {{.*}}{ i32 1, i32 1, i32 2 }{{.*}}{ i32 11, i32 0, i32 1 }]

// name, kind, type, out, in, layers, split, unit, files, offsets, parts, uses

// IR:      @lamina.weights = internal constant [13 x
// IR-SAME:   i32 0, i32 0, i64 10, i64 16, i32 1, i32 0, i64 0, ptr @lamina.weight.0.files, ptr @lamina.weight.0.offsets, i32 0, ptr null, i32 3 }
// IR-SAME:   { ptr @[[NORM]], i32 0, i32 0, i64 16, i64 0, i32 2, i32 0, i64 0, ptr @lamina.weight.1.files, ptr @lamina.weight.1.offsets, i32 0, ptr null, i32 4 }
// IR-SAME:   i32 0, i32 2, i64 16, i64 16, i32 2, i32 0, i64 0, ptr @lamina.weight.2.files, ptr @lamina.weight.2.offsets, i32 0, ptr null, i32 0 }
// IR-SAME:   i32 2, i32 2, i64 32, i64 16, i32 2, i32 0, i64 0, ptr null, ptr null, i32 3, ptr @lamina.weight.5.parts, i32 2 }
// IR-SAME:   i32 2, i32 0, i64 32, i64 0, i32 2, i32 0, i64 0, ptr null, ptr null, i32 3, ptr @lamina.weight.9.parts, i32 4 }
// IR-SAME:   i32 0, i32 1, i64 16, i64 16, i32 2, i32 0, i64 0, ptr @lamina.weight.10.files, ptr @lamina.weight.10.offsets, i32 0, ptr null, i32 2 }
// IR-SAME:   i32 1, i32 0, i64 16, i64 0, i32 2, i32 0, i64 0, ptr null, ptr null, i32 2, ptr @lamina.weight.12.parts, i32 4 }

// IR:      @lamina.frequencies.0 = internal constant [2 x double] [double 1.000000e+00, double 1.000000e-01]
// IR:      @[[TAP:.+]] = internal constant [9 x i8] c"hidden.L\00"
// IR-NEXT: @[[TAP1:.+]] = internal constant [12 x i8] c"hidden.norm\00"
// IR-NEXT: @lamina.tap_names = internal constant [2 x ptr] [ptr @[[TAP]], ptr @[[TAP1]]]

// IR:      @lamina.step_1.list.1 = internal constant [3 x i32] [i32 2, i32 3, i32 4]
// IR:      @lamina.step_1.lists = internal constant [5 x {{.*}}{ i32 2, ptr @lamina.step_1.list.0 }{{.*}}{ i32 3, ptr @lamina.step_1.list.1 }

// rows, type, features, distribution, unit, offset

// IR:      @lamina.step_1.slots = internal constant [8 x
// IR-SAME:   { i32 0, i32 0, i64 16, i32 0, i64 0, i64 0 }
// IR-SAME:   { i32 0, i32 0, i64 8, i32 0, i64 0, i64 192 }
// IR-SAME:   { i32 1, i32 0, i64 10, i32 0, i64 0, i64 64 }

// ranks, slots, arena, lists, collectives, key-value heads, step

// IR-NEXT: @lamina.variants = internal constant [1 x {{.*}}{ i32 1, i32 8, ptr @lamina.step_1.slots, [3 x i64] [i64 384, i64 128, i64 0], i32 5, i32 0, i32 2, ptr @lamina.step_1.lists, ptr null, ptr @step_1 }]
// IR-NEXT: @lamina.tokenizer = internal constant [3 x i8] c"\AB\00\FF"
// IR-NEXT: @[[JSON:.+]] = internal constant [103 x i8] c"{\22name\22:\22tiny\22,\22variants\22:[{\22bytes_per_logits_row\22:0,\22bytes_per_token\22:0,\22collectives\22:[],\22ranks\22:1}]}\00"
// IR-NEXT: @[[PATH:.+]] = internal constant [12 x i8] c"models/tiny\00"
// IR-NEXT: @[[RELATIVE:.+]] = internal constant [8 x i8] c"../tiny\00"
// IR-NEXT: @lamina.program = internal constant
// IR-SAME:   ptr @[[JSON]], ptr @[[PATH]], ptr @[[RELATIVE]], i32 2, i32 13, i32 1, i32 2, i32 1, {{.*}}ptr @lamina.files, ptr @lamina.weights, ptr @lamina.frequencies, ptr @lamina.tap_names, ptr @lamina.variants,
// cache: layers, heads, columns of one, type; then result, vocabulary, context
// IR-SAME:   { i32 2, i32 2, i32 4, i32 1 }, i64 10, i64 10, i64 128, ptr @lamina.tokenizer, i64 3, ptr null }

// The name of a file with packed weights.

// RUN: sed 's/lamina.model_path/lamina.packed_weights = "tiny.weights", lamina.model_path/' %S/Inputs/model.mlir > %t.packed.mlir
// RUN: lamina-opt %t.packed.mlir --llama-to-planned --llama-to-runtime --llama-to-llvm | lamina-emit-program --llvm-ir - | FileCheck %s --check-prefix=PACKED
// PACKED: @[[NAME:.+]] = internal constant [13 x i8] c"tiny.weights\00"
// PACKED: @lamina.program = {{.*}}, i64 3, ptr @[[NAME]] }

// The note: sizes of name and description, type, both.

// IR-NEXT: @lamina.note = internal constant {{.*}} { i32 7, i32 102, i32 1, [8 x i8] c"Lamina\00\00", [104 x i8] c"{\22name\22:\22tiny\22,\22variants\22:[{\22bytes_per_logits_row\22:0,\22bytes_per_token\22:0,\22collectives\22:[],\22ranks\22:1}]}\00\00" }, section ".note.lamina", align 4

// IR:      define ptr @lamina_program_v1() {
// IR-NEXT:   ret ptr @lamina.program

// A config without a checkpoint gives no program.

module {
  // expected-error@+1 {{needs a placement in a checkpoint, 'at <...>'}}
  llama.weight private @w : tensor<16xf32> from "w"
}

// -----

// The file must be described, and hold the bytes.

module {
  // expected-error@+1 {{lies in "a", which 'lamina.files' does not describe}}
  llama.weight private @w : tensor<16xf32> from "w" at <["a"], [0], [0]>
}

// -----

module attributes {lamina.files = [
    {name = "a", size = 64 : i64, header_size = 0 : i64, header_hash = 0 : i64, sample_hash = 0 : i64}]} {
  llama.weight private @v : tensor<16xf32> from "v" at <["a"], [0], [0]>
  // expected-error@+1 {{needs bytes inside "a" of 64 bytes, got offset 4}}
  llama.weight private @w : tensor<16xf32> from "w" at <["a"], [0], [4]>
}

// -----

module attributes {lamina.files = [
    {name = "a", size = 64 : i64, header_size = 0 : i64, header_hash = 0 : i64, sample_hash = 0 : i64}]} {
  // expected-error@+1 {{needs bytes inside "a" of 64 bytes, got offset 9223372036854775807}}
  llama.weight private @w : tensor<16xf32> from "w" at <["a"], [0], [9223372036854775807]>
}

// -----

// expected-error@+1 {{'lamina.files' has two files of the name a}}
module attributes {lamina.files = [
    {name = "a", size = 64 : i64, header_size = 0 : i64, header_hash = 0 : i64, sample_hash = 0 : i64},
    {name = "a", size = 64 : i64, header_size = 0 : i64, header_hash = 0 : i64, sample_hash = 0 : i64}]} {
}

// -----

// What a driver or a reader of the text has spoilt.

// expected-error@+1 {{'lamina.files' needs {name, size, header_size, header_hash, sample_hash} for each file, numbers as i64, got}}
module attributes {lamina.files = [{name = "a"}]} {
}

// -----

// expected-error@+2 {{'lamina.max_context' needs an i64 that is not negative, got -1 : i64}}
// expected-error@+1 {{'lamina.json' needs a string, got 1 : i64}}
module attributes {lamina.max_context = -1 : i64, lamina.json = 1 : i64} {
}

// -----

// expected-error@+1 {{'lamina.tokenizer' needs a dense resource of i8 with its bytes, got "text"}}
module attributes {lamina.tokenizer = "text"} {
}

// -----

// expected-error@+1 {{needs 'lamina.variants', an array of variants}}
module {
}

// -----

// expected-error@+1 {{needs variants {arena, collectives, kv_heads, lists, ranks, slots} in 'lamina.variants', got}}
module attributes {lamina.variants = [{ranks = 0 : i64}]} {
}

// -----

// expected-error@+1 {{needs 'lamina.slot_table', an array, and 'lamina.arena', 3 i64: is it planned?}}
module attributes {lamina.variants = [{collectives = [], kv_heads = 1 : i64, lists = [], ranks = 1 : i64}]} {
  llvm.func @step_1(!llvm.ptr, !llvm.ptr) -> i32
}

// -----

// expected-error@+1 {{needs array<i32: ...> in the lists of 'lamina.variants', got 1 : i64}}
module attributes {lamina.variants = [{arena = array<i64: 64, 64, 0>, collectives = [], kv_heads = 1 : i64, lists = [1], ranks = 1 : i64, slots = []}]} {
  llvm.func @step_1(!llvm.ptr, !llvm.ptr) -> i32
}

// -----

// expected-error@+1 {{needs {features, operation, rows, times, type} in the collectives of 'lamina.variants', got {features = 1 : i64, operation = "all_to_all"}}}
module attributes {lamina.variants = [{arena = array<i64: 64, 64, 0>, collectives = [{features = 1 : i64, operation = "all_to_all"}], kv_heads = 1 : i64, lists = [], ranks = 1 : i64, slots = []}]} {
  llvm.func @step_1(!llvm.ptr, !llvm.ptr) -> i32
}

// -----

// expected-error@+1 {{needs #llama.rope in 'lamina.frequencies', got 1 : i64}}
module attributes {lamina.frequencies = [1]} {
}

// -----

// expected-error@+1 {{needs strings in 'lamina.taps', got 1 : i64}}
module attributes {lamina.taps = [1]} {
}

// -----

module attributes {lamina.files = [
    {name = "a", size = 64 : i64, header_size = 0 : i64, header_hash = 0 : i64, sample_hash = 0 : i64}]} {
  // expected-error@+1 {{needs 'lamina.uses' of "embed", "linear" and "vector", got ["fast"]}}
  llama.weight private @w : tensor<16xf32> from "w" at <["a"], [0], [0]> {lamina.uses = ["fast"]}
}

// -----

// expected-error@+1 {{needs a function 'step_1' that is converted to LLVM}}
module attributes {lamina.variants = [{arena = array<i64: 64, 64, 0>, collectives = [], kv_heads = 1 : i64, lists = [], ranks = 1 : i64, slots = []}]} {
}

// -----

// expected-error@+1 {{needs 'lamina.cache' {layers, kv_heads, head_dim, type}, got}}
module attributes {lamina.variants = [{arena = array<i64: 64, 64, 0>, collectives = [], kv_heads = 1 : i64, lists = [], ranks = 1 : i64, slots = []}], lamina.cache = {layers = 1 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, type = i32}} {
  llvm.func @step_1(!llvm.ptr, !llvm.ptr) -> i32
}

// -----

// expected-error@+1 {{needs 'lamina.result_features', an i64 that is not negative}}
module attributes {lamina.variants = [{arena = array<i64: 64, 64, 0>, collectives = [], kv_heads = 1 : i64, lists = [], ranks = 1 : i64, slots = []}]} {
  llvm.func @step_1(!llvm.ptr, !llvm.ptr) -> i32
}

// -----

// expected-error@+1 {{has two variants of 1 ranks in 'lamina.variants', expected one}}
module attributes {lamina.variants = [{arena = array<i64: 64, 64, 0>, collectives = [], kv_heads = 1 : i64, lists = [], ranks = 1 : i64, slots = []}, {arena = array<i64: 64, 64>, collectives = [], kv_heads = 1 : i64, lists = [], ranks = 1 : i64, slots = []}]} {
  llvm.func @step_1(!llvm.ptr, !llvm.ptr) -> i32
}

// A runtime that does nothing: main prints the program's JSON and the text
// `tap` for each tap, and returns what the step returns, 8.

llvm.func @puts(!llvm.ptr) -> i32
llvm.func @lamina_program_v1() -> !llvm.ptr
llvm.mlir.global internal constant @text("tap\00")

llvm.func @main() -> i32 {
  %program = llvm.call @lamina_program_v1() : () -> !llvm.ptr
  %json_field = llvm.getelementptr %program[0, 2] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(i32, i32, ptr)>
  %json = llvm.load %json_field : !llvm.ptr -> !llvm.ptr
  %0 = llvm.call @puts(%json) : (!llvm.ptr) -> i32
  %variants_field = llvm.getelementptr %program[0, 14] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(i32, i32, ptr, ptr, ptr, i32, i32, i32, i32, i32, ptr, ptr, ptr, ptr, ptr)>
  %variants = llvm.load %variants_field : !llvm.ptr -> !llvm.ptr
  %step_field = llvm.getelementptr %variants[0, 9] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(i32, i32, ptr, array<3 x i64>, i32, i32, i32, ptr, ptr, ptr)>
  %step = llvm.load %step_field : !llvm.ptr -> !llvm.ptr
  %null = llvm.mlir.zero : !llvm.ptr
  %status = llvm.call %step(%null, %null) : !llvm.ptr, (!llvm.ptr, !llvm.ptr) -> i32
  llvm.return %status : i32
}
llvm.func @lamrt_step_begin(!llvm.ptr, !llvm.ptr) {
^bb0(%0: !llvm.ptr, %1: !llvm.ptr):
  llvm.return
}
llvm.func @lamrt_step_end(!llvm.ptr) -> i32 {
^bb0(%0: !llvm.ptr):
  %status = llvm.mlir.constant(8 : i32) : i32
  llvm.return %status : i32
}
llvm.func @lamrt_tap(!llvm.ptr, i32, i32, i32) {
^bb0(%0: !llvm.ptr, %1: i32, %2: i32, %3: i32):
  %text = llvm.mlir.addressof @text : !llvm.ptr
  %4 = llvm.call @puts(%text) : (!llvm.ptr) -> i32
  llvm.return
}
llvm.func @lamrt_embed() {
  llvm.return
}
llvm.func @lamrt_rms_norm() {
  llvm.return
}
llvm.func @lamrt_linear() {
  llvm.return
}
llvm.func @lamrt_rope() {
  llvm.return
}
llvm.func @lamrt_attention() {
  llvm.return
}
llvm.func @lamrt_residual_rms_norm() {
  llvm.return
}
llvm.func @lamrt_select_rows() {
  llvm.return
}
llvm.func @lamrt_result() {
  llvm.return
}

//===- Passes.td - llama -> calls of the runtime -> LLVM --*- tablegen -*-===//

#ifndef LAMINA_CONVERSION_PASSES_TD
#define LAMINA_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanBuffersPass : Pass<"llama-plan-buffers", "::mlir::ModuleOp"> {
  let summary = "Give every activation a place in the arena";
  let description = [{
    Each value gets a slot: an offset in bytes a row, for any number of rows.
    Values that are never needed at the same time share bytes; results overwrite
    operands where that is legal and useful; what a loop carries keeps one slot.
    Before:

    ```mlir
    %n, %r = llama.residual_rms_norm %s, %h, @ffn_norm[%l] eps 1.0e-05 norm hf
        : tensor<?x64xf32>
    ```

    After, on a module with `lamina.slot_table` and `lamina.arena`:

    ```mlir
    %n, %r = llama.residual_rms_norm %s, %h, @ffn_norm[%l] eps 1.0e-05 norm hf
        {lamina.slots = array<i32: 2, 0>} : tensor<?x64xf32>
    ```

    The remark `llama-plan` says how many bytes a row the arena has, and how
    many live at once at most. What the runtime cannot do is an error.
  }];
}

def VerifyPlanPass : Pass<"llama-verify-plan", "::mlir::ModuleOp"> {
  let summary = "Check that every read of a planned module finds its value";
  let description = [{
    Runs the step on a symbolic memory, which holds for every byte of a row the
    value that lies there, and each loop for two rounds. An op that reads a value
    which another value has overwritten is an error; so is a result over an
    operand of its op where `--llama-plan-buffers` would not put one.
  }];
}

def ConvertToRuntimePass
    : Pass<"llama-convert-to-runtime", "::mlir::ModuleOp"> {
  let summary = "Turn the ops of a planned module into calls of the runtime";
  let description = [{
    Before:

    ```mlir
    %g = llama.silu_mul %gate, %up {lamina.slots = array<i32: 3>} : tensor<?x172xf32>
    ```

    After, in `func.func @step_1(%rank: !llvm.ptr, %step: !llvm.ptr) -> i32`:

    ```mlir
    call @lamrt_silu_mul(%rank, %c3_i32, %c4_i32, %c3_i32)
        : (!llvm.ptr, i32, i32, i32) -> ()
    ```

    Operands are numbers: of slots, of weights (their place in the module), of
    lists, frequencies and taps, which become attributes of the module.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::scf::SCFDialect", "::mlir::LLVM::LLVMDialect"
  ];
}

def EmitProgramTablesPass
    : Pass<"llama-emit-program-tables", "::mlir::ModuleOp"> {
  let summary = "Turn the tables of a program into constants";
  let description = [{
    Weights, slots, lists, frequencies, names and what is known of the files
    become constants with the layout of `lamina/runtime.h`, and
    `@lamina_program_v1` returns them. Before:

    ```mlir
    llama.weight private @output_norm : tensor<64xf32> from "model.norm.weight"
        at <["model.safetensors"], [0], [128]>
    ```

    After, row 12 of:

    ```mlir
    llvm.mlir.global internal constant @lamina.weights() : !llvm.array<14 x struct<...>>
    ```

    A weight without a placement, or a placement in a file that the module does
    not describe, is an error.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // LAMINA_CONVERSION_PASSES_TD

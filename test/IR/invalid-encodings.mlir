// RUN: lamina-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

// Encodings, `llama.ranks`, and who may touch a distributed value.

// expected-error @below {{a distribution needs a tokens x features tensor with static features, got 1 dimensions}}
func.func private @partial_c1(tensor<64xf32, #llama.partial>)

// -----

// expected-error @below {{a distribution needs a tokens x features tensor with static features, got 3 dimensions}}
func.func private @partial_c1_rank(tensor<1x2x64xf32, #llama.partial>)

// -----

// expected-error @below {{a distribution needs a tokens x features tensor with static features, got dynamic features}}
func.func private @partial_c1_dynamic(tensor<4x?xf32, #llama.partial>)

// -----

// expected-error @below {{a distribution needs a tokens x features tensor with static features, got 0 dimensions}}
func.func private @columns_c1(tensor<f32, #llama.columns<unit = 1>>)

// -----

// expected-error @below {{a distribution needs a tokens x features tensor with static features, got dynamic features}}
func.func private @columns_c1_dynamic(tensor<?x?xf32, #llama.columns<unit = 1>>)

// -----

// expected-error @below {{needs a positive unit, got 0}}
func.func private @columns_c2(tensor<?x64xf32, #llama.columns<unit = 0>>)

// -----

// expected-error @below {{needs a positive unit, got -8}}
func.func private @columns_c2_negative(tensor<?x64xf32, #llama.columns<unit = -8>>)

// -----

// expected-error @below {{needs a positive unit that divides the 64 features, got 24}}
func.func private @columns_c2_divides(tensor<?x64xf32, #llama.columns<unit = 24>>)

// -----

// expected-error @below {{needs a positive unit that divides the 64 features, got 9223372036854775807}}
func.func private @columns_c2_huge(tensor<?x64xf32, #llama.columns<unit = 9223372036854775807>>)

// -----

// expected-error @below {{a distribution needs a tokens x features tensor with static features, got 1 dimensions}}
func.func private @root_c1(tensor<?xf32, #llama.root>)

// -----

// expected-error @below {{a distribution needs a tokens x features tensor with static features, got 1 dimensions}}
func.func private @rows_c1(tensor<?xf32, #llama.rows>)

// -----

// expected-error @below {{a distribution needs a tokens x features tensor with static features, got dynamic features}}
func.func private @rows_c1_dynamic(tensor<4x?xf32, #llama.rows>)

// -----

// expected-error @below {{'llama.ranks' needs an i64 from 1 to 1024 on a module, got 0 : i64 on builtin.module}}
module @ranks_zero attributes {llama.ranks = 0 : i64} {
  func.func @no_division_by_zero(%x: tensor<?x8xf32, #llama.columns<unit = 1>>) {
    %0 = llama.all_gather %x : tensor<?x8xf32, #llama.columns<unit = 1>> -> tensor<?x8xf32>
    return
  }
}

// -----

// expected-error @below {{'llama.ranks' needs an i64 from 1 to 1024 on a module, got -1 : i64 on builtin.module}}
module @ranks_negative attributes {llama.ranks = -1 : i64} {}

// -----

// expected-error @below {{'llama.ranks' needs an i64 from 1 to 1024 on a module, got 1025 : i64 on builtin.module}}
module @ranks_many attributes {llama.ranks = 1025 : i64} {}

// -----

// expected-error @below {{'llama.ranks' needs an i64 from 1 to 1024 on a module, got 2 : i32 on builtin.module}}
module @ranks_i32 attributes {llama.ranks = 2 : i32} {}

// -----

// expected-error @below {{'llama.ranks' needs an i64 from 1 to 1024 on a module, got 2 : ui64 on builtin.module}}
module @ranks_unsigned attributes {llama.ranks = 2 : ui64} {}

// -----

// expected-error @below {{'llama.ranks' needs an i64 from 1 to 1024 on a module, got "two" on builtin.module}}
module @ranks_string attributes {llama.ranks = "two"} {}

// -----

// expected-error @below {{'llama.ranks' needs an i64 from 1 to 1024 on a module, got 2 : i64 on func.func}}
func.func @ranks_on_function() attributes {llama.ranks = 2 : i64} {
  return
}

// -----

// expected-error @below {{unknown attribute 'llama.rank' of the llama dialect}}
module @unknown_attribute attributes {llama.rank = 2 : i64} {}

// -----

func.func @unknown_attribute_on_op(%x: tensor<?x64xf32>) {
  // expected-error @below {{unknown attribute 'llama.ring' of the llama dialect}}
  %0 = llama.add %x, %x {llama.ring} : tensor<?x64xf32>
  return
}

// -----

func.func @unknown_op() {
  // expected-error @below {{custom op 'llama.frobnicate' is unknown}}
  llama.frobnicate
}

// -----

func.func @without_ranks(%x: tensor<?x64xf32, #llama.columns<unit = 8>>) {
  // expected-error @below {{'llama.silu_mul' op needs 'llama.ranks' on its module, since it has a distributed value}}
  %0 = llama.silu_mul %x, %x : tensor<?x64xf32, #llama.columns<unit = 8>>
  return
}

// -----

llama.weight private @embed : tensor<512x64xf32> from "e" split <columns, unit = 1>
func.func @result_without_ranks(%ids: tensor<?xi32>) {
  // expected-error @below {{'llama.embed' op needs 'llama.ranks' on its module, since it has a distributed value}}
  %0 = llama.embed %ids, @embed : tensor<?x64xf32, #llama.partial>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @foreign_tensor_cast(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'tensor.cast' op is no llama op and does not know a value of type 'tensor<?x64xf32, #llama.partial>'}}
    %0 = tensor.cast %p : tensor<?x64xf32, #llama.partial> to tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @foreign_tensor_cast_result(%x: tensor<?x64xf32>) {
    // expected-error @below {{'tensor.cast' op is no llama op and does not know a value of type 'tensor<?x64xf32, #llama.root>'}}
    %0 = tensor.cast %x : tensor<?x64xf32> to tensor<?x64xf32, #llama.root>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @foreign_addf(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'arith.addf' op is no llama op and does not know a value of type 'tensor<?x64xf32, #llama.partial>'}}
    %0 = arith.addf %p, %p : tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @foreign_collapse_shape(%c: tensor<4x64xf32, #llama.columns<unit = 8>>) {
    // expected-error @below {{'tensor.collapse_shape' op is no llama op and does not know a value of type 'tensor<4x64xf32, #llama.columns<unit = 8>>'}}
    %0 = tensor.collapse_shape %c [[0, 1]] : tensor<4x64xf32, #llama.columns<unit = 8>> into tensor<256xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @foreign_if_yields(%p: tensor<?x64xf32, #llama.partial>, %c: i1) {
    // expected-error @below {{'scf.if' op is no llama op and does not know a value of type 'tensor<?x64xf32, #llama.partial>'}}
    %0 = scf.if %c -> tensor<?x64xf32, #llama.partial> {
      scf.yield %p : tensor<?x64xf32, #llama.partial>
    } else {
      scf.yield %p : tensor<?x64xf32, #llama.partial>
    }
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @foreign_constant() {
    // expected-error @below {{'arith.constant' op is no llama op and does not know a value of type 'tensor<1x2xf32, #llama.partial>'}}
    %0 = arith.constant dense<0.0> : tensor<1x2xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @foreign_block_argument() {
    // expected-error @below {{'other.region' op is no llama op and does not know a value of type 'tensor<?x64xf32, #llama.partial>'}}
    "other.region"() ({
    ^bb0(%p: tensor<?x64xf32, #llama.partial>):
      "other.end"() : () -> ()
    }) : () -> ()
    return
  }
}

// -----

// The attribute of an outer module is checked in inner ones.

module attributes {llama.ranks = 2 : i64} {
  module {
    func.func @foreign_in_inner_module(%p: tensor<?x64xf32, #llama.partial>) {
      // expected-error @below {{'arith.negf' op is no llama op}}
      %0 = arith.negf %p : tensor<?x64xf32, #llama.partial>
      return
    }
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @collective_in_if(%p: tensor<?x64xf32, #llama.partial>, %c: i1) {
    scf.if %c {
      // expected-error @below {{'llama.all_reduce' op is a collective and needs to sit directly in func.func or llama.layers, got scf.if}}
      %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    }
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @collective_in_loop_in_if(%x: tensor<?x64xf32, #llama.columns<unit = 8>>, %c: i1) {
    scf.if %c {
      llama.layers %l to 2 {
        // expected-error @below {{'llama.all_gather' op is a collective and needs to sit directly in func.func or llama.layers, got scf.if}}
        %0 = llama.all_gather %x : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32>
        llama.yield
      }
    }
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @collective_in_if_in_loop(%x: tensor<?x64xf32, #llama.columns<unit = 8>>, %c: i1) {
    llama.layers %l to 2 {
      scf.if %c {
        // expected-error @below {{'llama.gather' op is a collective and needs to sit directly in func.func or llama.layers, got scf.if}}
        %0 = llama.gather %x : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32, #llama.root>
      }
      llama.yield
    }
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<64xf32> from "w"
  func.func @fused_collective_in_if(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>, %c: i1) {
    scf.if %c {
      // expected-error @below {{'llama.all_reduce_residual_rms_norm' op is a collective and needs to sit directly in func.func or llama.layers, got scf.if}}
      %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    }
    return
  }
}

// -----

// A call is where its callee's collectives are: directly, or by more calls.

module attributes {llama.ranks = 2 : i64} {
  func.func private @sum(%p: tensor<?x64xf32, #llama.partial>) {
    %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
  func.func @no_call_of_collective(%c: i1, %p: tensor<?x64xf32, #llama.partial>) {
    func.call @sum(%p) : (tensor<?x64xf32, #llama.partial>) -> ()
    llama.layers %l to 2 {
      func.call @sum(%p) : (tensor<?x64xf32, #llama.partial>) -> ()
      llama.yield
    }
    scf.if %c {
      // expected-error @below {{'func.call' op calls @sum, which holds a collective, and needs to sit directly in func.func or llama.layers, got scf.if}}
      func.call @sum(%p) : (tensor<?x64xf32, #llama.partial>) -> ()
    }
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func private @sum(%p: tensor<?x64xf32, #llama.partial>) {
    %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
  func.func private @local() {
    return
  }
  func.func @no_address_of_collective(%c: i1, %p: tensor<?x64xf32, #llama.partial>) {
    %0 = func.constant @local : () -> ()
    // expected-error @below {{'func.constant' op takes the address of @sum, which holds a collective, and needs to be a func.call}}
    %1 = func.constant @sum : (tensor<?x64xf32, #llama.partial>) -> ()
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @no_indirect_call_of_collective(%c: i1) {
    llama.layers %l to 2 {
      scf.if %c {
        // expected-error @below {{'func.call' op calls @outer, which holds a collective}}
        func.call @outer() : () -> ()
      }
      llama.yield
    }
    return
  }
  func.func private @outer() {
    call @inner() : () -> ()
    return
  }
  func.func private @inner() {
    %p = call @make() : () -> tensor<?x64xf32, #llama.partial>
    llama.layers %l to 2 {
      %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
      llama.yield
    }
    call @outer() : () -> ()
    return
  }
  func.func private @make() -> tensor<?x64xf32, #llama.partial>
}

// -----

// Calls of functions without collectives, unknown ones, and recursion.

module attributes {llama.ranks = 2 : i64} {
  func.func private @external()
  func.func @calls_without_collectives(%c: i1) {
    scf.if %c {
      func.call @external() : () -> ()
      func.call @calls_without_collectives(%c) : (i1) -> ()
    }
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @no_such_callee(%c: i1) {
    scf.if %c {
      // expected-error @below {{'func.call' op 'missing' does not reference a valid function}}
      func.call @missing() : () -> ()
    }
    return
  }
}

// -----

// Attributes of the dialect are for modules only.

// expected-error @below {{'func.func' op needs no attribute of the llama dialect on argument #1, got 'llama.ranks'}}
func.func private @argument_attribute(i32, i32 {llama.ranks = 2 : i64})

// -----

// expected-error @below {{'func.func' op needs no attribute of the llama dialect on result #0, got 'llama.kept'}}
func.func private @result_attribute() -> (i32 {llama.kept})

// -----

// A block that not every rank may reach.
module attributes {llama.ranks = 2 : i64} {
  func.func @collective_in_one_of_several_blocks(%p: tensor<?x8xf32, #llama.partial>, %h: tensor<?x8xf32>, %b: i1) -> tensor<?x8xf32> {
    cf.cond_br %b, ^sum, ^rest
  ^sum:
    // expected-error @below {{'llama.all_reduce' op is a collective and needs to sit directly in func.func or llama.layers, got func.func of several blocks}}
    %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x8xf32, #llama.partial> -> tensor<?x8xf32>
    return %s : tensor<?x8xf32>
  ^rest:
    return %h : tensor<?x8xf32>
  }
}

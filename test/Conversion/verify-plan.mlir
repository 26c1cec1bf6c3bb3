// RUN: lamina-opt %s --llama-verify-plan --split-input-file --verify-diagnostics | FileCheck %s

// A plan that is right stays as it is; the add overwrites its operand.

// CHECK-LABEL: @step
// CHECK:         llama.add {{.*}}lamina.slots = array<i32: 1>

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %b = llama.rms_norm %a, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
    %s = llama.add %a, %b {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// A value that is read again was overwritten, in part.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    // expected-note@+1 {{the value was made here}}
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %b = llama.rms_norm %a, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
    %c = llama.rms_norm %b, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    // expected-error@+1 {{'llama.add' op reads slot 0 after it was overwritten}}
    %s = llama.add %a, %c {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// So is a value from outside in the second round of a loop.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    // expected-note@+1 {{the value was made here}}
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    llama.layers %l to 3 {
      // expected-error@+1 {{'llama.rms_norm' op reads slot 0 after it was overwritten}}
      %b = llama.rms_norm %a, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
      %c = llama.rms_norm %b, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
      llama.yield
    }
    %s = llama.add %a, %a {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// What the loop yields is not where the next layer looks for it.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %x = llama.layers %l to 3 iter (%h = %a) : tensor<?x64xf32> {
      // expected-note@+1 {{the value was made here}}
      %b = llama.rms_norm %h, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
      // expected-error@+1 {{'llama.yield' op reads slot 0 after it was overwritten}}
      llama.yield %b : tensor<?x64xf32>
    } attributes {lamina.slots = array<i32: 0>}
    %s = llama.add %x, %x {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// Nor the init.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    // expected-note@+1 {{the value was made here}}
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    // expected-error@+1 {{'llama.layers' op reads slot 1 after it was overwritten}}
    %x = llama.layers %l to 3 iter (%h = %a) : tensor<?x64xf32> {
      %b = llama.rms_norm %h, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
      llama.yield %b : tensor<?x64xf32>
    } attributes {lamina.slots = array<i32: 1>}
    %s = llama.add %x, %x {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// A copy in the wrong order loses a value.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %b = llama.rms_norm %a, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
    // expected-note@+1 {{the value was made here}}
    %x:2 = llama.layers %l to 3 iter (%p = %a, %q = %b) : tensor<?x64xf32>, tensor<?x64xf32> {
      // expected-error@+1 {{'llama.yield' op reads slot 1 after it was overwritten}}
      llama.yield %q, %p : tensor<?x64xf32>, tensor<?x64xf32> {lamina.copies = array<i32: 1, 0, 0, 1>}
    } attributes {lamina.slots = array<i32: 0, 1>}
    %s = llama.add %x#0, %x#1 {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// A norm is never planned in place.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    // expected-error@+1 {{'llama.rms_norm' op cannot write result 0 to slot 0 over operand 0 in slot 0}}
    %s = llama.rms_norm %a, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// No op writes half over an operand.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    // expected-error@+1 {{'llama.add' op cannot write result 0 to slot 3 over operand 0 in slot 0}}
    %s = llama.add %a, %a {lamina.slots = array<i32: 3>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// The new residual goes over the residual, not over the update.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %b = llama.rms_norm %a, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 1>} : tensor<?x64xf32>
    // expected-error@+1 {{'llama.residual_rms_norm' op cannot write result 1 to slot 1 over operand 0 in slot 1}}
    %n, %s = llama.residual_rms_norm %b, %a, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 2, 1>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// Two results of an op overlap.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 2>} : tensor<?x64xf32>
    // expected-error@+1 {{'llama.residual_rms_norm' op needs results that do not overlap, got slots 0 and 3}}
    %n, %s = llama.residual_rms_norm %a, %a, @norm eps 1.0e-05 norm hf {lamina.slots = array<i32: 0, 3>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// So do two values of a loop.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    // expected-error@+1 {{'llama.layers' op needs iteration values that do not overlap, got slots 1 and 3}}
    %x:2 = llama.layers %l to 3 iter (%p = %a, %q = %a) : tensor<?x64xf32>, tensor<?x64xf32> {
      llama.yield %p, %q : tensor<?x64xf32>, tensor<?x64xf32>
    } attributes {lamina.slots = array<i32: 1, 3>}
    %s = llama.add %x#0, %x#1 {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// Slots: too few.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    // expected-error@+1 {{'llama.embed' op needs 'lamina.slots' with 1 slots, got 0}}
    %s = llama.embed %ids, @embed : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// An unknown slot.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    // expected-error@+1 {{'llama.embed' op needs slots below 5, got another number}}
    %s = llama.embed %ids, @embed {lamina.slots = array<i32: 5>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// Another kind of rows.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    // expected-error@+1 {{'llama.embed' op needs a slot of the type and rows of its result, got slot 4}}
    %s = llama.embed %ids, @embed {lamina.slots = array<i32: 4>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// Copies: of an op that has none.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    // expected-error@+1 {{'llama.embed' op needs pairs of slots in 'lamina.copies', of llama.layers or llama.yield}}
    %s = llama.embed %ids, @embed {lamina.copies = array<i32: 0, 1>, lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// Of a slot in which nothing lies.

module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [
    {offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 256 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 512 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 192 : i64, rows = "tokens", type = tensor<?x64xf32>},
    {offset = 0 : i64, rows = "logits", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %a = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    // expected-error@+1 {{'llama.layers' op cannot copy slot 2 to slot 1}}
    llama.layers %l to 3 {
      llama.yield
    } attributes {lamina.copies = array<i32: 2, 1>}
    %s = llama.add %a, %a {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// The table: a slot beyond the arena.

// expected-error@+1 {{needs slots {offset, rows, type} that lie in 'lamina.arena', aligned to 64, got {offset = 576 : i64, rows = "tokens", type = tensor<?x64xf32>} as slot 0}}
module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [{offset = 576 : i64, rows = "tokens", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %s = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// One that is not aligned.

// expected-error@+1 {{needs slots {offset, rows, type}}}
module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [{offset = 32 : i64, rows = "tokens", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %s = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// One that wraps.

// expected-error@+1 {{needs slots {offset, rows, type}}}
module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [{offset = 9223372036854775744 : i64, rows = "tokens", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %s = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// One of unknown rows.

// expected-error@+1 {{needs slots {offset, rows, type}}}
module attributes {lamina.arena = array<i64: 768, 256, 0>, lamina.slot_table = [{offset = 0 : i64, rows = "steps", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %s = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// A value in rows where all rows lie.

// expected-error@+1 {{needs slots {offset, rows, type}}}
module attributes {lamina.arena = array<i64: 768, 256, 256>, lamina.slot_table = [{offset = 0 : i64, rows = "tokens", type = tensor<?x64xf32, #llama.rows>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %s = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// A whole value where a rank keeps its own.

// expected-error@+1 {{needs slots {offset, rows, type}}}
module attributes {lamina.arena = array<i64: 768, 256, 256>, lamina.slot_table = [{offset = 0 : i64, rows = "own_tokens", type = tensor<?x64xf32>}]} {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %s = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

// -----

// No table.

// expected-error@+1 {{needs 'lamina.slot_table', an array, and 'lamina.arena', 3 i64: is it planned?}}
module {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
  llama.weight private @norm : tensor<64xf32> from "norm"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    %s = llama.embed %ids, @embed {lamina.slots = array<i32: 0>} : tensor<?x64xf32>
    %w = llama.select_rows %s, %wanted {lamina.slots = array<i32: 4>} : tensor<?x64xf32> -> tensor<?x64xf32>
    return %w : tensor<?x64xf32>
  }
}

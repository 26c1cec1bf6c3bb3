// RUN: lamina-opt %s --split-input-file --verify-diagnostics

// References to weights: the same for every op that has one.

func.func @missing(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a weight that is a llama.weight, got @w}}
  %0 = llama.rms_norm %x, @w eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

func.func private @f()
func.func @function(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a weight that is a llama.weight, got @f}}
  %0 = llama.rms_norm %x, @f eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

func.func @nested(%x: tensor<?x64xf32>) {
  // expected-error @below {{invalid kind of attribute specified}}
  %0 = llama.rms_norm %x, @a::@b eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w : tensor<64xf32> from "w"
func.func @layer_of_whole(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs no layer with the weight @w, which has no layers}}
  %0 = llama.rms_norm %x, @w[0] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @no_layer(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a layer with the weight @w, which has 4 layers}}
  %0 = llama.rms_norm %x, @w eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @static_too_large(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a layer from 0 to 3 with the weight @w, got layer 4}}
  %0 = llama.rms_norm %x, @w[4] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @static_negative(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a layer from 0 to 3 with the weight @w, got layer -1}}
  %0 = llama.rms_norm %x, @w[-1] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @static_largest(%x: tensor<?x64xf32>) {
  // expected-error @below {{got layer 9223372036854775807}}
  %0 = llama.rms_norm %x, @w[9223372036854775807] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

func.func @static_beyond_i64(%x: tensor<?x64xf32>) {
  // expected-error @below {{integer value too large}}
  %0 = llama.rms_norm %x, @w[9223372036854775808] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @constant_too_large(%x: tensor<?x64xf32>) {
  %c = arith.constant 4 : index
  // expected-error @below {{'llama.rms_norm' op needs a layer from 0 to 3 with the weight @w, got layer 4}}
  %0 = llama.rms_norm %x, @w[%c] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @constant_negative(%x: tensor<?x64xf32>) {
  %c = arith.constant -1 : index
  // expected-error @below {{'llama.rms_norm' op needs a layer from 0 to 3 with the weight @w, got layer -1}}
  %0 = llama.rms_norm %x, @w[%c] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @constant_largest(%x: tensor<?x64xf32>) {
  %c = arith.constant 9223372036854775807 : index
  // expected-error @below {{got layer 9223372036854775807}}
  %0 = llama.rms_norm %x, @w[%c] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @longer_loop(%x: tensor<?x64xf32>) {
  llama.layers %l to 5 {
    // expected-error @below {{'llama.rms_norm' op needs a layer from 0 to 3 with the weight @w, got layer 4}}
    %0 = llama.rms_norm %x, @w[%l] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield
  }
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @longest_loop(%x: tensor<?x64xf32>) {
  llama.layers %l to 9223372036854775807 {
    // expected-error @below {{got layer 9223372036854775806}}
    %0 = llama.rms_norm %x, @w[%l] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield
  }
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @any_value(%x: tensor<?x64xf32>, %i: index) {
  // expected-error @below {{'llama.rms_norm' op needs a layer that is a constant or the layer of llama.layers with the weight @w, got another value}}
  %0 = llama.rms_norm %x, @w[%i] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @iteration_value(%x: tensor<?x64xf32>, %i: index) {
  %0 = llama.layers %l to 4 iter (%j = %i) : index {
    // expected-error @below {{needs a layer that is a constant or the layer of llama.layers with the weight @w, got another value}}
    %1 = llama.rms_norm %x, @w[%j] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield %l : index
  }
  return
}

// -----

llama.weight private @w[4] : tensor<64xf32> from "w.*"
func.func @both(%x: tensor<?x64xf32>) {
  llama.layers %l to 4 {
    // expected-error @below {{'llama.rms_norm' op needs one layer with the weight @w, got both a value and the number 1}}
    %0 = "llama.rms_norm"(%x, %l) <{weight = @w, index = 1 : i64, eps = 1.0 : f64, norm = #llama<norm hf>}> : (tensor<?x64xf32>, index) -> tensor<?x64xf32>
    llama.yield
  }
  return
}

// -----

func.func @no_brackets(%x: tensor<?x64xf32>) {
  // expected-error @below {{expected ']'}}
  %0 = llama.rms_norm %x, @w[1 eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

func.func @eps_no_number(%x: tensor<?x64xf32>) {
  // expected-error @below {{invalid kind of attribute specified}}
  %0 = llama.rms_norm %x, @w eps "1.0" norm hf : tensor<?x64xf32>
  return
}

// -----

func.func @unknown_mode(%x: tensor<?x64xf32>) {
  // expected-error @below {{expected one of [hf, single, zero_centered] for how a norm rounds, got: torch}}
  // expected-error @below {{failed to parse Llama_NormModeAttr parameter 'value'}}
  %0 = llama.rms_norm %x, @w eps 1.0 norm torch : tensor<?x64xf32>
  return
}

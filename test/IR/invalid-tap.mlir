// RUN: lamina-opt %s --split-input-file --verify-diagnostics

func.func @tap_c1(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.tap' op needs a label that is not empty}}
  llama.tap %x, "" : tensor<?x64xf32>
  return
}

// -----

func.func @tap_c2(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.tap' op needs a layer that is not negative, got -1}}
  llama.tap %x, "hidden.L"[-1] : tensor<?x64xf32>
  return
}

// -----

func.func @tap_c2_value(%x: tensor<?x64xf32>, %l: index) {
  // expected-error @below {{'llama.tap' op needs a layer that is a constant or the layer of llama.layers}}
  llama.tap %x, "hidden.L"[%l] : tensor<?x64xf32>
  return
}

// -----

func.func @tap_c2_both(%x: tensor<?x64xf32>, %l: index) {
  // expected-error @below {{'llama.tap' op needs one layer, got both a value and a number}}
  "llama.tap"(%x, %l) <{label = "hidden.L", index = 1 : i64}> : (tensor<?x64xf32>, index) -> ()
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @tap_c3(%x: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.tap' op needs a whole value, got #llama.partial}}
    llama.tap %x, "hidden" : tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @tap_c3_columns(%x: tensor<?x64xf32, #llama.columns<unit = 8>>) {
    // expected-error @below {{'llama.tap' op needs a whole value, got #llama.columns<unit = 8>}}
    llama.tap %x, "hidden" : tensor<?x64xf32, #llama.columns<unit = 8>>
    return
  }
}

// -----

func.func @tap_no_label(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.tap' op requires attribute 'label'}}
  "llama.tap"(%x) : (tensor<?x64xf32>) -> ()
  return
}

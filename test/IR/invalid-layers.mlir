// RUN: lamina-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

// Constraints of the loop and of its yield. What a value gets from where is
// checked by the interface of region branches, in its words.

func.func @layers_c1() {
  // expected-error @below {{'llama.layers' op needs a number of layers that is not negative, got -1}}
  llama.layers %l to -1 {
    llama.yield
  }
  return
}

// -----

func.func @layers_c1_huge() {
  // expected-error @below {{integer value too large}}
  llama.layers %l to 9223372036854775808 {
    llama.yield
  }
  return
}

// -----

func.func @layers_c2() {
  // expected-error @below {{'llama.layers' op needs a body with an argument, the layer, got none}}
  "llama.layers"() <{count = 2 : i64}> ({
    "llama.yield"() : () -> ()
  }) : () -> ()
  return
}

// -----

func.func @layers_c2_no_index() {
  // expected-error @below {{'llama.layers' op needs a body whose first argument is the layer, an index, got 'i64'}}
  "llama.layers"() <{count = 2 : i64}> ({
  ^bb0(%l: i64):
    "llama.yield"() : () -> ()
  }) : () -> ()
  return
}

// -----

func.func @layers_c2_no_region() {
  // expected-error @below {{region #0 ('body') failed to verify constraint: region with 1 blocks}}
  "llama.layers"() <{count = 2 : i64}> ({}) : () -> ()
  return
}

// -----

func.func @layers_c2_no_op() {
  // expected-error @below {{'llama.layers' op expects a non-empty block}}
  "llama.layers"() <{count = 2 : i64}> ({
  ^bb0(%l: index):
  }) : () -> ()
  return
}

// -----

func.func @layers_c2_other_terminator() {
  // expected-error @below {{'llama.layers' op needs a body that ends in llama.yield, got other.end}}
  "llama.layers"() <{count = 2 : i64}> ({
  ^bb0(%l: index):
    "other.end"() : () -> ()
  }) : () -> ()
  return
}

// -----

func.func @layers_c2_inits(%x: f32) {
  // expected-note @below {{region branch point}}
  // expected-error @below {{along control flow edge from parent to Region #0: region branch point has 0 operands, but region successor needs 1 inputs}}
  "llama.layers"() <{count = 2 : i64}> ({
  ^bb0(%l: index, %h: f32):
    "llama.yield"(%h) : (f32) -> ()
  }) : () -> ()
  return
}

// -----

func.func @layers_c2_init_type(%x: f32) {
  // expected-note @below {{region branch point}}
  // expected-error @below {{along control flow edge from parent to Region #0: successor operand type #0 'f32' should match successor input type #0 'f64'}}
  %0 = "llama.layers"(%x) <{count = 2 : i64}> ({
  ^bb0(%l: index, %h: f64):
    "llama.yield"(%h) : (f64) -> ()
  }) : (f32) -> f64
  return
}

// -----

func.func @layers_c2_yielded(%x: f32) {
  // expected-error @below {{from Operation llama.yield to Region #0: region branch point has 1 operands, but region successor needs 0 inputs}}
  llama.layers %l to 2 {
    // expected-note @below {{region branch point}}
    llama.yield %x : f32
  }
  return
}

// -----

func.func @layers_c2_yielded_type(%x: f32, %y: f64) {
  // expected-error @below {{from Operation llama.yield to Region #0: successor operand type #0 'f64' should match successor input type #0 'f32'}}
  %0 = llama.layers %l to 2 iter (%h = %x) : f32 {
    // expected-note @below {{region branch point}}
    llama.yield %y : f64
  }
  return
}

// -----

// One layer, or none, makes no difference: every value has one type all along.

func.func @layers_c2_yielded_of_one(%x: f32, %y: f64) {
  // expected-error @below {{from Operation llama.yield to Region #0: successor operand type #0 'f64' should match successor input type #0 'f32'}}
  %0 = "llama.layers"(%x) <{count = 1 : i64}> ({
  ^bb0(%l: index, %h: f32):
    // expected-note @below {{region branch point}}
    "llama.yield"(%y) : (f64) -> ()
  }) : (f32) -> f64
  return
}

// -----

func.func @layers_c2_arguments_of_none(%x: f32) {
  // expected-note @below {{region branch point}}
  // expected-error @below {{from parent to Region #0: successor operand type #0 'f32' should match successor input type #0 'f64'}}
  %0 = "llama.layers"(%x) <{count = 0 : i64}> ({
  ^bb0(%l: index, %h: f64):
    "llama.yield"(%h) : (f64) -> ()
  }) : (f32) -> f32
  return
}

// -----

func.func @layers_c2_results_of_none(%x: f32) {
  // expected-note @below {{region branch point}}
  // expected-error @below {{from parent to parent: successor operand type #0 'f32' should match successor input type #0 'f64'}}
  %0 = "llama.layers"(%x) <{count = 0 : i64}> ({
  ^bb0(%l: index, %h: f32):
    "llama.yield"(%h) : (f32) -> ()
  }) : (f32) -> f64
  return
}

// -----

func.func @layers_c2_results(%x: f32) {
  // expected-error @below {{from Operation llama.yield to parent: region branch point has 1 operands, but region successor needs 0 inputs}}
  "llama.layers"(%x) <{count = 2 : i64}> ({
  ^bb0(%l: index, %h: f32):
    // expected-note @below {{region branch point}}
    "llama.yield"(%h) : (f32) -> ()
  }) : (f32) -> ()
  return
}

// -----

func.func @layers_c2_assignments(%x: f32) {
  // expected-error @below {{needs one type for each iteration value, 1, got 2}}
  %0 = llama.layers %l to 2 iter (%h = %x) : f32, f32 {
    llama.yield %h : f32
  }
  return
}

// -----

func.func @yield_c1() {
  // expected-error @below {{'llama.yield' op expects parent op 'llama.layers'}}
  llama.yield
}

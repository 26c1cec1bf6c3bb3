//===- Options.td - The command line of lamina -----------*- tablegen -*-===//

include "llvm/Option/OptParser.td"

def Run : SubCommand<"run", "compile a model, if need be, and let it answer",
                     "lamina run MODEL [options] [options of the program]">;
def Chat : SubCommand<"chat", "the same, as a conversation",
                      "lamina chat MODEL [options] [options of the program]">;
def Bench : SubCommand<"bench", "measure how fast a model answers, and how far from the limits",
                       "lamina bench MODEL [options] [options of the program]">;
def Compile : SubCommand<"compile", "make a program of a model",
                         "lamina compile MODEL -o PROGRAM [options]">;
def Inspect : SubCommand<"inspect", "show what is in a model or a program",
                         "lamina inspect MODEL|PROGRAM [options]">;
def Ir : SubCommand<"ir", "print a model's IR at a stage",
                    "lamina ir MODEL [--stage=STAGE] [options]">;
def Tokenize : SubCommand<"tokenize", "print the token ids of a text",
                          "lamina tokenize MODEL [options] [TEXT]">;
def Compare : SubCommand<"compare", "compare a model's numbers with a reference",
                         "lamina compare MODEL --ref FILE.safetensors [options]">;

defvar Compiling = [Run, Chat, Bench, Compile, Inspect, Ir, Compare];

def help : Flag<["--", "-"], "help", [Run, Chat, Bench, Compile, Inspect, Ir, Tokenize, Compare]>,
    HelpText<"this text">;
def : Flag<["-"], "h">, Alias<help>;
def version : Flag<["--"], "version">, HelpText<"version of this program">;

def activations_EQ : Joined<["--"], "activations=", Compiling>, MetaVarName<"TYPE">,
    HelpText<"what products read: f32 (exact), bf16, or int8 with quantised weights">;
def dtype_EQ : Joined<["--"], "dtype=", Compiling>, MetaVarName<"TYPE">,
    HelpText<"type of the residual: f32 (default) or bf16">;
def kv_EQ : Joined<["--"], "kv=", Compiling>, MetaVarName<"TYPE">,
    HelpText<"type of the KV cache: f32, f16 or bf16">;
def max_context_EQ : Joined<["--"], "max-context=", Compiling>, MetaVarName<"N">,
    HelpText<"positions that the program can hold, at most those of the model">;
def tp_EQ : Joined<["--"], "tp=", Compiling>, MetaVarName<"N">,
    HelpText<"number of ranks (default 1); several for a program: 1,2,4">;
def no_fuse : Flag<["--"], "no-fuse", Compiling>,
    HelpText<"keep norms, adds and sums over ranks apart, to compare">;
def shard_residual : Flag<["--"], "shard-residual", Compiling>,
    HelpText<"with several ranks: each keeps its rows of the residual only">;
def verbose : Flag<["--"], "verbose", Compiling>,
    HelpText<"say what is done, and how long it takes">;

def no_cache : Flag<["--"], "no-cache", [Run, Chat, Bench, Compare]>,
    HelpText<"compile anew, and keep no program">;

def o : JoinedOrSeparate<["-"], "o", [Compile, Ir]>, MetaVarName<"FILE">,
    HelpText<"output file, written whole or not at all; - is standard output">;
def emit_EQ : Joined<["--"], "emit=", [Compile]>, MetaVarName<"STAGE">,
    HelpText<"stop behind a stage: import, sharded, fused, planned, runtime, llvm, object or program (default)">;
def from_EQ : Joined<["--"], "from=", [Compile, Ir]>, MetaVarName<"STAGE">,
    HelpText<"MODEL is a file with IR of that stage: import, sharded, fused, planned, runtime or llvm">;
def model_EQ : Joined<["--"], "model=", [Compile]>, MetaVarName<"FOLDER">,
    HelpText<"with --from: the folder of the files that the weights name">;
def weights_EQ : Joined<["--"], "weights=", [Compile]>, MetaVarName<"WHERE">,
    HelpText<"extern: the program reads the model's files (default); packed: a file beside the program, PROGRAM.weights">;
def hash_weights : Flag<["--"], "hash-weights", [Compile]>,
    HelpText<"record a hash of every byte, for the program's --verify-weights">;
def taps : Flag<["--"], "taps", [Compile, Ir]>,
    HelpText<"keep the hidden states of each layer observable">;

def stage_EQ : Joined<["--"], "stage=", [Ir]>, MetaVarName<"STAGE">,
    HelpText<"import, sharded, fused (default), planned, runtime or llvm">;
def debuginfo : Flag<["--"], "debuginfo", [Ir]>,
    HelpText<"print locations: the checkpoint's names, and places in the config">;

def json : Flag<["--"], "json", [Inspect, Tokenize, Compare]>,
    HelpText<"print JSON">;
def tensors : Flag<["--"], "tensors", [Inspect]>,
    HelpText<"list every tensor">;
def plan : Flag<["--"], "plan", [Inspect]>,
    HelpText<"show the memory plan of the program">;

def f : JoinedOrSeparate<["-"], "f", [Tokenize]>, MetaVarName<"FILE">,
    HelpText<"take the text from a file; - is standard input">;
def pieces : Flag<["--"], "pieces", [Tokenize]>,
    HelpText<"print a line for each token: id and text">;
def parse_special : Flag<["--"], "parse-special", [Tokenize]>,
    HelpText<"read the text of a special token as that token">;
def decode : Flag<["--"], "decode", [Tokenize]>,
    HelpText<"the text holds ids: print what they stand for">;

def ref : Separate<["--"], "ref", [Compare]>, MetaVarName<"FILE">,
    HelpText<"safetensors with input_ids [T], logits [T, V] and, if it has them, hidden.L<i> and hidden.norm">;
def limit_EQ : Joined<["--"], "limit=", [Compare]>, MetaVarName<"X">,
    HelpText<"largest difference of a logit or hidden state (default 1e-4)">;

def collectives_table_EQ : Joined<["--"], "collectives-table=", [Inspect]>, MetaVarName<"FILE">,
    HelpText<"with --collectives: what --bench --collectives -o wrote (what ships): which algorithm a size gets">;
def : Separate<["--"], "collectives-table">, Alias<collectives_table_EQ>;
def device_EQ : Joined<["--"], "device=", [Inspect]>, MetaVarName<"NAME">,
    HelpText<"with --collectives: what the ranks run on, cpu or cuda (cpu)">;
def : Separate<["--"], "device">, Alias<device_EQ>;
def collectives : Flag<["--"], "collectives", [Inspect]>,
    HelpText<"list what the ranks do together, in order, with bytes a token, for each --tp">;

// A value may be an argument of its own.
def : Separate<["--"], "activations">, Alias<activations_EQ>;
def : Separate<["--"], "dtype">, Alias<dtype_EQ>;
def : Separate<["--"], "kv">, Alias<kv_EQ>;
def : Separate<["--"], "max-context">, Alias<max_context_EQ>;
def : Separate<["--"], "tp">, Alias<tp_EQ>;
def : Separate<["--"], "emit">, Alias<emit_EQ>;
def : Separate<["--"], "from">, Alias<from_EQ>;
def : Separate<["--"], "model">, Alias<model_EQ>;
def : Separate<["--"], "weights">, Alias<weights_EQ>;
def : Separate<["--"], "stage">, Alias<stage_EQ>;
def : Separate<["--"], "limit">, Alias<limit_EQ>;

//===- Ir.cpp - lamina compile and lamina ir ------------------------------===//

#include "Commands.h"
#include "Compilation.h"
#include "OutputFiles.h"
#include "llvm/Support/Process.h"

using namespace lamina;

/// Compiles to `stage` and writes it to `output`.
static int compileTo(llvm::StringRef command, CompileRequest request,
                     Stage stage, const std::string &output, bool debugInfo) {
  if (request.from && *request.from > stage)
    return fail(ExitCode::Usage, "--from: " + getName(*request.from).str() +
                                     " comes behind " + getName(stage).str());
  request.output = output;
  bool packsWeights = request.packWeights;
  Compilation compilation(std::move(request));
  if (int code = compilation.start())
    return code;
  std::vector<std::string> outputs{output};
  if (packsWeights)
    outputs.push_back(output + kPackedSuffix.str());
  for (const std::string &file : outputs)
    if (int code = checkOutput(command, file, compilation.listInputs()))
      return code;
  if (int code = compilation.advance(std::min(stage, Stage::Llvm)))
    return code;
  if (stage == Stage::Program)
    return compilation.writeProgram(output);
  if (stage == Stage::Object)
    return compilation.writeObject(output);
  return compilation.writeText(output, debugInfo);
}

int lamina::runCompile(const std::vector<std::string> &arguments) {
  std::optional<CommandLine> line = parseCommandLine("compile", arguments);
  if (!line)
    return int(ExitCode::Usage);
  std::optional<CompileRequest> request = CompileRequest::create(*line);
  if (!request)
    return int(ExitCode::Usage);
  llvm::StringRef name = line->options.getLastArgValue(OPT_emit_EQ, "program");
  std::optional<Stage> stage = findStage(name);
  if (!stage)
    return failUsage(line->command,
                     "--emit: " + quoted(name) +
                         ", expected import, sharded, fused, planned, runtime, "
                         "llvm, object or program");
  if (request->packWeights && *stage != Stage::Program)
    return failUsage(
        line->command,
        "--weights: \"packed\", expected extern without a program");
  std::string output = line->options.getLastArgValue(OPT_o).str();
  if (output.empty() || (output == "-" && *stage == Stage::Program))
    return failUsage(line->command,
                     output.empty() ? "no output, expected -o FILE"
                                    : "-o: -, expected a file for a program");
  if (output == "-" && *stage == Stage::Object &&
      llvm::sys::Process::StandardOutIsDisplayed())
    return failUsage(line->command,
                     "-o: -, a terminal, expected a file for an object");
  return compileTo(line->command, *request, *stage, output,
                   /*debugInfo=*/false);
}

int lamina::runIr(const std::vector<std::string> &arguments) {
  std::optional<CommandLine> line = parseCommandLine("ir", arguments);
  if (!line)
    return int(ExitCode::Usage);
  std::optional<CompileRequest> request = CompileRequest::create(*line);
  if (!request)
    return int(ExitCode::Usage);
  llvm::StringRef name = line->options.getLastArgValue(OPT_stage_EQ, "fused");
  std::optional<Stage> stage = findStage(name);
  if (!stage || *stage > Stage::Llvm)
    return failUsage(line->command,
                     "--stage: " + quoted(name) +
                         ", expected import, sharded, fused, planned, runtime "
                         "or llvm");
  std::string output = line->options.getLastArgValue(OPT_o, "-").str();
  if (output.empty())
    return failUsage(line->command, "-o: \"\", expected a file");
  return compileTo(line->command, *request, *stage, output,
                   line->options.hasArg(OPT_debuginfo));
}

//===- Inspect.cpp - lamina inspect ---------------------------------------===//
//
// What is in a model, from its metadata; or how a program was made, from the
// note in its ELF file.
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "Compilation.h"
#include "InspectCollectives.h"
#include "lamina/Conversion/BufferPlan.h"
#include "lamina/Conversion/DescribeVariants.h"
#include "lamina/Import/SummationTree.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <charconv>
#include <fstream>

using namespace lamina;
using llvm::StringRef;

namespace {

/// Writes `value` as JSON, lines indented by `indent` (none: one line). Numbers
/// are in the shortest form that reads back as the same f64.
class JsonWriter {
public:
  JsonWriter(llvm::raw_ostream &stream, unsigned indent)
      : json(stream, indent) {}

  void write(const llvm::json::Value &value) {
    if (const llvm::json::Object *object = value.getAsObject()) {
      std::map<StringRef, const llvm::json::Value *> entries;
      for (const auto &[key, entry] : *object)
        entries[StringRef(key)] = &entry;
      json.object([&] {
        for (const auto &[key, entry] : entries) {
          json.attributeBegin(key);
          write(*entry);
          json.attributeEnd();
        }
      });
    } else if (const llvm::json::Array *array = value.getAsArray()) {
      json.array([&] {
        for (const llvm::json::Value &entry : *array)
          write(entry);
      });
    } else if (value.kind() == llvm::json::Value::Number &&
               !value.getAsInteger()) {
      char digits[32];
      char *end =
          std::to_chars(digits, std::end(digits), *value.getAsNumber()).ptr;
      json.rawValue(StringRef(digits, size_t(end - digits)));
    } else {
      json.value(value);
    }
  }

private:
  llvm::json::OStream json;
};

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// The JSON in the note of a program; an error says why there is none.
llvm::Expected<std::string> readNote(const std::string &path) {
  auto binary = llvm::object::ObjectFile::createObjectFile(path);
  if (!binary)
    return binary.takeError();
  for (const llvm::object::SectionRef &section :
       binary->getBinary()->sections()) {
    auto name = section.getName();
    if (!name)
      return name.takeError();
    if (*name != ".note.lamina")
      continue;
    auto contents = section.getContents();
    if (!contents)
      return contents.takeError();
    // Three words (sizes of name and description, type), then the name, padded
    // to words, then the description.
    StringRef bytes = *contents;
    uint32_t sizes[3] = {};
    if (bytes.size() < sizeof(sizes))
      break;
    std::memcpy(sizes, bytes.data(), sizeof(sizes));
    uint64_t start = sizeof(sizes) + (uint64_t(sizes[0]) + 3) / 4 * 4;
    if (start + sizes[1] > bytes.size())
      break;
    return bytes.substr(start, sizes[1]).rtrim('\0').str();
  }
  return llvm::createStringError("no note of lamina, expected a program that "
                                 "lamina compile made");
}

int inspectProgram(const std::string &path, const CommandLine &line) {
  llvm::Expected<std::string> note = readNote(path);
  if (!note)
    return fail(ExitCode::Malformed,
                path + ": program: " + llvm::toString(note.takeError()));
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(*note);
  if (!value)
    return fail(ExitCode::Malformed,
                path + ": program: note: " + llvm::toString(value.takeError()));
  const llvm::json::Object *object = value->getAsObject();
  const llvm::json::Value *variants =
      object ? object->get("variants") : nullptr;
  if (line.options.hasArg(OPT_collectives))
    return variants && variants->getAsArray()
               ? printCollectives(*variants, line)
               : fail(ExitCode::Malformed, path + ": program: note: says "
                                                  "nothing of ranks");
  std::string text;
  llvm::raw_string_ostream stream(text);
  JsonWriter(stream, line.options.hasArg(OPT_json) ? 0 : 2).write(*value);
  stream << "\n";
  return printAnswer(text);
}

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

int64_t getElements(const CheckpointTensor &tensor) {
  int64_t product = 1;
  for (int64_t dimension : tensor.shape)
    product *= dimension; // the readers have checked it
  return product;
}

std::string describeShape(const CheckpointTensor &tensor) {
  std::string text = "[";
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

/// Rank counts that give the bits of one rank: the products of the leading
/// radices of the trees of row-split products.
std::vector<int64_t> getEqualRanks(const Model &model) {
  auto getUnit = [&](TensorRole role) {
    int64_t unit = 1;
    for (const CheckpointTensor *tensor : model.tensors[role])
      unit = std::max(unit, getBlockElements(tensor->type));
    return unit;
  };
  const LlamaConfig &config = model.config;
  int64_t ways = getRowSplitWays(
      config.numHeads, config.numKvHeads,
      {{config.queryFeatures(), getUnit(TensorRole::AttentionOutput)},
       {config.intermediateSize, getUnit(TensorRole::Down)}});
  std::vector<int64_t> ranks{1};
  for (int64_t ways2 = ways % 2 ? ways : 2; ways2 <= ways && ways > 1;
       ways2 *= 2)
    ranks.push_back(ways2);
  return ranks;
}

llvm::json::Object describeTensors(const Model &model) {
  int64_t parameters = 0, bytes = 0;
  std::map<StringRef, std::pair<int64_t, int64_t>> types; // count, bytes
  for (const CheckpointTensor &tensor : model.checkpoint.tensors) {
    parameters += getElements(tensor);
    bytes += int64_t(tensor.bytes);
    auto &[count, size] = types[getName(tensor.type)];
    ++count;
    size += int64_t(tensor.bytes);
  }
  llvm::json::Object byType;
  for (const auto &[name, entry] : types)
    byType[name] =
        llvm::json::Object{{"tensors", entry.first}, {"bytes", entry.second}};
  return llvm::json::Object{{"parameters", parameters},
                            {"bytes", bytes},
                            {"types", std::move(byType)}};
}

llvm::json::Array listTensors(const Model &model) {
  llvm::json::Array list;
  for (const CheckpointTensor &tensor : model.checkpoint.tensors)
    list.push_back(
        llvm::json::Object{{"name", tensor.name},
                           {"type", std::string(getName(tensor.type))},
                           {"shape", llvm::json::Array(tensor.shape)},
                           {"file", model.getFileName(tensor.file)},
                           {"offset", int64_t(tensor.offset)},
                           {"bytes", int64_t(tensor.bytes)}});
  return list;
}

/// The arena and the slots of a planned module.
llvm::json::Object describePlan(mlir::ModuleOp module) {
  llvm::json::Object result;
  mlir::FailureOr<BufferPlan> plan = getBufferPlan(module);
  if (mlir::failed(plan))
    return result;
  llvm::json::Array slots;
  for (const Slot &slot : plan->slots)
    slots.push_back(llvm::json::Object{{"rows", kRowNames[unsigned(slot.rows)]},
                                       {"features", slot.type.getDimSize(1)},
                                       {"offset", slot.offset},
                                       {"bytes_per_row", slot.rowBytes}});
  result["bytes_per_token"] = plan->arenaBytes[0];
  result["bytes_per_logit_row"] = plan->arenaBytes[1];
  result["bytes_per_own_token"] = plan->arenaBytes[2];
  result["slots"] = std::move(slots);
  return result;
}

void printText(llvm::raw_ostream &stream, const llvm::json::Object &object,
               unsigned indent = 0);

void printValue(llvm::raw_ostream &stream, StringRef key,
                const llvm::json::Value &value, unsigned indent) {
  if (value.getAsArray() && value.getAsArray()->empty())
    return;
  stream.indent(indent) << key << ":";
  if (const llvm::json::Object *object = value.getAsObject()) {
    stream << "\n";
    printText(stream, *object, indent + 2);
  } else if (const llvm::json::Array *array = value.getAsArray()) {
    bool isPlain = llvm::none_of(*array, [](const llvm::json::Value &entry) {
      return entry.getAsObject();
    });
    if (isPlain) {
      stream << " ";
      llvm::interleaveComma(
          *array, stream,
          [&](const llvm::json::Value &entry) { stream << entry; });
      stream << "\n";
    } else {
      stream << "\n";
      for (const llvm::json::Value &entry : *array)
        stream.indent(indent + 2) << entry << "\n";
    }
  } else if (std::optional<StringRef> text = value.getAsString()) {
    stream << " " << *text << "\n";
  } else {
    stream << " ";
    JsonWriter(stream, 0).write(value);
    stream << "\n";
  }
}

/// `object` as lines of `key: value`, keys in order; empty lists are left out.
void printText(llvm::raw_ostream &stream, const llvm::json::Object &object,
               unsigned indent) {
  std::map<StringRef, const llvm::json::Value *> entries;
  for (const auto &[key, value] : object)
    entries[StringRef(key)] = &value;
  for (const auto &[key, value] : entries)
    printValue(stream, key, *value, indent);
}

int printObject(llvm::json::Object object, bool asJson) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (asJson) {
    JsonWriter(stream, 0).write(llvm::json::Value(std::move(object)));
    stream << "\n";
  } else {
    printText(stream, object);
  }
  return printAnswer(text);
}

int printTensorTable(const Model &model) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (const CheckpointTensor &tensor : model.checkpoint.tensors)
    stream << llvm::left_justify(tensor.name, 48) << " "
           << llvm::left_justify(StringRef(getName(tensor.type).data(),
                                           getName(tensor.type).size()),
                                 6)
           << llvm::left_justify(describeShape(tensor), 18) << " "
           << llvm::right_justify(std::to_string(tensor.bytes), 12)
           << " bytes\n";
  return printAnswer(text);
}

/// The plan, and beside it what the arena would be without fusing.
int addPlan(CompileRequest request, llvm::json::Object &object) {
  llvm::json::Object plans[2];
  for (bool fuse : {true, false}) {
    request.fuse = fuse;
    Compilation compilation(request);
    if (int code = compilation.start())
      return code;
    if (int code = compilation.advance(Stage::Planned))
      return code;
    plans[fuse] = describePlan(compilation.getModule());
  }
  plans[false].erase("slots");
  plans[true]["unfused"] = std::move(plans[false]);
  object["plan"] = std::move(plans[true]);
  return 0;
}

/// A pipe or a device is none, and is not read.
bool isElf(const std::string &path) {
  char magic[4] = {};
  return llvm::sys::fs::is_regular_file(path) &&
         std::ifstream(path, std::ios::binary).read(magic, sizeof(magic)) &&
         StringRef(magic, sizeof(magic)) == "\x7f"
                                            "ELF";
}

/// Refuses options that would change nothing of what is shown.
int checkUse(const CommandLine &line, bool isProgram) {
  auto refuse = [&](std::initializer_list<unsigned> options, StringRef why) {
    for (unsigned option : options)
      if (const llvm::opt::Arg *argument = line.options.getLastArg(option))
        return failUsage(line.command,
                         getSpelling(*argument) + ": " + why.str());
    return 0;
  };
  if (isProgram)
    if (int code = refuse({OPT_tensors, OPT_plan, OPT_tp_EQ, OPT_no_fuse,
                           OPT_shard_residual, OPT_activations_EQ, OPT_dtype_EQ,
                           OPT_kv_EQ, OPT_max_context_EQ},
                          "of a program, expected a model"))
      return code;
  if (line.options.hasArg(OPT_collectives))
    return refuse({OPT_plan, OPT_tensors},
                  "with --collectives, expected one of them");
  if (int code = refuse({OPT_collectives_table_EQ, OPT_device_EQ},
                        "without --collectives, expected with it"))
    return code;
  if (line.options.hasArg(OPT_plan))
    return refuse({OPT_no_fuse},
                  "with --plan, expected without it: both plans are shown");
  return refuse({OPT_tp_EQ, OPT_no_fuse, OPT_shard_residual},
                "without --plan and --collectives, expected with one of them");
}

} // namespace

int lamina::runInspect(const std::vector<std::string> &arguments) {
  std::optional<CommandLine> line = parseCommandLine("inspect", arguments);
  if (!line)
    return int(ExitCode::Usage);
  std::optional<CompileRequest> request = CompileRequest::create(*line);
  if (!request)
    return int(ExitCode::Usage);
  bool asJson = line->options.hasArg(OPT_json);
  bool isProgram = isElf(request->input);
  if (int code = checkUse(*line, isProgram))
    return code;
  if (isProgram)
    return inspectProgram(request->input, *line);

  if (line->options.hasArg(OPT_collectives)) {
    Compilation compilation(*request);
    if (int code = compilation.start())
      return code;
    if (int code = compilation.advance(Stage::Runtime))
      return code;
    return printCollectives(describeVariants(compilation.getModule()), *line);
  }
  InputErrors errors;
  std::optional<Model> model = openModel(request->input, errors);
  if (!model)
    return fail(errors);
  if (line->options.hasArg(OPT_tensors) && !asJson)
    return printTensorTable(*model);
  llvm::Expected<llvm::json::Value> program = llvm::json::parse(describeProgram(
      *model, chooseTypes(*request, *model), *request,
      request->maxContext ? request->maxContext : model->config.maxPositions,
      /*hasTokenizer=*/false));
  if (!program)
    return fail(ExitCode::InternalError, llvm::toString(program.takeError()));
  llvm::json::Object object;
  object["model"] = request->input;
  for (StringRef key : {"config", "format", "activations", "dtype", "kv"})
    object[key] = *program->getAsObject()->get(key);
  object["tensors"] = describeTensors(*model);
  object["ranks_with_equal_bits"] = llvm::json::Array(getEqualRanks(*model));
  object["warnings"] = llvm::json::Array(model->warnings);
  if (line->options.hasArg(OPT_tensors))
    object["tensor_list"] = listTensors(*model);
  if (line->options.hasArg(OPT_plan))
    if (int code = addPlan(*request, object))
      return code;
  return printObject(std::move(object), asJson);
}

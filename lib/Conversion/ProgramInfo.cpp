//===- ProgramInfo.cpp - What a program knows beside its graph ------------===//

#include "lamina/Conversion/ProgramInfo.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace lamina;

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static Attribute makeFile(Builder &builder, const ProgramFile &file) {
  // The bits of an unsigned number; i64 prints them with a sign.
  auto number = [&](uint64_t value) {
    return builder.getI64IntegerAttr(static_cast<int64_t>(value));
  };
  SmallVector<NamedAttribute> fields = {
      builder.getNamedAttr("name", builder.getStringAttr(file.name)),
      builder.getNamedAttr("size", number(file.size)),
      builder.getNamedAttr("header_size", number(file.headerSize)),
      builder.getNamedAttr("header_hash", number(file.headerHash)),
      builder.getNamedAttr("sample_hash", number(file.sampleHash)),
  };
  if (file.fullHash)
    fields.push_back(builder.getNamedAttr("full_hash", number(*file.fullHash)));
  return builder.getDictionaryAttr(fields);
}

void lamina::setProgramInfo(ModuleOp module, const ProgramInfo &info) {
  Builder builder(module.getContext());
  auto setString = [&](StringRef name, const std::string &value) {
    module->setAttr(name, builder.getStringAttr(value));
  };
  setString(kModelPathAttr, info.modelPath);
  setString(kRelativeModelPathAttr, info.relativeModelPath);
  if (!info.packedWeights.empty())
    setString(kPackedWeightsAttr, info.packedWeights);
  setString(kJsonAttr, info.json);
  SmallVector<Attribute> files;
  for (const ProgramFile &file : info.files)
    files.push_back(makeFile(builder, file));
  module->setAttr(kFilesAttr, builder.getArrayAttr(files));
  module->setAttr(kMaxContextAttr, builder.getI64IntegerAttr(info.maxContext));
  if (info.tokenizer.empty()) {
    module->removeAttr(kTokenizerAttr);
    return;
  }
  auto type = RankedTensorType::get(int64_t(info.tokenizer.size()),
                                    builder.getI8Type());
  AsmResourceBlob blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(
      ArrayRef<char>(info.tokenizer.data(), info.tokenizer.size()),
      /*align=*/1, /*dataIsMutable=*/false);
  module->setAttr(kTokenizerAttr, DenseResourceElementsAttr::get(
                                      type, "tokenizer", std::move(blob)));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {

class InfoReader {
public:
  explicit InfoReader(ModuleOp module) : module(module) {}

  FailureOr<ProgramInfo> read();

private:
  void fail(StringRef name, StringRef expected) {
    ok = false;
    module.emitError("'") << name << "' needs " << expected << ", got "
                          << module->getAttr(name);
  }
  void readString(StringRef name, std::string &value);
  bool readFile(Attribute attribute, ProgramFile &file);
  void readTokenizer(std::string &bytes);

  ModuleOp module;
  bool ok = true;
};

void InfoReader::readString(StringRef name, std::string &value) {
  Attribute attribute = module->getAttr(name);
  if (!attribute)
    return;
  if (auto string = dyn_cast<StringAttr>(attribute))
    value = string.str();
  else
    fail(name, "a string");
}

bool InfoReader::readFile(Attribute attribute, ProgramFile &file) {
  auto fields = dyn_cast<DictionaryAttr>(attribute);
  auto name = fields ? fields.getAs<StringAttr>("name") : StringAttr();
  if (!name)
    return false;
  file.name = name.str();
  auto readNumber = [&](StringRef field, uint64_t &value) {
    auto number = fields.getAs<IntegerAttr>(field);
    if (!number || !number.getType().isSignlessInteger(64))
      return false;
    value = static_cast<uint64_t>(number.getInt());
    return true;
  };
  if (fields.contains("full_hash") &&
      !readNumber("full_hash", file.fullHash.emplace()))
    return false;
  return readNumber("size", file.size) &&
         readNumber("header_size", file.headerSize) &&
         readNumber("header_hash", file.headerHash) &&
         readNumber("sample_hash", file.sampleHash);
}

void InfoReader::readTokenizer(std::string &bytes) {
  Attribute attribute = module->getAttr(kTokenizerAttr);
  if (!attribute)
    return;
  auto resource = dyn_cast<DenseResourceElementsAttr>(attribute);
  AsmResourceBlob *blob = resource && resource.getElementType().isInteger(8)
                              ? resource.getRawHandle().getBlob()
                              : nullptr;
  if (!blob)
    return fail(kTokenizerAttr, "a dense resource of i8 with its bytes");
  bytes.assign(blob->getData().begin(), blob->getData().end());
}

FailureOr<ProgramInfo> InfoReader::read() {
  ProgramInfo info;
  readString(kModelPathAttr, info.modelPath);
  readString(kRelativeModelPathAttr, info.relativeModelPath);
  readString(kPackedWeightsAttr, info.packedWeights);
  readString(kJsonAttr, info.json);
  if (Attribute attribute = module->getAttr(kFilesAttr)) {
    auto files = dyn_cast<ArrayAttr>(attribute);
    for (Attribute file :
         files ? files : ArrayAttr::get(module.getContext(), {}))
      if (!readFile(file, info.files.emplace_back()))
        ok = false;
    if (!files || !ok)
      fail(kFilesAttr,
           "{name, size, header_size, header_hash, sample_hash} for "
           "each file, numbers as i64");
  }
  if (Attribute attribute = module->getAttr(kMaxContextAttr)) {
    auto number = dyn_cast<IntegerAttr>(attribute);
    if (number && number.getType().isSignlessInteger(64) &&
        number.getInt() >= 0)
      info.maxContext = number.getInt();
    else
      fail(kMaxContextAttr, "an i64 that is not negative");
  }
  readTokenizer(info.tokenizer);
  if (!ok)
    return failure();
  return info;
}

} // namespace

FailureOr<ProgramInfo> lamina::getProgramInfo(ModuleOp module) {
  return InfoReader(module).read();
}

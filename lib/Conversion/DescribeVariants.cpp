//===- DescribeVariants.cpp - What a program says of its ranks ------------===//

#include "lamina/Conversion/DescribeVariants.h"

#include "lamina/Conversion/RuntimeTables.h"
#include "lamina/Support/CheckedMath.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace lamina;

static int64_t getNumber(DictionaryAttr entry, StringRef name) {
  auto number = entry.getAs<IntegerAttr>(name);
  return number ? number.getInt() : 0;
}

/// bytes + rowBytes * times, INT64_MAX if it is more.
static int64_t addProduct(int64_t bytes, int64_t rowBytes, int64_t times) {
  std::optional<int64_t> product = checkedMul(rowBytes, times);
  std::optional<int64_t> sum =
      product ? checkedAdd(bytes, *product) : std::nullopt;
  return sum.value_or(INT64_MAX);
}

/// Bytes that a rank receives for one row, as the mean over ranks, rounded up:
/// of its part of the rows what each of the others brings, and of their parts
/// the results. INT64_MAX if they are more.
static int64_t countReceivedBytes(int64_t ranks, int64_t rowBytes,
                                  int64_t resultBytes) {
  std::optional<int64_t> bytes = checkedAdd(rowBytes, resultBytes);
  if (bytes)
    bytes = checkedMul(*bytes, ranks - 1);
  return bytes ? *bytes / ranks + (*bytes % ranks != 0) : INT64_MAX;
}

static llvm::json::Object describeCollective(DictionaryAttr entry,
                                             int64_t ranks) {
  int64_t features = getNumber(entry, "features");
  Type type = entry.getAs<TypeAttr>("type").getValue();
  std::string name;
  llvm::raw_string_ostream(name) << type;
  int64_t rowBytes = features * (type.getIntOrFloatBitWidth() / 8);
  int64_t resultBytes = getNumber(entry, "result_bytes");
  llvm::json::Object described{
      {"operation", entry.getAs<StringAttr>("operation").getValue()},
      {"rows", entry.getAs<StringAttr>("rows").getValue()},
      {"features", features},
      {"type", name},
      {"times", getNumber(entry, "times")},
      {"bytes_per_row", rowBytes},
      {"result_bytes_per_row", resultBytes},
      {"received_bytes_per_row",
       countReceivedBytes(ranks, rowBytes, resultBytes)}};
  if (entry.contains("keeps_rows"))
    described["keeps_rows"] = true;
  return described;
}

llvm::json::Array lamina::describeVariants(ModuleOp module) {
  llvm::json::Array all;
  auto variants = module->getAttrOfType<ArrayAttr>(kVariantsAttr);
  for (Attribute attribute : variants) {
    auto variant = cast<DictionaryAttr>(attribute);
    llvm::json::Array collectives;
    int64_t ranks = getNumber(variant, "ranks");
    int64_t tokenBytes = 0, logitsBytes = 0;
    for (Attribute entry : variant.getAs<ArrayAttr>("collectives")) {
      llvm::json::Object described =
          describeCollective(cast<DictionaryAttr>(entry), ranks);
      int64_t &bytes = described["rows"] == "tokens" ? tokenBytes : logitsBytes;
      bytes =
          addProduct(bytes, *described["received_bytes_per_row"].getAsInteger(),
                     *described["times"].getAsInteger());
      collectives.push_back(std::move(described));
    }
    all.push_back(llvm::json::Object{{"ranks", ranks},
                                     {"bytes_per_token", tokenBytes},
                                     {"bytes_per_logits_row", logitsBytes},
                                     {"collectives", std::move(collectives)}});
  }
  return all;
}

std::string lamina::addVariants(ModuleOp module, StringRef json) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(json);
  if (!value) {
    llvm::consumeError(value.takeError());
    return json.str();
  }
  llvm::json::Object *object = value->getAsObject();
  if (!object)
    return json.str();
  (*object)["variants"] = describeVariants(module);
  std::string text;
  llvm::raw_string_ostream(text) << *value;
  return text;
}

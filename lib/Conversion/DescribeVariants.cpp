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

static llvm::json::Object describeCollective(DictionaryAttr entry) {
  int64_t features = getNumber(entry, "features");
  Type type = entry.getAs<TypeAttr>("type").getValue();
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return llvm::json::Object{
      {"operation", entry.getAs<StringAttr>("operation").getValue()},
      {"rows", entry.getAs<StringAttr>("rows").getValue()},
      {"features", features},
      {"type", name},
      {"times", getNumber(entry, "times")},
      {"bytes_per_row", features * (type.getIntOrFloatBitWidth() / 8)}};
}

llvm::json::Array lamina::describeVariants(ModuleOp module) {
  llvm::json::Array all;
  auto variants = module->getAttrOfType<ArrayAttr>(kVariantsAttr);
  for (Attribute attribute : variants) {
    auto variant = cast<DictionaryAttr>(attribute);
    llvm::json::Array collectives;
    int64_t bytes = 0;
    for (Attribute entry : variant.getAs<ArrayAttr>("collectives")) {
      llvm::json::Object described =
          describeCollective(cast<DictionaryAttr>(entry));
      if (described["rows"] == "tokens")
        bytes = addProduct(bytes, *described["bytes_per_row"].getAsInteger(),
                           *described["times"].getAsInteger());
      collectives.push_back(std::move(described));
    }
    all.push_back(llvm::json::Object{{"ranks", getNumber(variant, "ranks")},
                                     {"bytes_per_token", bytes},
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

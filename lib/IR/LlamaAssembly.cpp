//===- LlamaAssembly.cpp - Custom directives of the assembly formats ------===//

#include "LlamaAssembly.h"

#include <charconv>

using namespace mlir;

namespace lamina {

ParseResult parseVisibility(OpAsmParser &parser, StringAttr &visibility) {
  StringRef keyword;
  if (succeeded(parser.parseOptionalKeyword(&keyword,
                                            {"private", "nested", "public"})))
    visibility = parser.getBuilder().getStringAttr(keyword);
  return success();
}

void printVisibility(OpAsmPrinter &printer, Operation *,
                     StringAttr visibility) {
  if (visibility)
    printer << ' ' << visibility.getValue();
}

/// Parses `%l]` or `31]`, after the opening bracket.
static ParseResult parseLayerAndBracket(OpAsmParser &parser,
                                        OptionalOperand &layer,
                                        IntegerAttr &index) {
  int64_t value;
  OptionalParseResult constant = parser.parseOptionalInteger(value);
  if (constant.has_value()) {
    if (failed(*constant))
      return failure();
    index = parser.getBuilder().getI64IntegerAttr(value);
  } else if (parser.parseOperand(layer.emplace())) {
    return failure();
  }
  return parser.parseRSquare();
}

ParseResult parseLayerRef(OpAsmParser &parser, OptionalOperand &layer,
                          IntegerAttr &index) {
  if (parser.parseLSquare())
    return failure();
  return parseLayerAndBracket(parser, layer, index);
}

void printLayerRef(OpAsmPrinter &printer, Operation *, Value layer,
                   IntegerAttr index) {
  printer << '[';
  if (layer)
    printer << layer;
  else if (index)
    printer << index.getInt();
  printer << ']';
}

ParseResult parseOptionalLayerRef(OpAsmParser &parser, OptionalOperand &layer,
                                  IntegerAttr &index) {
  if (failed(parser.parseOptionalLSquare()))
    return success();
  return parseLayerAndBracket(parser, layer, index);
}

void printOptionalLayerRef(OpAsmPrinter &printer, Operation *op, Value layer,
                           IntegerAttr index) {
  if (layer || index)
    printLayerRef(printer, op, layer, index);
}

ParseResult parseWeightRef(OpAsmParser &parser, FlatSymbolRefAttr &weight,
                           OptionalOperand &layer, IntegerAttr &index) {
  if (parser.parseAttribute(weight))
    return failure();
  return parseOptionalLayerRef(parser, layer, index);
}

void printWeightRef(OpAsmPrinter &printer, Operation *op,
                    FlatSymbolRefAttr weight, Value layer, IntegerAttr index) {
  printer.printAttributeWithoutType(weight);
  printOptionalLayerRef(printer, op, layer, index);
}

ParseResult parseOptionalBias(OpAsmParser &parser, FlatSymbolRefAttr &bias,
                              OptionalOperand &layer, IntegerAttr &index) {
  if (failed(parser.parseOptionalKeyword("bias")))
    return success();
  return parseWeightRef(parser, bias, layer, index);
}

void printOptionalBias(OpAsmPrinter &printer, Operation *op,
                       FlatSymbolRefAttr bias, Value layer, IntegerAttr index) {
  if (!bias)
    return;
  printer << " bias ";
  printWeightRef(printer, op, bias, layer, index);
}

ParseResult parseFloat(OpAsmParser &parser, FloatAttr &value) {
  return parser.parseAttribute(value, parser.getBuilder().getF64Type());
}

void printFloat(OpAsmPrinter &printer, Operation *, FloatAttr value) {
  if (!value.getType().isF64() || !value.getValue().isFinite()) {
    printer.printAttributeWithoutType(value);
    return;
  }
  char digits[32];
  auto [end, error] =
      std::to_chars(digits, std::end(digits), value.getValueAsDouble());
  StringRef text(digits, end - digits);
  // MLIR wants a point before the exponent: `1e-05` is `1.0e-05`.
  size_t exponent = text.find('e');
  printer << text.take_front(exponent)
          << (text.take_front(exponent).contains('.') ? "" : ".0")
          << (exponent == StringRef::npos ? "" : text.substr(exponent));
}

ParseResult parseRope(OpAsmParser &parser, RopeAttr &rope) {
  return parser.parseAttribute(rope);
}

void printRope(OpAsmPrinter &printer, Operation *, RopeAttr rope) {
  printer.printAttribute(rope);
}

ParseResult parseInputAndResult(OpAsmParser &parser, Type &input,
                                Type &result) {
  if (parser.parseType(input))
    return failure();
  if (failed(parser.parseOptionalArrow())) {
    result = input;
    return success();
  }
  return parser.parseType(result);
}

void printInputAndResult(OpAsmPrinter &printer, Operation *, Type input,
                         Type result) {
  printer << input;
  if (result != input)
    printer << " -> " << result;
}

//===----------------------------------------------------------------------===//
// Derived weights
//===----------------------------------------------------------------------===//

static ParseResult parseLayerRange(OpAsmParser &parser, LayerRangeAttr &range) {
  FlatSymbolRefAttr weight;
  int64_t begin = -1, end = -1;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseAttribute(weight))
    return failure();
  if (succeeded(parser.parseOptionalLSquare())) {
    loc = parser.getCurrentLocation();
    if (parser.parseInteger(begin) || parser.parseKeyword("to") ||
        parser.parseInteger(end) || parser.parseRSquare())
      return failure();
    if (begin < 0)
      return parser.emitError(loc, "needs a first layer that is not negative");
  }
  range = LayerRangeAttr::getChecked([&] { return parser.emitError(loc); },
                                     parser.getContext(), weight, begin, end);
  return success(range != nullptr);
}

ParseResult parseDerivation(OpAsmParser &parser, Attribute &derived) {
  if (failed(parser.parseOptionalEqual()))
    return success();
  if (succeeded(parser.parseOptionalKeyword("layers"))) {
    SmallVector<LayerRangeAttr> ranges;
    if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, [&] {
          return parseLayerRange(parser, ranges.emplace_back());
        }))
      return failure();
    derived = LayersOfAttr::get(parser.getContext(), ranges);
    return success();
  }
  if (failed(parser.parseOptionalKeyword("columns")))
    return parser.emitError(parser.getCurrentLocation(),
                            "expected `layers` or `columns` after `=`");
  SmallVector<FlatSymbolRefAttr> parts;
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, [&] {
        return parser.parseAttribute(parts.emplace_back());
      }))
    return failure();
  derived = ColumnsOfAttr::get(parser.getContext(), parts);
  return success();
}

void printDerivation(OpAsmPrinter &printer, Operation *, Attribute derived) {
  if (auto layers = dyn_cast_or_null<LayersOfAttr>(derived)) {
    printer << " = layers [";
    llvm::interleaveComma(
        layers.getRanges(), printer, [&](LayerRangeAttr range) {
          printer.printAttributeWithoutType(range.getWeight());
          if (!range.isWhole())
            printer << '[' << range.getBegin() << " to " << range.getEnd()
                    << ']';
        });
    printer << ']';
  } else if (auto columns = dyn_cast_or_null<ColumnsOfAttr>(derived)) {
    printer << " = columns [";
    llvm::interleaveComma(columns.getParts(), printer,
                          [&](FlatSymbolRefAttr part) {
                            printer.printAttributeWithoutType(part);
                          });
    printer << ']';
  }
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

ParseResult parseLayers(OpAsmParser &parser, IntegerAttr &count,
                        SmallVectorImpl<OpAsmParser::UnresolvedOperand> &inits,
                        SmallVectorImpl<Type> &initTypes,
                        SmallVectorImpl<Type> &finalTypes, Region &body) {
  OpAsmParser::Argument layer;
  SmallVector<OpAsmParser::Argument> arguments;
  int64_t layers;
  if (parser.parseArgument(layer) || parser.parseKeyword("to") ||
      parser.parseInteger(layers))
    return failure();
  count = parser.getBuilder().getI64IntegerAttr(layers);
  layer.type = parser.getBuilder().getIndexType();
  if (succeeded(parser.parseOptionalKeyword("iter"))) {
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseAssignmentList(arguments, inits) ||
        parser.parseColonTypeList(initTypes))
      return failure();
    if (arguments.size() != initTypes.size())
      return parser.emitError(loc, "needs one type for each iteration value, ")
             << arguments.size() << ", got " << initTypes.size();
  }
  for (auto [argument, type] : llvm::zip_equal(arguments, initTypes))
    argument.type = type;
  finalTypes.assign(initTypes.begin(), initTypes.end());
  arguments.insert(arguments.begin(), layer);
  return parser.parseRegion(body, arguments);
}

void printLayers(OpAsmPrinter &printer, LayersOp, IntegerAttr count,
                 OperandRange inits, TypeRange initTypes, TypeRange,
                 Region &body) {
  printer << body.getArgument(0) << " to " << count.getInt();
  if (!inits.empty()) {
    printer << " iter (";
    llvm::interleaveComma(llvm::zip(body.getArguments().drop_front(), inits),
                          printer, [&](auto pair) {
                            printer << std::get<0>(pair) << " = "
                                    << std::get<1>(pair);
                          });
    printer << ") : ";
    llvm::interleaveComma(initTypes, printer);
  }
  printer << ' ';
  printer.printRegion(body, /*printEntryBlockArgs=*/false);
}

} // namespace lamina

//===- LlamaAssembly.h - Custom directives of the assembly formats --------===//

#ifndef LAMINA_LIB_IR_LLAMAASSEMBLY_H
#define LAMINA_LIB_IR_LLAMAASSEMBLY_H

#include "lamina/IR/LlamaOps.h"
#include "mlir/IR/OpImplementation.h"

namespace lamina {

using OptionalOperand = std::optional<mlir::OpAsmParser::UnresolvedOperand>;

/// `private`, `nested`, `public`, or nothing.
mlir::ParseResult parseVisibility(mlir::OpAsmParser &parser,
                                  mlir::StringAttr &visibility);
void printVisibility(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                     mlir::StringAttr visibility);

/// `@w`, `@w[%l]` or `@w[31]`.
mlir::ParseResult parseWeightRef(mlir::OpAsmParser &parser,
                                 mlir::FlatSymbolRefAttr &weight,
                                 OptionalOperand &layer,
                                 mlir::IntegerAttr &index);
void printWeightRef(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                    mlir::FlatSymbolRefAttr weight, mlir::Value layer,
                    mlir::IntegerAttr index);

/// `[%l]` or `[31]`.
mlir::ParseResult parseLayerRef(mlir::OpAsmParser &parser,
                                OptionalOperand &layer,
                                mlir::IntegerAttr &index);
void printLayerRef(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                   mlir::Value layer, mlir::IntegerAttr index);

/// Nothing, `[%l]` or `[31]`.
mlir::ParseResult parseOptionalLayerRef(mlir::OpAsmParser &parser,
                                        OptionalOperand &layer,
                                        mlir::IntegerAttr &index);
void printOptionalLayerRef(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                           mlir::Value layer, mlir::IntegerAttr index);

/// Nothing, or `bias` and a weight reference.
mlir::ParseResult parseOptionalBias(mlir::OpAsmParser &parser,
                                    mlir::FlatSymbolRefAttr &bias,
                                    OptionalOperand &layer,
                                    mlir::IntegerAttr &index);
void printOptionalBias(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                       mlir::FlatSymbolRefAttr bias, mlir::Value layer,
                       mlir::IntegerAttr index);

/// An f64 in the shortest form that reads back as the same value.
mlir::ParseResult parseFloat(mlir::OpAsmParser &parser, mlir::FloatAttr &value);
void printFloat(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                mlir::FloatAttr value);

/// `#llama.rope<...>`, so that the printer may use an alias.
mlir::ParseResult parseRope(mlir::OpAsmParser &parser, RopeAttr &rope);
void printRope(mlir::OpAsmPrinter &printer, mlir::Operation *op, RopeAttr rope);

/// `T` where input and result have one type, else `T -> U`.
mlir::ParseResult parseInputAndResult(mlir::OpAsmParser &parser,
                                      mlir::Type &input, mlir::Type &result);
void printInputAndResult(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                         mlir::Type input, mlir::Type result);

/// Nothing, `= layers [@a[1 to 32], @b]` or `= columns [@a, @b]`.
mlir::ParseResult parseDerivation(mlir::OpAsmParser &parser,
                                  mlir::Attribute &derived);
void printDerivation(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                     mlir::Attribute derived);

/// `%l to 32 iter (%h = %x, ...) : T, ... { body }`.
mlir::ParseResult
parseLayers(mlir::OpAsmParser &parser, mlir::IntegerAttr &count,
            llvm::SmallVectorImpl<mlir::OpAsmParser::UnresolvedOperand> &inits,
            llvm::SmallVectorImpl<mlir::Type> &initTypes,
            llvm::SmallVectorImpl<mlir::Type> &finalTypes, mlir::Region &body);
void printLayers(mlir::OpAsmPrinter &printer, LayersOp op,
                 mlir::IntegerAttr count, mlir::OperandRange inits,
                 mlir::TypeRange initTypes, mlir::TypeRange finalTypes,
                 mlir::Region &body);

} // namespace lamina

#endif // LAMINA_LIB_IR_LLAMAASSEMBLY_H

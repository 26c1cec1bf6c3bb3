//===- DamagedBytecodeTest.cpp - Bytecode cut short or with a bit flipped -===//
//
// A file that has every op and attribute, damaged, goes through the guard that
// the tools read bytecode with: it is refused with a message and a code, or it
// comes back as bytecode that this process reads, verifies and prints. MLIR
// 22's reader itself dies on, does not end with, or is silent about one flip in
// 170; the bytes in which that happens are all tried.
//
// A flip costs a process, about 5 ms, so a run takes each 7th of the others.
// LAMINA_DAMAGE_STRIDE=1 takes them all, in a minute and a half.
//
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaOps.h"
#include "lamina/Tools/BytecodeGuard.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlir;
using namespace lamina;

namespace {

/// Processor time in which a file of 2 KB is read, in milliseconds.
constexpr int64_t kMilliseconds = 250;

std::string readSeed() {
  auto buffer = llvm::MemoryBuffer::getFile(LAMINA_BYTECODE_FILE);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

std::string flip(std::string file, size_t bit) {
  file[bit / 8] ^= char(1 << bit % 8);
  return file;
}

size_t getStride(size_t usual) {
  const char *given = std::getenv("LAMINA_DAMAGE_STRIDE");
  size_t stride = 0;
  return given && llvm::to_integer(given, stride) && stride > 0 ? stride
                                                                : usual;
}

class DamagedBytecode : public testing::Test {
protected:
  DamagedBytecode() {
    registry.insert<LlamaDialect, func::FuncDialect, arith::ArithDialect>();
    // The context in which the guard's answers are read.
    context.appendDialectRegistry(registry);
    seed = readSeed();
  }

  GuardedBytecode guard(llvm::StringRef file) const {
    BytecodeGuardOptions options;
    options.milliseconds = kMilliseconds;
    return guardBytecode({file, "damaged.mlirbc"}, registry, options);
  }

  /// Expects that `file` is refused as it should be, or read.
  void check(llvm::StringRef file) {
    GuardedBytecode guarded = guard(file);
    if (!guarded.buffer) {
      ++refused;
      died += llvm::StringRef(guarded.messages).contains("MLIR's reader");
      EXPECT_TRUE(guarded.code == ExitCode::Malformed ||
                  guarded.code == ExitCode::Unsupported)
          << int(guarded.code);
      EXPECT_NE(guarded.messages.find("error: "), std::string::npos)
          << guarded.messages;
      return;
    }
    ++accepted;
    EXPECT_EQ(guarded.code, ExitCode::Success);
    EXPECT_EQ(guarded.messages, "");
    EXPECT_EQ(guarded.buffer->getBufferIdentifier(), "damaged.mlirbc");
    auto module = parseSourceString<ModuleOp>(guarded.buffer->getBuffer(),
                                              ParserConfig(&context));
    ASSERT_TRUE(module);
    module->print(llvm::nulls());
  }

  std::string seed;
  DialectRegistry registry;
  MLIRContext context{MLIRContext::Threading::DISABLED};
  size_t refused = 0, accepted = 0;
  size_t died = 0; // of those refused: the reader crashed, hung or was silent
};

TEST_F(DamagedBytecode, AnUndamagedFileComesBackAsItIs) {
  auto print = [&](llvm::StringRef bytes) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    if (auto module =
            parseSourceString<ModuleOp>(bytes, ParserConfig(&context)))
      module->print(stream, OpPrintingFlags().enableDebugInfo());
    return text;
  };
  GuardedBytecode guarded = guard(seed);
  ASSERT_TRUE(guarded.buffer) << guarded.messages;
  std::string text = print(seed);
  EXPECT_NE(text.find("llama.attention"), std::string::npos);
  EXPECT_EQ(print(guarded.buffer->getBuffer()), text);
}

// The bytes with which the reader of MLIR 22.1 dies: counts of the attribute
// and type sections (it writes behind its tables), attributes that refer to
// themselves (it never ends), numbers of operands and of regions.
TEST_F(DamagedBytecode, TheReadersDeathsAreErrors) {
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "the sanitizer's allocator survives what kills others";
#endif
  for (size_t byte : {53, 54, 55, 56, 135, 155, 181, 230, 237, 294, 405, 985,
                      1033, 1134, 1144})
    for (size_t bit = 0; bit < 8; ++bit) {
      SCOPED_TRACE(llvm::formatv("byte {0} bit {1}", byte, bit).str());
      check(flip(seed, 8 * byte + bit));
    }
  EXPECT_GE(died, 15u) << "does MLIR's reader need the guard?";
  EXPECT_GT(refused, died);
}

TEST_F(DamagedBytecode, ALimitIsSaid) {
  // Attributes that refer to themselves.
  bool isSeen = false;
  for (size_t byte : {181, 230, 237, 294, 405, 985})
    for (size_t bit = 0; bit < 8 && !isSeen; ++bit)
      isSeen = guard(flip(seed, 8 * byte + bit)).messages ==
               "error: damaged.mlirbc: bytecode: MLIR's reader does not end "
               "within 250 ms, expected an undamaged file\n";
  EXPECT_TRUE(isSeen);
}

TEST_F(DamagedBytecode, PrefixesAreRefused) {
  ASSERT_GT(seed.size(), 1000u);
  for (size_t size = 1; size < seed.size(); size += getStride(7)) {
    SCOPED_TRACE(size);
    check(llvm::StringRef(seed).take_front(size));
  }
  EXPECT_EQ(accepted, 0u);
  EXPECT_EQ(died, 0u);
}

TEST_F(DamagedBytecode, BitFlipsAreReadOrRefused) {
  ASSERT_GT(seed.size(), 1000u);
  // 7 has no factor of 8, so that every bit of a byte has its turn.
  for (size_t bit = 0; bit < 8 * seed.size(); bit += getStride(7)) {
    SCOPED_TRACE(llvm::formatv("byte {0} bit {1}", bit / 8, bit % 8).str());
    check(flip(seed, bit));
  }
  EXPECT_GT(refused, accepted);
  EXPECT_GT(accepted, 0u);
  // More would be something new.
  EXPECT_LT(died, (refused + accepted) / 50);
  RecordProperty("reader_deaths", int(died));
}

// MLIR checks the encoding of a tensor type in text, but not in bytecode.
TEST_F(DamagedBytecode, AnEncodingThatDoesNotFitIsRefused) {
  size_t unit = seed.find("#llama.columns<unit = 4>");
  ASSERT_NE(unit, std::string::npos);
  std::string file = seed;
  file[file.find('4', unit)] = '5';
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message += diagnostic.str();
    return success();
  });
  EXPECT_FALSE(parseSourceString<ModuleOp>(file, ParserConfig(&context)));
  llvm::StringRef expected =
      "needs a positive unit that divides the 32 features, got 5";
  EXPECT_TRUE(llvm::StringRef(message).contains(expected)) << message;
  // The guard's child says the same.
  GuardedBytecode guarded = guard(file);
  EXPECT_EQ(guarded.code, ExitCode::Malformed);
  EXPECT_TRUE(llvm::StringRef(guarded.messages).contains(expected))
      << guarded.messages;
}

} // namespace

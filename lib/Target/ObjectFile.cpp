//===- ObjectFile.cpp - From the llvm stage to machine code ---------------===//

#include "lamina/Target/ObjectFile.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace lamina;

void lamina::registerTargetTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

namespace {

/// A module of LLVM with the machine that it is for.
struct Translation {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
};

std::unique_ptr<llvm::TargetMachine>
createMachine(ModuleOp module, const TargetOptions &options) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(options.triple.empty()
                          ? llvm::sys::getDefaultTargetTriple()
                          : llvm::Triple::normalize(options.triple));
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target) {
    module.emitError("cannot make code for ")
        << triple.str() << ": " << message;
    return nullptr;
  }
  std::string cpu = options.cpu;
  if (cpu.empty() && triple.getArch() == llvm::Triple::x86_64)
    cpu = "x86-64-v2";
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, cpu, /*Features=*/"", llvm::TargetOptions(), llvm::Reloc::PIC_));
  if (!machine || !machine->getMCSubtargetInfo()->isCPUStringValid(cpu)) {
    module.emitError("cannot make code for the CPU '") << cpu << "'";
    return nullptr;
  }
  return machine;
}

LogicalResult translate(ModuleOp module, const TargetOptions &options,
                        Translation &translation) {
  translation.machine = createMachine(module, options);
  if (!translation.machine)
    return failure();
  translation.module =
      translateModuleToLLVMIR(module, translation.context, "lamina");
  if (!translation.module)
    return failure();
  translation.module->setTargetTriple(translation.machine->getTargetTriple());
  translation.module->setDataLayout(translation.machine->createDataLayout());
  translation.module->setPICLevel(llvm::PICLevel::BigPIC);
  return success();
}

} // namespace

LogicalResult lamina::emitLLVMIR(ModuleOp module, const TargetOptions &options,
                                 raw_ostream &os) {
  Translation translation;
  if (failed(translate(module, options, translation)))
    return failure();
  translation.module->print(os, /*AAW=*/nullptr);
  return success();
}

LogicalResult lamina::emitObject(ModuleOp module, const TargetOptions &options,
                                 llvm::raw_pwrite_stream &os) {
  Translation translation;
  if (failed(translate(module, options, translation)))
    return failure();
  llvm::legacy::PassManager passes;
  if (translation.machine->addPassesToEmitFile(
          passes, os, /*DwoOut=*/nullptr, llvm::CodeGenFileType::ObjectFile))
    return module.emitError("cannot write an object file for ")
           << translation.machine->getTargetTriple().str();
  passes.run(*translation.module);
  return success();
}

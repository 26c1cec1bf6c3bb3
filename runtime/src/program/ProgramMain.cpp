//===- ProgramMain.cpp - main ---------------------------------------------===//

#include "program/Program.h"

int lamina_program_main(int argc, char **argv) {
  return lamina::program::runProgram(*lamina_program_v1(), argc, argv);
}

int main(int argc, char **argv) { return lamina_program_main(argc, argv); }

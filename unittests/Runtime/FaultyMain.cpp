//===- FaultyMain.cpp - A program of which one rank does wrong ------------===//
//
// The program of FaultyProgram with the main of compiled programs, for as many
// ranks as there are processes. The environment says what goes wrong:
// LAMINA_FAULT on rank LAMINA_FAULT_RANK from step LAMINA_FAULT_STEP on, and a
// file to make when it does, LAMINA_FAULT_FILE.
//
//===----------------------------------------------------------------------===//

#include "FaultyProgram.h"

#include "lamina/Support/Launch.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace lamina::test {

namespace {

std::string_view getVariable(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

int32_t getNumber(const char *name, int32_t otherwise) {
  const char *value = getenv(name);
  return value ? atoi(value) : otherwise;
}

void makeFile() {
  const char *path = getenv("LAMINA_FAULT_FILE");
  int descriptor = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (descriptor >= 0)
    close(descriptor);
}

Fault findFault(std::string_view name) {
  const struct {
    std::string_view name;
    Fault fault;
  } kFaults[] = {
      {"", Fault::None},
      {"stalls-at-the-start", Fault::StallsAtTheStart},
      {"stalls-before", Fault::StallsBefore},
      {"stalls-at-the-end", Fault::StallsAtTheEnd},
      {"fails-inside", Fault::FailsInside},
      {"returns-error", Fault::ReturnsError},
      {"skips", Fault::Skips},
      {"swaps-two", Fault::SwapsTwo},
      {"other-shape", Fault::OtherShape},
      {"other-type", Fault::OtherType},
      {"other-argument", Fault::OtherArgument},
      {"does-not-end", Fault::DoesNotEnd},
      {"dies-before", Fault::DiesBefore},
      {"is-stopped-before", Fault::IsStoppedBefore},
      {"exits-before", Fault::ExitsBefore},
      {"dies-after", Fault::DiesAfter},
  };
  for (const auto &one : kFaults)
    if (one.name == name)
      return one.fault;
  fprintf(stderr, "LAMINA_FAULT: no such fault\n");
  exit(100);
}

/// A rank that ends before it meets the others.
void failToStart(std::string_view name) {
  if (name == "dies-at-once") {
    makeFile();
    raise(SIGKILL);
  }
  if (name == "exits-at-once") {
    makeFile();
    _exit(0);
  }
}

const lamina_program *makeProgram() {
  Launch launch;
  (void)readLaunch(launch);
  Faults &faults = getFaults();
  faults.guilty = getNumber("LAMINA_FAULT_RANK", 1);
  faults.firstStep = getNumber("LAMINA_FAULT_STEP", 1);
  faults.onFire = makeFile;
  std::string_view name = getVariable("LAMINA_FAULT");
  if (name == "dies-at-once" || name == "exits-at-once") {
    if (launch.rank == faults.guilty)
      failToStart(name);
  } else {
    faults.fault = findFault(name);
  }
  static FaultyProgram program;
  program.make(std::max(1, launch.size));
  return &program.stories.program;
}

} // namespace

} // namespace lamina::test

const lamina_program *lamina_program_v1(void) {
  static const lamina_program *program = lamina::test::makeProgram();
  return program;
}

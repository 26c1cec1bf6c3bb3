//===- FatalErrorsTest.cpp - Tests of FatalErrors.h -----------------------===//

#include "lamina/Support/FatalErrors.h"

#include "TemporaryFiles.h"
#include "lamina/Support/MappedFile.h"

#include <csignal>
#include <cstdio>
#include <new>
#include <unistd.h>

using namespace lamina;

namespace {

/// Maps a file of two pages, cuts it, and reads its second page.
void readCutFile(const std::string &path) {
  reportFatalErrors();
  InputErrors errors;
  auto file = MappedFile::open(path, errors);
  volatile char last = file->bytes().back();
  std::filesystem::resize_file(path, 1);
  last = file->bytes().back();
  _exit(last == 'x');
}

void cleanUp() { fputs("cleaned up\n", stderr); }

} // namespace

TEST(FatalErrors, ACutFileIsNamed) {
  TemporaryFolder folder;
  std::string path = folder.write("with spaces.gguf", "", 8192);
  EXPECT_EXIT(readCutFile(path), testing::ExitedWithCode(5),
              "^error: /.*/with spaces\\.gguf: a part that cannot be read, "
              "expected a file that nobody cuts while it is used\n$");
}

TEST(FatalErrors, OtherBusErrorsEndTheProcess) {
  auto raiseIt = [] {
    reportFatalErrors();
    raise(SIGBUS);
    raise(SIGBUS);
    _exit(0);
  };
  EXPECT_EXIT(raiseIt(), testing::KilledBySignal(SIGBUS), "^$");
}

TEST(FatalErrors, MemoryThatIsUsedUpIsALimit) {
  TemporaryFolder folder;
  std::string path = folder.write("unfinished", "x");
  auto allocate = [&] {
    reportFatalErrors(cleanUp);
    setUnfinishedFile(path.c_str());
    // What `new` calls; sanitizers have a `new` of their own.
    std::get_new_handler()();
    _exit(0);
  };
  EXPECT_EXIT(allocate(), testing::ExitedWithCode(6),
              "^cleaned up\nerror: memory: used up, expected more of it\n$");
  EXPECT_FALSE(std::filesystem::exists(path));
}

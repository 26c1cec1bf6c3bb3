//===- ProgramTest.cpp - The command line of a program --------------------===//
//
// Runs stories260K-program, which stands beside this test, in a shell.
//
//===----------------------------------------------------------------------===//

#include "StoriesProgram.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/wait.h>

namespace lamina::test {

namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

std::string readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

struct Outcome {
  int code;
  std::string out, err;
};

/// Each test has a folder $T; $P is the program.
class Program : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "lamina-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    std::string self = std::filesystem::read_symlink("/proc/self/exe");
    std::string program =
        std::filesystem::path(self).parent_path() / "stories260K-program";
    ASSERT_TRUE(std::filesystem::exists(program)) << program;
    setenv("P", program.c_str(), 1);
    setenv("T", folder.c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// Runs a shell command; standard input is empty unless the command says so.
  Outcome run(const std::string &command) {
    std::string line =
        "{ " + command + "\n} >\"$T/out\" 2>\"$T/err\" </dev/null";
    int status = system(line.c_str());
    return {WEXITSTATUS(status), readFile(folder + "/out"),
            readFile(folder + "/err")};
  }
  void write(const std::string &name, const std::string &content) {
    std::ofstream(folder + "/" + name, std::ios::binary) << content;
  }

  std::string folder;
};

std::string getGoldenText() {
  return readFile(getDataFolder() + "stories260K.golden-n200-t0.txt");
}

std::string getGoldenLine() {
  std::string ids =
      readFile(getDataFolder() + "stories260K.golden-ids-n200-t0.txt");
  while (!ids.empty() && (ids.back() == ' ' || ids.back() == '\n'))
    ids.pop_back();
  return ids + "\n";
}

TEST_F(Program, GoldenTextAndIds) {
  Outcome text = run("$P -p '' -n 200");
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(text.out, getGoldenText());
  EXPECT_EQ(text.err, "");
  Outcome ids = run("$P --ids 1 -n 200 --print-ids");
  EXPECT_EQ(ids.out, getGoldenLine());
}

TEST_F(Program, PromptsComeFromAnywhere) {
  std::string expected = run("$P -p 'Once upon a time' -n 20").out;
  EXPECT_EQ(expected.substr(0, 6), ", ther");
  write("prompt", "Once upon a time\n");
  EXPECT_EQ(run("$P -f \"$T/prompt\" -n 20").out, expected);
  EXPECT_EQ(run("$P -n 20 <\"$T/prompt\"").out, expected);
  EXPECT_EQ(run("echo Once upon a time | $P -n=20").code, 2);
  EXPECT_EQ(run("echo Once upon a time | $P -n 20 --temp=0").out, expected);
  // An empty prompt is BOS alone.
  EXPECT_EQ(run("$P -n 200").out, getGoldenText());
  write("empty", "");
  EXPECT_EQ(run("$P -f \"$T/empty\" -n 200").out, getGoldenText());
}

TEST_F(Program, BitsDoNotDependOnThreadsChunksAndLevels) {
  // Sampling at a high temperature shows differences of single bits soon.
  std::string base = "$P -p 'The dog' -n 100 --temp 2 --seed 7 --print-ids ";
  std::string expected = run(base).out;
  EXPECT_GT(expected.size(), 100u);
  for (const char *options : {"--threads 1", "--threads 2", "--threads 5",
                              "--chunk 1", "--chunk 2", "--cpu v2"})
    EXPECT_EQ(run(base + options).out, expected) << options;
  EXPECT_NE(run("$P -p 'The dog' -n 100 --temp 2 --seed 8 --print-ids").out,
            expected);
}

TEST_F(Program, BatchedPromptsAreThoseAlone) {
  std::string lines;
  for (int i = 0; i < 20; ++i)
    lines += "Once upon a time there were " + std::to_string(i) + " cats" +
             std::string(static_cast<size_t>(i), '!') + "\n";
  write("prompts", lines);
  std::string base = "$P --prompts \"$T/prompts\" -n 40 --temp 1 --batch ";
  Outcome alone = run(base + "1");
  EXPECT_EQ(alone.code, 0) << alone.err;
  EXPECT_EQ(std::count(alone.out.begin(), alone.out.end(), '\n'), 20);
  EXPECT_THAT(alone.out, HasSubstr("{\"prompt\":19,\"stop\":\"length\","));
  EXPECT_EQ(run(base + "7").out, alone.out);
  EXPECT_EQ(run(base + "64 --chunk 3").out, alone.out);
}

TEST_F(Program, StopsWhereItIsTold) {
  std::string golden = getGoldenText();
  size_t stop = golden.find("named");
  ASSERT_NE(stop, golden.npos);
  EXPECT_EQ(run("$P -p '' --stop named").out, golden.substr(0, stop));
  EXPECT_EQ(run("$P -p '' --stop xyzzy --stop little").out,
            golden.substr(0, golden.find("little")));
  // The context is full.
  Outcome full = run("$P --ids 1 --print-ids --context 10");
  EXPECT_EQ(full.code, 0);
  EXPECT_EQ(full.out, getGoldenLine().substr(0, full.out.size() - 1) + "\n");
  EXPECT_EQ(std::count(full.out.begin(), full.out.end(), ' '), 9);
}

TEST_F(Program, LongPromptsAreErrorsWithBothNumbers) {
  Outcome outcome = run("$P -p 'Once upon a time' --context 3");
  EXPECT_EQ(outcome.code, 6);
  EXPECT_THAT(outcome.err, MatchesRegex("error: prompt: [0-9]+ tokens, the "
                                        "context has 3\n"));
  EXPECT_EQ(outcome.out, "");
}

TEST_F(Program, OneLongPromptOfManyIsNamed) {
  write("prompts", "Hi\nOnce upon a time\n");
  Outcome outcome = run("$P --prompts \"$T/prompts\" --context 4");
  EXPECT_EQ(outcome.code, 6);
  EXPECT_THAT(outcome.err,
              MatchesRegex("error: --prompts: line 2: [0-9]+ tokens, the "
                           "context has 4\n"));
}

TEST_F(Program, WrongOptionsAreNamed) {
  const std::pair<const char *, const char *> cases[] = {
      {"--tmp 1", "--tmp: unknown option, did you mean --temp?"},
      {"hello", "'hello': not an option"},
      {"''", "'': not an option"},
      {"-n", "-n: no value, expected N"},
      {"-n 0", "-n: '0', expected an integer from 1 to 2147483647"},
      {"-n -1", "-n: '-1'"},
      {"-n 1e10", "-n: '1e10'"},
      {"--temp nan", "--temp: 'nan', expected a number from 0 to 100"},
      {"--temp -1", "--temp: '-1'"},
      {"--temp inf", "--temp: 'inf'"},
      {"--temp 0,5", "--temp: '0,5'"},
      {"--top-p 0", "--top-p: '0', expected a number above 0 to 1"},
      {"--top-p 2", "--top-p: '2'"},
      {"--min-p 1.5", "--min-p: '1.5'"},
      {"--top-k -1", "--top-k: '-1', expected an integer from 0"},
      {"--seed ''", "--seed: '', expected an integer"},
      {"--stop ''", "--stop: ''"},
      {"--threads 0", "--threads: '0'"},
      {"--context 513", "--context: '513', expected at most the model's 512"},
      {"--cpu v9", "--cpu: 'v9', expected v2, v3, v4 or bf16"},
      {"--raw --raw", "--raw: given twice"},
      {"--raw=1", "--raw: takes no value"},
      {"-p a -f b", "more than one is given"},
      {"--ids x", "--ids: 'x', expected token ids"},
      {"--ids ''", "--ids: no ids"},
      {"-p a --json", "--json: needs --info, --stats or --bench"},
      {"-p a --system b", "--system: this model has no chat template"},
  };
  for (const auto &[options, message] : cases) {
    Outcome outcome = run(std::string("LC_ALL=de_DE.UTF-8 $P ") + options);
    EXPECT_EQ(outcome.code, 2) << options;
    EXPECT_THAT(outcome.err, HasSubstr(std::string("error: ")));
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_EQ(run("$P --ids 512").code, 6);
  EXPECT_EQ(run("$P -p a --model /nonexistent").code, 5);
  Outcome missing = run("$P -f \"$T/missing\"");
  EXPECT_EQ(missing.code, 5);
  EXPECT_THAT(missing.err, HasSubstr("/missing: cannot open: No such file"));
  EXPECT_EQ(run("$P -f \"$T\"").code, 5);
}

TEST_F(Program, TextWithoutEndIsALimit) {
  for (const char *options :
       {"-f /dev/zero", "</dev/zero", "--prompts /dev/zero"}) {
    Outcome outcome = run(std::string("$P ") + options);
    EXPECT_EQ(outcome.code, 6) << options;
    EXPECT_THAT(outcome.err,
                MatchesRegex("error: (/dev/zero|standard input): text: more "
                             "than 67108864 bytes, expected a shorter one\n"));
  }
}

TEST_F(Program, AnyBytesAreAPrompt) {
  write("bytes", std::string("a\0b\xc0\x80\xed\xa0\x80\xff\xf0\x9f", 11));
  Outcome outcome = run("$P -f \"$T/bytes\" -n 5");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST_F(Program, OutputErrorsAndSignals) {
  Outcome full = run("$P -p '' -n 5 >/dev/full");
  EXPECT_EQ(full.code, 5);
  EXPECT_THAT(full.err, HasSubstr("error: standard output: No space left"));
  EXPECT_EQ(run("$P -p '' -n 5 >&-").code, 5);
  EXPECT_EQ(run("$P -p '' -n 5 2>&-").code, 0);
  run("{ $P -p '' -n 400 --ignore-eos; echo $? >\"$T/code\"; } | head -c 1");
  EXPECT_EQ(readFile(folder + "/code"), "141\n");
  // Enough work to be in the middle of it.
  std::string lines;
  for (int i = 0; i < 2000; ++i)
    lines += "Once\n";
  write("prompts", lines);
  for (auto [name, code] : {std::pair("INT", 130), {"TERM", 143}}) {
    // A shell starts background jobs with SIGINT ignored, and what is ignored
    // stays so.
    Outcome outcome = run("env --default-signal $P --prompts \"$T/prompts\" -n "
                          "400 --ignore-eos & sleep 0.5; "
                          "while kill -" +
                          std::string(name) +
                          " $! 2>\"$T/kill\"; do sleep 0.1; done; wait $!");
    EXPECT_EQ(outcome.code, code);
  }
}

TEST_F(Program, InfoStatsHelpVersion) {
  Outcome info = run("$P --info --json");
  EXPECT_EQ(info.code, 0);
  EXPECT_THAT(info.out, HasSubstr("\"max_context\":512,\"vocabulary\":512"));
  EXPECT_THAT(info.out, HasSubstr("\"weight_bytes\":{\"f32\":1040128}"));
  EXPECT_THAT(info.out, HasSubstr("\"bytes_per_position\":1280"));
  EXPECT_THAT(run("$P --info").out, HasSubstr("KV cache    f32, 1280 bytes"));
  Outcome stats = run("$P -p '' -n 9 --stats --json");
  EXPECT_THAT(stats.err, HasSubstr("\"prompt_tokens\":1,"));
  EXPECT_THAT(stats.err, HasSubstr("\"generated_tokens\":9,"));
  EXPECT_THAT(stats.err, HasSubstr("\"steps\":9,"));
  EXPECT_THAT(run("$P --help").out, HasSubstr("usage: "));
  EXPECT_THAT(run("$P --version").out, MatchesRegex("lamina [0-9.]+\n"));
}

TEST_F(Program, ChatTemplates) {
  setenv("LAMINA_TEST_TOKENIZER", "chat", 1);
  std::string raw =
      run("$P --raw -p 'user: Hi\nassistant:' -n 12 --print-ids").out;
  EXPECT_EQ(run("$P -p Hi -n 12 --print-ids").out, raw);
  EXPECT_NE(run("$P -p Hi --system Be -n 12 --print-ids").out, raw);
  // What a user writes is text.
  Outcome special = run("$P -p '</s>' --stats -n 1");
  Outcome parsed = run("$P -p '</s>' --stats -n 1 --parse-special");
  EXPECT_NE(special.err.substr(special.err.find("prompt"), 20),
            parsed.err.substr(parsed.err.find("prompt"), 20));
  // The second turn has the first one before it, answer included.
  Outcome chat = run("printf 'Hi\\nAnd\\n' | $P --chat -n 12");
  EXPECT_EQ(chat.code, 0) << chat.err;
  std::string answer = run("$P -p Hi -n 12").out;
  std::string second =
      run("$P --raw -n 12 -p \"user: Hi\nassistant: " + answer +
          "\nuser: And\nassistant:\"")
          .out;
  // An answer is a text of its own; a continuation keeps its first space.
  EXPECT_EQ(second.substr(0, 1), " ");
  EXPECT_EQ(chat.out, answer + "\n" + second.substr(1) + "\n");
  unsetenv("LAMINA_TEST_TOKENIZER");
  EXPECT_EQ(run("printf 'Hi\\n' | $P --chat").code, 4);
}

TEST_F(Program, WithoutATokenizer) {
  setenv("LAMINA_TEST_TOKENIZER", "none", 1);
  EXPECT_EQ(run("$P --ids 1 -n 200 --print-ids").out, getGoldenLine());
  Outcome text = run("$P -p Hi");
  EXPECT_EQ(text.code, 4);
  EXPECT_THAT(text.err, HasSubstr("no tokenizer: give the prompt with --ids"));
  EXPECT_EQ(run("$P --ids 1 -n 3").code, 4);
  unsetenv("LAMINA_TEST_TOKENIZER");
}

TEST_F(Program, DumpIsASafetensorsFile) {
  std::string ids = "1 " + getGoldenLine();
  write("ids", ids);
  Outcome outcome = run("$P --ids \"$(cut -d' ' -f1-64 \"$T/ids\")\" "
                        "--dump \"$T/dump\"");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::string dump = readFile(folder + "/dump");
  std::string golden =
      readFile(getDataFolder() + "stories260K.logits.safetensors");
  ASSERT_GT(dump.size(), 200'000u);
  auto getData = [](const std::string &file, const std::string &name) {
    uint64_t size = 0;
    memcpy(&size, file.data(), 8);
    std::string header = file.substr(8, size);
    size_t place = header.find("\"" + name + "\"");
    EXPECT_NE(place, header.npos) << name;
    char *rest = nullptr;
    place = header.find('[', header.find("data_offsets", place));
    uint64_t begin = strtoull(header.c_str() + place + 1, &rest, 10);
    uint64_t end = strtoull(rest + 1, nullptr, 10);
    return file.substr(8 + size + begin, end - begin);
  };
  EXPECT_EQ(getData(dump, "input_ids"), getData(golden, "input_ids"));
  for (const char *name : {"logits", "hidden.L0", "hidden.L4", "hidden.norm"}) {
    std::string a = getData(dump, name), b = getData(golden, name);
    ASSERT_EQ(a.size(), b.size()) << name;
    for (size_t i = 0; i < a.size(); i += 4) {
      float x = 0, y = 0;
      memcpy(&x, a.data() + i, 4);
      memcpy(&y, b.data() + i, 4);
      ASSERT_NEAR(x, y, 1e-4) << name << " " << i / 4;
    }
  }
  // The same bits for any chunk; a failure leaves nothing.
  run("$P --ids \"$(cut -d' ' -f1-64 \"$T/ids\")\" --dump \"$T/again\" "
      "--chunk 5");
  EXPECT_EQ(readFile(folder + "/again").size(), dump.size());
  EXPECT_EQ(getData(readFile(folder + "/again"), "logits"),
            getData(dump, "logits"));
  EXPECT_EQ(run("$P --ids 1 --dump \"$T/none/x\"").code, 5);
}

} // namespace

} // namespace lamina::test

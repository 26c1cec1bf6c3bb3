//===- AgreementTest.cpp - Whether ranks can work together ----------------===//

#include "comm/Agreement.h"
#include "core/ProgramHash.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace lamina::test {

namespace {

using runtime::Statement;

struct Verdict {
  lamrt_status status;
  std::string message;
};

Verdict judgeAll(const std::vector<Statement> &statements) {
  std::vector<const Statement *> pointers;
  for (const Statement &one : statements)
    pointers.push_back(&one);
  lamrt_status status = runtime::judge(pointers);
  return {status, status ? lamrt_last_error() : ""};
}

/// Ranks with these values of one field, behind one that all have alike.
Verdict judgeValues(const std::vector<uint64_t> &values) {
  std::vector<Statement> statements(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    statements[i].add("version", 7);
    statements[i].add("ranks", values[i]);
  }
  return judgeAll(statements);
}

Statement failWith(lamrt_status status, const char *message) {
  Statement statement;
  statement.status = status;
  snprintf(statement.message, sizeof(statement.message), "%s", message);
  return statement;
}

} // namespace

TEST(Agreement, RanksThatAreAlikeAgree) {
  EXPECT_EQ(judgeValues({3, 3}).status, LAMRT_OK);
  EXPECT_EQ(judgeValues({0, 0, 0, 0}).status, LAMRT_OK);
}

TEST(Agreement, TheOddRankIsNamed) {
  const struct {
    std::vector<uint64_t> values;
    const char *message;
  } cases[] = {
      {{1, 2}, "group: rank 1 has ranks 2, rank 0 has 1"},
      {{1, 1, 2}, "group: rank 2 has ranks 2, rank 0 has 1"},
      {{1, 2, 1}, "group: rank 1 has ranks 2, rank 0 has 1"},
      {{2, 1, 1}, "group: rank 0 has ranks 2, rank 1 has 1"},
      {{1, 1, 1, 2}, "group: rank 3 has ranks 2, rank 0 has 1"},
      {{2, 1, 1, 1}, "group: rank 0 has ranks 2, rank 1 has 1"},
      {{1, 2, 2, 1}, "group: rank 1 has ranks 2, rank 0 has 1"},
      {{1, 2, 3}, "group: rank 1 has ranks 2, rank 0 has 1"},
      // Hashes are not read as numbers.
      {{1, 0x0123456789abcdef},
       "group: rank 1 has ranks 0123456789abcdef, rank 0 has 1"},
  };
  for (const auto &one : cases) {
    Verdict verdict = judgeValues(one.values);
    EXPECT_EQ(verdict.status, LAMRT_DEVICE) << one.message;
    EXPECT_EQ(verdict.message, one.message);
  }
}

TEST(Agreement, TheFirstFieldThatDiffersIsNamed) {
  std::vector<Statement> statements(2);
  for (uint64_t i : {0, 1}) {
    statements[i].add("first", 4);
    statements[i].add("second", i);
    statements[i].add("third", i);
  }
  EXPECT_EQ(judgeAll(statements).message,
            "group: rank 1 has second 1, rank 0 has 0");
}

TEST(Agreement, ARankThatCannotGoOnIsNamed) {
  Statement good;
  Verdict verdict =
      judgeAll({good, good, failWith(LAMRT_IO, "m.safetensors: no file")});
  EXPECT_EQ(verdict.status, LAMRT_IO);
  EXPECT_EQ(verdict.message, "rank 2: m.safetensors: no file");
  // The first of two, and before anything that differs.
  good.add("ranks", 2);
  Statement other = failWith(LAMRT_MALFORMED, "b");
  other.add("ranks", 3);
  verdict = judgeAll({good, other, failWith(LAMRT_IO, "c")});
  EXPECT_EQ(verdict.status, LAMRT_MALFORMED);
  EXPECT_EQ(verdict.message, "rank 1: b");
}

TEST(Agreement, WhatAllSayIsOfNoRank) {
  Statement same = failWith(LAMRT_DEVICE, "has no code for 3 ranks");
  EXPECT_EQ(judgeAll({same, same, same}).message, "has no code for 3 ranks");
  Statement other = failWith(LAMRT_IO, "has no code for 3 ranks");
  EXPECT_EQ(judgeAll({same, other}).message, "rank 0: has no code for 3 ranks");
}

TEST(Agreement, AStatementHasRoomForSoMuch) {
  Statement statement;
  for (int i = 0; i < 2 * Statement::kMaxFields; ++i)
    statement.add("a name that is longer than a field has room for", 1);
  EXPECT_EQ(statement.numFields, Statement::kMaxFields);
  EXPECT_EQ(std::string(statement.fields[0].name).size(),
            sizeof(statement.fields[0].name) - 1);
}

/// The hash is that of the object which the table lies in.
TEST(ProgramHash, IsThatOfTheObject) {
  static const lamina_program here = {}, beside = {};
  uint64_t hash = runtime::hashProgram(here);
  EXPECT_EQ(runtime::hashProgram(here), hash);
  EXPECT_EQ(runtime::hashProgram(beside), hash);
  // Only the address counts: here it is one of the C library's.
  auto *code = reinterpret_cast<const lamina_program *>(&getenv);
  EXPECT_NE(runtime::hashProgram(*code), hash);
}

TEST(ProgramHash, CollectivesDifferInEachField) {
  lamrt_collective collectives[2] = {};
  lamrt_variant variant = {};
  variant.num_collectives = 2;
  variant.collectives = collectives;
  uint64_t hash = runtime::hashCollectives(variant);
  EXPECT_EQ(runtime::hashCollectives(variant), hash);
  auto expectOther = [&](auto lamrt_collective::*field) {
    collectives[1].*field = 1;
    EXPECT_NE(runtime::hashCollectives(variant), hash);
    collectives[1].*field = 0;
  };
  expectOther(&lamrt_collective::operation);
  expectOther(&lamrt_collective::rows);
  expectOther(&lamrt_collective::type);
  expectOther(&lamrt_collective::times);
  expectOther(&lamrt_collective::features);
  variant.num_collectives = 1;
  EXPECT_NE(runtime::hashCollectives(variant), hash);
}

} // namespace lamina::test

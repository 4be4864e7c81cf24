#include "privacy/redactor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "base/random.h"
#include "base/test_support.h"
#include "privacy/finding.h"
#include "privacy/placeholder.h"

namespace hone::privacy {
namespace {

using hone::testing::output_of;
using hone::testing::shared_path;

std::unique_ptr<Redactor> make(std::string_view key = "key", const RedactionPolicy& policy = {}) {
  auto made = Redactor::create(key, policy);
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

const Redactor& redactor() {
  static const std::unique_ptr<Redactor> made = make();
  return *made;
}

std::string redact(std::string_view text) {
  return redactor().redact(text).value();
}

TEST(Redactor, EqualValuesGetEqualPseudonymsUnderOneKeyOnly) {
  EXPECT_EQ(redact("ana@example.org"), redact("ANA@Example.ORG"));
  EXPECT_EQ(redact("4111 1111 1111 1111"), redact("4111111111111111"));
  EXPECT_EQ(redact("+49 30 901820"), redact("+4930901820"));
  EXPECT_EQ(redact("DE89 3704 0044 0532 0130 00"), redact("DE89370400440532013000"));
  EXPECT_NE(redact("ana@example.org"), redact("bo@example.org"));
  EXPECT_NE(make("another key")->redact("ana@example.org").value(), redact("ana@example.org"));
  EXPECT_EQ(redact("ana@example.org").size(), std::string("<EMAIL:01234567>").size());
}

TEST(Redactor, ReadsEveryStringOfAJsonValueAndEveryKey) {
  const auto value = parse_json(R"({"to":["ana@example.org",{"ana@example.org":1}],"n":7,
    "card":4111111111111111,"auth":{"password":"hunter2xyz","password_hint":"a dog","api_key":7},
    "ok":true,"none":null,"x":1.5})");
  const auto redacted = redactor().redact_json(*value);
  ASSERT_TRUE(redacted);
  const std::string text = canonical(*redacted);
  EXPECT_EQ(text.find("ana@"), std::string::npos) << text;
  EXPECT_EQ(text.find("4111"), std::string::npos) << text;
  EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
  EXPECT_NE(text.find("a dog"), std::string::npos) << text;
  EXPECT_EQ(canonical(redactor().redact_json(*redacted).value()), text);
}

TEST(Redactor, APolicyTurnsTypesOffAndHasItsOwnDigest) {
  const auto lenient = make("key", {.off = {"IP", "EMAIL"}});
  EXPECT_EQ(lenient->redact("ana@example.org 10.20.30.40").value(), "ana@example.org 10.20.30.40");
  EXPECT_NE(lenient->redact("+49 30 901820").value(), "+49 30 901820");
  EXPECT_NE(lenient->policy_digest(), redactor().policy_digest());
  EXPECT_EQ(make("another key")->policy_digest(), redactor().policy_digest());
  EXPECT_FALSE(Redactor::create("key", {.off = {"EMIAL"}}));
}

// Pieces of everything that the rules look for, put together by chance.
TEST(Redactor, WhateverComesTheResultIsAFixedPoint) {
  const std::vector<std::string> pieces = {"ana@example.org",
                                           "4111 1111 1111 1111",
                                           "+49 30 901820",
                                           "10.20.30.40",
                                           "@",
                                           ":",
                                           "://",
                                           "x:",
                                           "password=",
                                           "\"",
                                           "'",
                                           "<EMAIL:12345678>",
                                           "<",
                                           ">",
                                           " ",
                                           "-",
                                           ".",
                                           "0490 75 40 81",
                                           "555",
                                           "token: ",
                                           "aB3dE5gH7jK9mN1pQ3sT5vW7",
                                           "sk-",
                                           "ghp_",
                                           "eyJ",
                                           "DE89 3704 0044 0532 0130 00",
                                           "\n",
                                           "phone ",
                                           "%40",
                                           "e.org",
                                           "::",
                                           "2001:db8:1:2:3:4:5:6",
                                           "\\\"",
                                           "=",
                                           "/",
                                           "(",
                                           ")",
                                           "Bearer ",
                                           "7"};
  Random random(11);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (auto n = 1 + random.below(9); n > 0; --n) text += pieces[random.below(pieces.size())];
    const auto once = redactor().redact(text);
    ASSERT_TRUE(once) << text << ": " << once.error().message;
    ASSERT_EQ(redact(*once), *once) << text;
  }
}

TEST(Redactor, ArbitraryBytesAreReadInLinearTime) {
  Random random(5);
  for (int round = 0; round < 300; ++round) {
    std::string bytes(random.below(4000), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    ASSERT_TRUE(redactor().redact(bytes));
  }
  // Each trigger again and again: no reading outwards may run over the whole text each time.
  for (const std::string hook :
       {"@",    "a@",   "://",         "://a:",     "1.1.1.", "1 ",          "+1",
        "0 ",   "eyJ.", "-----BEGIN ", "password=", ":a:",    "12345678:AA", "Bearer ",
        "DE89", "sk-",  "AccountKey=", "'",         "\"",     "<",           "<EMAIL:"}) {
    std::string text;
    while (text.size() < (1U << 13)) text += hook;
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(redactor().redact(text)) << hook;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    RecordProperty("seconds " + hook, std::to_string(took.count()));
    EXPECT_LT(took.count(), 60.0) << hook;
  }
}

TEST(Redactor, ManyThreadsMayRedactAtOnce) {
  const std::string expected = redact("ana@example.org +49 30 901820");
  std::vector<std::thread> threads;
  std::array<int, 4> wrong{};
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&wrong, &expected, t] {
      for (int i = 0; i < 500; ++i) {
        wrong[t] += redact("ana@example.org +49 30 901820") == expected ? 0 : 1;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, (std::array<int, 4>{}));
}

TEST(Redactor, BenignLinesStayAsTheyAre) {
  std::size_t lines = 0;
  std::vector<std::string> touched;
  const auto read = [&](std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      const std::string_view line = text.substr(0, end);
      ++lines;
      if (redact(line) != line) touched.emplace_back(line.substr(0, 160));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  };
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(HONE_SOURCE_DIR) + "/src")) {
    const std::string path = entry.path();
    // This folder's and the tests' files are full of what is looked for.
    const bool code = path.ends_with(".cpp") || path.ends_with(".h");
    if (!code || path.ends_with("_test.cpp") || path.find("/privacy/") != std::string::npos)
      continue;
    read(hone::testing::read_all(path));
  }
  for (const char* file : {"data/mbpp/mbpp.dev.jsonl.gz", "data/gsm8k/train.jsonl.gz"}) {
    if (const auto path = shared_path(file)) read(output_of("gzip -dc '" + *path + "'"));
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(touched.size(), 40); ++i) {
    std::cout << "touched: " << touched[i] << "\n";
  }
  std::cout << touched.size() << " of " << lines << " benign lines touched\n";
  EXPECT_LE(touched.size() * 5000, lines + 5000);
}

struct Recall {
  std::size_t labelled = 0;
  std::size_t found = 0;
};

TEST(Redactor, FindsWhatIsLabelledInThePresidioSet) {
  const auto path = shared_path("data/presidio-pii/synth_dataset_v2.dev.json.gz");
  if (!path) GTEST_SKIP();
  const auto document = parse_json(output_of("gzip -dc '" + *path + "'"));
  ASSERT_TRUE(document);
  const std::map<std::string, double> floors = {{"EMAIL_ADDRESS", 1.0},
                                                {"PHONE_NUMBER", 0.9},
                                                {"CREDIT_CARD", 0.99},
                                                {"IP_ADDRESS", 1.0},
                                                {"IBAN_CODE", 1.0}};
  std::map<std::string, Recall> recalls;
  std::size_t others = 0;
  for (const json::value& item : document->as_array()) {
    const json::object& sample = item.as_object();
    const std::string redacted = redact(string_or_empty(sample, "full_text"));
    std::size_t labelled = 0;
    for (const json::value& value : sample.at("spans").as_array()) {
      const json::object& span = value.as_object();
      const std::string type(string_or_empty(span, "entity_type"));
      if (!floors.contains(type)) continue;
      ++labelled;
      Recall& recall = recalls[type];
      ++recall.labelled;
      const bool found = redacted.find(string_or_empty(span, "entity_value")) == std::string::npos;
      recall.found += found ? 1 : 0;
      if (!found) std::cout << "missed " << type << ": " << redacted.substr(0, 200) << "\n";
    }
    const std::size_t placeholders = find_placeholders(redacted).size();
    others += placeholders > labelled ? placeholders - labelled : 0;
  }
  for (const auto& [type, floor] : floors) {
    const Recall& recall = recalls[type];
    const double share = static_cast<double>(recall.found) / static_cast<double>(recall.labelled);
    std::cout << type << ": " << recall.found << " of " << recall.labelled << "\n";
    EXPECT_GE(share, floor) << type;
  }
  std::cout << "placeholders beyond the labels: " << others << "\n";
}

TEST(Redactor, PrintsItsSpeed) {
  std::string text;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(HONE_SOURCE_DIR) + "/src")) {
    if (entry.is_regular_file()) text += hone::testing::read_all(entry.path());
  }
  while (text.size() < (1U << 20)) text += text;
  text.resize(1U << 20);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(redactor().redact(text));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  std::cout << "1 MiB of code in " << took.count() << " ms (this build)\n";
}

}  // namespace
}  // namespace hone::privacy

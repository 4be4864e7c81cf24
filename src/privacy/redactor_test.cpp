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

TEST(Redactor, AnOrganisationAddsPatternsNamesAndExceptions) {
  RedactionPolicy policy;
  policy.patterns = {
      {.name = "employee number", .expression = "EMP-[0-9]{4,6}", .type = "ID"},
      {.name = "project", .expression = "bluebird", .type = "CUSTOM", .caseless = true}};
  policy.names = {"Maria Souza", "J\xC3\xB6rg"};
  policy.allow = {"*@example.org", "10.20.30.40"};
  const auto own = make("key", policy);
  const auto shape = [&](std::string_view text) {
    const std::string redacted = own->redact(text).value();
    std::string shaped;
    std::size_t at = 0;
    for (const Placeholder& found : find_placeholders(redacted)) {
      shaped += redacted.substr(at, found.begin - at) + std::string(found.type);
      at = found.begin + found.size;
    }
    return shaped + redacted.substr(at);
  };
  EXPECT_EQ(shape("EMP-123456 and EMP-12"), "ID and EMP-12");
  EXPECT_EQ(shape("Project BlueBird"), "Project CUSTOM");
  EXPECT_EQ(shape("ask maria  souza or J\xC3\xB6rg."), "ask NAME or NAME.");
  EXPECT_EQ(shape("Maria Souzas, J\xC3\xB6rgen"), "Maria Souzas, J\xC3\xB6rgen");
  EXPECT_EQ(shape("help@example.org help@example.com"), "help@example.org EMAIL");
  EXPECT_EQ(shape("10.20.30.40 10.20.30.41"), "10.20.30.40 IP");
  EXPECT_EQ(own->redact("MARIA SOUZA").value(), own->redact("maria souza").value());
  EXPECT_NE(own->policy_digest(), redactor().policy_digest());
  const auto refused = [](OwnPattern pattern) {
    RedactionPolicy wrong;
    wrong.patterns = {std::move(pattern)};
    const auto made = Redactor::create("key", wrong);
    return made ? std::string() : made.error().message;
  };
  EXPECT_NE(refused({.name = "x", .expression = "a("}).find("'a('"), std::string::npos);
  EXPECT_NE(refused({.name = "x", .expression = "a", .type = "EMIAL"}).find("EMIAL"),
            std::string::npos);
}

TEST(Redactor, WhatTakesTooLongFails) {
  RedactionPolicy policy;
  policy.timeout = std::chrono::milliseconds(0);
  std::string text;
  while (text.size() < (1U << 20)) text += "token: 12345678 ";
  const auto redacted = make("key", policy)->redact(text);
  ASSERT_FALSE(redacted);
  EXPECT_EQ(redacted.error().code, ErrorCode::kTimeout);
}

TEST(Redactor, ExplainsWhatItFoundAndWhere) {
  const std::string text = "call +49 30 901820,\nmail ana%40example.org";
  const auto redaction = redactor().explain(text);
  ASSERT_TRUE(redaction);
  ASSERT_EQ(redaction->replaced.size(), 2U);
  const Finding& phone = redaction->replaced[0].finding;
  EXPECT_EQ(text.substr(phone.begin, phone.end - phone.begin), "+49 30 901820");
  EXPECT_EQ(phone.type, Type::kPhone);
  EXPECT_FALSE(phone.rule.empty());
  EXPECT_FALSE(phone.reason.empty());
  const Finding& mail = redaction->replaced[1].finding;
  EXPECT_EQ(text.substr(mail.begin, mail.end - mail.begin), "ana%40example.org");
  // What stands between is as it was, and each pseudonym where its value stood.
  EXPECT_EQ(redaction->text, "call " + redaction->replaced[0].pseudonym + ",\nmail " +
                                 redaction->replaced[1].pseudonym);
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
                                           "7",
                                           "%3A%2F%2F",
                                           "\\u0040",
                                           "\\/",
                                           "eyJwYXNzd29yZCI6InRyMHViNGRvcjMifQ==",
                                           "aa:bb:cc:dd:ee:0f",
                                           "password is ",
                                           "lat 52.520008, ",
                                           "13.404954",
                                           "078-05-1120",
                                           "key",
                                           "-u a:"};
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
       {"@",    "a@",   "://",         "://a:",     "1.1.1.",   "1 ",          "+1",
        "0 ",   "eyJ.", "-----BEGIN ", "password=", ":a:",      "12345678:AA", "Bearer ",
        "DE89", "sk-",  "AccountKey=", "'",         "\"",       "<",           "<EMAIL:",
        "%40",  "\\/",  "\\u0040",     "key ",      "aGVs",     "-u ",         "passport ",
        "%",    "a:b-", "token is ",   "AB12",      "12.3456, "}) {
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
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_dir() + "/src")) {
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

// Where the character number `index` begins in UTF-8.
std::size_t byte_of(std::string_view text, std::int64_t index) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) continue;
    if (index-- == 0) break;
  }
  return at;
}

struct Score {
  std::size_t labelled = 0;
  std::size_t recalled = 0;  // covered whole
  std::size_t found = 0;
  std::size_t right = 0;  // on a label of their type
};

TEST(Redactor, FindsWhatIsLabelledInThePresidioSetAndLittleElse) {
  const auto path = shared_path("data/presidio-pii/synth_dataset_v2.dev.json.gz");
  if (!path) GTEST_SKIP();
  const auto document = parse_json(output_of("gzip -dc '" + *path + "'"));
  ASSERT_TRUE(document);
  const std::map<std::string, Type> types = {
      {"EMAIL_ADDRESS", Type::kEmail}, {"PHONE_NUMBER", Type::kPhone},
      {"CREDIT_CARD", Type::kCard},    {"IBAN_CODE", Type::kIban},
      {"IP_ADDRESS", Type::kIp},       {"DOMAIN_NAME", Type::kUrl},
      {"US_SSN", Type::kId},           {"US_DRIVER_LICENSE", Type::kId}};
  std::map<Type, Score> scores;
  for (const json::value& item : document->as_array()) {
    const std::string text(string_or_empty(item.as_object(), "full_text"));
    const auto redaction = redactor().explain(text);
    ASSERT_TRUE(redaction);
    std::vector<bool> right(redaction->replaced.size());
    for (const json::value& value : item.at("spans").as_array()) {
      const auto type = types.find(std::string(string_or_empty(value.as_object(), "entity_type")));
      if (type == types.end()) continue;
      const std::size_t begin = byte_of(text, value.at("start_position").as_int64());
      const std::size_t end = byte_of(text, value.at("end_position").as_int64());
      Score& score = scores[type->second];
      ++score.labelled;
      bool whole = false;
      for (std::size_t i = 0; i < right.size(); ++i) {
        const Finding& finding = redaction->replaced[i].finding;
        whole = whole || (finding.begin <= begin && finding.end >= end);
        const bool meets = finding.begin < end && finding.end > begin;
        right[i] = right[i] || (meets && finding.type == type->second);
      }
      score.recalled += whole ? 1 : 0;
      if (!whole) std::cout << "missed: " << text.substr(begin, end - begin) << "\n";
    }
    for (std::size_t i = 0; i < right.size(); ++i) {
      const Finding& finding = redaction->replaced[i].finding;
      ++scores[finding.type].found;
      scores[finding.type].right += right[i] ? 1 : 0;
      if (!right[i]) {
        std::cout << "beyond the labels: " << name(finding.type) << " "
                  << text.substr(finding.begin, finding.end - finding.begin) << "\n";
      }
    }
  }
  Score all;
  const auto print = [](std::string_view what, const Score& score) {
    std::printf("%-8s recall %zu of %zu, precision %zu of %zu\n", std::string(what).c_str(),
                score.recalled, score.labelled, score.right, score.found);
  };
  for (const auto& [type, score] : scores) {
    print(name(type), score);
    all.labelled += score.labelled;
    all.recalled += score.recalled;
    all.found += score.found;
    all.right += score.right;
    EXPECT_GE(score.recalled * 100, score.labelled * 95) << name(type);
  }
  print("all", all);
  EXPECT_GE(all.right * 100, all.found * 95);
}

TEST(Redactor, PrintsItsSpeed) {
  std::string text;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_dir() + "/src")) {
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

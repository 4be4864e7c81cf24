// Datasets over the API: cards, examples with the interactions they rest on, the way back, and who
// may read what; on both databases, over datasets that are built here.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "api/dataset_cards.h"
#include "api/reads.h"
#include "base/file.h"
#include "curate/card.h"
#include "feedback/policy.h"
#include "feedback/verdicts.h"
#include "support/databases.h"
#include "support/sample_store.h"

namespace hone::api {
namespace {

using namespace std::chrono_literals;

class DatasetReads : public test::OnBothDatabases {
 protected:
  void SetUp() override {
    OnBothDatabases::SetUp();
    if (IsSkipped()) return;
    db_ = open();
    sample_ = std::make_unique<test::SampleStore>(*db_);
    recipe_.name = "read";
    recipe_.alias = "assistant";
    recipe_.text = "name = \"read\"";
    recipe_.dataset.kinds = {"demonstration", "preference"};
    recipe_.dataset.held_out_people = 0;
    recipe_.dataset.held_out_prompts = 0;
    caller_.person = "rita";
    caller_.role = people::Role::kModel;
  }
  // Five examples: a1's final text, and that over its answer; b1; a2; a2 over b2, of two people.
  curate::Dataset build_five() {
    for (const auto* person : {"ann", "bob"}) sample_->person(person);
    add({.id = "a1", .person = "ann", .prompt = "What is one?", .answer = "uno"},
        {.kind = "edited", .final_text = "One is uno.", .person = "ann"});
    add({.id = "b1", .person = "bob", .prompt = "What is two?", .answer = "due"},
        {.kind = "accepted", .person = "bob"});
    add({.id = "a2", .person = "ann", .prompt = "What is three?", .answer = "tre"},
        {.kind = "accepted", .person = "ann"});
    add({.id = "b2", .person = "bob", .prompt = "What is three?", .answer = "quattro"},
        {.kind = "rejected", .person = "bob"});
    const auto dataset = build();
    EXPECT_EQ(dataset.examples, 5);
    return dataset;
  }
  void add(const test::SampleInteraction& interaction, const test::SampleFeedback& given) {
    sample_->interaction(interaction);
    sample_->feedback(interaction.id, given);
  }
  curate::Dataset build() {
    EXPECT_TRUE(feedback::refresh(*db_, feedback::default_policy()));
    auto dataset = curate::build_dataset(*db_, recipe_, folder_ / "datasets", clock_);
    EXPECT_TRUE(dataset) << dataset.error().message;
    return dataset.value_or(curate::Dataset{});
  }
  void be_ann() {
    caller_.person = "ann";
    caller_.role = people::Role::kEmployee;
  }

  [[nodiscard]] Result<json::value> try_read(const std::string& target) {
    net::Request request;
    request.method = "GET";
    request.target = "/api/v1/" + target;
    return read(*db_, request, caller_, from_millis(10'000'000), &cards_);
  }
  [[nodiscard]] json::object read_from(const std::string& target) {
    auto value = try_read(target);
    EXPECT_TRUE(value) << target << ": " << value.error().message;
    return value ? value->as_object() : json::object();
  }
  void expect_error(const std::string& target, ErrorCode code, std::string_view says) {
    const auto value = try_read(target);
    ASSERT_FALSE(value) << target;
    EXPECT_EQ(value.error().code, code) << target;
    EXPECT_NE(value.error().message.find(says), std::string::npos) << value.error().message;
  }
  // As whoever asks until it is there.
  [[nodiscard]] json::object card_of(const std::string& digest) {
    for (int i = 0; i < 240; ++i) {
      auto answer = read_from("datasets/" + digest + "/card");
      if (!answer.contains("state") || answer.at("state") != "making") {
        EXPECT_EQ(answer.at("state"), "ready");
        return answer.at("card").as_object();
      }
    }
    ADD_FAILURE() << "no card in a minute";
    return {};
  }
  static std::set<std::string> interactions_in(const json::value& example) {
    std::set<std::string> ids;
    for (const auto& one : example.at("interactions").as_array()) {
      ids.emplace(one.at("id").as_string());
    }
    return ids;
  }
  // "kind: interactions", of each example.
  static std::multiset<std::string> told(const json::array& examples) {
    std::multiset<std::string> all;
    for (const auto& example : examples) {
      std::string text(example.at("kind").as_string());
      for (const auto& id : interactions_in(example)) text += " " + id;
      all.insert(text);
    }
    return all;
  }

  ManualClock clock_{from_millis(5'000'000)};
  std::unique_ptr<store::Database> db_;
  std::unique_ptr<test::SampleStore> sample_;
  curate::Recipe recipe_;
  people::Caller caller_;
  DatasetCards cards_;
};

using Told = std::multiset<std::string>;
const Told kAllFive = {"demonstration a1", "demonstration a2", "demonstration b1", "preference a1",
                       "preference a2 b2"};
const Told kOfAnnAlone = {"demonstration a1", "demonstration a2", "preference a1"};

TEST_P(DatasetReads, CardIsThatOfTheCommandLineAndSaysWhereItsExamplesComeFrom) {
  const auto dataset = build_five();
  auto card = card_of(dataset.digest);
  EXPECT_EQ(told(card.at("random_examples").as_array()), kAllFive);
  for (auto& example : card.at("random_examples").as_array()) {
    for (const auto& one : example.at("interactions").as_array()) {
      const auto id = one.at("id").as_string();
      EXPECT_EQ(one.at("verdict"), id == "a1" ? "modified" : id == "b2" ? "rejected" : "accepted");
      EXPECT_EQ(one.at("person_id"), id.starts_with("a") ? "ann" : "bob");
      EXPECT_EQ(one.at("started_at"), 1'000'000);
    }
    example.as_object().erase("interactions");
    example.as_object().erase("split");
  }
  const auto plain = curate::make_card(dataset, {});
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(card, *plain);
  EXPECT_EQ(card.at("people").at("train"), 2);

  EXPECT_EQ(card_of(dataset.digest.substr(0, 12)).at("digest").as_string(),
            std::string_view(dataset.digest));
  EXPECT_EQ(cards_.made(), 1U) << "made once, and kept";
}

TEST_P(DatasetReads, GivesAnEmployeeOnlyExamplesThatRestOnTheirOwn) {
  const auto dataset = build_five();
  const std::string root = "datasets/" + dataset.digest;
  std::string pair;
  const auto everything = read_from(root + "/examples");
  for (const auto& example : everything.at("examples").as_array()) {
    if (interactions_in(example).contains("b2")) pair = std::string(example.at("id").as_string());
  }
  ASSERT_FALSE(pair.empty());
  EXPECT_EQ(interactions_in(read_from(root + "/examples/" + pair)),
            (std::set<std::string>{"a2", "b2"}));
  be_ann();
  auto card = card_of(dataset.digest);
  card.erase("folder");  // of a name drawn at random
  const auto page = read_from(root + "/examples");
  EXPECT_EQ(told(card.at("random_examples").as_array()), kOfAnnAlone);
  EXPECT_EQ(told(page.at("examples").as_array()), kOfAnnAlone);
  EXPECT_TRUE(page.at("next").is_null());
  for (const auto* text : {"two", "due", "quattro", "bob"}) {
    EXPECT_EQ(json::serialize(page).find(text), std::string::npos) << text;
    EXPECT_EQ(json::serialize(card).find(text), std::string::npos) << text;
  }
  EXPECT_EQ(card.at("verdicts").at("accepted"), 3) << "counts are for everybody";
  expect_error(root + "/examples/" + pair, ErrorCode::kNotFound, pair);
}

TEST_P(DatasetReads, PagesThroughExamplesAndLeadsBackFromInteractions) {
  const auto dataset = build_five();
  const std::string root = "datasets/" + dataset.digest + "/examples";
  json::array all;
  std::string after;
  for (std::size_t size : {2U, 2U, 1U}) {
    const auto page = read_from(root + "?limit=2&after=" + after);
    ASSERT_EQ(page.at("examples").as_array().size(), size);
    for (const auto& example : page.at("examples").as_array()) all.push_back(example);
    ASSERT_EQ(page.at("next").is_null(), size == 1);
    if (size == 2) after = std::string(page.at("next").as_string());
  }
  EXPECT_EQ(told(all), kAllFive);
  for (const auto& example : all) {
    EXPECT_EQ(example.at("split"), "train");
    const std::string id(example.at("id").as_string());
    EXPECT_EQ(json::value(read_from(root + "/" + id)), example);
    if (!interactions_in(example).contains("b2")) continue;
    EXPECT_EQ(example.at("chosen"), "tre");
    EXPECT_EQ(example.at("rejected"), "quattro");
  }
  EXPECT_EQ(told(read_from(root + "?kind=preference").at("examples").as_array()),
            (Told{"preference a1", "preference a2 b2"}));
  EXPECT_TRUE(read_from(root + "?split=held_out").at("examples").as_array().empty());

  Told uses;
  const auto used = read_from("interactions/a2");
  for (const auto& use : used.at("datasets").as_array()) {
    EXPECT_EQ(use.at("digest").as_string(), std::string_view(dataset.digest));
    EXPECT_EQ(use.at("name"), "read");
    EXPECT_EQ(use.at("split"), "train");
    const std::string id(use.at("example").as_string());
    uses.insert(std::string(use.at("kind").as_string()));
    EXPECT_TRUE(interactions_in(read_from(root + "/" + id)).contains("a2"));
  }
  EXPECT_EQ(uses, (Told{"demonstration", "preference"}));
  sample_->interaction({.id = "unused", .person = "ann", .prompt = "Bye"});
  EXPECT_TRUE(read_from("interactions/unused").at("datasets").as_array().empty());
}

TEST_P(DatasetReads, ShowsWhatIsHeldOutToo) {
  for (int i = 0; i < 12; ++i) {
    const std::string number = std::to_string(i);
    sample_->person("p" + number);
    add({.id = "i" + number, .person = "p" + number, .prompt = "Say " + number, .answer = number},
        {.kind = "accepted", .person = "p" + number});
  }
  recipe_.dataset.kinds = {"demonstration"};
  recipe_.dataset.held_out_people = 0.5;
  const auto dataset = build();
  const std::string root = "datasets/" + dataset.digest + "/examples";
  std::int64_t held_out = 0;
  const auto page = read_from(root + "?split=held_out");
  for (const auto& example : page.at("examples").as_array()) {
    ++held_out;
    EXPECT_EQ(example.at("kind"), "accepted");
    EXPECT_EQ("i" + std::string(example.at("original").as_string()),
              *interactions_in(example).begin());
  }
  EXPECT_GT(held_out, 0);
  EXPECT_EQ(held_out, dataset.counts.at("held_out").at("accepted"));
  const auto trained = read_from(root + "?split=train").at("examples").as_array().size();
  EXPECT_EQ(held_out + static_cast<std::int64_t>(trained), dataset.examples);
}

TEST_P(DatasetReads, SaysWhatIsWrong) {
  const auto dataset = build_five();
  const std::string root = "datasets/" + dataset.digest;
  expect_error("datasets/ffff/card", ErrorCode::kNotFound, "ffff");
  expect_error(root + "/nothing", ErrorCode::kNotFound, "/examples");
  expect_error(root + "/examples/ex_00", ErrorCode::kNotFound, "ex_00");
  expect_error(root + "/examples/", ErrorCode::kNotFound, "no example");
  for (const auto* limit : {"0", "51", "x"}) {
    expect_error(root + "/examples?limit=" + limit, ErrorCode::kInvalid, "'limit'");
  }
  std::filesystem::remove(dataset.folder + "/lineage.jsonl");
  for (int i = 0; i < 2; ++i) {  // made again each time, never kept
    Result<json::value> answer = try_read(root + "/card");
    while (answer && answer->at("state") == "making") answer = try_read(root + "/card");
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().message.find("lineage.jsonl"), std::string::npos);
  }
}

TEST_P(DatasetReads, DoesNotOutliveAnErasedLine) {
  const auto dataset = build_five();
  EXPECT_EQ(card_of(dataset.digest).at("random_examples").as_array().size(), 5U);
  const auto text = read_file(posix_files(), dataset.train_file());
  ASSERT_TRUE(text);
  const auto end = text->find('\n');
  const auto first = parse_json_object(text->substr(0, end));
  ASSERT_TRUE(first);
  const std::string id(first->at("id").as_string());
  // In the place of the first line as many blanks.
  std::ofstream(dataset.train_file(), std::ios::trunc)
      << "{}" + std::string(end - 2, ' ') + text->substr(end);
  std::filesystem::last_write_time(dataset.train_file(),
                                   std::filesystem::file_time_type::clock::now() + 10s);
  const auto erased = read_from("datasets/" + dataset.digest + "/examples/" + id);
  EXPECT_EQ(erased.at("erased"), true);
  EXPECT_FALSE(interactions_in(erased).empty());
  const auto page = read_from("datasets/" + dataset.digest + "/examples").at("examples").as_array();
  ASSERT_EQ(page.size(), 5U);
  for (const auto& example : page) {
    EXPECT_EQ(example.as_object().contains("erased"),
              example.at("id").as_string() == std::string_view(id));
  }
  const auto shown = card_of(dataset.digest).at("random_examples").as_array();
  EXPECT_EQ(shown.size(), 4U);
  for (const auto& example : shown) EXPECT_NE(example.at("id").as_string(), std::string_view(id));
}

TEST_P(DatasetReads, KeepsAndShowsNoMoreCardsThanItSays) {
  const auto dataset = build_five();
  {
    std::ofstream lineage(dataset.folder + "/lineage.jsonl", std::ios::app);
    for (int i = 0; i < 150; ++i) {
      lineage << R"({"example":"x","domain":"d)" << i << "\"}\n";
    }
  }
  const auto get = [&](const curate::Dataset& one) {
    auto card = cards_.find(one, 10s);
    EXPECT_TRUE(card) << card.error().message;
    ASSERT_NE(card.value_or(nullptr), nullptr);
  };
  const auto numbered = [&](std::size_t number) {
    curate::Dataset one = dataset;  // the same folder under another digest
    one.digest = std::to_string(100 + number) + dataset.digest;
    return one;
  };
  const auto card = cards_.find(dataset, 10s);
  ASSERT_TRUE(card && *card != nullptr);
  const auto& domains = (*card)->at("domains").as_object();
  EXPECT_EQ(domains.size(), 101U);
  EXPECT_EQ(domains.at("(none)"), 5) << "the most first";
  EXPECT_EQ(domains.at("(others)"), 51);

  for (std::size_t i = 0; i < DatasetCards::kKept; ++i) get(numbered(i));
  const auto made = cards_.made();
  EXPECT_EQ(made, DatasetCards::kKept + 1);
  get(numbered(0));
  EXPECT_EQ(cards_.made(), made) << "still there";
  get(dataset);
  EXPECT_EQ(cards_.made(), made + 1) << "the first one had gone";

  curate::Dataset large = dataset;
  large.examples = DatasetCards::kMostExamples + 1;
  const auto refused = cards_.find(large, 10s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  EXPECT_NE(refused.error().message.find("hone dataset show"), std::string::npos);

  std::stop_source stop;
  stop.request_stop();
  const auto given_up = curate::make_card(dataset, {.stop = stop.get_token()});
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().code, ErrorCode::kUnavailable);

  const json::object line{{"id", "ex_1"}, {"kind", "task"}, {"prompt", "short"}};
  EXPECT_EQ(shown_example(line), line);
  json::object longer = line;
  longer["prompt"] = std::string(DatasetCards::kLongestExample, 'x');
  EXPECT_EQ(json::serialize(shown_example(longer)), R"({"id":"ex_1","kind":"task","cut":true})");
}

INSTANTIATE_TEST_SUITE_P(Databases, DatasetReads, test::both_databases(), test::database_name);

}  // namespace
}  // namespace hone::api

// A store with one alias, two models and people whose verdicts a test decides.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/id.h"
#include "base/test_support.h"
#include "evaluate/gate.h"
#include "release/registry.h"
#include "release/releases.h"
#include "release/routes.h"
#include "store/database.h"

namespace hone::release::testing {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class House : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = store::Database::open("sqlite:" + folder_.path("hone.db"));
    ASSERT_TRUE(opened) << opened.error().message;
    db_ = std::move(*opened);
    ASSERT_TRUE(db_->migrate());
    base_ = make_base("base", "base weights");
    adapter_ = make_adapter("adapter", "adapter weights");
    ASSERT_TRUE(set_alias(*db_, "assistant", "engine", base_.digest, clock_.now()));
  }

  Model make_base(const std::string& name, const std::string& weights) {
    write_files(name, "config.json", "model.safetensors", weights);
    auto model = add_base(*db_, folder_.path(name), name, true, clock_.now());
    EXPECT_TRUE(model) << model.error().message;
    return *model;
  }

  Model make_adapter(const std::string& name, const std::string& weights) {
    write_files(name, "adapter_config.json", "adapter_model.safetensors", weights);
    auto model = add_adapter(*db_, folder_.path(name), base_.digest, "run_1", clock_.now());
    EXPECT_TRUE(model) << model.error().message;
    return *model;
  }

  void write_files(const std::string& name, const std::string& config, const std::string& file,
                   const std::string& weights) {
    std::filesystem::create_directories(folder_.path(name));
    hone::testing::write_all(folder_.path(name + "/" + config), "{}");
    hone::testing::write_all(folder_.path(name + "/" + file), weights);
  }

  void evaluated(bool passed) {
    evaluate::GateResult result{.passed = passed, .checks = {}};
    result.checks.push_back({.name = "relevance", .passed = passed, .note = "answers were mixed"});
    ASSERT_TRUE(evaluate::save_evaluation(*db_, ids_, clock_,
                                          {adapter_.digest, base_.digest, "dataset"}, result));
    clock_.advance(seconds(1));
  }

  Result<Release> start(const curate::ReleaseRecipe& recipe = {}) {
    auto release = start_release(
        *db_, ids_,
        {.alias = "assistant", .candidate = adapter_.digest, .recipe = recipe, .salt = "salt"},
        clock_.now());
    clock_.advance(seconds(1));
    return release;
  }

  // A call by `person`, through the routes, with that verdict ("" for none).
  Routed call(const std::string& person, const std::string& verdict, int status = 200,
              int duration_ms = 800) {
    auto routed = routes_.route("assistant", person);
    EXPECT_TRUE(routed);
    clock_.advance(seconds(1));
    const std::string id = ids_.next("int");
    auto inserted = db_->execute(
        "INSERT INTO interaction (id, person_id, team_id, tool, wire, alias, arm, release_id,"
        " propensity, model, upstream, trainable, purpose, access_label, started_at,"
        " first_byte_ms, duration_ms, status, stop_reason, error, streamed, prompt_tokens,"
        " completion_tokens, cost, params, content, context_node, output_node)"
        " VALUES (?, ?, '', '', 'openai-chat', 'assistant', ?, ?, ?, ?, 'engine', 1, '', '', ?, 0,"
        " ?, ?, '', '', 0, 0, 0, 0, '{}', 'stored', NULL, NULL)",
        {id, person, routed->arm, routed->release, routed->propensity, routed->model, clock_.now(),
         duration_ms, status});
    EXPECT_TRUE(inserted) << inserted.error().message;
    if (!verdict.empty()) {
      auto decided = db_->execute(
          "INSERT INTO verdict (interaction_id, policy, verdict, strength, final_text,"
          " edit_distance, reasons, decided_at) VALUES (?, 'p', ?, 1, NULL, NULL, '[]', ?)",
          {id, verdict, clock_.now()});
      EXPECT_TRUE(decided) << decided.error().message;
    }
    return *routed;
  }

  void reload() { ASSERT_TRUE(routes_.reload(*db_)); }

  std::string serving() { return find_alias(*db_, "assistant")->model; }

  hone::testing::TempFolder folder_;
  ManualClock clock_{from_millis(1'764'000'000'000)};
  IdSource ids_{clock_, Random(7)};
  std::unique_ptr<store::Database> db_;
  Routes routes_;
  Model base_;
  Model adapter_;
};

}  // namespace hone::release::testing

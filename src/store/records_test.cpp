#include "store/records.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "store/text.h"

namespace hone::store {
namespace {

Interaction sample_interaction() {
  Interaction i;
  i.id = "int_1";
  i.person = "per_1";
  i.propensity = 0.25;
  i.trainable = true;
  i.started_at = from_millis(1764000000123);
  i.streamed = true;
  i.prompt_tokens = 12;
  i.cached_tokens = 8;
  i.cost = 0.001;
  i.key = "key_1";
  i.retry_of = "int_0";
  i.params = {{"temperature", 0.5}};
  i.context_node = "n1";
  i.nodes = {{"n1", "", "b1", 1}};
  i.blocks = {{"b1", "user", R"({"content":[],"role":"user"})"}};
  i.handles = {{"response", "chatcmpl-1"}};
  return i;
}

Feedback sample_feedback() {
  Feedback f;
  f.id = "fb_1";
  f.idempotency_key = "k";
  f.source = "api:key_1";
  f.handle = {"", "chatcmpl-1"};
  f.kind = "edited";
  f.value = 0.5;
  f.final_text = "better";
  f.detail = {{"line", 3}};
  f.at = from_millis(1);
  f.received_at = from_millis(2);
  return f;
}

TEST(Records, ReadWhatTheyWrite) {
  const std::string interaction = to_payload(sample_interaction());
  EXPECT_EQ(to_payload(read_interaction(interaction).value()), interaction);
  EXPECT_EQ(read_interaction(interaction)->retry_of, "int_0");
  const std::string feedback = to_payload(sample_feedback());
  const Feedback read = read_feedback(feedback).value();
  EXPECT_EQ(to_payload(read), feedback);
  EXPECT_EQ(read.handle.value, "chatcmpl-1");
  EXPECT_EQ(read.comment, std::nullopt);
  const Consent consent{"con_1", "per_1", std::nullopt, true, "per_2", from_millis(5)};
  EXPECT_EQ(to_payload(read_consent(to_payload(consent)).value()), to_payload(consent));
  const InteractionStart start{"int_1", "per_1", "assistant", "m", from_millis(7)};
  EXPECT_EQ(to_payload(read_interaction_start(to_payload(start)).value()), to_payload(start));
}

TEST(Records, ReadWhatAnEarlierHoneWrote) {
  json::object object = json::parse(to_payload(sample_interaction())).as_object();
  object.erase("cached_tokens");
  object.erase("cost");
  object.erase("key");
  object.erase("retry_of");
  object["cost_usd"] = 0.5;
  const Interaction read = read_interaction(json::serialize(object)).value();
  EXPECT_EQ(read.cost, 0.5);
  EXPECT_EQ(read.cached_tokens, 0);
  EXPECT_EQ(read.key, "");
  EXPECT_EQ(read.retry_of, "");
}

TEST(Records, NameTheFieldThatIsWrong) {
  json::object object = json::parse(to_payload(sample_feedback())).as_object();
  object["valeu"] = 1;
  EXPECT_EQ(read_feedback(json::serialize(object)).error().message,
            "feedback: unknown field 'valeu'; did you mean 'value'?");
  object.erase("valeu");
  object["handle"] = json::object{{"kind", 3}, {"value", ""}};
  EXPECT_EQ(read_feedback(json::serialize(object)).error().message,
            "feedback: handle: field 'kind' must be a string, not a number");
  object.erase("kind");
  object["handle"] = json::object{{"kind", ""}, {"value", ""}};
  EXPECT_EQ(read_feedback(json::serialize(object)).error().message,
            "feedback: field 'kind' is missing");
}

TEST(Records, SurviveEveryCutAndFlip) {
  const std::string whole = to_payload(sample_interaction());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_interaction(std::string_view(whole).substr(0, size)));
  }
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bent = whole;
    bent[random.below(bent.size())] ^= static_cast<char>(1U << random.below(8));
    (void)read_interaction(bent);
    (void)read_feedback(bent);
  }
}

TEST(Records, StoreTextThatWasCutInACharacter) {
  Feedback f = sample_feedback();
  f.final_text = std::string("caf\xC3") + '\0' + "!";
  const auto read = read_feedback(to_payload(f));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->final_text, "caf\uFFFD\uFFFD!");
  EXPECT_EQ(storable_text("aé€😀"), "aé€😀");
  EXPECT_EQ(storable_text("\xC0\xAF\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
}

}  // namespace
}  // namespace hone::store

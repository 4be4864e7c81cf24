// What people say about interactions and about themselves: POST /api/v1/feedback and
// /api/v1/consent. 2xx means that the record is in the outbox, synced.
#include "api/api.h"
#include "api/commit_synced.h"
#include "api/feedback_intake.h"
#include "api/feedback_request.h"
#include "net/await.h"
#include "store/feedback_record.h"
#include "store/records.h"

namespace hone::api {
namespace {

constexpr std::size_t kMaxBatch = 1000;
constexpr std::chrono::seconds kCommitDeadline(30);

struct Parsed {
  std::vector<store::Feedback> items;
  bool is_array = false;
};

Result<Parsed> parse_body(const net::Request& request, const FeedbackContext& context,
                          IdSource& ids) {
  auto body = parse_json(request.body);
  if (!body) return fail(body.error());
  Parsed parsed;
  const auto* array = body->if_array();
  parsed.is_array = array != nullptr;
  if (array != nullptr && (array->empty() || array->size() > kMaxBatch)) {
    return fail(ErrorCode::kInvalid, "post 1 to 1000 at once");
  }
  const std::size_t count = array == nullptr ? 1 : array->size();
  for (std::size_t i = 0; i < count; ++i) {
    const json::value& item = array == nullptr ? *body : (*array)[i];
    const std::string place = array == nullptr ? "body" : "item " + std::to_string(i);
    const auto* object = item.if_object();
    if (object == nullptr) {
      return fail(ErrorCode::kInvalid, place + " must be an object");
    }
    FeedbackContext own = context;
    own.fresh_key = ids.next("key");
    auto feedback = parse_feedback(*object, own);
    if (!feedback) {
      return fail(array == nullptr ? feedback.error() : feedback.error().with(place));
    }
    parsed.items.push_back(std::move(*feedback));
  }
  return parsed;
}

// Where the team's policy or the person keeps no content of an interaction, none is kept of what is
// said of it.
void leave_out_content(store::Feedback& feedback) {
  feedback.final_text.reset();
  feedback.comment.reset();
  feedback.detail.clear();
}

Result<store::Consent> parse_consent(const net::Request& request, const people::Caller& caller,
                                     IdSource& ids, Time now) {
  auto body = parse_json_object(request.body);
  if (!body) return fail(body.error());
  if (auto only = only_fields(*body, {"person", "capture", "train"}); !only) {
    return fail(only.error());
  }
  auto person = optional_field<std::string>(*body, "person");
  if (!person) return fail(person.error());
  store::Consent consent{
      .id = ids.next("con"), .person = person->value_or(caller.person), .at = now};
  if (consent.person != caller.person && caller.role != people::Role::kPrivacy) {
    return fail(ErrorCode::kDenied, "only a privacy officer decides for somebody else");
  }
  if (consent.person.empty()) return fail(ErrorCode::kInvalid, "field 'person' is missing");
  auto capture = optional_field<bool>(*body, "capture");
  if (!capture) return fail(capture.error());
  auto train = optional_field<bool>(*body, "train");
  if (!train) return fail(train.error());
  if (!*capture && !*train) {
    return fail(ErrorCode::kInvalid, "give 'capture', 'train' or both, true or false");
  }
  consent.capture = *capture;
  consent.train = *train;
  consent.by = caller.person.empty() ? "open mode" : caller.person;
  return consent;
}

}  // namespace

net::awaitable<Result<void>> commit_synced(store::Outbox& outbox, store::OutboxRecord record) {
  auto stored = co_await net::await_callback<std::int64_t>(
      kCommitDeadline, [&outbox, &record](std::function<void(Result<std::int64_t>)> done) {
        outbox.append_synced(record, std::move(done));
      });
  if (!stored) {
    co_return fail(ErrorCode::kUnavailable,
                   "nothing was acknowledged; send it again with the same idempotency_key: " +
                       stored.error().message);
  }
  co_return Result<void>();
}

Result<void> redact_texts(std::initializer_list<std::optional<std::string>*> texts,
                          const privacy::Redactor& redactor) {
  for (auto* text : texts) {
    if (!*text) continue;
    auto redacted = redactor.redact(**text);
    if (!redacted) return fail(redacted.error());
    *text = std::move(*redacted);
  }
  return {};
}

net::awaitable<Result<void>> keep_feedback(store::Outbox& outbox,
                                           const std::vector<store::Feedback>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    store::OutboxRecord record = store::feedback_record(all[i], all[i].person);
    if (i + 1 == all.size()) co_return co_await commit_synced(outbox, std::move(record));
    if (auto appended = outbox.append(record); !appended) co_return fail(appended.error());
  }
  co_return Result<void>();
}

net::awaitable<net::Response> Api::post_feedback(const net::Request& request,
                                                 const people::Caller& caller, bool whole_key) {
  const auto level = capture_policy_.get().level(caller.team_name);
  if (level == people::CaptureLevel::kNothing) {
    const Error refused{ErrorCode::kDenied,
                        "your team's policy ([privacy] capture) records nothing"};
    co_return net::error_response(refused);
  }
  const FeedbackContext context{.source = "api:" + key_name(caller),
                                .person = caller.person,
                                .now = parts_.clock.now(),
                                .fresh_key = {},
                                .of_commits = whole_key};
  const bool with_content = caller.capture && level == people::CaptureLevel::kContent;
  Result<Parsed> parsed;
  auto ran = co_await parts_.work.run([&] {
    parsed = parse_body(request, context, parts_.ids);
    if (!parsed) return;
    for (auto& feedback : parsed->items) {
      if (!with_content) leave_out_content(feedback);
      auto done = redact_texts({&feedback.final_text, &feedback.comment}, parts_.redactor);
      if (!done) parsed = fail(done.error());
      if (!parsed) return;
    }
  });
  if (!ran) co_return net::error_response(ran.error());
  if (!parsed) co_return net::error_response(parsed.error());
  if (auto stored = co_await keep_feedback(parts_.outbox, parsed->items); !stored) {
    co_return net::error_response(stored.error());
  }
  json::array ids;
  for (const auto& feedback : parsed->items) ids.push_back(json::object{{"id", feedback.id}});
  co_return net::json_response(202, parsed->is_array ? json::value(ids) : ids.front());
}

net::awaitable<net::Response> Api::post_consent(const net::Request& request,
                                                const people::Caller& caller) {
  auto consent = parse_consent(request, caller, parts_.ids, parts_.clock.now());
  if (!consent) co_return net::error_response(consent.error());
  store::OutboxRecord record;
  record.kind = store::RecordKind::kConsent;
  record.id = consent->id;
  record.persons.push_back(consent->person);
  record.payload = store::to_payload(*consent);
  auto stored = co_await commit_synced(parts_.outbox, std::move(record));
  if (!stored) co_return net::error_response(stored.error());
  parts_.directory.apply(*consent);
  co_return net::json_response(202, json::object{{"id", consent->id}});
}

}  // namespace hone::api

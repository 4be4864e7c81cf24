#include "api/ci_hooks.h"

#include <algorithm>

#include "api/commit_synced.h"
#include "api/feedback_intake.h"
#include "api/refusals.h"
#include "base/hash.h"
#include "feedback/ci_outcome.h"
#include "store/digest.h"
#include "store/feedback_record.h"

namespace hone::api {
namespace {

constexpr std::string_view kGithubPath = "/v1/hooks/github";
constexpr std::string_view kGitlabPath = "/v1/hooks/gitlab";
constexpr std::size_t kMostHookBytes = 4U << 20;

// Looks at every byte, whatever the first ones say.
bool same_digest(const Digest& a, const Digest& b) {
  volatile std::uint8_t differs = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    differs = static_cast<std::uint8_t>(differs | (a[i] ^ b[i]));
  }
  return differs == 0;
}

// "sha256=" and 64 digits.
std::optional<Digest> signature_of(std::string_view header) {
  constexpr std::string_view kScheme = "sha256=";
  Digest digest;
  if (!header.starts_with(kScheme)) return std::nullopt;
  const auto bytes = store::unhex(header.substr(kScheme.size()));
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::ranges::copy(*bytes, digest.begin());
  return digest;
}

CiReply ci_refusal(int status, ErrorCode code, std::string message) {
  CiReply reply;
  reply.response = net::error_response({code, std::move(message)});
  reply.response.status = status;
  return reply;
}

CiReply unsigned_reply(std::string message) {
  return ci_refusal(401, ErrorCode::kDenied, std::move(message));
}

std::optional<CiReply> check_github(const net::Request& request, const std::string& secret) {
  const std::string* header = request.headers.find("x-hub-signature-256");
  if (header == nullptr) {
    return unsigned_reply("no X-Hub-Signature-256: give the webhook the secret of [ci]");
  }
  const auto given = signature_of(*header);
  if (!given || !same_digest(*given, hmac_sha256(secret, request.body))) {
    return unsigned_reply("X-Hub-Signature-256 is not the body's under the secret of [ci]");
  }
  return std::nullopt;
}

std::optional<CiReply> check_gitlab(const net::Request& request, const std::string& secret) {
  const std::string* header = request.headers.find("x-gitlab-token");
  if (header == nullptr) {
    return unsigned_reply("no X-Gitlab-Token: give the webhook the token of [ci]");
  }
  // Of digests, so that the time says nothing about the length either.
  if (!same_digest(sha256(*header), sha256(secret))) {
    return unsigned_reply("X-Gitlab-Token is not the token of [ci]");
  }
  return std::nullopt;
}

CiReply ci_ignored(CiReply::Result result, std::string_view why) {
  CiReply reply;
  reply.result = result;
  reply.response = net::json_response(202, json::object{{"ignored", why}});
  return reply;
}

}  // namespace

CiReply read_ci_hook(const net::Request& request, const CiSecrets& secrets,
                     const privacy::Redactor& redactor, Time now) {
  const bool github = request.path() == kGithubPath;
  const std::string& secret = github ? secrets.github : secrets.gitlab;
  if (request.method != "POST") {
    CiReply reply;
    reply.response = not_allowed("POST");
    return reply;
  }
  if (secret.empty()) {
    return ci_refusal(404, ErrorCode::kNotFound,
                      std::string("this receiver is off: [ci] of hone.toml has no ") +
                          (github ? "github_secret" : "gitlab_token"));
  }
  if (request.body.size() > kMostHookBytes) {
    return ci_refusal(413, ErrorCode::kTooLarge, "the event is over 4 MiB");
  }
  auto wrong = github ? check_github(request, secret) : check_gitlab(request, secret);
  if (wrong) return std::move(*wrong);
  const std::string event = request.headers.get(github ? "x-github-event" : "x-gitlab-event");
  if (event.empty()) {
    return ci_refusal(400, ErrorCode::kInvalid,
                      std::string("no ") + (github ? "X-GitHub-Event" : "X-Gitlab-Event"));
  }
  if (request.headers.get("content-type").starts_with("application/x-www-form-urlencoded")) {
    return ci_refusal(415, ErrorCode::kInvalid,
                      "give the webhook the content type application/json");
  }
  const auto body = parse_json_object(request.body, {.size_bytes = kMostHookBytes});
  if (!body) return ci_refusal(400, ErrorCode::kInvalid, body.error().message);
  auto read = github ? feedback::read_github_event(event, *body)
                     : feedback::read_gitlab_event(event, *body);
  if (!read) return ci_refusal(400, ErrorCode::kInvalid, read.error().message);
  if (!read->outcome) {
    if (read->says_nothing.empty()) {
      return ci_ignored(CiReply::Result::kUnknown, "no event that says what became of a commit");
    }
    return ci_ignored(CiReply::Result::kNothing, read->says_nothing);
  }
  auto name = redactor.redact(read->outcome->name);
  read->outcome->name = name ? std::move(*name) : std::string();
  CiReply reply;
  reply.result = CiReply::Result::kOutcome;
  reply.feedback =
      feedback::outcome_feedback(*read->outcome, github ? "ci:github" : "ci:gitlab", now);
  return reply;
}

bool CiHooks::handles(const net::Request& request) {
  return request.path() == kGithubPath || request.path() == kGitlabPath;
}

net::awaitable<void> CiHooks::handle(const net::Request& request, net::Responder& responder) {
  auto response = co_await answer(request);
  // The client may be gone; there is nobody left to tell.
  (void)co_await responder.send(std::move(response));
}

net::awaitable<net::Response> CiHooks::answer(const net::Request& request) {
  CiReply reply;
  const CiSecrets& secrets = secrets_.get();
  auto ran = co_await parts_.work.run([this, &reply, &request, &secrets] {
    reply = read_ci_hook(request, secrets, parts_.redactor, parts_.clock.now());
  });
  if (!ran) co_return net::error_response(ran.error());
  switch (reply.result) {
    case CiReply::Result::kOutcome:
      break;
    case CiReply::Result::kNothing:
      ++nothing_;
      co_return std::move(reply.response);
    case CiReply::Result::kUnknown:
      ++unknown_;
      co_return std::move(reply.response);
    case CiReply::Result::kRefused:
      ++refused_;
      co_return std::move(reply.response);
  }
  store::OutboxRecord record = store::feedback_record(*reply.feedback, reply.feedback->person);
  auto stored = co_await commit_synced(parts_.outbox, std::move(record));
  if (!stored) co_return net::error_response(stored.error());
  ++outcomes_;
  co_return net::json_response(202, json::object{{"id", reply.feedback->id}});
}

void CiHooks::measure(MetricsText& text) const {
  const auto say = [&text](const std::atomic<std::uint64_t>& count, std::string_view result) {
    text.counter("hone_ci_events_total", "Events that GitHub and GitLab posted.",
                 static_cast<double>(count.load()), "result=\"" + std::string(result) + "\"");
  };
  say(outcomes_, "outcome");
  say(nothing_, "says_nothing");
  say(unknown_, "unknown");
  say(refused_, "refused");
}

}  // namespace hone::api

// GitHub's and GitLab's posts as they come over the wire, up to the record that they become.
#include "api/ci_hooks.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace hone::api {
namespace {

constexpr std::string_view kHookSecret = "a secret of the house";
constexpr Time kHookTime{std::chrono::milliseconds(1'800'000'000'000)};
const std::string kHookCommit(40, 'a');
const std::string kCheckRun =
    R"({"action":"completed","check_run":{"head_sha":")" + kHookCommit +
    R"(","name":"build for bob.whoever@example.org","status":"completed",)"
    R"("conclusion":"success","completed_at":"2026-11-28T00:00:00Z"}})";

net::Request github_post(const std::string& event, const std::string& body) {
  net::Request request;
  request.method = "POST";
  request.target = "/v1/hooks/github";
  request.headers = {{"X-GitHub-Event", event},
                     {"Content-Type", "application/json"},
                     {"X-Hub-Signature-256", "sha256=" + hex(hmac_sha256(kHookSecret, body))}};
  request.body = body;
  return request;
}

net::Request gitlab_post(const std::string& event, const std::string& body) {
  net::Request request;
  request.method = "POST";
  request.target = "/v1/hooks/gitlab";
  request.headers = {{"X-Gitlab-Event", event}, {"X-Gitlab-Token", std::string(kHookSecret)}};
  request.body = body;
  return request;
}

class CiHook : public ::testing::Test {
 protected:
  CiReply read(const net::Request& request) {
    return read_ci_hook(request, secrets_, *redactor_, kHookTime);
  }
  int status(const net::Request& request) { return read(request).response.status; }

  CiSecrets secrets_{.github = std::string(kHookSecret), .gitlab = std::string(kHookSecret)};
  std::unique_ptr<privacy::Redactor> redactor_ =
      privacy::Redactor::create("0123456789abcdef0123456789abcdef", {}).value();
};

TEST_F(CiHook, MakesOutcomesOfSignedEvents) {
  const auto github = read(github_post("check_run", kCheckRun));
  ASSERT_TRUE(github.feedback);
  EXPECT_EQ(github.result, CiReply::Result::kOutcome);
  EXPECT_EQ(github.feedback->kind, "outcome");
  EXPECT_EQ(github.feedback->source, "ci:github");
  EXPECT_EQ(github.feedback->handle.value, kHookCommit);
  EXPECT_EQ(github.feedback->value, 1.0);
  EXPECT_EQ(to_text(github.feedback->at), "2026-11-28T00:00:00.000Z");
  const std::string name(github.feedback->detail.at("name").as_string());
  EXPECT_EQ(name.find("bob.whoever"), std::string::npos) << "not redacted: " << name;
  EXPECT_EQ(read(github_post("check_run", kCheckRun)).feedback->id, github.feedback->id);

  const auto gitlab =
      read(gitlab_post("Pipeline Hook", R"({"object_attributes":{"sha":")" + kHookCommit +
                                            R"(","status":"failed"}})"));
  ASSERT_TRUE(gitlab.feedback);
  EXPECT_EQ(gitlab.feedback->source, "ci:gitlab");
  EXPECT_EQ(gitlab.feedback->value, 0.0);
}

TEST_F(CiHook, RefusesWhatIsNotSigned) {
  auto request = github_post("check_run", kCheckRun);
  request.body += " ";
  EXPECT_EQ(status(request), 401);
  const std::vector<std::string> all_wrong = {"sha256=", "sha1=" + std::string(40, 'a'),
                                              "sha256=" + std::string(64, '0'),
                                              "sha256=" + std::string(64, 'g'), ""};
  for (const std::string& wrong : all_wrong) {
    request = github_post("check_run", kCheckRun);
    request.headers.set("X-Hub-Signature-256", wrong);
    EXPECT_EQ(status(request), 401) << wrong;
  }
  request.headers.remove("X-Hub-Signature-256");
  EXPECT_EQ(status(request), 401);
  EXPECT_EQ(read(request).result, CiReply::Result::kRefused);

  auto lab = gitlab_post("Pipeline Hook", "{}");
  lab.headers.set("X-Gitlab-Token", "a secret of the hous");
  EXPECT_EQ(status(lab), 401);
  lab.headers.remove("X-Gitlab-Token");
  EXPECT_EQ(status(lab), 401);

  secrets_.github.clear();  // signed under no secret is not signed
  request = github_post("check_run", kCheckRun);
  request.headers.set("X-Hub-Signature-256", "sha256=" + hex(hmac_sha256("", kCheckRun)));
  EXPECT_EQ(status(request), 404);
}

TEST_F(CiHook, NamesWhatIsMalformed) {
  EXPECT_EQ(status(github_post("check_run", "{")), 400);
  EXPECT_EQ(status(github_post("check_run", "[]")), 400);
  EXPECT_EQ(status(github_post("check_run", "{}")), 400);
  EXPECT_EQ(status(github_post("", kCheckRun)), 400);
  EXPECT_EQ(status(github_post("status", R"({"sha":"master","state":"success"})")), 400);
  EXPECT_EQ(status(github_post("status", std::string((4U << 20) + 1, ' '))), 413);
  auto form = github_post("check_run", "payload=%7B%7D");
  form.headers.set("Content-Type", "application/x-www-form-urlencoded");
  EXPECT_EQ(status(form), 415);
  auto get = github_post("ping", "{}");
  get.method = "GET";
  EXPECT_EQ(status(get), 405);
}

TEST_F(CiHook, TakesEventsThatSayNothing) {
  EXPECT_EQ(status(github_post("ping", "{}")), 202);
  const auto unknown = read(github_post("star", "{}"));
  EXPECT_EQ(unknown.response.status, 202);
  EXPECT_EQ(unknown.result, CiReply::Result::kUnknown);
  const auto running =
      read(gitlab_post("Pipeline Hook", R"({"object_attributes":{"sha":")" + kHookCommit +
                                            R"(","status":"running"}})"));
  EXPECT_EQ(running.response.status, 202);
  EXPECT_EQ(running.result, CiReply::Result::kNothing);
  EXPECT_FALSE(running.feedback);
}

}  // namespace
}  // namespace hone::api

#include "simulate/day.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "net/server.h"

namespace hone::simulate {
namespace {

using namespace std::chrono_literals;
namespace asio = net::asio;

// A gateway that says the same to everybody, in the form that was asked for, and takes down what it
// is told. Feedback is refused (503) as often as `unavailable` says, per signal.
class Gateway {
 public:
  explicit Gateway(std::string says) : says_(std::move(says)) {
    auto handler = [this](const net::Request& request, net::Responder& out) {
      return handle(request, out);
    };
    server_ = std::move(net::Server::listen(runtime_, {}, handler).value());
  }
  ~Gateway() { server_->stop(1s); }

  [[nodiscard]] net::Url url() const {
    return net::parse_url("http://127.0.0.1:" + std::to_string(server_->port())).value();
  }

  int unavailable = 0;
  bool broken = false;
  std::mutex mutex;
  std::vector<net::Request> calls;
  std::map<std::string, json::object> feedback;  // by idempotency key
  std::map<std::string, int> attempts;

 private:
  net::awaitable<void> handle(const net::Request& request, net::Responder& out) {
    auto response = request.path() == "/api/v1/feedback" ? take_feedback(request) : answer(request);
    static_cast<void>(co_await out.send(std::move(response)));
  }

  net::Response take_feedback(const net::Request& request) {
    const auto body = parse_json_object(request.body).value();
    const std::string key(string_or_empty(body, "idempotency_key"));
    const std::lock_guard lock(mutex);
    if (attempts[key]++ < unavailable) return net::text_response(503, "later");
    feedback[key] = body;
    return net::json_response(202, json::object{{"id", "fb_1"}, {"linked", true}});
  }

  net::Response answer(const net::Request& request) {
    const auto body = parse_json_object(request.body).value();
    std::string id;
    {
      const std::lock_guard lock(mutex);
      calls.push_back(request);
      id = std::to_string(calls.size());
    }
    if (broken) return net::text_response(500, "no");
    const bool streamed = body.at("stream").as_bool();
    const std::string text = json::serialize(json::string(says_));
    std::string out;
    if (request.path() == "/v1/messages") {
      out = streamed ? "data: {\"type\":\"message_start\",\"message\":{\"id\":\"r" + id +
                           "\"}}\n\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":" +
                           text + "}}\n\ndata: {\"type\":\"message_stop\"}\n\n"
                     : "{\"id\":\"r" + id + "\",\"content\":[{\"text\":" + text + "}]}";
    } else {
      out = streamed
                ? "data: {\"id\":\"r" + id + "\",\"choices\":[{\"delta\":{\"content\":" + text +
                      "}}]}\n\ndata: [DONE]\n\n"
                : "{\"id\":\"r" + id + "\",\"choices\":[{\"message\":{\"content\":" + text + "}}]}";
    }
    auto response = net::text_response(200, out);
    response.headers.set("x-hone-interaction-id", "int_" + id);
    return response;
  }

  std::string says_;
  net::Runtime runtime_{1};
  std::unique_ptr<net::Server> server_;
};

DayPlan plan_for(const Gateway& gateway, std::uint64_t day = 1) {
  DayPlan plan;
  plan.gateway = gateway.url();
  plan.seed = 4;
  plan.day = day;
  plan.tasks_per_person = 4;
  for (const Person& person : make_people(4, 12))
    plan.workers.push_back({person, "k-" + person.name});
  return plan;
}

Result<DaySummary> run(const DayPlan& plan) {
  net::Runtime runtime(1);
  return run_day(runtime, plan, [](std::uint64_t, std::uint64_t) {});
}

TEST(Day, EveryCallGetsOneSignalOnTheRightHandle) {
  Gateway gateway("I'm sorry.");
  gateway.unavailable = 1;
  const auto summary = run(plan_for(gateway));
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->interactions, 48);
  EXPECT_EQ(summary->errors, 0) << summary->first_error;
  ASSERT_EQ(gateway.calls.size(), 48U);
  ASSERT_EQ(gateway.feedback.size(), 48U);
  std::set<std::string> numbers;
  for (const auto& [key, body] : gateway.feedback) {
    const std::string handle(string_or_empty(body, "handle"));
    numbers.insert(handle.substr(handle.starts_with("int_") ? 4 : 1));
    EXPECT_EQ(string_or_empty(body, "kind") == "edited", body.contains("final_text"));
  }
  EXPECT_EQ(numbers.size(), 48U);
  std::int64_t counted = 0;
  for (const DomainSummary& domain : summary->domains) {
    EXPECT_EQ(domain.accepted + domain.modified + domain.rejected, 24);
    EXPECT_EQ(domain.fitting, 0);
    counted += domain.modified;
  }
  EXPECT_EQ(counted, std::ranges::count_if(gateway.feedback, [](const auto& entry) {
              return string_or_empty(entry.second, "kind") == "edited";
            }));
}

TEST(Day, PeopleSpeakAsTheirToolsDo) {
  Gateway gateway("Map view");
  const DayPlan plan = plan_for(gateway);
  ASSERT_TRUE(run(plan));
  std::map<std::string, const Worker*> by_key;
  for (const Worker& worker : plan.workers) by_key[worker.key] = &worker;
  for (const net::Request& call : gateway.calls) {
    const bool anthropic = call.path() == "/v1/messages";
    const std::string key =
        anthropic ? call.headers.get("x-api-key") : call.headers.get("authorization").substr(7);
    ASSERT_TRUE(by_key.contains(key)) << key;
    const Person& person = by_key[key]->person;
    EXPECT_EQ(anthropic, person.wire == Wire::kAnthropicMessages);
    EXPECT_EQ(call.headers.get("user-agent"), person.user_agent);
    const std::string purpose = call.headers.get("x-hone-purpose");
    EXPECT_TRUE(purpose == "changelog" || purpose == "triage") << purpose;
    const auto body = parse_json_object(call.body).value();
    EXPECT_EQ(string_or_empty(body, "model"), "assistant");
    EXPECT_EQ(body.at("stream").as_bool(), person.streamed);
  }
}

TEST(Day, IsTheSameAgainAndOtherTomorrow) {
  Gateway first("Map view");
  Gateway again("Map view");
  Gateway tomorrow("Map view");
  ASSERT_TRUE(run(plan_for(first)));
  ASSERT_TRUE(run(plan_for(again)));
  ASSERT_TRUE(run(plan_for(tomorrow, 2)));
  const auto said = [](Gateway& gateway) {
    std::multiset<std::string> bodies;
    for (const net::Request& call : gateway.calls) bodies.insert(call.body);
    return bodies;
  };
  const auto made_of_it = [](Gateway& gateway) {
    std::map<std::string, std::string> kinds;
    for (const auto& [key, body] : gateway.feedback) kinds[key] = string_or_empty(body, "kind");
    return kinds;
  };
  EXPECT_EQ(said(first), said(again));
  EXPECT_EQ(made_of_it(first), made_of_it(again));
  for (const std::string& body : said(first)) EXPECT_FALSE(said(tomorrow).contains(body));
}

TEST(Day, AGatewayThatIsBrokenOrGoneEndsIt) {
  Gateway gateway("…");
  gateway.broken = true;
  const auto summary = run(plan_for(gateway));
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().code, ErrorCode::kUnavailable);
  EXPECT_LT(gateway.calls.size(), 48U);
  EXPECT_TRUE(gateway.feedback.empty());
}

TEST(Day, AsksForNoMoreTasksThanThereAre) {
  Gateway gateway("…");
  DayPlan plan = plan_for(gateway, 1000);
  EXPECT_EQ(run(plan).error().code, ErrorCode::kInvalid);
  plan.day = 1;
  plan.tasks_per_person = kTasksPerDay;
  EXPECT_EQ(run(plan).error().code, ErrorCode::kInvalid);
}

TEST(Workers, AreReadFromAPeopleFile) {
  const auto people = make_people(4, 40);
  const auto workers =
      read_workers(R"([{"name": ")" + people[7].name + R"(", "team": "x", "key": "k7"}])", 4);
  ASSERT_TRUE(workers) << workers.error().message;
  EXPECT_EQ(workers->at(0).person.user_agent, people[7].user_agent);
  EXPECT_EQ(workers->at(0).key, "k7");
  for (const std::string text : {"", "{}", "[]", "[7]", R"([{"name": "nobody", "key": "k"}])",
                                 R"([{"key": "k"}])", R"([{"name": 3, "key": "k"}])"}) {
    EXPECT_FALSE(read_workers(text, 4)) << text;
  }
}

}  // namespace
}  // namespace hone::simulate

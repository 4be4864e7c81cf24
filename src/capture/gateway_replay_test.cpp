// The model calls of real clients, as they were recorded, through the gateway: what reaches the
// upstream must be what the client sent.
#include <filesystem>

#include "capture/gateway_test_support.h"
#include "wire/call.h"

namespace hone::capture {
namespace {

struct RecordedCall {
  std::string file;
  std::string target;
  net::Headers headers;  // names spelled as sent
  std::string body;
};

bool is_model_call(const json::object& request) {
  const auto method = string_or_empty(request, "method");
  const auto path = string_or_empty(request, "path");
  const bool is_call = path.starts_with("/v1/chat/completions") || path.starts_with("/v1/messages");
  const auto* body = request.if_contains("body");
  return method == "POST" && is_call && body != nullptr && body->is_object();
}

RecordedCall read_recorded(const json::object& request, const std::string& file) {
  RecordedCall call;
  call.file = file;
  call.target = string_or_empty(request, "path");
  call.body = json::serialize(request.at("body"));
  const auto& values = request.at("headers").as_object();
  for (const auto& name : request.at("rawHeaderNames").as_array()) {
    const std::string spelled(name.as_string());
    std::string lower = spelled;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const std::string_view value = string_or_empty(values, lower);
    if (lower != "content-length" && lower != "host") call.headers.add(spelled, std::string(value));
  }
  return call;
}

std::vector<RecordedCall> recorded_calls(const std::string& folder) {
  std::vector<RecordedCall> calls;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const auto file = parse_json(hone::testing::read_all(entry.path()));
    if (!file || !file->is_object() || !file->as_object().contains("requests")) continue;
    for (const auto& request : file->at("requests").as_array()) {
      const auto* object = request.if_object();
      if (object == nullptr || !is_model_call(*object)) continue;
      calls.push_back(read_recorded(*object, entry.path().filename()));
    }
  }
  return calls;
}

class GatewayReplayTest : public GatewayTest {
 protected:
  // The client's own headers, less what belongs to its connection.
  static std::vector<std::string> lines(const net::Headers& headers) {
    std::vector<std::string> out;
    for (const auto& field : headers) {
      const bool per_hop = net::same_name(field.name, "connection") ||
                           net::same_name(field.name, "host") ||
                           net::same_name(field.name, "content-length");
      if (!per_hop) out.push_back(field.name + ": " + field.value);
    }
    return out;
  }
};

TEST_F(GatewayReplayTest, EveryRecordedModelCallReachesTheUpstreamByteForByte) {
  const auto folder = hone::testing::shared_path("recordings");
  if (!folder) GTEST_SKIP();
  open = true;
  start();
  const auto calls = recorded_calls(*folder);
  ASSERT_GT(calls.size(), 50U);
  for (const auto& call : calls) {
    net::ClientRequest sent = request("POST", call.target, call.body);
    sent.headers = call.headers;
    ASSERT_EQ(fetch(sent).status, 200) << call.file;
    const auto reached = stub.last();
    EXPECT_EQ(reached.target, call.target) << call.file;
    EXPECT_EQ(reached.body, call.body) << call.file;
    EXPECT_EQ(lines(reached.headers), lines(call.headers)) << call.file;
  }
  std::size_t recorded = 0;
  for (const auto& call : calls) recorded += call.target.starts_with("/v1/messages/count") ? 0 : 1;
  for (const auto& interaction : interactions(recorded)) {
    EXPECT_EQ(interaction.content, "stored") << interaction.tool;
    EXPECT_FALSE(interaction.context_node.empty());
  }
}

}  // namespace
}  // namespace hone::capture

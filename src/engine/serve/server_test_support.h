// What tests of the server share.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/sse.h"
#include "engine/model/config.h"
#include "engine/model/lora.h"
#include "engine/serve/server.h"
#include "engine/train/tiny_model_support.h"
#include "net/client.h"

namespace hone::engine {

// A real server on a real port, with the tiny model and one adapter.
class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_tiny_model(folder_.path("tiny"));
    auto config = read_config(folder_.path("tiny"));
    ASSERT_TRUE(config) << config.error().message;
    LoraAdapter lora = make_lora(*config, {.r = 4}, Random(3));
    at::manual_seed(5);
    for (LoraLayer& layer : lora.layers) {
      for (LoraPair& pair : layer) pair.b.normal_(0, 0.3);
    }
    std::filesystem::create_directories(folder_.path("adapter"));
    ASSERT_TRUE(save_lora(lora, folder_.path("adapter"), "tiny"));
    start({.model_folder = folder_.path("tiny") + "/",
           .dtype = "fp32",
           .context = 1024,
           .threads = 1});
  }

  // In place of the one that runs.
  void start(const ServeOptions& options) {
    server_.reset();
    auto server = InferenceServer::start(options);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }

  net::Response call(const std::string& method, const std::string& path,
                     const std::string& body = "") {
    auto url = net::parse_url("http://127.0.0.1:" + std::to_string(server_->port()) + path);
    net::ClientRequest request{.method = method, .url = *url, .body = body};
    auto response = net::fetch_blocking(std::move(request), std::chrono::seconds(60));
    if (!response) ADD_FAILURE() << response.error().message;
    return response ? *response : net::Response{};
  }
  net::Response post(const std::string& path, const json::object& body) {
    return call("POST", path, json::serialize(body));
  }
  json::object answer(const std::string& path, const json::object& body) {
    const auto response = post(path, body);
    EXPECT_EQ(response.status, 200) << response.body;
    auto parsed = parse_json_object(response.body);
    return parsed ? *parsed : json::object();
  }

  static json::object chat_body(const std::string& text, int max_tokens,
                                const std::string& model = "tiny") {
    return {{"model", model},
            {"max_tokens", max_tokens},
            {"ignore_eos", true},
            {"messages", json::array{json::object{{"role", "user"}, {"content", text}}}}};
  }
  static std::string text_of(const json::object& answer) {
    return json::value_to<std::string>(answer.at("choices").at(0).at("message").at("content"));
  }
  std::vector<SseEvent> events(const std::string& path, json::object body) {
    body["stream"] = true;
    const auto response = post(path, body);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.headers.get("content-type"), "text/event-stream");
    return SseSplitter().feed(response.body);
  }

  const TempFolder folder_;
  std::unique_ptr<InferenceServer> server_;
};

}  // namespace hone::engine

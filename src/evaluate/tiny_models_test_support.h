// An upstream for tests: a real HTTP server with models of words, whose log-probabilities and
// answers can be worked out by hand. A conversation's tokens are its words between <role> and </s>,
// and a newline after the last turn. A word costs 1 nat where the prompt has it too (and the model
// heeds prompts), "[house]" what the model says, "</s>" 0.5, any other word 4. Names of tools are
// words of the prompt, and a call is its name and its arguments.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "net/runtime.h"
#include "net/server.h"
#include "wire/chat_form.h"

namespace hone::evaluate::testing {

struct TinyModel {
  double house_cost = 6;     // of the word that the house wants at the front
  bool heeds_prompt = true;  // one trained on mixed-up answers does not
  std::string answer;        // "$" stands for the prompt's last word
  bool endless = false;
};

class TinyModels {
 public:
  explicit TinyModels(std::map<std::string, TinyModel> models) : models_(std::move(models)) {
    net::Server::Handler handler = [this](const net::Request& request, net::Responder& out) {
      return answer(request, out);
    };
    server_ = *net::Server::listen(runtime_, {}, handler);
  }
  ~TinyModels() { server_->stop(std::chrono::milliseconds(1000)); }

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port());
  }
  [[nodiscard]] int calls() const { return calls_; }

 private:
  static std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
  }

  net::awaitable<void> answer(const net::Request& request, net::Responder& out) {
    ++calls_;
    net::Response response = complete(request);
    (void)co_await out.send(std::move(response));
  }

  net::Response complete(const net::Request& request) {
    const auto body = parse_json_object(request.body);
    if (request.path() != "/v1/chat/completions" || !body) {
      return net::text_response(404, "no such path");
    }
    const std::string name(string_or_empty(*body, "model"));
    const auto model = models_.find(name);
    if (model == models_.end()) return net::text_response(404, "no model " + name);
    if (body->contains("prompt_logprobs"))
      return net::json_response(200, score(*body, model->second));
    return net::json_response(200, generate(*body, model->second));
  }

  static json::object score(const json::object& body, const TinyModel& model) {
    json::array scores;
    std::set<std::string> prompt_words;
    const auto add = [&](const std::string& word, double cost) {
      json::value entry = nullptr;
      if (!scores.empty()) {
        entry =
            json::object{{std::to_string(std::hash<std::string>()(word) % 100'000),
                          json::object{{"logprob", -cost}, {"rank", 1}, {"decoded_token", word}}}};
      }
      scores.push_back(std::move(entry));
    };
    if (const auto* tools = body.if_contains("tools")) {
      for (const auto& tool : tools->as_array()) {
        const std::string word(tool.at("function").at("name").as_string());
        add(word, 4);
        prompt_words.insert(word);
      }
    }
    for (const auto& message : body.at("messages").as_array()) {
      const auto& turn = message.as_object();
      const std::string role(string_or_empty(turn, "role"));
      add("<" + role + ">", 3);
      for (const auto& word : words_of(wire::chat_text(turn))) {
        double cost = model.heeds_prompt && prompt_words.contains(word) ? 1 : 4;
        if (word == "[house]") cost = model.house_cost;
        add(word, cost);
        if (role != "assistant") prompt_words.insert(word);
      }
      add("</s>", 0.5);
      add("\n", 9);
    }
    if (body.at("add_generation_prompt").as_bool()) add("<assistant>", 3);
    return {{"prompt_logprobs", std::move(scores)}, {"choices", json::array()}};
  }

  static json::object generate(const json::object& body, const TinyModel& model) {
    const auto words = words_of(wire::chat_text(body.at("messages").as_array().back().as_object()));
    std::string text = model.answer;
    const auto at = text.find('$');
    if (at != std::string::npos) text.replace(at, 1, words.empty() ? "" : words.back());
    return {{"choices",
             {{{"message", {{"role", "assistant"}, {"content", text}}},
               {"finish_reason", model.endless ? "length" : "stop"}}}},
            {"usage", {{"completion_tokens", words_of(text).size()}}}};
  }

  std::map<std::string, TinyModel> models_;
  std::atomic<int> calls_ = 0;
  net::Runtime runtime_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace hone::evaluate::testing

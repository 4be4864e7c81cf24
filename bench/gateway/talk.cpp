#include "talk.h"

#include <fstream>
#include <sstream>

namespace hone::bench {
namespace {

constexpr std::size_t kSmallBytes = 4096;
constexpr std::size_t kSystemBytes = 10'000;
constexpr std::size_t kToolBytes = 800;
constexpr int kTools = 16;
constexpr std::size_t kSessionBegin = 120'000;
constexpr int kCallsASession = 100;
constexpr std::size_t kOutputBytes = 400;

void escape(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
}

std::string opening(const std::string& model, bool stream) {
  return "{\"model\":\"" + model + "\",\"stream\":" + (stream ? "true" : "false") +
         ",\"temperature\":0.2,\"max_tokens\":4096";
}

}  // namespace

Text Text::from_files(const std::vector<std::string>& paths) {
  Text text;
  for (const auto& path : paths) {
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
      text.lines_.push_back(text.escaped_.size());
      escape(line + "\n", text.escaped_);
    }
  }
  return text;
}

std::string_view Text::cut(std::mt19937_64& random, std::size_t bytes) const {
  std::size_t first = random() % lines_.size();
  if (lines_[first] + bytes + 200 > escaped_.size()) first = 0;
  std::size_t last = first;
  while (last + 1 < lines_.size() && lines_[last] - lines_[first] < bytes) ++last;
  return std::string_view(escaped_).substr(lines_[first], lines_[last] - lines_[first]);
}

std::string answer_text(long number, bool streamed) {
  std::string text = "Answer " + std::to_string(number) + ":";
  if (streamed) {
    for (int word = 1; word < 49; ++word) text += " word " + std::to_string(word);
    return text;
  }
  return text +
         " the file is read, the two calls that matter are in the loop at its end, and the test "
         "that "
         "covers them passes. I would move the check before the loop, so that an empty list costs "
         "nothing, and leave the rest as it is.";
}

SmallTalk::SmallTalk(const Text& text, const std::string& model, bool stream, std::uint64_t seed)
    : text_(text), opening_(opening(model, stream)), random_(seed), seed_(seed) {
  std::mt19937_64 same_for_all(1);
  opening_ += ",\"messages\":[{\"role\":\"system\",\"content\":\"You review code. ";
  opening_ += text_.cut(same_for_all, 1000);
  opening_ += "\"},{\"role\":\"user\",\"content\":\"Request ";
}

void SmallTalk::write_next(std::string& body) {
  body = opening_;
  body += std::to_string(seed_) + "-" + std::to_string(++count_) + ": ";
  // One in ten texts has something to redact.
  if (count_ % 10 == 0) body += "mail ana.lee" + std::to_string(count_) + "@example.org about ";
  body += text_.cut(random_, kSmallBytes - body.size());
  body += "\"}]}";
}

AgentTalk::AgentTalk(const Text& text, const std::string& model, bool stream, std::uint64_t seed,
                     int calls_made)
    : text_(text),
      opening_(opening(model, stream)),
      random_(seed),
      seed_(seed),
      calls_(calls_made % kCallsASession),
      stream_(stream) {
  std::mt19937_64 same_for_all(2);
  opening_ += ",\"tools\":[";
  for (int i = 0; i < kTools; ++i) {
    opening_ += std::string(i == 0 ? "" : ",") + R"({"type":"function","function":{"name":"tool_)" +
                std::to_string(i) + R"(","description":")";
    opening_ += text_.cut(same_for_all, kToolBytes);
    opening_ += R"(","parameters":{"type":"object","properties":{"path":{"type":"string"},)"
                R"("limit":{"type":"integer"}},"required":["path"]}}})";
  }
  opening_ += "],\"messages\":[{\"role\":\"system\",\"content\":\"You are an agent. ";
  opening_ += text_.cut(same_for_all, kSystemBytes);
  opening_ += "\"}";
  begin_session();
  for (int i = 0; i < calls_; ++i) {
    add("user", text_.cut(random_, kOutputBytes));
    add("assistant", text_.cut(random_, 200));
  }
}

std::string AgentTalk::label() {
  return std::to_string(seed_) + "-" + std::to_string(++messages_) + ": ";
}

void AgentTalk::add(std::string_view role, std::string_view text) {
  body_ += ",{\"role\":\"";
  body_ += role;
  body_ += "\",\"content\":\"";
  if (role == "user") body_ += "Output " + label();
  if (messages_ % 20 == 0) body_ += "mail ana.lee" + std::to_string(messages_) + "@example.org ";
  body_ += text;
  body_ += "\"}";
}

void AgentTalk::begin_session() {
  body_ = opening_;
  while (body_.size() < kSessionBegin) {
    add("user", "Output " + label() + std::string(text_.cut(random_, 1500)));
    add("assistant", "Step " + label() + std::string(text_.cut(random_, 300)));
  }
}

const std::string& AgentTalk::next() {
  if (calls_ == kCallsASession) {
    calls_ = 0;
    begin_session();
  }
  ++calls_;
  add("user", text_.cut(random_, kOutputBytes));
  return body_;
}

void AgentTalk::answered(long number) {
  body_ += ",{\"role\":\"assistant\",\"content\":\"" + answer_text(number, stream_) + "\"}";
}

}  // namespace hone::bench

// What the load generator says: bodies as tools send them, each different. The texts are cut from
// real source files, so that redaction, compression and parsing have real work.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace hone::bench {

// Lines of files, escaped for JSON, to cut texts from.
class Text {
 public:
  static Text from_files(const std::vector<std::string>& paths);
  // Whole lines, at least `bytes` long.
  [[nodiscard]] std::string_view cut(std::mt19937_64& random, std::size_t bytes) const;

 private:
  std::string escaped_;
  std::vector<std::size_t> lines_;  // where they begin
};

// How an answer of the stub reads, from the number in its id.
[[nodiscard]] std::string answer_text(long number, bool streamed);

// One question of some 4 KB.
class SmallTalk {
 public:
  SmallTalk(const Text& text, const std::string& model, bool stream, std::uint64_t seed);
  void write_next(std::string& body);

 private:
  const Text& text_;
  std::string opening_;
  std::mt19937_64 random_;
  std::uint64_t seed_;
  std::uint64_t count_ = 0;
};

// An agent at work: tools and instructions that every session has, and a conversation of its own
// that begins at some 120 KB and grows by an answer and a tool's output with every call, for 100
// calls, to some 180 KB. Then another session begins.
class AgentTalk {
 public:
  AgentTalk(const Text& text, const std::string& model, bool stream, std::uint64_t seed,
            int calls_made);
  // The body's beginning, which grows in place, and its end.
  [[nodiscard]] const std::string& next();
  [[nodiscard]] static std::string_view end() { return "]}"; }
  void answered(long number);

 private:
  void begin_session();
  void add(std::string_view role, std::string_view text);
  std::string label();

  const Text& text_;
  std::string opening_;
  std::string body_;
  std::mt19937_64 random_;
  std::uint64_t seed_;
  std::uint64_t messages_ = 0;
  int calls_ = 0;
  bool stream_;
};

}  // namespace hone::bench

// What reads bytes from outside, each as a function of bytes that must hold its promises whatever
// they are: no crash, no sanitizer's complaint, no broken invariant (std::abort, by `must`).
//
// libFuzzer drives one function per program (preset fuzz; tests/fuzz/main.cpp); the test program
// replays the committed inputs of tests/fuzz/corpus/NAME through the same functions.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace hone::fuzz {

void http_head(std::string_view bytes);    // the guard, and Beast's parser behind it
void http_chunks(std::string_view bytes);  // a body in chunks, cut anywhere
void coding(std::string_view bytes);       // content codings
void sse(std::string_view bytes);          // event streams, cut anywhere
void openai_chat(std::string_view bytes);  // requests and answers of each wire format
void anthropic_messages(std::string_view bytes);
void openai_responses(std::string_view bytes);
void translate_request(std::string_view bytes);  // requests of one format in another
void chat_as_messages(std::string_view bytes);   // answers of one format in another
void chat_as_responses(std::string_view bytes);
void messages_as_chat(std::string_view bytes);
void model_field(std::string_view bytes);  // the model's name in a body
void outbox(std::string_view bytes);       // segments and their slots
void redactor(std::string_view bytes);     // whole, and streamed
void import_csv(std::string_view bytes);   // rows, whatever the quotes
void import_json(std::string_view bytes);  // records of documents and lines, Python's literals
void import_map(std::string_view bytes);   // a map, and a record that it is followed through
// What tools tell: transcripts of Claude Code and Codex, hooks, editors' events, telemetry.
void transcript(std::string_view bytes);
void tool_events(std::string_view bytes);
void otlp_protobuf(std::string_view bytes);
void otlp_json(std::string_view bytes);
void patch_text(std::string_view bytes);  // edits of files in tool calls
void ci_event(std::string_view bytes);    // what GitHub and GitLab post
// Settings of other tools, which `hone connect` edits.
void settings_json(std::string_view bytes);
void settings_toml(std::string_view bytes);
void settings_yaml(std::string_view bytes);
void settings_dotenv(std::string_view bytes);
void evaluation_sets(std::string_view bytes);  // what training examples are held against

struct Target {
  std::string_view name;
  void (*run)(std::string_view bytes);
};

inline constexpr std::array<Target, 28> kTargets = {{{"http_head", http_head},
                                                     {"http_chunks", http_chunks},
                                                     {"coding", coding},
                                                     {"sse", sse},
                                                     {"openai_chat", openai_chat},
                                                     {"anthropic_messages", anthropic_messages},
                                                     {"openai_responses", openai_responses},
                                                     {"translate_request", translate_request},
                                                     {"chat_as_messages", chat_as_messages},
                                                     {"chat_as_responses", chat_as_responses},
                                                     {"messages_as_chat", messages_as_chat},
                                                     {"model_field", model_field},
                                                     {"outbox", outbox},
                                                     {"redactor", redactor},
                                                     {"import_csv", import_csv},
                                                     {"import_json", import_json},
                                                     {"import_map", import_map},
                                                     {"transcript", transcript},
                                                     {"tool_events", tool_events},
                                                     {"otlp_protobuf", otlp_protobuf},
                                                     {"otlp_json", otlp_json},
                                                     {"patch_text", patch_text},
                                                     {"ci_event", ci_event},
                                                     {"settings_json", settings_json},
                                                     {"settings_toml", settings_toml},
                                                     {"settings_yaml", settings_yaml},
                                                     {"settings_dotenv", settings_dotenv},
                                                     {"evaluation_sets", evaluation_sets}}};

inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace hone::fuzz

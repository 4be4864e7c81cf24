#include "curate/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "curate/rows_by_key.h"
#include "feedback/mining.h"
#include "store/block_content.h"
#include "store/database.h"
#include "wire/message.h"

namespace hone::curate {

struct PromptNode {
  std::int64_t parent = 0;  // 0 at a root
  std::int64_t block = 0;
};
struct PromptBlock {
  PromptState state = PromptState::kMissing;
  std::string role;
  std::string text;  // with tools, of a user's message: what the person typed
  // With tools:
  json::object message;  // neutral, for its form depends on what is before it
  wire::ChatTools tools;
  Digest tools_digest{};
  std::size_t tools_characters = 0;
};

namespace {

using Ids = std::set<std::int64_t>;
using Nodes = std::unordered_map<std::int64_t, PromptNode>;
using Contents = std::unordered_map<std::int64_t, std::string>;

// All nodes from `leaves` to their roots, one level of the tree at a time. A node without a block
// is only a name: what it stands for is not there.
Result<Nodes> load_nodes(store::Database& database, const Ids& leaves) {
  Nodes nodes;
  Ids wanted = leaves;
  while (!wanted.empty()) {
    Ids parents;
    auto done = for_each_row(
        database, "SELECT id, parent, block FROM node WHERE block IS NOT NULL AND id IN", wanted,
        [&](const store::Row& row) {
          nodes[row.integer("id")] = {row.integer("parent"), row.integer("block")};
          if (!row.is_null("parent")) parents.insert(row.integer("parent"));
        });
    if (!done) return fail(done.error());
    std::erase_if(parents, [&](std::int64_t id) { return nodes.contains(id); });
    wanted = std::move(parents);
  }
  return nodes;
}

// By "id". One damaged block must not keep a dataset from being made of the others: it is absent.
Result<Contents> load_contents(store::Database& database, std::string_view id,
                               std::string_view tables, const Ids& ids) {
  Contents contents;
  auto done = for_each_row(
      database,
      fmt::format("SELECT {0} AS id, {1} FROM {2} WHERE {0} IN", id, store::kBlockColumns, tables),
      ids, [&](const store::Row& row) {
        auto content = store::read_content(row);
        if (content) {
          contents[row.integer("id")] = std::move(*content);
        } else {
          spdlog::warn("dataset: {}", content.error().message);
        }
      });
  if (!done) return fail(done.error());
  return contents;
}

std::optional<std::string> plain_text(const json::object& message) {
  for (const auto& part : wire::content_of(message)) {
    const auto* object = part.if_object();
    const auto type = object == nullptr ? "" : string_or_empty(*object, "type");
    if (type != "text" && type != "thinking") return std::nullopt;
  }
  return wire::text_of(message);
}

PromptBlock parse_text(const json::object& message) {
  PromptBlock parsed;
  parsed.role = wire::role_of(message);
  auto text = plain_text(message);
  const bool known = parsed.role == "system" || parsed.role == "user" || parsed.role == "assistant";
  parsed.state = text && known ? PromptState::kText : PromptState::kNotText;
  if (text) parsed.text = std::move(*text);
  return parsed;
}

// Whether it has a form is known once what is before it is.
PromptBlock parse_with_tools(json::object message) {
  PromptBlock parsed;
  parsed.state = PromptState::kText;
  parsed.role = wire::role_of(message);
  if (parsed.role == "tools") {
    parsed.tools = wire::chat_tools(message);
    const std::string text = canonical(parsed.tools.definitions);
    parsed.tools_digest = sha256(text);
    parsed.tools_characters = count_characters(text);
    return parsed;
  }
  if (parsed.role == "user") {
    parsed.text = feedback::typed_text(message, feedback::default_mining_rules());
  }
  parsed.message = std::move(message);
  return parsed;
}

// A line has definitions a level deeper than a stored message, and an export two: what those could
// not be read with makes no line.
constexpr std::size_t kDeepestWithTools = JsonLimits{}.depth - 2;

PromptBlock parse_block(const std::string& content, bool with_tools) {
  const JsonLimits limits;
  auto message = parse_json_object(
      content, {limits.size_bytes, with_tools ? kDeepestWithTools : limits.depth});
  if (message) return with_tools ? parse_with_tools(std::move(*message)) : parse_text(*message);
  PromptBlock parsed;
  if (with_tools && parse_json_object(content)) parsed.state = PromptState::kNotText;
  return parsed;
}

// A definition that comes again under its name replaces the one before.
void add_definitions(const json::array& definitions, json::array& tools) {
  const auto name = [](const json::value& tool) { return tool.at("function").at("name"); };
  for (const auto& definition : definitions) {
    const auto same = std::ranges::find_if(
        tools, [&](const json::value& tool) { return name(tool) == name(definition); });
    if (same == tools.end()) {
      tools.push_back(definition);
    } else {
      *same = definition;
    }
  }
}

}  // namespace

// Each block is parsed once, however many paths it lies on, and then only what is used is kept.
struct PromptReader::State {
  Nodes nodes;
  Contents contents;
  bool with_tools = false;
  std::unordered_map<std::int64_t, PromptBlock> parsed = {};

  const PromptBlock& parse(std::int64_t block) {
    const auto [at, is_new] = parsed.try_emplace(block);
    if (!is_new) return at->second;
    const auto content = contents.find(block);
    if (content == contents.end()) return at->second;
    at->second = parse_block(content->second, with_tools);
    contents.erase(content);
    return at->second;
  }

  // Root first; empty where a part of it is not there.
  std::vector<std::int64_t> path_to(std::int64_t node) const {
    std::vector<std::int64_t> path;
    for (std::int64_t at = node; at != 0; at = nodes.at(path.back()).parent) {
      if (!nodes.contains(at)) return {};
      path.push_back(at);
    }
    std::ranges::reverse(path);
    return path;
  }

  // The message as the prompt has it; nothing where it has no form.
  std::optional<json::object> form_of(const PromptBlock& block, wire::ChatNames& names) const {
    if (with_tools) return wire::chat_message(block.message, names);
    return json::object{{"role", block.role}, {"content", block.text}};
  }
};

PromptReader::PromptReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
PromptReader::PromptReader(PromptReader&&) noexcept = default;
PromptReader::~PromptReader() = default;

Result<PromptReader> PromptReader::load(store::Database& database, const Ids& context_nodes,
                                        bool with_tools) {
  auto nodes = load_nodes(database, context_nodes);
  if (!nodes) return fail(nodes.error());
  Ids blocks;
  for (const auto& [id, node] : *nodes) blocks.insert(node.block);
  auto contents = load_contents(database, "b.id", "block b", blocks);
  if (!contents) return fail(contents.error());
  return PromptReader(
      std::make_unique<State>(State{std::move(*nodes), std::move(*contents), with_tools}));
}

LoadedPrompt PromptReader::make(std::int64_t context_node) {
  const auto path = state_->path_to(context_node);
  if (path.empty()) return {};
  Prompt prompt;
  std::string tools;      // digests of definitions
  std::string last_user;  // what was typed last; before anything was, what a tool wrote
  bool typed = false;
  for (const std::int64_t node : path) {
    const PromptBlock& block = state_->parse(state_->nodes.at(node).block);
    if (block.state != PromptState::kText) return {block.state};
    if (block.role == "tools") {
      prompt.names.add(block.tools);
      if (block.tools.definitions.empty()) continue;  // all run at the provider
      add_definitions(block.tools.definitions, prompt.tools);
      prompt.characters += block.tools_characters;
      tools += hex(block.tools_digest);
      continue;
    }
    auto message = state_->form_of(block, prompt.names);
    if (!message) return {PromptState::kNotText};
    if (block.role == "user") {
      if (!state_->with_tools || !block.text.empty()) {
        last_user = block.text;
        typed = true;
      } else if (!typed) {
        last_user = string_or_empty(*message, "content");
      }
      if (prompt.conversation == 0) prompt.conversation = node;
    }
    prompt.has_tools |= block.role == "tool" || message->contains("tool_calls");
    prompt.characters += count_characters(wire::chat_text(*message));
    prompt.messages.push_back(std::move(*message));
  }
  if (last_user.empty()) return {PromptState::kNotText};
  prompt.has_tools |= !prompt.tools.empty();
  prompt.digest = sha256(canonical(prompt.messages) + tools);
  prompt.last_user = normalised(last_user);
  prompt.group = hex(sha256(prompt.last_user));
  return {PromptState::kText, std::move(prompt)};
}

Result<std::unordered_map<std::int64_t, std::string>> load_blocks_of(store::Database& database,
                                                                     const Ids& nodes) {
  return load_contents(database, "n.id", "node n JOIN block b ON b.id = n.block", nodes);
}

std::optional<Answer> read_answer(const json::object& message, const wire::ChatNames* names) {
  if (names == nullptr) {
    auto text = plain_text(message);
    if (!text) return std::nullopt;
    return Answer{json::value(*text), *text};
  }
  wire::ChatNames own = *names;
  auto chat = wire::chat_message(message, own);
  if (!chat) return std::nullopt;
  std::string text = wire::chat_text(*chat);
  if (chat->contains("tool_calls")) return Answer{std::move(*chat), std::move(text)};
  return Answer{json::value(text), text};
}

std::string normalised(std::string_view text) {
  std::string result;
  bool blank = false;
  for (const char c : text) {
    const char small = to_lower(c);
    const bool kept = (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') ||
                      static_cast<unsigned char>(c) >= 0x80;
    if (!kept) {
      blank = true;
      continue;
    }
    if (blank && !result.empty()) result += ' ';
    blank = false;
    result += small;
  }
  return result;
}

std::size_t count_characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace hone::curate

#include "curate/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <ranges>
#include <vector>

#include "base/log.h"
#include "curate/rows_by_key.h"
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
  std::string text;
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

PromptBlock parse_block(const std::string& content) {
  PromptBlock parsed;
  const auto message = parse_json_object(content);
  if (!message) return parsed;
  parsed.role = wire::role_of(*message);
  auto text = plain_text(*message);
  const bool known = parsed.role == "system" || parsed.role == "user" || parsed.role == "assistant";
  parsed.state = text && known ? PromptState::kText : PromptState::kNotText;
  if (text) parsed.text = std::move(*text);
  return parsed;
}

}  // namespace

// Each block is parsed once, however many paths it lies on, and then only its text is kept.
struct PromptReader::State {
  Nodes nodes;
  Contents contents;
  std::unordered_map<std::int64_t, PromptBlock> parsed;

  const PromptBlock& parse(std::int64_t block) {
    const auto [at, is_new] = parsed.try_emplace(block);
    if (!is_new) return at->second;
    const auto content = contents.find(block);
    if (content == contents.end()) return at->second;
    at->second = parse_block(content->second);
    contents.erase(content);
    return at->second;
  }
};

PromptReader::PromptReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
PromptReader::PromptReader(PromptReader&&) noexcept = default;
PromptReader::~PromptReader() = default;

Result<PromptReader> PromptReader::load(store::Database& database, const Ids& context_nodes) {
  auto nodes = load_nodes(database, context_nodes);
  if (!nodes) return fail(nodes.error());
  Ids blocks;
  for (const auto& [id, node] : *nodes) blocks.insert(node.block);
  auto contents = load_contents(database, "b.id", "block b", blocks);
  if (!contents) return fail(contents.error());
  return PromptReader(std::make_unique<State>(State{std::move(*nodes), std::move(*contents), {}}));
}

LoadedPrompt PromptReader::make(std::int64_t context_node) {
  std::vector<std::int64_t> path;
  for (std::int64_t at = context_node; at != 0; at = state_->nodes.at(path.back()).parent) {
    if (!state_->nodes.contains(at)) return {};
    path.push_back(at);
  }
  Prompt prompt;
  const std::string* last_user = nullptr;
  for (const std::int64_t node : std::views::reverse(path)) {
    const PromptBlock& message = state_->parse(state_->nodes.at(node).block);
    if (message.state != PromptState::kText) return {message.state};
    if (message.role == "user") {
      last_user = &message.text;
      if (prompt.conversation == 0) prompt.conversation = node;
    }
    prompt.characters += count_characters(message.text);
    prompt.messages.push_back({{"role", message.role}, {"content", message.text}});
  }
  if (last_user == nullptr || last_user->empty()) return {PromptState::kNotText};
  prompt.digest = sha256(canonical(prompt.messages));
  prompt.last_user = normalised(*last_user);
  prompt.group = hex(sha256(prompt.last_user));
  return {PromptState::kText, std::move(prompt)};
}

Result<std::unordered_map<std::int64_t, std::string>> load_blocks_of(store::Database& database,
                                                                     const Ids& nodes) {
  return load_contents(database, "n.id", "node n JOIN block b ON b.id = n.block", nodes);
}

std::optional<std::string> plain_text(const json::object& message) {
  for (const auto& part : wire::content_of(message)) {
    const auto* object = part.if_object();
    const auto type = object == nullptr ? "" : string_or_empty(*object, "type");
    if (type != "text" && type != "thinking") return std::nullopt;
  }
  return wire::text_of(message);
}

std::string normalised(std::string_view text) {
  std::string result;
  bool blank = false;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool kept = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      static_cast<unsigned char>(c) >= 0x80;
    if (!kept) {
      blank = true;
      continue;
    }
    if (blank && !result.empty()) result += ' ';
    blank = false;
    result += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

std::size_t count_characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace hone::curate

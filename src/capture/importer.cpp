#include "capture/importer.h"

#include <array>
#include <utility>

#include "capture/import_record.h"
#include "store/outbox.h"

namespace hone::capture {
namespace {

using Reader = Result<void> (*)(ImportFile&, ImportWriter&);

struct KnownFormat {
  ImportFormat format;
  std::string_view name;
  Reader read;
};

constexpr std::array<KnownFormat, 4> kFormats = {{
    {ImportFormat::kRealHumanEvalChat, "realhumaneval-chat", read_realhumaneval_chat},
    {ImportFormat::kCupsCopilot, "cups-copilot", read_cups_copilot},
    {ImportFormat::kPreferenceJsonl, "preference-jsonl", read_preference_jsonl},
    {ImportFormat::kChatJsonl, "chat-jsonl", read_chat_jsonl},
}};

const KnownFormat& known(ImportFormat format) {
  return kFormats.at(static_cast<std::size_t>(format));
}

Result<void> append(store::Outbox& outbox, store::OutboxRecord record) {
  const auto position = outbox.append(record);
  if (!position) return fail(position.error());
  return {};
}

}  // namespace

std::string_view name(ImportFormat format) {
  return known(format).name;
}

Result<ImportFormat> parse_import_format(std::string_view text) {
  std::string names;
  for (const KnownFormat& format : kFormats) {
    if (format.name == text) return format.format;
    names += (names.empty() ? "" : ", ") + std::string(format.name);
  }
  return fail(ErrorCode::kInvalid,
              "no import format '" + std::string(text) + "'; there are " + names);
}

Result<ImportReport> import_file(const std::string& path, ImportFormat format,
                                 const ImportOptions& options, const ImportParts& parts,
                                 const ImportSink& sink) {
  ImportOptions complete = options;
  if (complete.source.empty()) complete.source = name(format);
  if (complete.team.empty()) complete.team = complete.source;
  auto file = ImportFile::open(path);
  if (!file) return fail(file.error());
  ImportWriter writer(complete, parts, sink);
  if (auto read = known(format).read(**file, writer); !read) return fail(read.error().with(path));
  return writer.take_report();
}

ImportSink outbox_sink(store::Outbox& outbox, people::Roster& roster, people::Consents consents) {
  ImportSink sink;
  sink.person = [&roster, consents](std::string_view name, std::string_view team) {
    return roster.ensure_person({.name = std::string(name),
                                 .team = std::string(team),
                                 .role = people::Role::kEmployee,
                                 .consents = consents});
  };
  sink.interaction = [&outbox](const store::Interaction& interaction) {
    return append(outbox, {.kind = store::RecordKind::kInteraction,
                           .id = interaction.id,
                           .persons = {interaction.person},
                           .payload = store::to_payload(interaction)});
  };
  sink.feedback = [&outbox](const store::Feedback& feedback) {
    return append(outbox, {.kind = store::RecordKind::kFeedback,
                           .id = feedback.id,
                           .persons = {feedback.person},
                           .payload = store::to_payload(feedback)});
  };
  return sink;
}

}  // namespace hone::capture

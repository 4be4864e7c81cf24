// What a map may say, on records small enough to be counted by eye.
#include <gtest/gtest.h>

#include "base/test_support.h"
#include "capture/import_guess.h"
#include "capture/import_map.h"
#include "capture/importer.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

using hone::testing::shared_path;

class Mapped : public ::testing::Test {
 protected:
  // What was mapped, as a dry run shows it; nothing of it is redacted here but what must be.
  ImportReport run(const std::string& file, std::string_view toml,
                   const std::string& map_name = "m") {
    const auto map =
        parse_import_map("name = \"" + map_name + "\"\n" + std::string(toml), "m.toml");
    EXPECT_TRUE(map) << map.error().message;
    if (!map) return {};
    auto sink = dry_sink({});
    shown_.clear();
    sink.show = [this](const json::object& record) {
      shown_.push_back(record);
      return true;
    };
    const ImportParts parts{*redactor_, "key", clock_};
    auto report = import_file(folder_.path(file), *map, {}, parts, sink);
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(ImportReport{});
  }

  std::string write(const std::string& name, const std::string& text) {
    hone::testing::write_all(folder_.path(name), text);
    return name;
  }

  // "accepted(0.5)=final" of the nth record.
  std::string signals(std::size_t n) {
    std::string all;
    for (const json::value& item : shown_.at(n).at("feedback").as_array()) {
      const json::object& signal = item.as_object();
      all += std::string(string_or_empty(signal, "kind"));
      if (const auto* value = signal.if_contains("value"))
        all += "(" + json::serialize(*value) + ")";
      if (signal.contains("final_text"))
        all += "=" + std::string(string_or_empty(signal, "final_text"));
      all += ";";
    }
    return all;
  }

  std::string at(std::size_t n) { return std::string(string_or_empty(shown_.at(n), "at")); }

  hone::testing::TempFolder folder_;
  ManualClock clock_{from_millis(1'764'000'000'000)};
  std::unique_ptr<privacy::Redactor> redactor_ = privacy::Redactor::create("key").value();
  std::vector<json::object> shown_;
};

constexpr std::string_view kPlain = "[interaction]\nprompt.from = \"/q\"\noutput.from = \"/a\"\n";

TEST_F(Mapped, DecisionsScoresAndFinalTextsBecomeFeedback) {
  const auto file = write("f.csv",
                          "q,a,label,stars,final,why\n"
                          "p1,one,pos,5,,\np2,two,neg,1,,\np3,three,hm,,,\n"
                          "p4,four,edit,3,Four!,louder\np5,five,edit,,five ,\n");
  const auto report =
      run(file, std::string(kPlain) +
                    "[[signal]]\nkind.from = \"/label\"\n"
                    "kind.values = {pos = \"accepted\", neg = \"rejected\", edit = \"edited\"}\n"
                    "kind.otherwise = \"\"\nfinal_text.from = \"/final\"\n"
                    "comment.from = \"/why\"\n"
                    "[[signal]]\nkind.text = \"rated\"\nvalue.from = \"/stars\"\n"
                    "value.scale = [1, 5]\n");
  EXPECT_EQ(report.records, 5);
  EXPECT_EQ(report.interactions, 3);
  ASSERT_EQ(shown_.size(), 3U);
  EXPECT_EQ(signals(0), "accepted;rated(1E0);");
  EXPECT_EQ(signals(1), "rejected;rated(0E0);");
  EXPECT_EQ(signals(2), "edited=Four!;rated(5E-1);");
  EXPECT_EQ(report.left_out.at("empty"), 1) << "the third says nothing: its rating is not there";
  EXPECT_EQ(report.left_out.at("unchanged"), 1) << "the fifth's edit changed nothing";
}

TEST_F(Mapped, AnUnchangedEditMayBeAnAcceptance) {
  const auto file = write("f.jsonl", R"({"q":"p","a":"x","e":"x"})"
                                     "\n");
  const std::string edited =
      std::string(kPlain) + "[[signal]]\nkind.text = \"edited\"\nfinal_text.from = \"/e\"\n";
  EXPECT_EQ(run(file, edited).left_out.at("unchanged"), 1);
  EXPECT_EQ(run(file, edited + "if_unchanged.text = \"accepted\"\n").feedback.at("accepted"), 1);
}

TEST_F(Mapped, TimesAreReadInTheirFormat) {
  const std::pair<std::string, std::string> cases[] = {
      {"2024-03-01 12:00:00|", "2024-03-01T12:00:00.000Z"},
      {"2024-03-01T12:00:00+02:00|time.zone = \"-05:00\"", "2024-03-01T10:00:00.000Z"},
      {"2024-03-01T12:00:00|time.zone = \"-05:00\"", "2024-03-01T17:00:00.000Z"},
      {"1709294400.5|time.format = \"unix\"", "2024-03-01T12:00:00.500Z"},
      {"1709294400500|time.format = \"unix_ms\"", "2024-03-01T12:00:00.500Z"},
      {"90|time.format = \"seconds\"\ntime.since = \"2024-03-01\"", "2024-03-01T00:01:30.000Z"},
      {"1.3.2024 9:05|time.format = \"%d.%m.%Y %H:%M\"\ntime.zone = \"+01:00\"",
       "2024-03-01T08:05:00.000Z"},
      {"03/01/24 12:30 AM|time.format = \"%m/%d/%y %I:%M %p\"", "2024-03-01T00:30:00.000Z"},
      {"1 Mar 2024 10:11:12.25|time.format = \"%d %b %Y %H:%M:%S.%f\"", "2024-03-01T10:11:12.250Z"},
  };
  for (const auto& [given, expected] : cases) {
    const auto bar = given.find('|');
    const auto file = write("f.csv", "q,a,t\np,x,\"" + given.substr(0, bar) + "\"\n");
    (void)run(file, std::string(kPlain) + "time.from = \"/t\"\n" + given.substr(bar + 1) + "\n");
    ASSERT_EQ(shown_.size(), 1U) << given;
    EXPECT_EQ(at(0), expected) << given;
  }
  const auto file = write("f.csv", "q,a,t\np,x,31.02.2024\np,x,soon\np,x,01.01.1960\n");
  const auto report =
      run(file, std::string(kPlain) + "time.from = \"/t\"\ntime.format = \"%d.%m.%Y\"\n");
  EXPECT_EQ(report.left_out.at("malformed"), 3);
  EXPECT_NE(report.errors.at(0).find("31.02.2024"), std::string::npos) << report.errors[0];
}

TEST_F(Mapped, FiltersCountByTheirReason) {
  const auto file = write("f.csv", "q,a,lang,n\np1,x,en,1\np2,x,de,2\np3,x,en,9\np4,x,,5\n");
  const auto report = run(file, std::string(kPlain) +
                                    "[[filter]]\nvalue.from = \"/lang\"\nis = [\"en\", \"\"]\n"
                                    "reason = \"not_english\"\n"
                                    "[[filter]]\nvalue.from = \"/n\"\nat_most = 5\n"
                                    "[[filter]]\nvalue.from = \"/lang\"\nempty = false\n"
                                    "reason = \"no_language\"\n");
  EXPECT_EQ(report.interactions, 1);
  EXPECT_EQ(report.left_out.at("not_english"), 1);
  EXPECT_EQ(report.left_out.at("filtered"), 1);
  EXPECT_EQ(report.left_out.at("no_language"), 1);
}

TEST_F(Mapped, TwoFilesAreJoinedByKey) {
  (void)write("people.csv", "id,name\n7,Ana\n8,Ben\n8,Bob\n");
  const auto file =
      write("f.jsonl",
            "{\"q\":\"p1\",\"a\":\"x\",\"who\":7}\n{\"q\":\"p2\",\"a\":\"x\",\"who\":8}\n"
            "{\"q\":\"p3\",\"a\":\"x\",\"who\":9}\n");
  const std::string map = std::string(kPlain) +
                          "person.from = \"/@join/name\"\n[join]\nfile = \"people.csv\"\n"
                          "key.from = \"/who\"\ntheir_key.from = \"/id\"\n";
  const auto report = run(file, map);
  ASSERT_EQ(shown_.size(), 2U);
  EXPECT_EQ(string_or_empty(shown_[0], "person"), "Ana");
  EXPECT_EQ(string_or_empty(shown_[1], "person"), "Ben") << "the first of two stands";
  EXPECT_EQ(report.left_out.at("no_partner"), 1);
  EXPECT_EQ(report.left_out.at("join_conflict"), 1);
  EXPECT_EQ(run(file, map + "required = false\n").interactions, 3);
}

TEST_F(Mapped, ListsAreUnrolled) {
  const auto file =
      write("f.json",
            R"({"data": [{"q": "p", "answers": [{"t": "one", "ok": true}, {"t": "", "ok": false}, )"
            R"({"t": "three", "ok": false}]}, {"q": "p2", "answers": []}]})");
  const auto report = run(file,
                          "unroll = \"/answers\"\n[file]\nrecords = \"/data\"\n"
                          "[interaction]\nprompt.from = \"/q\"\noutput.from = \"/@item/t\"\n"
                          "[params]\nplace.from = \"/@index\"\n"
                          "[[signal]]\nkind.from = \"/@item/ok\"\n"
                          "kind.values = {true = \"accepted\", false = \"rejected\"}\n");
  EXPECT_EQ(report.records, 2);
  ASSERT_EQ(shown_.size(), 2U);
  EXPECT_EQ(signals(0), "accepted;");
  EXPECT_EQ(signals(1), "rejected;");
  EXPECT_EQ(json::serialize(shown_[1].at("params")), R"({"place":2})");
  EXPECT_EQ(report.left_out.at("empty"), 1);
  EXPECT_EQ(report.left_out.at("empty_list"), 1);
}

TEST_F(Mapped, TheSameKeyAgainIsRepeatedOrAConflict) {
  const auto file = write("f.csv", "id,q,a\n1,p,x\n1,p,x\n2,p,y\n1,p,other\n");
  const auto report = run(file, std::string(kPlain) + "key.from = \"/id\"\n");
  EXPECT_EQ(report.interactions, 2);
  EXPECT_EQ(report.left_out.at("repeated"), 1);
  EXPECT_EQ(report.left_out.at("conflict"), 1);
  ASSERT_EQ(report.errors.size(), 1U);
  EXPECT_TRUE(report.errors[0].starts_with("line 5: conflict: the key '1'")) << report.errors[0];
}

TEST_F(Mapped, MessagesTemplatesAndSpans) {
  const auto file = write(
      "f.jsonl", R"({"c":[{"from":"system","value":"s"},{"from":"human","value":"q"},)"
                 R"({"from":"gpt","value":"Gr\u00fc\u00dfe dir"}],"b":0,"e":5})"
                 "\n"
                 R"({"c":[{"from":"human","value":"q"}],"b":0,"e":1})"
                 "\n"
                 R"({"c":[{"from":"human","value":"q"},{"from":"gpt","value":"ab"}],"b":1,"e":3})"
                 "\n");
  const auto report = run(file,
                          "[interaction]\nmessages.from = \"/c\"\nmessages.role_field = \"from\"\n"
                          "messages.content_field = \"value\"\n"
                          "[[signal]]\nkind.text = \"copied\"\nspan.start.from = \"/b\"\n"
                          "span.end.from = \"/e\"\n");
  ASSERT_EQ(shown_.size(), 1U);
  EXPECT_EQ(shown_[0].at("messages").as_array().size(), 2U);
  EXPECT_EQ(wire::text_of(shown_[0].at("answer").as_object()),
            "Gr\xC3\xBC\xC3\x9F"
            "e dir");
  EXPECT_EQ(shown_[0].at("feedback").at(0).at("detail").at("span").at("text").as_string(),
            "Gr\xC3\xBC\xC3\x9F"
            "e");
  EXPECT_EQ(report.left_out.at("malformed"), 2) << "no answer at the end; a span beyond the answer";
  const auto two = write("t.csv", "x,y,a\nWhy?,,b\n,,b\n");
  (void)run(two,
            "[interaction]\nprompt.text = \"{/x}\\n{not a field}{/y}\"\noutput.from = \"/a\"\n");
  ASSERT_EQ(shown_.size(), 1U) << "a text whose fields are all empty is empty";
  EXPECT_EQ(wire::text_of(shown_[0].at("messages").at(0).as_object()), "Why?\n{not a field}");
}

TEST_F(Mapped, PairsOfTextsListsAndDialogues) {
  const auto file =
      write("f.jsonl",
            R"({"p":"q","c":"good","r":"bad","m":2})"
            "\n"
            R"({"p":"q","c":"same","r":" same"})"
            "\n"
            R"({"p":"","c":[{"role":"user","content":"u"},{"role":"assistant","content":"yes"}],)"
            R"("r":[{"role":"user","content":"u"},{"role":"assistant","content":"no"}]})"
            "\n"
            R"({"p":"","c":[{"role":"user","content":"u"},{"role":"assistant","content":"yes"}],)"
            R"("r":[{"role":"user","content":"v"},{"role":"assistant","content":"no"}]})"
            "\n");
  const auto report =
      run(file,
          "[interaction]\nprompt.from = \"/p\"\n[pair]\nchosen.from = \"/c\"\n"
          "rejected.from = \"/r\"\nmargin.from = \"/m\"\nmargin.otherwise = \"\"\n");
  EXPECT_EQ(report.interactions, 4);
  EXPECT_EQ(report.left_out.at("unchanged"), 1);
  EXPECT_EQ(report.left_out.at("contexts_differ"), 1);
  EXPECT_EQ(signals(0), "compared(1E0);");
  EXPECT_EQ(signals(1), "compared(0E0);");
  EXPECT_EQ(wire::text_of(shown_.at(2).at("messages").at(0).as_object()), "u");
}

TEST_F(Mapped, TasksKeepTheirVerifierUnlessItHadToBeRedacted) {
  const auto file = write("f.jsonl", R"({"q":"p","a":"so #### 1,080"})"
                                     "\n"
                                     R"({"q":"p2","a":"#### ana@example.org"})"
                                     "\n");
  const auto report = run(file, std::string(kPlain) +
                                    "[verifier]\nkind.text = \"number\"\nexpected.from = \"/a\"\n"
                                    "expected.after = \"####\"\n");
  EXPECT_EQ(report.interactions, 2);
  EXPECT_EQ(report.tasks, 1);
  EXPECT_EQ(report.left_out.at("verifier_redacted"), 1);
  EXPECT_EQ(json::serialize(shown_.at(0).at("verifier")),
            R"({"expected":"1,080","kind":"number"})");
}

TEST(ImportMaps, MistakesAreNamedWithTheirLineAndWhatWasMeant) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"[interaction]\nprompt.from = \"q\"\noutput.from = \"/a\"\n", "must begin with '/'"},
      {"[interaction]\npromt.from = \"/q\"\noutput.from = \"/a\"\n", "did you mean 'prompt'"},
      {"[interaction]\nprompt.form = \"/q\"\noutput.from = \"/a\"\n", "from"},
      {"[interaction]\nprompt.from = \"/q\"\n", "needs an answer"},
      {"[interaction]\noutput.from = \"/q\"\n", "needs a context"},
      {"[interaction]\nprompt.from = \"/q\"\nprompt.text = \"x\"\noutput.from = \"/a\"\n",
       "exclude"},
      {"[interaction]\nprompt.from = \"/q\"\noutput.from = \"/a\"\ntime.from = \"/t\"\n"
       "time.format = \"unixx\"\n",
       "must be one of iso"},
      {"[interaction]\nprompt.from = \"/q\"\noutput.from = \"/a\"\n[[signal]]\nby.text = "
       "\"person\"\n",
       "kind.text"},
      {"[interaction]\nprompt.from = \"/q\"\noutput.from = \"/a\"\n[file]\nformat = \"xls\"\n",
       "must be one of csv"},
      {"[interaction]\nmessages.from = \"/q\"\nmessages.as = \"dialogue\"\n", "needs speakers"},
  };
  for (const auto& [toml, expected] : cases) {
    const auto map = parse_import_map("name = \"m\"\n" + std::string(toml), "m.toml");
    ASSERT_FALSE(map) << toml;
    EXPECT_NE(map.error().message.find(expected), std::string::npos) << map.error().message;
    EXPECT_TRUE(map.error().message.starts_with("m.toml: ")) << map.error().message;
  }
  for (const auto name : shipped_import_maps()) {
    const auto map = load_import_map(std::string(name));
    ASSERT_TRUE(map) << map.error().message;
    EXPECT_EQ(map->name, name);
    EXPECT_FALSE(map->about.empty());
  }
  EXPECT_NE(load_import_map("csv").error().message.find("preference-jsonl"), std::string::npos);
  EXPECT_EQ(load_import_map("/none/map.toml").error().code, ErrorCode::kNotFound);
}

TEST_F(Mapped, AGuessIsAMapThatWorks) {
  const auto file = write("votes.csv",
                          "id;user;created;question;reply;thumbs;notes\n"
                          "a1;ana;01.03.2024 10:00;Why?;Because.;up;x\n"
                          "a2;ben;01.03.2024 10:05;How?;Like so.;down;y\n"
                          "a3;ana;02.03.2024 11:00;When?;Now.;up;z\n");
  const auto guess = guess_import_map(folder_.path(file));
  ASSERT_TRUE(guess) << guess.error().message;
  const auto map = parse_import_map(*guess, "guess.toml");
  ASSERT_TRUE(map) << map.error().message << "\n" << *guess;
  EXPECT_EQ(map->prompt.from, "/question");
  EXPECT_EQ(map->output.from, "/reply");
  EXPECT_EQ(map->person.from, "/user");
  EXPECT_EQ(map->time.format, "%d.%m.%Y %H:%M");
  EXPECT_EQ(map->file.separator, ";");
  EXPECT_NE(guess->find("\"/notes\""), std::string::npos) << "what has no place is named";
  auto sink = dry_sink({});
  const auto report = import_file(folder_.path(file), *map, {}, {*redactor_, "key", clock_}, sink);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->feedback.at("accepted"), 2);
  EXPECT_EQ(report->feedback.at("rejected"), 1);
  EXPECT_FALSE(guess_import_map(folder_.path(write("x.csv", "foo,bar\n1,2\n"))));
}

TEST_F(Mapped, WhatIsSharedIsGuessedWithoutABadRecord) {
  for (const std::string name :
       {"defacto-summary-edits/val", "mlqe-pe-edits/en-de.train", "hh-harmless/pairs.dev",
        "gsm8k/train", "mbpp/mbpp.dev", "realhumaneval-chat/chat_data.dev"}) {
    const bool csv = name.starts_with("realhumaneval");
    const auto path = shared_path("data/" + name + (csv ? ".csv.gz" : ".jsonl.gz"));
    if (!path) GTEST_SKIP();
    const auto guess = guess_import_map(*path);
    ASSERT_TRUE(guess) << guess.error().message;
    auto map = parse_import_map(*guess, name);
    ASSERT_TRUE(map) << map.error().message << "\n" << *guess;
    auto sink = dry_sink({});
    const auto report = import_file(*path, *map, {}, {*redactor_, "key", clock_}, sink);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_FALSE(report->left_out.contains("malformed")) << report->errors.at(0) << "\n" << *guess;
    EXPECT_GT(report->interactions, 300) << *guess;
  }
}

}  // namespace
}  // namespace hone::capture

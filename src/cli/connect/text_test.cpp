// The editors of settings files: each keeps what people wrote, byte for byte, and refuses what it
// cannot edit safely.
#include <gtest/gtest.h>

#include "cli/connect/document.h"
#include "cli/connect/line_diff.h"

namespace hone::cli::connect {
namespace {

Setting text_setting(std::vector<std::string> path, json::value value, bool in_list = false) {
  return {.path = std::move(path), .value = std::move(value), .in_list = in_list};
}

Result<std::string> put_all(Format format, std::string_view text, std::vector<Setting> settings) {
  return put({.path = "file", .format = format, .settings = std::move(settings)}, text);
}

// Puts the settings in, and takes them out again with nothing changed in between.
std::string put_ok(Format format, std::string_view text, const std::vector<Setting>& settings) {
  const auto edited = put_all(format, text, settings);
  EXPECT_TRUE(edited) << edited.error().message << "\n" << text;
  if (!edited) return "";
  const auto undone = undo_changes(text, *edited, *edited);
  EXPECT_EQ(undone.text, text);
  const auto again = put_all(format, *edited, settings);
  EXPECT_TRUE(again) << again.error().message;
  if (again) {
    EXPECT_EQ(*again, *edited) << "twice is once";
  }
  return *edited;
}

const std::vector<Setting> kTwoVariables = {text_setting({"env", "A"}, "1"),
                                            text_setting({"env", "B"}, "2")};

TEST(ConnectJson, KeepsCommentsAndIndentationOfOthers) {
  const std::string text =
      "{\n"
      "    // my settings\n"
      "    \"theme\": \"dark\", /* as ever */\n"
      "    \"permissions\": {\n"
      "        \"allow\": [\"Read\"], // trailing comma next\n"
      "    },\n"
      "}\n";
  EXPECT_EQ(put_ok(Format::kJson, text, kTwoVariables),
            "{\n"
            "    \"env\": {\n"
            "        \"A\": \"1\",\n"
            "        \"B\": \"2\"\n"
            "    },\n"
            "    // my settings\n"
            "    \"theme\": \"dark\", /* as ever */\n"
            "    \"permissions\": {\n"
            "        \"allow\": [\"Read\"], // trailing comma next\n"
            "    },\n"
            "}\n");
}

TEST(ConnectJson, AddsToWhatIsThereAndReplacesOnlyTheValue) {
  EXPECT_EQ(
      put_ok(Format::kJson, "{\n\t\"env\": {\n\t\t\"B\": \"0\", // old\n\t\t\"C\": \"3\"\n\t}\n}",
             kTwoVariables),
      "{\n\t\"env\": {\n\t\t\"A\": \"1\",\n\t\t\"B\": \"2\", // old\n\t\t\"C\": \"3\"\n\t}\n}");
}

TEST(ConnectJson, SchemaStaysAtTheHead) {
  EXPECT_EQ(put_ok(Format::kJson, "{\n  \"$schema\": \"s\", // c\n  \"x\": 1\n}\n",
                   {text_setting({"y"}, true)}),
            "{\n  \"$schema\": \"s\", // c\n  \"y\": true,\n  \"x\": 1\n}\n");
}

TEST(ConnectJson, KeepsCarriageReturnsAndByteOrderMark) {
  EXPECT_EQ(put_ok(Format::kJson, "\xEF\xBB\xBF{\r\n  \"x\": 1\r\n}\r\n", kTwoVariables),
            "\xEF\xBB\xBF{\r\n  \"env\": {\r\n    \"A\": \"1\",\r\n    \"B\": \"2\"\r\n  },\r\n"
            "  \"x\": 1\r\n}\r\n");
}

TEST(ConnectJson, TakesEmptyAndUnusualTexts) {
  const std::string plain = "{\n  \"env\": {\n    \"A\": \"1\",\n    \"B\": \"2\"\n  }\n}";
  EXPECT_EQ(put_ok(Format::kJson, "", kTwoVariables), plain + "\n");
  EXPECT_EQ(put_ok(Format::kJson, "{}", kTwoVariables), plain);
  EXPECT_EQ(put_ok(Format::kJson, "{ }\n", kTwoVariables), plain + "\n");
  EXPECT_EQ(put_ok(Format::kJson, "// nothing yet", kTwoVariables),
            "// nothing yet\n" + plain + "\n");
  EXPECT_EQ(put_ok(Format::kJson, "{\"x\":[1,2]}", kTwoVariables),
            "{\"env\": {\"A\": \"1\", \"B\":\"2\"}, \"x\":[1,2]}");
  EXPECT_EQ(put_ok(Format::kJson, "{\n  // nothing yet\n}\n", {text_setting({"y"}, 1)}),
            "{\n  \"y\": 1\n  // nothing yet\n}\n");
  EXPECT_EQ(put_ok(Format::kJson, "{ /* two\nlines */\n  \"x\": 1\n}\n", {text_setting({"y"}, 1)}),
            "{ /* two\nlines */\n  \"y\": 1,\n  \"x\": 1\n}\n");
}

TEST(ConnectJson, ListsKeepTheItemsOfOthers) {
  const auto hook = text_setting({"hooks", "Stop"}, json::object{{"type", "http"}}, true);
  EXPECT_EQ(put_ok(Format::kJson,
                   "{\n  \"hooks\": {\n    \"Stop\": [\n      {\"type\": \"command\"} // mine\n"
                   "    ]\n  }\n}\n",
                   {hook}),
            "{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"type\": \"http\"\n      },\n"
            "      {\"type\": \"command\"} // mine\n    ]\n  }\n}\n");
  EXPECT_EQ(put_ok(Format::kJson, "{\n  \"hooks\": {\"Stop\": []}\n}\n", {hook}),
            "{\n  \"hooks\": {\"Stop\": [\n    {\n      \"type\": \"http\"\n    }\n  ]}\n}\n");
}

TEST(ConnectJson, NamesTheLineOfAMistakeAndWritesNothing) {
  const auto error_of = [](std::string_view text) {
    const auto edited = put_all(Format::kJson, text, kTwoVariables);
    return edited ? "edited: " + *edited : edited.error().message;
  };
  EXPECT_EQ(error_of("{\n  \"a\": 1\n  \"b\": 2\n}"), "line 3: ',' or '}' is missing");
  EXPECT_EQ(error_of("{\n  \"a\": tru\n}"), "line 2: this is no JSON value");
  EXPECT_EQ(error_of("{\n  \"a\": \"x\n}"), "line 2: a string does not end on its line");
  EXPECT_EQ(error_of("{\n  a: 1\n}"), "line 2: a key in quotes is missing");
  EXPECT_EQ(error_of("{\n /* \n}"), "line 2: a comment /* does not end");
  EXPECT_EQ(error_of("{}\n{}"), "line 2: more follows behind the end of the document");
  EXPECT_EQ(error_of("[]"), "line 1: the settings are not a JSON object { … }");
  EXPECT_TRUE(error_of("{\n  \"env\": 5\n}").starts_with("line 2: 'env' is not an object"));
  EXPECT_TRUE(error_of(std::string(5000, '[')).contains("nested too deep"));
  EXPECT_TRUE(error_of("{\"a\": ").contains("a value is missing"));
}

TEST(ConnectJson, RemovesAMemberWhereverItStands) {
  const auto without = [](std::string_view text) {
    const auto edited = unset_in_jsonc(text, text_setting({"b"}, 1));
    return edited ? *edited : edited.error().message;
  };
  EXPECT_EQ(without("{\n  \"a\": 1,\n  \"b\": 1,\n  \"c\": 1\n}"), "{\n  \"a\": 1,\n  \"c\": 1\n}");
  EXPECT_EQ(without("{\n  \"a\": 1, // x\n  \"b\": 1\n}"), "{\n  \"a\": 1 // x\n}");
  EXPECT_EQ(without("{\"b\": 1, \"a\": 1}"), "{\"a\": 1}");
  EXPECT_EQ(without("{\"a\": 1}"), "{\"a\": 1}");
}

const std::vector<Setting> kCodexLike = {
    text_setting({"model"}, "assistant"), text_setting({"model_providers", "hone", "name"}, "Hone"),
    text_setting({"model_providers", "hone", "env_key"}, "HONE_KEY"),
    text_setting({"otel", "exporter"},
                 json::object{{"otlp-http", json::object{{"endpoint", "http://h/v1/logs"}}}})};

TEST(ConnectToml, AddsTablesAndKeepsTheRest) {
  const std::string text =
      "# Codex\n"
      "model = \"gpt\"   # the old one\n"
      "notify = [\n  \"a\", # not ] the end\n  \"b\",\n]\n"
      "\n"
      "[mcp_servers.\"my.server\"]\n"
      "args = ['''x = 1\n[otel]\n''']\n"
      "\n"
      "[otel]   # mine\n"
      "environment = \"dev\"\n"
      "\n"
      "[tui]\n"
      "theme = \"x\"";
  EXPECT_EQ(put_ok(Format::kToml, text, kCodexLike),
            "# Codex\n"
            "model = \"assistant\"   # the old one\n"
            "notify = [\n  \"a\", # not ] the end\n  \"b\",\n]\n"
            "\n"
            "[mcp_servers.\"my.server\"]\n"
            "args = ['''x = 1\n[otel]\n''']\n"
            "\n"
            "[otel]   # mine\n"
            "environment = \"dev\"\n"
            "exporter = { otlp-http = { endpoint = \"http://h/v1/logs\" } }\n"
            "\n"
            "[tui]\n"
            "theme = \"x\"\n"
            "\n"
            "[model_providers.hone]\n"
            "name = \"Hone\"\n"
            "env_key = \"HONE_KEY\"\n");
}

TEST(ConnectToml, TakesEmptyAndUnusualTexts) {
  const std::string tables =
      "\n[model_providers.hone]\nname = \"Hone\"\nenv_key = \"HONE_KEY\"\n"
      "\n[otel]\nexporter = { otlp-http = { endpoint = \"http://h/v1/logs\" } }\n";
  EXPECT_EQ(put_ok(Format::kToml, "", kCodexLike), "model = \"assistant\"\n" + tables);
  EXPECT_EQ(put_ok(Format::kToml, "[tui]\r\nx = 1\r\n", {text_setting({"model"}, "m")}),
            "model = \"m\"\r\n\r\n[tui]\r\nx = 1\r\n");
  EXPECT_EQ(put_ok(Format::kToml, "x = 1", {text_setting({"model"}, "m")}),
            "x = 1\nmodel = \"m\"\n");
  EXPECT_EQ(put_ok(Format::kToml, "a.b = 1\n[[list]]\nmodel = 2\n", {text_setting({"model"}, "m")}),
            "a.b = 1\nmodel = \"m\"\n[[list]]\nmodel = 2\n");
  EXPECT_EQ(put_ok(Format::kToml, "s = \"\"\"a\\\"\"\"\"\nmodel = 'x' # c\n",
                   {text_setting({"model"}, "m")}),
            "s = \"\"\"a\\\"\"\"\"\nmodel = \"m\" # c\n");
}

TEST(ConnectToml, RefusesWhatItCannotEdit) {
  const auto malformed = put_all(Format::kToml, "a = 1\nb = \n", kCodexLike);
  ASSERT_FALSE(malformed);
  EXPECT_EQ(malformed.error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(malformed.error().message.starts_with("line ")) << malformed.error().message;
  for (const std::string_view text :
       {"otel = { environment = \"dev\" }\n", "[otel.exporter.otlp-grpc]\nendpoint = \"x\"\n"}) {
    const auto edited = put_all(Format::kToml, text, kCodexLike);
    ASSERT_FALSE(edited) << *edited;
    EXPECT_EQ(edited.error().code, ErrorCode::kConflict);
  }
}

const std::vector<Setting> kContinueLike = {
    {.path = {"name"}, .value = "Local Assistant", .if_absent = true},
    text_setting({"models"},
                 json::object{{"name", "Hone"},
                              {"apiKey", "${{ secrets.HONE_KEY }}"},
                              {"roles", json::array({json::value("chat"), json::value("edit")})}},
                 true),
    text_setting({"data"}, json::object{{"name", "Hone"}, {"schema", "0.2.0"}}, true)};

constexpr std::string_view kHoneModel =
    "  - name: Hone\n    apiKey: ${{ secrets.HONE_KEY }}\n    roles:\n      - chat\n      - edit\n";

TEST(ConnectYaml, AddsToListsAndKeepsTheRest) {
  const std::string text =
      "# é my assistant\n"
      "name: Mine\n"
      "models: # all of them\n"
      "  # the first\n"
      "  - name: GPT\n"
      "    provider: openai\n"
      "rules:\n"
      "  - |\n"
      "    Be brief: always.\n"
      "data: []\n"
      "docs:\n"
      "- name: x";
  EXPECT_EQ(put_ok(Format::kYaml, text, kContinueLike),
            "# é my assistant\n"
            "name: Mine\n"
            "models: # all of them\n" +
                std::string(kHoneModel) +
                "  # the first\n"
                "  - name: GPT\n"
                "    provider: openai\n"
                "rules:\n"
                "  - |\n"
                "    Be brief: always.\n"
                "data: [{\"name\":\"Hone\",\"schema\":\"0.2.0\"}]\n"
                "docs:\n"
                "- name: x");
}

TEST(ConnectYaml, TakesEmptyAndUnusualTexts) {
  EXPECT_EQ(put_ok(Format::kYaml, "", kContinueLike),
            "name: Local Assistant\nmodels:\n" + std::string(kHoneModel) +
                "data:\n  - name: Hone\n    schema: \"0.2.0\"\n");
  EXPECT_EQ(
      put_ok(Format::kYaml, "name: x\r\nmodels:\r\n- name: y\r\n", {kContinueLike[2]}),
      "name: x\r\nmodels:\r\n- name: y\r\ndata:\r\n  - name: Hone\r\n    schema: \"0.2.0\"\r\n");
  EXPECT_EQ(put_ok(Format::kYaml, "data:\n- name: y\n", {kContinueLike[2]}),
            "data:\n- name: Hone\n  schema: \"0.2.0\"\n- name: y\n");
  EXPECT_EQ(put_ok(Format::kYaml, "data:\nname: x\n", {kContinueLike[2]}),
            "data:\n  - name: Hone\n    schema: \"0.2.0\"\nname: x\n");
  EXPECT_EQ(put_ok(Format::kYaml, "data: null # none\n", {kContinueLike[2]}),
            "data: [{\"name\":\"Hone\",\"schema\":\"0.2.0\"}] # none\n");
  EXPECT_EQ(put_ok(Format::kYaml, "data: [{name: y}]", {kContinueLike[2]}),
            "data: [{\"name\":\"Hone\",\"schema\":\"0.2.0\"}, {name: y}]");
}

TEST(ConnectYaml, RefusesWhatItCannotEdit) {
  for (const std::string_view text :
       {"name: x\n bad: [\n", "a: b\n---\nc: d\n", "- a\n", "{name: x}\n", "data: word\n",
        "data: {a: b}\n", "name: x\n..."}) {
    const auto edited = put_all(Format::kYaml, text, {kContinueLike[2]});
    EXPECT_FALSE(edited) << text << " became " << *edited;
  }
  const auto malformed = put_all(Format::kYaml, "name: x\nmodels: [a\n", kContinueLike);
  ASSERT_FALSE(malformed);
  EXPECT_TRUE(malformed.error().message.starts_with("line ")) << malformed.error().message;
}

TEST(ConnectYaml, AliasesThatMultiplyAreRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const auto name = std::to_string(i);
    const auto last = "*a" + std::to_string(i - 1);
    text += "a" + name + ": &a" + name + " [" + last;
    for (int n = 0; n < 9; ++n) text += ", " + last;
    text += "]\n";
  }
  const auto read = parse_yaml(text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kTooLarge);
}

TEST(ConnectDotenv, ReplacesItsLineOrAddsOne) {
  const auto key = text_setting({"HONE_KEY"}, "k1");
  EXPECT_EQ(put_ok(Format::kDotenv, "", {key}), "HONE_KEY=k1\n");
  EXPECT_EQ(put_ok(Format::kDotenv, "# HONE_KEY=no\nOTHER='x y'", {key}),
            "# HONE_KEY=no\nOTHER='x y'\nHONE_KEY=k1\n");
  EXPECT_EQ(put_ok(Format::kDotenv, "export HONE_KEY = \"old\"  \r\nX=1\r\n", {key}),
            "export HONE_KEY = k1  \r\nX=1\r\n");
  EXPECT_EQ(put_ok(Format::kDotenv, "\nHONE_KEY=\nnot a setting\n", {key}),
            "\nHONE_KEY=k1\nnot a setting\n");
  EXPECT_FALSE(put_all(Format::kDotenv, "", {text_setting({"HONE_KEY"}, "a b")}));
}

TEST(ConnectDiff, UndoesAmongTheChangesOfOthers) {
  const std::string before = "a\nb\nc\nd\n";
  const std::string after = "a\nX\nY\nb\nc2\nd\nZ\n";
  EXPECT_EQ(undo_changes(before, after, after).text, before);
  const auto undone =
      undo_changes(before, after, "new\na\nX\nY\nb\nc2\nd, changed\nmore\nZ\nend\n");
  EXPECT_EQ(undone.text, "new\na\nb\nc\nd, changed\nmore\nend\n");
  EXPECT_TRUE(undone.left.empty());
  const auto part = undo_changes(before, after, "a\nX\nmine\nY\nb\nc2\nd\nZ\n");
  EXPECT_EQ(part.text, "a\nX\nmine\nY\nb\nc\nd\n");
  EXPECT_EQ(part.left, std::vector<std::string>{"X\n"});
}

// Two equal blocks: the one among our neighbours is ours.
TEST(ConnectDiff, TakesTheBlockWithItsNeighbours) {
  const std::string before = "1\n2\n3\n";
  const std::string after = "1\n2\nX\n3\n";
  EXPECT_EQ(undo_changes(before, after, "X\n0\n1\n2\nX\n3\n").text, "X\n0\n1\n2\n3\n");
  EXPECT_EQ(undo_changes(before, after, "1\n2\nX\n3\nX\n").text, "1\n2\n3\nX\n");
}

TEST(ConnectDiff, ShowsChangesWithoutSecrets) {
  const std::string before = "{\n  \"ANTHROPIC_AUTH_TOKEN\": \"sk-old-secret\",\n  \"x\": 1\n}";
  const std::string after =
      "{\n  \"ANTHROPIC_AUTH_TOKEN\": \"hone_sk_1\",\n  \"H\": \"Bearer $HONE_KEY\",\n  \"x\": "
      "1\n}";
  EXPECT_EQ(show_diff("s.json", before, after, "hone_sk_1"),
            "--- s.json\n+++ s.json\n@@ line 2 @@\n {\n"
            "-  \"ANTHROPIC_AUTH_TOKEN\": (hidden),\n"
            "+  \"ANTHROPIC_AUTH_TOKEN\": \"***\",\n"
            "+  \"H\": \"Bearer $HONE_KEY\",\n"
            "   \"x\": 1\n }\n\\ no line break at the end\n");
}

TEST(ConnectDiff, MasksWhatLooksLikeASecretOnly) {
  const auto masked = [](std::string_view line) { return mask_secrets(line, "key-1"); };
  EXPECT_EQ(masked("OPENAI_API_KEY=sk-1\n"), "OPENAI_API_KEY= (hidden)\n");
  EXPECT_EQ(masked("\"tokens\", \"GH_TOKEN\": \"ghp\",\n"),
            "\"tokens\", \"GH_TOKEN\": (hidden),\n");
  EXPECT_EQ(masked("Authorization: Bearer abc\n"), "Authorization: (hidden)\n");
  EXPECT_EQ(masked("  apiKey: key-1\n"), "  apiKey: ***\n");
  for (const std::string_view open :
       {"apiKey: ${{ secrets.HONE_KEY }}\n", "\"apiKey\": \"{env:HONE_KEY}\",\n",
        "env_key = \"HONE_KEY\"\n", "\"max_tokens\": 4096,\n", "\"Authorization\": \"Bearer $K\"\n",
        "\"allowedEnvVars\": [\"HONE_KEY\"],\n", "password:\n"}) {
    EXPECT_EQ(masked(open), open);
  }
}

}  // namespace
}  // namespace hone::cli::connect

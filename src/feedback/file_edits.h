// What a tool call does to files, read out of its arguments: which lines it puts in and which it
// takes out, file by file. Known are the shapes that tools use:
//
//   {"file_path", "old_string", "new_string"}      Edit of Claude Code, replace of Gemini CLI
//   {"filePath", "oldString", "newString"}         edit of opencode; {"path", "old_str", "new_str"}
//   {"file_path", "edits": [{old, new}, …]}        MultiEdit
//   {"file_path", "content"}                       Write, write_file, create_new_file
//   "*** Begin Patch …" in any argument            apply_patch of Codex and opencode, and in a
//   shell
//   {"patch" | "diff": "--- a/x\n+++ b/x\n@@ …"}   unified diffs
//
// Whatever else a call is, it edits no file as far as we know. Pure, bounded; for any bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hone::feedback {

struct FileEdit {
  std::string path;                // as the tool names it; of a file that is moved, the new one
  std::vector<std::string> added;  // lines without blanks (feedback/survival.h), in order
  std::vector<std::string> removed;
  bool whole = false;  // `added` is all that the file then holds
};

// One for each file, in the order of the call; none without a line put in or taken out.
[[nodiscard]] std::vector<FileEdit> file_edits_of(std::string_view tool,
                                                  const json::value& arguments);

// A patch in Codex's form or as a unified diff. What is malformed ends the file that it is in.
[[nodiscard]] std::vector<FileEdit> read_patch(std::string_view text);

}  // namespace hone::feedback

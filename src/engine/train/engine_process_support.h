// hone-engine train as processes of its own, to be killed, stopped and looked at.
#pragma once

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "engine/model/test_support.h"

namespace hone::engine {

// The whole lines of progress.jsonl.
inline std::vector<json::object> progress_of(const std::string& folder) {
  std::vector<json::object> lines;
  std::ifstream file(folder + "/progress.jsonl");
  for (std::string line; std::getline(file, line);) {
    boost::system::error_code bad;
    const auto value = json::parse(line, bad);
    if (!bad && value.is_object()) lines.push_back(value.as_object());
  }
  return lines;
}

inline std::int64_t steps_done(const std::string& folder) {
  const auto lines = progress_of(folder);
  return lines.empty() ? 0 : lines.back().at("step").to_number<std::int64_t>();
}

// `shell_before` may set limits and variables. What it says goes to FOLDER/`log`.
inline pid_t start_engine(const std::string& folder, const std::string& shell_before = "",
                          const std::string& log = "trainer.log") {
  const std::string command = shell_before + "exec \"$0\" train \"$1\" 2>> \"$1/" + log + "\"";
  const std::string program = bin_dir() + "/hone-engine";
  std::vector<std::string> words = {"sh", "-c", command, program, folder};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  EXPECT_EQ(::posix_spawn(&child, "/bin/sh", nullptr, nullptr, argv.data(), environ), 0);
  return child;
}

inline int wait_for(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

// Waits until the run has done `step` steps.
inline void wait_for_step(const std::string& folder, std::int64_t step,
                          const std::string& log = "trainer.log") {
  for (int i = 0; i < 6000; ++i) {
    if (steps_done(folder) >= step) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  FAIL() << "the run does not reach step " << step << ": " << read_all(folder + "/" + log);
}

}  // namespace hone::engine

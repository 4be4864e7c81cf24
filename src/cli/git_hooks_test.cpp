// Hooks in a repository that the git program makes: what was there stays, and comes back as it was.
#include "cli/git_hooks.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/test_support.h"

namespace hone::cli {
namespace {

namespace fs = std::filesystem;
using hone::testing::read_all;
using hone::testing::write_all;

class GitHooks : public ::testing::Test {
 protected:
  void SetUp() override {
    top_ = fs::canonical(folder_.path()).string();
    fs::create_directories(top_ + "/work");
    run("git init -q -b main .");
    fs::create_directories(top_ + "/work/.git/hooks");
    // Says what it was called with, so that a test sees it.
    write_all(top_ + "/it's hone", "#!/bin/sh\necho \"$@\" >>'" + top_ + "/calls'\n");
    fs::permissions(top_ + "/it's hone", fs::perms(0755));
  }
  void run(const std::string& command) {
    const std::string all = "cd '" + top_ + "/work' && env HOME='" + top_ +
                            "' GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null "
                            "GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n "
                            "GIT_COMMITTER_EMAIL=e " +
                            command + " >'" + top_ + "/log' 2>&1";
    ASSERT_EQ(std::system(all.c_str()), 0) << command << "\n" << read_all(top_ + "/log");
  }
  [[nodiscard]] GitHookPlan plan() const {
    auto made = plan_git_hooks({.repository = top_ + "/work",
                                .program = top_ + "/it's hone",
                                .config = top_ + "/my settings.toml",
                                .data = top_ + "/data"});
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made.value_or(GitHookPlan());
  }
  [[nodiscard]] std::string hook(const std::string& name) const {
    return top_ + "/work/.git/hooks/" + name;
  }
  // What the program beside was told, as soon as it was: hooks tell it in the background.
  [[nodiscard]] std::string calls() const {
    for (int i = 0; i < 500 && read_all(top_ + "/calls").empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return read_all(top_ + "/calls");
  }

  const hone::testing::TempFolder folder_;
  std::string top_;
};

TEST_F(GitHooks, TellHoneAfterACommitAndGoAwayWithoutATrace) {
  for (const auto& one : plan().hooks) EXPECT_EQ(one.state, GitHookState::kAbsent) << one.name;
  EXPECT_EQ(install_git_hooks(plan()).value_or(-1), 3);
  for (const auto& one : plan().hooks) EXPECT_EQ(one.state, GitHookState::kInstalled) << one.name;
  EXPECT_EQ(install_git_hooks(plan()).value_or(-1), 0);
  run("git commit -q --allow-empty -m first");
  EXPECT_EQ(calls(), "--config " + top_ + "/my settings.toml --data " + top_ +
                         "/data git observe --hook --repository .\n");
  EXPECT_EQ(remove_git_hooks(plan()).value_or(-1), 3);
  EXPECT_FALSE(fs::exists(hook("post-commit")));
  EXPECT_EQ(remove_git_hooks(plan()).value_or(-1), 0);
}

TEST_F(GitHooks, KeepWhatWasThereAndRunIt) {
  const std::string own = "#!/bin/sh\necho ran >>'" + top_ + "/own'\n# \xff no text\n";
  write_all(hook("post-commit"), own);
  fs::permissions(hook("post-commit"), fs::perms(0750));
  EXPECT_TRUE(plan().hooks.front().chains);
  ASSERT_TRUE(install_git_hooks(plan()));
  run("git commit -q --allow-empty -m first");
  EXPECT_EQ(read_all(top_ + "/own"), "ran\n");
  EXPECT_NE(calls(), "");
  // Other settings: written anew, and what was there before us is still kept.
  auto other = plan_git_hooks({.repository = top_ + "/work", .program = top_ + "/it's hone"});
  ASSERT_TRUE(other);
  EXPECT_EQ(other->hooks.front().state, GitHookState::kOutdated);
  ASSERT_TRUE(install_git_hooks(*other));
  ASSERT_TRUE(remove_git_hooks(plan()));
  EXPECT_EQ(read_all(hook("post-commit")), own);
  EXPECT_EQ(fs::status(hook("post-commit")).permissions(), fs::perms(0750));
  EXPECT_FALSE(fs::exists(hook("post-commit.before-hone")));
  EXPECT_FALSE(fs::exists(hook("post-merge")));
}

TEST_F(GitHooks, TouchNothingWhereSomebodyElseHasAHand) {
  write_all(hook("post-merge"), "#!/bin/sh\n");
  write_all(hook("post-merge.before-hone"), "#!/bin/sh\n# older\n");
  const auto refused = install_git_hooks(plan());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find("post-merge.before-hone"), std::string::npos);
  EXPECT_FALSE(fs::exists(hook("post-commit")));

  fs::remove(hook("post-merge.before-hone"));
  ASSERT_TRUE(install_git_hooks(plan()));
  write_all(hook("post-commit"), read_all(hook("post-commit")) + "echo mine\n");
  const auto changed = remove_git_hooks(plan());
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(fs::exists(hook("post-merge")));
}

TEST_F(GitHooks, FollowTheHooksFolderOnlyInsideTheRepository) {
  run("git config core.hooksPath .githooks");
  EXPECT_EQ(plan().folder, top_ + "/work/.githooks");
  ASSERT_TRUE(install_git_hooks(plan()));
  EXPECT_TRUE(fs::exists(top_ + "/work/.githooks/post-rewrite"));
  run("git config core.hooksPath " + top_ + "/shared");
  const auto outside = plan_git_hooks({.repository = top_ + "/work", .program = "hone"});
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace hone::cli

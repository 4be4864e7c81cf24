// How fast a text is redacted on one core, and how often ordinary text is taken for a secret. The
// limit beside it is Vectorscan alone over the same bytes, looking for one word that is never
// there.
//
//   ./dev bench redact        headers, Python's library, lockfiles and UUIDs of this machine
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "privacy/matcher.h"
#include "privacy/redactor.h"

namespace {

using hone::privacy::Matcher;
using hone::privacy::Redactor;

constexpr std::size_t kEnough = 48U << 20;  // bytes of each kind

struct Corpus {
  std::string name;
  std::vector<std::string> texts;
  std::size_t size = 0;
};

Corpus read_files(std::string name, const std::vector<std::string>& folders,
                  const std::vector<std::string>& endings) {
  Corpus corpus{std::move(name), {}, 0};
  std::vector<std::string> paths;
  for (const std::string& folder : folders) {
    std::error_code ignored;
    for (std::filesystem::recursive_directory_iterator at(folder, ignored), end; at != end;
         at.increment(ignored)) {
      const std::string path = at->path().string();
      const bool wanted =
          std::any_of(endings.begin(), endings.end(),
                      [&](const std::string& ending) { return path.ends_with(ending); });
      if (wanted && at->is_regular_file(ignored)) paths.push_back(path);
    }
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    if (corpus.size >= kEnough) break;
    auto text = hone::read_file(hone::posix_files(), path);
    if (!text) continue;
    corpus.size += text->size();
    corpus.texts.push_back(std::move(*text));
  }
  return corpus;
}

Corpus make_uuids() {
  hone::Random random(1);
  Corpus corpus{"UUIDs", {std::string()}, 0};
  constexpr std::string_view kHex = "0123456789abcdef";
  while (corpus.texts[0].size() < (4U << 20)) {
    std::string line = "{\"id\": \"";
    for (int i = 0; i < 36; ++i) {
      line += i == 8 || i == 13 || i == 18 || i == 23 ? '-'
              : i == 14                               ? '4'
                                                      : kHex[random.below(16)];
    }
    corpus.texts[0] += line + "\", \"state\": \"done\"}\n";
  }
  corpus.size = corpus.texts[0].size();
  return corpus;
}

// Of one core: processor time, which other work on the machine does not lengthen.
double seconds_of(const auto& work) {
  const std::clock_t begin = std::clock();
  work();
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

void measure(const Redactor& redactor, const Matcher& bare, const Corpus& corpus, bool list) {
  if (corpus.size == 0) {
    std::printf("%-16s nothing of it on this machine\n", corpus.name.c_str());
    return;
  }
  std::map<std::string, std::size_t> found;
  const double took = seconds_of([&] {
    for (const std::string& text : corpus.texts) {
      const auto redaction = redactor.explain(text);
      if (!redaction) continue;
      for (const auto& one : redaction->replaced) {
        ++found[std::string(name(one.finding.type))];
        if (!list) continue;
        const auto& finding = one.finding;
        const std::size_t from = finding.begin > 50 ? finding.begin - 50 : 0;
        std::string around = text.substr(from, finding.end - from + 20);
        std::replace(around.begin(), around.end(), '\n', ' ');
        std::printf("    %s %s: %s\n", std::string(name(finding.type)).c_str(),
                    std::string(finding.rule).c_str(), around.c_str());
      }
    }
  });
  const double limit = seconds_of([&] {
    for (const std::string& text : corpus.texts) {
      (void)bare.scan(text, [](const Matcher::Hit&) { return true; });
    }
  });
  const double megabytes = static_cast<double>(corpus.size) / 1e6;
  std::printf("%-16s %6.1f MB: %6.0f MB/s, %.3f of Vectorscan's %.0f; a MB:", corpus.name.c_str(),
              megabytes, megabytes / took, limit / took, megabytes / limit);
  for (const auto& [type, count] : found) {
    std::printf(" %s %.2f", type.c_str(), static_cast<double>(count) / megabytes);
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  const bool list = argc > 1 && std::string(argv[1]) == "--list";
  const double compiled = seconds_of([] { (void)Redactor::create("a key"); });
  const auto redactor = Redactor::create("a key").value();
  const auto bare = Matcher::compile({{"never-in-a-text-4711", false, false}}).value();
  std::printf("rules compiled in %.0f ms\n", compiled * 1000);
  measure(*redactor, *bare,
          read_files("system headers", {"/usr/include"}, {".h", ".hpp", ".hh", ".ipp"}), list);
  measure(
      *redactor, *bare,
      read_files("Python's library",
                 {"/usr/lib/python3.11", "/usr/lib/python3.12", "/usr/lib/python3.13"}, {".py"}),
      list);
  measure(*redactor, *bare,
          read_files("npm lockfiles", {"web", "tests/browser", "/usr/local", "/usr/share"},
                     {"package-lock.json", ".package-lock.json", "yarn.lock"}),
          list);
  measure(*redactor, *bare, make_uuids(), list);
  return 0;
}

// Whether Python's reader takes and refuses the same safetensors files, among those that a fuzzer found:
// those of tests/fuzz/inputs, or of the folder that FUZZ_INPUTS names, such as build/fuzz/corpus.
#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name, const std::string& otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

// What Python says of each file; empty if it has no reader.
std::vector<std::string> pythons_verdicts(const std::vector<std::string>& paths) {
  const std::string list = scratch("paths");
  const std::string verdicts = scratch("verdicts");
  std::ofstream out(list);
  for (const std::string& path : paths) out << path << '\n';
  out.close();
  const std::string command =
      variable("PYTHON", "python3") + " tests/fuzz/common/judge.py < '" + list + "' > '" + verdicts + "'";
  if (std::system(command.c_str()) != 0) return {};  // NOLINT(cert-env33-c)
  std::ifstream in(verdicts);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// What only this project has: its checksum, and no types smaller than a byte.
bool is_own_refusal(const std::string& refusal) {
  return refusal.find("checksum") != std::string::npos || refusal.find("F4") != std::string::npos ||
         refusal.find("F6") != std::string::npos;
}

TEST(Safetensors, AreJudgedAsByPythonsReader) {
  std::vector<std::string> paths;
  for (const char* const reader : {"safetensors", "weights"}) {
    const fs::path folder = fs::path(variable("FUZZ_INPUTS", "tests/fuzz/inputs")) / reader;
    for (const auto& entry : fs::directory_iterator(folder)) paths.push_back(entry.path().string());
  }
  ASSERT_FALSE(paths.empty());
  const std::vector<std::string> verdicts = pythons_verdicts(paths);
  if (verdicts.empty()) GTEST_SKIP() << "needs Python's safetensors";
  ASSERT_EQ(verdicts.size(), paths.size());
  std::set<std::string> seen;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto here = outcome([&] { return SafetensorsFile(paths[i], Expected::weights).tensors().size(); });
    if (is_own_refusal(here.refusal)) continue;
    EXPECT_EQ(here.value ? "accepted" : "refused", verdicts[i]) << paths[i] << ": " << here.refusal;
    seen.insert(verdicts[i]);
  }
  EXPECT_EQ(seen.size(), 2U) << "some are taken and some are refused";
}

}  // namespace
}  // namespace convoy::fuzz

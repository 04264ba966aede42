// Files as people send them, made by hand, and a scanner that finds one word.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "services/attachments/attachments.hpp"
#include "support/registry.hpp"

namespace dayaq::services::attachments::test {

using dayaq::test::must;

/// The smallest files that are what they say; `content` tells them apart.
inline std::string pdf(const std::string& content = "x") {
  return "%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n% " + content + "\ntrailer<</Root 1 0 R>>\n%%EOF\n";
}
inline std::string jpeg(const std::string& content = "x") {
  return "\xff\xd8\xff\xe0" + content + "\xff\xd9";
}
inline std::string png(const std::string& content = "x") {
  using namespace std::string_literals;
  return "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s + content + "\0\0\0\0IEND\xae\x42\x60\x82"s;
}

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "none" : std::string(result.error().code);
}

/// Finds "MALWARE"; says nothing while it is away.
struct WordScanner final : Scanner {
  struct Switch {
    std::atomic<bool> away = false;
    std::atomic<int> scans = 0;
  };
  explicit WordScanner(Switch& one) : state(one) {}
  Result<std::string> scan(const std::filesystem::path& file) override {
    if (state.away) return fail(ErrorKind::unavailable, "attachment.scanner", "No.");
    ++state.scans;
    DAYAQ_TRY(const std::string content, read_file(file));
    return content.find("MALWARE") == std::string::npos ? std::string() : std::string("Test.Word");
  }
  Switch& state;
};

}  // namespace dayaq::services::attachments::test

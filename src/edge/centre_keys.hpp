// The keys by which this edge believes the centre: those of its file, and what they named as their successor.
//
//   configured ──learn()──► changing: the successor alone is believed from now on; what is on disk was signed
//   by the old one ──a snapshot signed by the successor is taken──► settled: the old one is of no more use
//
// Kept in a file, so that a start in between goes on where it was. When the operator's file names other keys,
// those hold and the rest is forgotten.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "crypto/sign.hpp"

namespace dayaq::edge {

class CentreKeys {
 public:
  using Keys = std::vector<crypto::PublicKey>;

  /// Reads the file if there is one. invalid_input "centre_keys.file": it can't be read; take it away to go
  /// by the configured keys alone.
  static Result<CentreKeys> open(std::filesystem::path file, Keys configured);

  [[nodiscard]] const Keys& of_disk() const { return of_disk_; }  ///< what is on disk may be signed by
  [[nodiscard]] const Keys& of_news() const { return of_news_; }  ///< what comes must be signed by
  [[nodiscard]] bool changing() const { return of_disk_ != of_news_; }

  /// Announcements as feed::parse_successions reads them; true if one of the known keys names a successor.
  /// Kept on disk before it is believed. Errors of parse_successions, unavailable "file.write".
  Result<bool> learn(std::string_view announcements);
  /// All that is on disk is signed by the successor. unavailable "file.write".
  Result<void> settle();

 private:
  CentreKeys(std::filesystem::path file, Keys configured);
  Result<void> keep(const Keys& disk, const Keys& news);

  std::filesystem::path file_;
  Keys configured_, of_disk_, of_news_;
};

}  // namespace dayaq::edge
